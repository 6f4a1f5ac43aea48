"""From a run directory to figures that can be trusted: seen and unseen cells apart, two judges, intervals."""

import csv
import json
import shutil
from collections.abc import Container, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from gcn_tf.config.schema import RunConfig, to_dict
from gcn_tf.errors import UserError
from gcn_tf.evaluation.baselines import score_baselines
from gcn_tf.evaluation.board import write_board
from gcn_tf.evaluation.document import PICTURE, write_documents
from gcn_tf.evaluation.hands import Hands, hands_to_json
from gcn_tf.evaluation.judge import JudgePictures, doubted_factors
from gcn_tf.evaluation.judges import Judges, dataset_judges
from gcn_tf.evaluation.run_classifier import score_classifier
from gcn_tf.evaluation.scores import (
    Scored,
    Scores,
    confusion,
    many_values,
    score_cells,
    score_repeats,
    scores_to_json,
    summarise,
)
from gcn_tf.files import read_json_object, replace_folder
from gcn_tf.pipelines.excerpt import excerpt, said
from gcn_tf.pipelines.split import GROUPS, Split
from gcn_tf.progress import stages
from gcn_tf.reporting.provenance import made_with
from gcn_tf.reporting.tables import unrecognised
from gcn_tf.runs.bundle import renew_checksums
from gcn_tf.runs.checkpoints import checkpoint_paths, checkpoint_sha256, newest_identity, newest_step
from gcn_tf.runs.run_dir import Run, open_run
from gcn_tf.runs.stamp import Stamp, write_stamp
from gcn_tf.synthesis import saved_model
from gcn_tf.synthesis.draw import generate_cells
from gcn_tf.training.log import check_log


def evaluate(run_dir: Path, checkpoint: str = "") -> Path:
    """Score a run and write `report/`: report.md, report.html, report.json, cells.csv and figures.

    Args:
        checkpoint: another than the newest, by its file name.

    Returns:
        The picture to look at.

    Raises:
        UserError: no run directory, no checkpoint, or parts or pictures that are not of one run.

    Example:

    >>> from pathlib import Path
    >>> from gcn_tf.evaluation.report import evaluate, read_report
    >>> evaluate(Path("runs/demo")).name
    'cells.png'
    >>> scores = read_report(Path("runs/demo"))["scores"]
    >>> sorted(scores["unseen low-level"]["psnr_db"])
    ['high', 'low', 'value']
    """
    run = open_run(run_dir, checkpoint)
    return write_report(run, run.load_split())


def write_report(run: Run, split: Split) -> Path:
    """The report of a run whose data are at hand, written beside and moved as one; returns the picture to look at.

    Files of `report/` that no report wrote stay there.
    """
    check_log(run.folder / "metrics.jsonl", run.identity.name)
    whole, split = split, excerpt(split)
    pictures, judges = dataset_judges(split.dataset, run.config.data_dir)
    with stages(
        "evaluation", ("pictures", "scores", "real pictures", "baselines", "intervals", "figures")
    ) as done:
        generated = generate_cells(run, split.ids)
        done()
        scored = score_cells(split, generated, judges)
        done()
        repeats = score_repeats(split, pictures, judges)
        done()
        hands = Hands.of(split)
        baselines = score_baselines(split, judges, hands)
        done()
        report = {
            **_report(run, scored, repeats, pictures, judges),
            "made_with": made_with(whole.dataset),
            "excerpt": said(split, whole),
            "hand_correlation": _hands(hands, scored, repeats),
            "baselines": baselines,
        }
        done()
        folder = run.folder / "report"

        def write(beside: Path) -> None:
            write_cells_csv(scored, beside / "cells.csv", unrecognised(report))
            write_documents(report, scored, beside, run.folder / "metrics.jsonl")
            (beside / "report.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
            write_board(run, report, scored, beside)
            write_stamp(beside, "", run)
            _keep_others(folder, beside)

        replace_folder(folder, write)
        renew_checksums(run.folder, folder.name)
        done()
    return folder / PICTURE


def _keep_others(old: Path, new: Path) -> None:
    """Copy what users put into a report to the new one."""
    written: set[str] = set()
    with suppress(UserError):  # there is none yet, or it is damaged
        written = set(read_stamp(old).files)
    for path in old.iterdir() if old.is_dir() else ():
        if path.name in written or (new / path.name).exists():
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, new / path.name, symlinks=True)
        else:
            shutil.copy2(path, new / path.name, follow_symlinks=False)


def _report(
    run: Run, scored: Scored, repeats: Scored | None, pictures: JudgePictures, judges: Judges
) -> dict[str, Any]:
    """What report.json holds, but for the baselines and the hand correlations."""
    split = scored.split
    groups = split.groups()
    reference: Scores = summarise(repeats) if repeats else {}
    return {
        "run": run.folder.name,
        "identity": run.identity.name,
        "steps": int(run.model.step),
        "config": to_dict(run.config),
        "pictures": {name: len(rows) for name, rows in groups.items()},
        "base_images": {name: len(np.unique(split.base[rows])) for name, rows in groups.items()},
        "scores": scores_to_json(summarise(scored)),
        "real_repeats": scores_to_json(reference),
        "judges": {
            judge.name: {
                "known_accuracy": judge.known_accuracy,
                "held_out_accuracy": judge.held_out_accuracy,
                "held_out_pictures": len(pictures.held_out[0]),
                "doubted_factors": doubted_factors(judge),
                "unrecognised_factors": [n for n in split.dataset.space.names if n not in judge.recognised],
            }
            for judge in judges
        },
        "classifier": score_classifier(run.model, split, pictures),
        "confusion": {
            judge: {factor: found.to_json() for factor, found in by_factor.items()}
            for judge, by_factor in confusion(scored).items()
        },
        "many_values": {factor: found.to_json() for factor, found in many_values(scored).items()},
    }


def _hands(hands: Hands, scored: Scored, repeats: Scored | None) -> dict[str, Any]:
    """Hand correlations by what the pictures are, group, factor and number of the geometry."""
    found = {
        "generated": hands.correlations(scored.generated, scored.rows),
        "usual_hand": hands.of_usual_hand(),
    }
    if repeats:
        found["real_repeats"] = hands.correlations(repeats.generated, repeats.rows)
    return {name: hands_to_json(scores) for name, scores in found.items()}


def finished_report(run_dir: Path, config: RunConfig) -> Path | None:
    """The picture of a run's report, when nothing is left to do: it is trained, exported and reported.

    Raises:
        UserError: the SavedModel or the report in the folder is another run's.
    """
    identity = newest_identity(run_dir / "checkpoints")
    if newest_step(run_dir / "checkpoints") < config.total_steps or not identity:
        return None
    try:
        exported, reported = saved_model.read_stamp(run_dir / "model"), read_stamp(run_dir / "report")
        exported.check_files()
        reported.check_files()
    except UserError:  # missing or damaged: made again
        return None
    exported.require_run(identity, run_dir)
    reported.require_run(identity, run_dir)
    newest = checkpoint_sha256(checkpoint_paths(run_dir / "checkpoints")[-1])
    done = exported.checkpoint == reported.checkpoint == newest
    return run_dir / "report" / PICTURE if done else None


def read_stamp(folder: Path) -> Stamp:
    """What the folder of a report says of itself; raises UserError if it says nothing."""
    return Stamp.read(folder, "", _remedy(folder.parent))


def read_report(run_dir: Path) -> dict[str, Any]:
    return read_json_object(run_dir / "report" / "report.json", _remedy(run_dir))


def _remedy(run_dir: Path) -> str:
    return f"make it again with gcn-tf evaluate {run_dir}"


def write_cells_csv(scored: Scored, path: Path, doubtful: Container[str] = ()) -> None:
    """One line per picture: its cell, group and base image, every figure, and what each judge takes it for.

    Args:
        doubtful: accuracies, such as "person_accuracy/hog", whose column and that of the judge's classification are marked.
    """
    space, ids = scored.split.dataset.space, scored.ids
    columns: dict[str, Sequence[Any]] = {
        **{f.name: [f.values[i] for i in ids[:, m]] for m, f in enumerate(space)},
        "group": [GROUPS[n] for n in scored.group],
        "base_image": scored.base.tolist(),
        **{
            name: ["" if np.isnan(v) else f"{v:.6g}" for v in values]
            for name, values in scored.cells.values.items()
        },
        **{
            f"{factor.name}_read/{judge}": [factor.values[i] for i in classified[factor.name]]
            for judge, classified in scored.cells.classified.items()
            for factor in space
        },
    }
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            name + " (not recognised)" * (name.replace("_read/", "_accuracy/") in doubtful)
            for name in columns
        )
        writer.writerows(zip(*columns.values(), strict=True))
