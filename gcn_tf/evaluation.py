"""From a run directory to its report: how good seen and unseen cells are, apart, with an independent judge."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from gcn_tf import metrics
from gcn_tf.errors import UserError
from gcn_tf.figures import write_cells_figure, write_curves_figure, write_pairs_figure
from gcn_tf.judge import ACCURACY_WANTED, Judge, train_judge
from gcn_tf.pipelines.batches import Split, pixels
from gcn_tf.pipelines.qmnist.digits import default_data_dir
from gcn_tf.synthesis import draw_codes
from gcn_tf.training import Run, load_split, open_run

PICTURE = "cells.png"  # the one to look at first
GROUPS = ("seen", "unseen")


def score(
    real: np.ndarray,
    generated: np.ndarray,
    wanted: Mapping[str, np.ndarray],
    judge: Judge,
    reference: np.ndarray,
) -> dict[str, float]:
    """The figures of one group of cells.

    Args:
        real, generated: uint8 (N, H, W, 3).
        wanted: int (N,) value ids by factor name.
        reference: uint8 (R, H, W, 3). Real images that set the scale of the normalised Euclidean error.

    Returns:
        Values by name: psnr_db, ssim, normalised_euclidean_error, FACTOR_accuracy, all_factors_accuracy.
    """
    read = judge.read(generated)
    right = np.all([read[name] == wanted[name] for name in wanted], axis=0)
    accuracies = metrics.factor_accuracy(read, wanted)
    return {
        "psnr_db": float(np.mean(metrics.psnr_db(real, generated, 255))),
        "ssim": float(np.mean(metrics.ssim(tf.constant(real), tf.constant(generated), 255))),
        "normalised_euclidean_error": metrics.normalised_euclidean_error(real, generated, reference),
        **{f"{name}_accuracy": accuracy for name, accuracy in accuracies.items()},
        "all_factors_accuracy": float(right.mean()),
    }


def evaluate(run_dir: Path) -> Path:
    """Score a run and write `report/`: report.md, report.json and figures.

    Returns:
        The picture to look at.

    Raises:
        UserError: no run directory, no checkpoint, or data that no longer load as they did.
    """
    run = open_run(run_dir)
    split = load_split(run.config)
    if split.dataset.space != run.space:
        raise UserError(
            f"{run_dir}/factors.json and --dataset {run.config.dataset} differ: the data have changed"
        )
    return write_report(run, split)


def write_report(run: Run, split: Split) -> Path:
    """The report of a run whose data are at hand; returns the picture to look at."""
    cache = Path(run.config.data_dir or default_data_dir()).expanduser() / "judges"
    judge = train_judge(split, cache)
    real = pixels(split, np.arange(len(split.ids)))
    generated = draw_codes(run, run.space.one_hot(split.ids))
    reference = real[np.linspace(0, len(real) - 1, min(500, len(real))).astype(int)]
    scores = {}
    for group in GROUPS:
        numbers = split.pictures(unseen=group == "unseen")
        if len(numbers):
            wanted = run.space.by_name(split.ids[numbers])
            scores[group] = score(real[numbers], generated[numbers], wanted, judge, reference)
    report: dict[str, Any] = {
        "run": run.folder.name,
        "dataset": run.config.dataset,
        "holdout": list(run.config.holdout),
        "seed": run.config.seed,
        "steps": int(run.model.step),
        "cells": {group: int((split.unseen == (group == "unseen")).sum()) for group in GROUPS},
        "scores": scores,
        "judge": {"real_accuracy": judge.real_accuracy, "trusted": judge.trusted, "wanted": ACCURACY_WANTED},
    }
    folder = run.folder / "report"
    folder.mkdir(exist_ok=True)
    write_cells_figure(split, real, generated, folder / PICTURE)
    for group in scores:
        write_pairs_figure(split, real, generated, group == "unseen", folder / f"{group}.png")
    curves = write_curves_figure(run.folder / "metrics.jsonl", folder / "curves.png")
    (folder / "report.json").write_text(json.dumps(report, indent=1))
    (folder / "report.md").write_text(_markdown(report, curves))
    return folder / PICTURE


def read_report(run_dir: Path) -> dict[str, Any]:
    return json.loads((run_dir / "report" / "report.json").read_text())


def score_table(scores: Mapping[str, Mapping[str, float]]) -> list[list[str]]:
    """Rows of the table seen / unseen, the head first."""
    rows = [["", *scores]]
    for name in next(iter(scores.values())):
        label = name.replace("_db", " (dB)").replace("_", " ")
        digits = 1 if name == "psnr_db" else 3
        rows.append([label, *(f"{scores[group][name]:.{digits}f}" for group in scores)])
    return rows


def _markdown(report: dict[str, Any], curves: bool) -> str:
    rows = score_table(report["scores"])
    table = ["| " + " | ".join(row) + " |" for row in rows]
    table.insert(1, "|---" * len(rows[0]) + "|")
    judge = report["judge"]
    accuracy = ", ".join(f"{name} {value:.3f}" for name, value in judge["real_accuracy"].items())
    verdict = (
        "It can be trusted as a yardstick."
        if judge["trusted"]
        else f"**It reads less than {judge['wanted']:.0%} of some factor: do not trust the accuracies above.**"
    )
    unseen = [
        "## Unseen cells",
        "",
        "None of these was photographed. Real above generated.",
        "",
        "![unseen](unseen.png)",
        "",
    ]
    return "\n".join(
        [
            f"# Report of {report['run']}",
            "",
            f"Dataset {report['dataset']}, hold-out {', '.join(report['holdout'])}, seed {report['seed']}, "
            f"{report['steps']} steps. {report['cells']['seen']} cells seen in training, "
            f"{report['cells']['unseen']} never seen.",
            "",
            "![cells](cells.png)",
            "",
            "Each pair of rows: real pictures above generated ones. Framed: cells that training never saw.",
            "",
            "## Scores",
            "",
            *table,
            "",
            "Seen cells tell how well the generator remembers, unseen ones what it understood. Images are scored as",
            "users get them, clipped to [0, 1] and rounded to 8 bits. PSNR and SSIM: higher is better. Normalised",
            "Euclidean error: 0 is a perfect copy, 1 as far as a random other picture. Accuracies: share of pictures",
            "in which the judge, a classifier of its own, reads the wanted value.",
            "",
            f"The judge reads real pictures with {accuracy}. {verdict}",
            "",
            *(unseen if report["cells"]["unseen"] else []),
            "## Seen cells",
            "",
            "![seen](seen.png)",
            "",
            *(["## Learning curves", "", "![curves](curves.png)", ""] if curves else []),
        ]
    )
