"""Baselines: what predictors without a network, fitted on the seen cells, reach in the unseen ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gcn_tf.evaluation.hands import Hands, hands_to_json
from gcn_tf.evaluation.judges import Judges
from gcn_tf.evaluation.ridge import predict_pictures
from gcn_tf.evaluation.scores import mean_scores, score_cells, scores_to_json, two_sample_scores
from gcn_tf.metrics.hand import content_numbers
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.split import GROUPS, Split


@dataclass(frozen=True)
class Baseline:
    """Pictures of a predictor for the unseen cells.

    Args:
        name: str. "mean over FACTOR", "additive" or "pairwise".
        pictures: uint8 (U, H, W, C).
        defined: bool (U,). Where not, the picture is the mean of all seen ones.
    """

    name: str
    pictures: np.ndarray
    defined: np.ndarray


def baselines(split: Split) -> Iterator[Baseline]:
    """Every baseline that is defined for some unseen cell.

    *Mean over a factor*: the mean of the seen pictures that differ from the cell in this factor alone. *Additive*,
    *pairwise*: ridge regressions of every pixel on the factors' values, and on pairs of values. With two factors no pair
    of an unseen cell was ever seen, so the pairwise one would be the additive one again.
    """
    seen, unseen = split.rows(unseen=False), split.rows(unseen=True)
    if not len(unseen):
        return
    images, space = pixels(split, seen), split.dataset.space
    known, wanted = split.ids[seen], split.ids[unseen]
    for m, name in enumerate(space.names):
        baseline = _mean_over(m, name, known, images, wanted)
        if baseline.defined.any():
            yield baseline
    for name, order in {"additive": 1, "pairwise": 2}.items():
        if order >= len(space.names):  # no unseen cell has a combination of all factors that was seen
            continue
        predicted = predict_pictures(known, images, wanted, order)
        if predicted is not None:
            yield Baseline(name, predicted, np.ones(len(wanted), bool))


def _mean_over(m: int, name: str, known: np.ndarray, images: np.ndarray, wanted: np.ndarray) -> Baseline:
    """The mean of the known pictures, uint8 (N, H, W, C), whose cells differ from the wanted one in factor m alone."""
    of_known, of_wanted = content_numbers(known, wanted, m)
    pictures = np.empty((len(wanted), *images.shape[1:]), np.uint8)
    pictures[:] = np.rint(images.mean(axis=0))
    defined = np.isin(of_wanted, of_known)
    for content in np.unique(of_wanted[defined]):
        pictures[of_wanted == content] = np.rint(images[of_known == content].mean(axis=0))
    return Baseline(f"mean over {name}", pictures, defined)


def score_baselines(split: Split, judges: Judges, hands: Hands | None = None) -> dict[str, dict[str, Any]]:
    """Scores of every baseline by group of unseen cells, as report.json holds them.

    Args:
        hands: measured before, or not.

    Returns:
        By name: `scores`, estimates by group and metric, without groups in which it is defined nowhere; `undefined_cells`,
        by group, how many cells have the mean of all seen pictures instead; `hand_correlation`, by group, factor and number of
        the geometry.
    """
    rows, found, hands = split.rows(unseen=True), {}, hands or Hands.of(split)
    for baseline in baselines(split):
        scored = score_cells(split, baseline.pictures, judges, rows)
        groups = [GROUPS[n] for n in np.unique(scored.group[baseline.defined])]
        missing = scored.group[~baseline.defined]
        means, told = mean_scores(scored), two_sample_scores(scored)
        scores = scores_to_json({group: means[group] | told.get(group, {}) for group in groups})
        correlations = hands_to_json(hands.correlations(baseline.pictures, rows))
        found[baseline.name] = {
            "scores": scores,
            "undefined_cells": {group: int((missing == GROUPS.index(group)).sum()) for group in groups},
            "hand_correlation": {group: by for group, by in correlations.items() if group in groups},
        }
    return found
