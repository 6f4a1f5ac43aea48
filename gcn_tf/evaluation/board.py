"""What TensorBoard shows of a finished run, within its report: verdict, scores, settings, and the codes of the values.

The folder of a report is replaced as a whole, so nothing of it is there twice, however often a run is evaluated.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams.summary import session_end_pb
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.plugins.text.summary_v2 import text_pb

from gcn_tf.evaluation.scores import Scored
from gcn_tf.evaluation.verdict import verdicts
from gcn_tf.reporting.events import PREFIX, flat_settings, setting_text, write_events
from gcn_tf.reporting.projector import Points, write_projector
from gcn_tf.runs.identity import FREE
from gcn_tf.runs.run_dir import Run

CODES = "codes"  # folder of the projector's files


def write_board(run: Run, report: Mapping[str, Any], scored: Scored, folder: Path) -> None:
    """Write an event file and the projector's files into the folder of a report.

    Args:
        report: what report.json holds.
        scored: all pictures of the run's split.
    """
    summaries = [
        text_pb(
            "report/verdict", "\n".join(f"- **{group}**: {text}" for group, text in verdicts(report).items())
        ),
        *(scalar_pb(f"report/{name}", value) for name, value in final_scores(report).items()),
        hparams_pb(hyperparameters(report), trial_id=report["run"]),
        session_end_pb(api_pb2.STATUS_SUCCESS),
    ]
    write_events(folder / f"{PREFIX}{int(time.time())}.report", summaries, report["steps"])
    codes = run.config.generator.value_codes(run.model.generator)
    if codes:
        write_projector(code_points(codes, scored), folder, CODES)


def final_scores(report: Mapping[str, Any]) -> dict[str, float]:
    """PSNR, and the share of cells of which a judge classifies all factors correctly, of every group of unseen cells.

    Of seen ones where training saw every cell.

    Args:
        report: what report.json holds.

    >>> scores = {"unseen low-level": {"psnr_db": {"value": 30.5}, "all_factors_accuracy/hog": {"value": 0.9}}}
    >>> final_scores({"scores": scores})
    {'unseen low-level PSNR (dB)': 30.5, 'unseen low-level accuracy (hog judge)': 0.9}
    """
    found = {}
    unseen = {group: by for group, by in report["scores"].items() if group != "seen"}
    for group, by in (unseen or report["scores"]).items():
        for name, numbers in by.items():
            metric, _, judge = name.partition("/")
            if name == "psnr_db":
                found[f"{group} PSNR (dB)"] = numbers["value"]
            elif metric == "all_factors_accuracy":
                found[f"{group} accuracy ({judge} judge)"] = numbers["value"]
    return found


def hyperparameters(report: Mapping[str, Any]) -> dict[str, bool | int | float | str]:
    """The settings that make a run what it is, and its steps, by the names of their flags."""
    settings = {name: v for name, v in report["config"].items() if name == "steps" or name not in FREE}
    return {
        name: value if isinstance(value, (bool, int, float)) else setting_text(value)
        for name, value in flat_settings(settings).items()
    }


def code_points(codes: Mapping[str, np.ndarray], scored: Scored) -> dict[str, Points]:
    """Vectors of values with generated pictures of them.

    Of the cells of a value, that is shown whose other factors have their first values, or most of them.

    Args:
        codes: float (K_f, D) by factor name.
    """
    space = scored.split.dataset.space
    points = {}
    for m, factor in enumerate(space):
        if factor.name in codes:
            others = (np.delete(scored.ids, m, axis=1) != 0).sum(axis=1)
            order = np.argsort(others, kind="stable")
            values, first = np.unique(scored.ids[order, m], return_index=True)
            pictures = np.zeros((len(factor), *scored.generated.shape[1:]), np.uint8)
            pictures[values] = scored.generated[order[first]]
            points[factor.name] = Points(factor.values, codes[factor.name], pictures)
    return points
