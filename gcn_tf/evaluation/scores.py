"""Scores of generated pictures: picture by picture, then as means with intervals by group of cells."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from gcn_tf.evaluation.judge import JudgePictures
from gcn_tf.evaluation.judges import Judges
from gcn_tf.grid.factors import FactorSpace
from gcn_tf.metrics.intervals import Estimate, bootstrap_mean, jackknife
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
from gcn_tf.metrics.sets import fid, kid
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.split import Split, rows_by_group

Scores = dict[str, dict[str, Estimate]]  # by group and metric


SCALE_PICTURES = 500  # real ones that set the scale of the normalised Euclidean error


@dataclass(frozen=True)
class CellScores:
    """What was measured of every picture.

    Args:
        values: float (P,) by metric; NaN where a metric does not apply.
        read: int (P,) value ids by judge and factor name.
        features: float (P, d), the convolutional judge's of the drawn pictures, and of the real ones.
    """

    values: dict[str, np.ndarray]
    read: dict[str, dict[str, np.ndarray]]
    features: tuple[np.ndarray, np.ndarray]


def score_cells(
    real: np.ndarray,
    drawn: np.ndarray,
    ids: np.ndarray,
    unseen: np.ndarray,
    training: np.ndarray,
    judges: Judges,
    space: FactorSpace,
) -> CellScores:
    """Measure drawn pictures, one by one.

    Args:
        real, drawn: uint8 (P, H, W, 3), as users get them.
        ids: int (P, M). The cells that were wanted.
        unseen: bool (P,). Cells that training never saw: copying is asked of these alone.
        training: uint8 (N, H, W, 3). The pictures that training saw; they set the scale of the Euclidean error, too.

    Raises:
        TypeError: `drawn` is not uint8: what a network gives before clipping looks far better than its pictures.
    """
    if drawn.dtype != np.uint8:
        raise TypeError(f"pictures are scored as users get them, uint8, not {drawn.dtype}")
    wanted = space.by_name(ids)
    spread = np.linspace(0, len(training) - 1, min(SCALE_PICTURES, len(training))).astype(int)
    scale = mean_distance(training[spread])
    copying = np.full(len(real), np.nan)
    copying[unseen] = copied(real[unseen], drawn[unseen], training)
    values = {
        "psnr_db": np.asarray(psnr_db(real, drawn, 255)),
        "ssim": np.asarray(ssim(tf.constant(real), tf.constant(drawn), 255)),
        "normalised_euclidean_error": normalised_euclidean_error(real, drawn, scale),
        "sharpness": sharpness(real, drawn),
        "stray_ink": stray_ink(real, drawn),
        "copying": copying,
    }
    read = {judge.name: judge.classify(drawn) for judge in judges}
    for name, by_factor in read.items():
        for factor in space.names:
            values[f"{factor}_accuracy/{name}"] = by_factor[factor] == wanted[factor]
        values[f"all_factors_accuracy/{name}"] = all_factors_correct(by_factor, wanted)
    features = (judges[0].features(drawn), judges[0].features(real))
    return CellScores({name: np.asarray(v, float) for name, v in values.items()}, read, features)


def is_share(metric: str) -> bool:
    """Whether a metric is a share of cells, 0 or 1 for each."""
    return "accuracy" in metric or metric == "copying"


def summarise(scores: CellScores, group: np.ndarray, base: np.ndarray) -> Scores:
    """Means with 95 % intervals by group and metric; sets of pictures by KID and FID of the judge's features.

    Args:
        group: int (P,). Positions in `GROUPS`.
        base: int (P,). Base image numbers, whose pictures are resampled together.
    """
    summary: Scores = {}
    for name_of_group, rows in rows_by_group(group).items():
        by_metric = {
            name: bootstrap_mean([(values[rows], base[rows])], is_share(name))
            for name, values in scores.values.items()
            if not np.isnan(values[rows]).any()
        }
        if len(rows) > 1:
            drawn, real = (features[rows] for features in scores.features)
            by_metric["kid_of_judge_features"] = jackknife(kid, real, drawn, base[rows])
            by_metric["fid_of_judge_features"] = jackknife(fid, real, drawn, base[rows])
        summary[name_of_group] = by_metric
    return summary


def score_split(split: Split, drawn: np.ndarray, judges: Judges) -> CellScores:
    """`score_cells` of one drawn picture, uint8 (P, H, W, 3), for every picture of a split."""
    real = pixels(split, np.arange(len(split.ids)))
    return score_cells(real, drawn, split.ids, split.unseen, real[~split.unseen], judges, split.dataset.space)


def score_repeats(
    split: Split, pictures: JudgePictures, judges: Judges
) -> tuple[np.ndarray, CellScores] | None:
    """What real pictures reach: another real one of the same cell, kept from the judges, in place of a drawn one.

    Returns:
        The pictures of the split that have one, int (R,), and their scores; None when the dataset has no repeats.
    """
    if not len(pictures.repeats[0]):
        return None
    images, ids = pictures.held_out
    first = {tuple(cell): row for row, cell in reversed(list(enumerate(ids.tolist())))}
    rows = np.array([n for n, cell in enumerate(split.ids.tolist()) if tuple(cell) in first], int)
    if not len(rows):
        return None
    again = images[[first[tuple(cell)] for cell in split.ids[rows].tolist()]]
    training = pixels(split, split.rows(unseen=False))
    real, ids, unseen = pixels(split, rows), split.ids[rows], split.unseen[rows]
    return rows, score_cells(real, again, ids, unseen, training, judges, split.dataset.space)


def confusion(scores: CellScores, split: Split) -> dict[str, dict[str, list[list[int]]]]:
    """How often a wanted value was read as another, in unseen cells (in seen ones when there are no others).

    Returns:
        Counts (K_f, K_f), wanted by read, by judge and factor name.
    """
    rows = split.rows(unseen=bool(split.unseen.any()))
    tables: dict[str, dict[str, list[list[int]]]] = {}
    for judge, read in scores.read.items():
        tables[judge] = {}
        for m, factor in enumerate(split.dataset.space):
            table = np.zeros((len(factor), len(factor)), int)
            np.add.at(table, (split.ids[rows, m], read[factor.name][rows]), 1)
            tables[judge][factor.name] = table.tolist()
    return tables


def scores_to_json(scores: Scores) -> dict[str, dict[str, dict[str, float | None]]]:
    return {g: {name: e.to_json() for name, e in by_name.items()} for g, by_name in scores.items()}
