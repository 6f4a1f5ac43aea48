"""From a run directory to figures that can be trusted: seen and unseen cells apart, two judges, intervals."""

import csv
import hashlib
import importlib.metadata
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from gcn_tf import __version__, metrics
from gcn_tf.config import to_dict
from gcn_tf.errors import UserError
from gcn_tf.factors import FactorSpace
from gcn_tf.files import read_json_object
from gcn_tf.intervals import Estimate, bootstrap_mean, jackknife
from gcn_tf.judge import (
    JudgePictures,
    Judges,
    doubted_factors,
    judge_pictures,
    train_judges,
)
from gcn_tf.pipelines.batches import GROUPS, Split, pixels, rows_by_group
from gcn_tf.pipelines.prepared import default_data_dir
from gcn_tf.pipelines.registry import Dataset
from gcn_tf.report import PICTURE, write_documents
from gcn_tf.synthesis import draw_codes
from gcn_tf.training import Run, load_split, open_run

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
    scale = metrics.mean_distance(training[spread])
    copying = np.full(len(real), np.nan)
    copying[unseen] = metrics.copied(real[unseen], drawn[unseen], training)
    values = {
        "psnr_db": np.asarray(metrics.psnr_db(real, drawn, 255)),
        "ssim": np.asarray(metrics.ssim(tf.constant(real), tf.constant(drawn), 255)),
        "normalised_euclidean_error": metrics.normalised_euclidean_error(real, drawn, scale),
        "sharpness": metrics.sharpness(real, drawn),
        "stray_ink": metrics.stray_ink(real, drawn),
        "copying": copying,
    }
    read = {judge.name: judge.read(drawn) for judge in judges}
    for name, by_factor in read.items():
        for factor in space.names:
            values[f"{factor}_accuracy/{name}"] = by_factor[factor] == wanted[factor]
        values[f"all_factors_accuracy/{name}"] = metrics.all_factors_right(by_factor, wanted)
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
            by_metric["kid_of_judge_features"] = jackknife(metrics.kid, real, drawn, base[rows])
            by_metric["fid_of_judge_features"] = jackknife(metrics.fid, real, drawn, base[rows])
        summary[name_of_group] = by_metric
    return summary


def dataset_judges(dataset: Dataset, data_dir: str | None) -> tuple[JudgePictures, Judges]:
    """The judges of a dataset and the real pictures that they know or do not know."""
    pictures = judge_pictures(dataset)
    return pictures, train_judges(pictures, Path(data_dir or default_data_dir()).expanduser() / "judges")


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
    training = pixels(split, split.pictures(unseen=False))
    real, ids, unseen = pixels(split, rows), split.ids[rows], split.unseen[rows]
    return rows, score_cells(real, again, ids, unseen, training, judges, split.dataset.space)


def evaluate(run_dir: Path, checkpoint: str = "") -> Path:
    """Score a run and write `report/`: report.md, report.html, report.json, cells.csv and figures.

    Args:
        checkpoint: another than the newest, by its file name.

    Returns:
        The picture to look at.

    Raises:
        UserError: no run directory, no checkpoint, or data that no longer load as they did.
    """
    run = open_run(run_dir, checkpoint)
    split = load_split(run.config)
    if split.dataset.space != run.space:
        raise UserError(
            f"{run_dir}/factors.json and --dataset {run.config.dataset} differ: the data have changed"
        )
    return write_report(run, split)


def write_report(run: Run, split: Split) -> Path:
    """The report of a run whose data are at hand; returns the picture to look at."""
    pictures, judges = dataset_judges(split.dataset, run.config.data_dir)
    drawn = draw_codes(run, run.space.one_hot(split.ids))
    scores = score_split(split, drawn, judges)
    groups = split.groups()
    repeats = score_repeats(split, pictures, judges)
    reference: Scores = {}
    if repeats:
        rows, repeat_scores = repeats
        reference = summarise(repeat_scores, split.group()[rows], split.base[rows])
    report: dict[str, Any] = {
        "run": run.folder.name,
        "steps": int(run.model.step),
        "config": to_dict(run.config),
        "made_with": made_with(split.dataset),
        "pictures": {name: len(rows) for name, rows in groups.items()},
        "base_images": {name: len(np.unique(split.base[rows])) for name, rows in groups.items()},
        "scores": scores_to_json(summarise(scores, split.group(), split.base)),
        "real_repeats": scores_to_json(reference),
        "judges": {
            judge.name: {
                "known_accuracy": judge.known_accuracy,
                "held_out_accuracy": judge.held_out_accuracy,
                "held_out_pictures": len(pictures.held_out[0]),
                "doubted_factors": doubted_factors(judge),
            }
            for judge in judges
        },
        "confusion": confusion(scores, split),
    }
    folder = run.folder / "report"
    folder.mkdir(exist_ok=True)
    write_cells_csv(scores, split, folder / "cells.csv")
    (folder / "report.json").write_text(json.dumps(report, indent=1))
    write_documents(report, split, drawn, scores.values["psnr_db"], scores.read, run.folder)
    return folder / PICTURE


def read_report(run_dir: Path) -> dict[str, Any]:
    return read_json_object(
        run_dir / "report" / "report.json", f"make it again with gcn-tf evaluate {run_dir}"
    )


def made_with(dataset: Dataset) -> dict[str, Any]:
    """Versions, machine and a hash of the data: what another result must share to be compared."""
    digest = hashlib.sha256(dataset.space.to_json().encode())
    for array in (dataset.images, dataset.base_ids):
        digest.update(array.tobytes())
    return {**versions_and_machine(), "data_sha256": digest.hexdigest()}


def versions_and_machine() -> dict[str, Any]:
    """Versions of what computes, and what it computes on."""
    packages = ("tensorflow", "keras", "numpy", "scikit-image", "scikit-learn")
    return {
        "versions": {
            "gcn-tf": __version__,
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in packages},
        },
        "machine": {"processor": _processor(), "cores": os.cpu_count(), "system": platform.platform()},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def confusion(scores: CellScores, split: Split) -> dict[str, dict[str, list[list[int]]]]:
    """How often a wanted value was read as another, in unseen cells (in seen ones when there are no others).

    Returns:
        Counts (K_f, K_f), wanted by read, by judge and factor name.
    """
    rows = split.pictures(unseen=bool(split.unseen.any()))
    tables: dict[str, dict[str, list[list[int]]]] = {}
    for judge, read in scores.read.items():
        tables[judge] = {}
        for m, factor in enumerate(split.dataset.space):
            table = np.zeros((len(factor), len(factor)), int)
            np.add.at(table, (split.ids[rows, m], read[factor.name][rows]), 1)
            tables[judge][factor.name] = table.tolist()
    return tables


def write_cells_csv(scores: CellScores, split: Split, path: Path) -> None:
    """One line per picture: its cell, group and base image, every figure, and what each judge read."""
    space = split.dataset.space
    columns: dict[str, Sequence[Any]] = {
        **{f.name: [f.values[i] for i in split.ids[:, m]] for m, f in enumerate(space)},
        "group": [GROUPS[n] for n in split.group()],
        "base_image": split.base.tolist(),
        **{
            name: ["" if np.isnan(v) else f"{v:.6g}" for v in values]
            for name, values in scores.values.items()
        },
        **{
            f"{factor.name}_read/{judge}": [factor.values[i] for i in read[factor.name]]
            for judge, read in scores.read.items()
            for factor in space
        },
    }
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def scores_to_json(scores: Scores) -> dict[str, dict[str, dict[str, float | None]]]:
    return {g: {name: e.to_json() for name, e in by_name.items()} for g, by_name in scores.items()}
