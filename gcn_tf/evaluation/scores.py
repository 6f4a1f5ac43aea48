"""Scores of generated pictures: picture by picture, then as means with intervals by group of cells."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from gcn_tf.evaluation.judge import JudgePictures
from gcn_tf.evaluation.judges import Judges
from gcn_tf.metrics.confusion import MOST_CHARTED, Confusion, ManyValues
from gcn_tf.metrics.intervals import (
    Estimate,
    bootstrap_mean,
    jackknife,
    jackknife_estimate,
    pieces_of,
)
from gcn_tf.metrics.pictures import (
    all_factors_correct,
    copied,
    mean_distance,
    normalised_euclidean_error,
    psnr_db,
    sharpness,
    ssim,
    stray_ink,
)
from gcn_tf.metrics.sets import fid, kid, kid_of_parts
from gcn_tf.metrics.two_sample import two_sample_accuracy
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.split import Split, rows_by_group

Scores = dict[str, dict[str, Estimate]]  # by group and metric


PICTURES_AT_ONCE = 500
SCALE_PICTURES = 500  # real ones that set the scale of the normalised Euclidean error


@dataclass(frozen=True)
class CellScores:
    """What was measured of every picture.

    Args:
        values: float (P,) by metric; NaN where a metric does not apply.
        classified: int (P,) value ids by judge and factor name.
        features: float (P, d), the convolutional judge's of the generated pictures, and of the real ones.
    """

    values: dict[str, np.ndarray]
    classified: dict[str, dict[str, np.ndarray]]
    features: tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Scored:
    """Pictures of cells of a split, and what was measured of them.

    Args:
        split: what training saw, and what it did not.
        rows: int (P,). Pictures of the split that were scored.
        generated: uint8 (P, H, W, C), one for each of the rows.
        cells: what was measured.
    """

    split: Split
    rows: np.ndarray
    generated: np.ndarray
    cells: CellScores

    @property
    def ids(self) -> np.ndarray:
        """Value ids of the cells that were wanted: int (P, M)."""
        return self.split.ids[self.rows]

    @property
    def group(self) -> np.ndarray:
        """What training saw of every cell: int (P,), a position in `GROUPS`."""
        return self.split.group()[self.rows]

    @property
    def base(self) -> np.ndarray:
        """Base image number of every cell: int (P,)."""
        return self.split.base[self.rows]


def score_cells(
    split: Split, generated: np.ndarray, judges: Judges, rows: np.ndarray | None = None
) -> Scored:
    """Measure pictures of the cells of a split, one by one.

    "All factors" are those that a judge recognises in real pictures. Copying is asked of unseen cells alone. The seen pictures of the split are what may be copied, and they set the scale of
    the Euclidean error.

    Args:
        generated: uint8 (P, H, W, C), as users get them.
        rows: int (P,). The picture of the split that each of them should be; by default every one of the split.

    Raises:
        TypeError: `generated` is not uint8: what a network gives before clipping looks far better than its pictures.
    """
    if generated.dtype != np.uint8:
        raise TypeError(f"pictures are scored as users get them, uint8, not {generated.dtype}")
    rows = np.arange(len(split.ids)) if rows is None else rows
    real, unseen = pixels(split, rows), split.unseen[rows]
    training = pixels(split, split.rows(unseen=False))
    space = split.dataset.space
    wanted = space.by_name(split.ids[rows])
    values = _picture_metrics(real, generated, unseen, training)
    classified = {judge.name: judge.classify(generated) for judge in judges}
    for name, by_factor in classified.items():
        for factor in space.names:
            values[f"{factor}_accuracy/{name}"] = by_factor[factor] == wanted[factor]
    for judge in judges:
        recognised = {name: wanted[name] for name in judge.recognised}
        values[f"all_factors_accuracy/{judge.name}"] = (
            all_factors_correct(classified[judge.name], recognised)
            if recognised
            else np.full(len(rows), np.nan)
        )
    features = (judges[0].features(generated), judges[0].features(real))
    numbers = {name: np.asarray(v, float) for name, v in values.items()}
    return Scored(split, rows, generated, CellScores(numbers, classified, features))


def _picture_metrics(
    real: np.ndarray, generated: np.ndarray, unseen: np.ndarray, training: np.ndarray
) -> dict[str, np.ndarray]:
    """Metrics of two pictures of the same cell, by name: (P,) each, NaN where one does not apply."""
    spread = np.linspace(0, len(training) - 1, min(SCALE_PICTURES, len(training))).astype(int)
    scale = mean_distance(training[spread])
    parts = [slice(start, start + PICTURES_AT_ONCE) for start in range(0, len(real), PICTURES_AT_ONCE)]
    found = [_metrics_of_some(real[part], generated[part], scale) for part in parts]
    copying = np.full(len(real), np.nan)
    if unseen.any():
        copying[unseen] = copied(real[unseen], generated[unseen], training)
    return {name: np.concatenate([some[name] for some in found]) for name in found[0]} | {"copying": copying}


def _metrics_of_some(real: np.ndarray, generated: np.ndarray, scale: float) -> dict[str, np.ndarray]:
    """Metrics of so few pairs of pictures that their pixels as numbers of 64 bits take little memory."""
    return {
        "psnr_db": np.asarray(psnr_db(real, generated, 255)),
        "ssim": np.asarray(ssim(tf.constant(real), tf.constant(generated), 255)),
        "normalised_euclidean_error": normalised_euclidean_error(real, generated, scale),
        "sharpness": sharpness(real, generated),
        "stray_ink": stray_ink(real, generated),
    }


def is_share(metric: str) -> bool:
    """Whether a metric is a share of cells, 0 or 1 for each."""
    return "accuracy" in metric or metric == "copying"


def mean_scores(scored: Scored) -> Scores:
    """Means with 95 % intervals by group and metric. Pictures of one base image are resampled together."""
    return {
        group: {
            name: bootstrap_mean([(values[rows], scored.base[rows])], is_share(name))
            for name, values in scored.cells.values.items()
            if not np.isnan(values[rows]).any()
        }
        for group, rows in rows_by_group(scored.group).items()
    }


def summarise(scored: Scored) -> Scores:
    """`mean_scores`, and sets of pictures by KID and FID of the judge's features, and by `two_sample_scores`."""
    summary = mean_scores(scored)
    for group, found in two_sample_scores(scored).items():
        summary[group] |= found
    for group, rows in rows_by_group(scored.group).items():
        if len(rows) > 1:
            generated, real = (features[rows] for features in scored.cells.features)
            summary[group]["kid_of_judge_features"] = _kid(real, generated, scored.base[rows])
            summary[group]["fid_of_judge_features"] = jackknife(fid, real, generated, scored.base[rows])
    return summary


def _kid(real: np.ndarray, generated: np.ndarray, base: np.ndarray) -> Estimate:
    piece = pieces_of(base)
    if piece is None:
        return Estimate(kid(real, generated), np.nan, np.nan)
    value, *without = kid_of_parts(real, generated, piece)
    return jackknife_estimate(float(value), without)


def two_sample_scores(scored: Scored) -> Scores:
    """How well a classifier tells the pictures of unseen cells from real ones, by group, where there are enough of them."""
    summary: Scores = {}
    for group, rows in rows_by_group(scored.group).items():
        if group == "seen":
            continue
        real = pixels(scored.split, scored.rows[rows])
        found = two_sample_accuracy(real, scored.generated[rows], scored.base[rows])
        if found is not None:
            summary[group] = {"two_sample_accuracy": found}
    return summary


def score_repeats(
    split: Split, pictures: JudgePictures, judges: Judges, rows: np.ndarray | None = None
) -> Scored | None:
    """What real pictures reach: another real one of the same cell, kept from the judges, in place of a generated one.

    Args:
        rows: int (P,). Pictures of the split that are asked for; by default all.

    Returns:
        The scores of the cells that have one; None when the dataset has no repeats.
    """
    if not len(pictures.repeats[0]):
        return None
    images, ids = pictures.held_out
    first = {tuple(cell): row for row, cell in reversed(list(enumerate(ids.tolist())))}
    wanted = np.arange(len(split.ids)) if rows is None else rows
    rows = np.array([n for n in wanted if tuple(split.ids[n].tolist()) in first], int)
    if not len(rows):
        return None
    again = images[[first[tuple(cell)] for cell in split.ids[rows].tolist()]]
    return score_cells(split, again, judges, rows)


def confusion(scored: Scored) -> dict[str, dict[str, Confusion]]:
    """How often a wanted value was classified as another, in unseen cells (in seen ones when there are no others).

    Returns:
        By judge and factor name.
    """
    ids, chosen = scored.ids, _confused_rows(scored)
    return {
        judge: {
            factor.name: Confusion.of(ids[chosen, m], classified[factor.name][chosen], len(factor))
            for m, factor in enumerate(scored.split.dataset.space)
        }
        for judge, classified in scored.cells.classified.items()
    }


def _confused_rows(scored: Scored) -> np.ndarray:
    unseen = scored.split.unseen[scored.rows]
    return np.flatnonzero(unseen == unseen.any())


def many_values(scored: Scored) -> dict[str, ManyValues]:
    """What a reader can take in of the factors whose values no chart has room for, by factor name; of the cells of `confusion`."""
    chosen, psnr = _confused_rows(scored), scored.cells.values["psnr_db"]
    found, tables = {}, confusion(scored)
    for m, factor in enumerate(scored.split.dataset.space):
        if len(factor) > MOST_CHARTED:
            by_judge = {judge: by_factor[factor.name] for judge, by_factor in tables.items()}
            found[factor.name] = ManyValues.of(factor.values, scored.ids[chosen, m], psnr[chosen], by_judge)
    return found


def scores_to_json(scores: Scores) -> dict[str, dict[str, dict[str, float | None]]]:
    return {g: {name: e.to_json() for name, e in by_name.items()} for g, by_name in scores.items()}
