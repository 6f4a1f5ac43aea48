"""Compare methods on the same cells, with several seeds: `gcn-tf study cooperation`, `weights` and `settings`.

Every entry (a method with a seed) is one file in `entries/`; what is there is not computed again.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from gcn_tf.config.data import DataConfig
from gcn_tf.config.kept import keep_settings, settings_digest
from gcn_tf.config.schema import RunConfig, to_dict
from gcn_tf.errors import UserError
from gcn_tf.evaluation.scores import score_cells, score_repeats, scores_to_json
from gcn_tf.model.precision import with_precision
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.pipelines.split import Split, split_dataset
from gcn_tf.reporting.provenance import made_with
from gcn_tf.runs.lock import locked
from gcn_tf.studies.comparison.methods import Experiment
from gcn_tf.studies.comparison.report import write_comparison
from gcn_tf.studies.comparison.results import MethodResult, combine, compare, entry_path
from gcn_tf.studies.entries import is_done
from gcn_tf.studies.materials import materials, materials_sha256
from gcn_tf.training.step_callback import Diverged
from gcn_tf.workers import workers

QUICK_STEPS = 80


REPEATS = "another real picture"
REPEATS_MEANING = "the same cell written again by the same hand, unknown to the judges"


@dataclass(frozen=True)
class Comparison:
    """An experiment with all that its entries depend on.

    Args:
        config: the settings that all methods start from; its hold-out is the experiment's.
        out: folder of the study.
    """

    experiment: Experiment
    config: RunConfig
    seeds: tuple[int, ...]
    out: Path

    @property
    def settings(self) -> dict[str, Any]:
        """What must stay the same when the study goes on."""
        return {"experiment": self.experiment.name, **to_dict(self.config)}

    def origin(self, name: str, seed: int) -> dict[str, Any]:
        """What the entry of a method with a seed says of itself: settings and data of the study, and its own."""
        method = vars(self.experiment.methods[name]).items()
        own = {key: repr(value) for key, value in method if key != "meaning"}
        data = materials_sha256(self.config.part(DataConfig))
        return {
            "study": settings_digest({**self.settings, "data_sha256": data}),
            "method": name,
            "method_settings": settings_digest(own),
            "seed": seed,
        }

    def split(self, dataset: Dataset, seed: int) -> Split:
        """The cells of a seed."""
        cells = self.config.seed if self.experiment.same_cells else seed
        return split_dataset(dataset, self.experiment.holdout, cells)

    def missing(self) -> list[tuple[str, int]]:
        """Methods and seeds whose entries are not there yet; raises UserError for one that is of something else."""
        wanted = [(name, seed) for seed in self.seeds for name in self.experiment.methods]
        return [one for one in wanted if not is_done(entry_path(self.out, *one), self.origin(*one))]

    def results(self) -> dict[str, list[MethodResult]]:
        """The entries by method; raises UserError when they are not scored alike."""
        found = {
            name: [
                MethodResult.read(entry_path(self.out, name, seed), self.origin(name, seed))
                for seed in self.seeds
            ]
            for name in self.experiment.methods
        }
        if len({tuple(entry.values) for runs in found.values() for entry in runs}) > 1:
            raise UserError(
                f"{self.out}/entries were scored by different versions: delete that folder, the trained runs beside it "
                "are kept"
            )
        return found


def run_comparison(
    experiment: Experiment, config: RunConfig, seeds: int, out: Path, quick: bool = False, jobs: int = 1
) -> Path:
    """Train and score every method with every seed, then write report.md, report.html, report.json and the figures.

    Args:
        config: the settings that all methods start from; its hold-out is the experiment's.
        seeds: how many, from `config.seed` up.
        out: folder of the study; finished entries in it are kept.
        quick: one seed and few steps, to see that everything works; its figures mean little.
        jobs: processes that train side by side, one thread each; 1 trains in this process.

    Returns:
        The figure to look at.

    Raises:
        UserError: a folder that is in use, or holds a study with other settings or other work.
    """
    if quick:
        seeds, config = 1, replace(config, steps=QUICK_STEPS, classifier_steps=QUICK_STEPS)
    with locked(out):
        comparison = plan_comparison(experiment, config, seeds, out)
        train_comparison(comparison, jobs)
        return report_comparison(comparison)


def plan_comparison(experiment: Experiment, config: RunConfig, seeds: int, out: Path) -> Comparison:
    """Settle the settings and note them in the folder; raises UserError when it holds a study with others."""
    config = with_precision(replace(config, holdout=experiment.holdout), out / "study.yaml")
    comparison = Comparison(experiment, config, tuple(config.seed + n for n in range(seeds)), out)
    keep_settings(out / "study.yaml", comparison.settings, "study")
    return comparison


def train_comparison(comparison: Comparison, jobs: int = 1) -> None:
    """Compute the entries that are missing, `jobs` of them side by side."""
    materials(comparison.config.part(DataConfig))  # the judges are learned once, before the workers need them
    with workers(jobs) as run:
        run(_compute, [(comparison, *one) for one in comparison.missing()], "trainings")


def report_comparison(comparison: Comparison) -> Path:
    """Write the report of entries that are all there; returns the figure to look at."""
    experiment = comparison.experiment
    same, reference = experiment.same_cells, experiment.reference
    dataset, pictures, judges = materials(comparison.config.part(DataConfig))
    found = comparison.results()
    meanings = {name: method.meaning for name, method in experiment.methods.items()}
    splits = [comparison.split(dataset, seed) for seed in comparison.seeds]
    repeats = [scored for split in splits if (scored := score_repeats(split, pictures, judges))]
    shown = {name: runs[0].samples for name, runs in found.items()}
    if repeats:
        found = {REPEATS: [MethodResult.of(scored, 0.0) for scored in repeats], **found}
        meanings = {REPEATS: REPEATS_MEANING, **meanings}
    report = {
        "experiment": experiment.name,
        "explanation": experiment.explanation,
        "holdout": list(experiment.holdout),
        "same_cells": same,
        "seeds": list(comparison.seeds),
        "config": to_dict(comparison.config),
        "made_with": made_with(dataset),
        "methods": meanings,
        "scores": {name: scores_to_json(combine(runs, same)) for name, runs in found.items()},
        "reference": reference,
        "reference_minus": {
            name: scores_to_json(compare(found[reference], found[name], same))
            for name in experiment.methods
            if reference and name != reference
        },
        "seconds": {name: [entry.seconds for entry in runs] for name, runs in found.items()},
    }
    return write_comparison(report, shown, dataset.space.names, comparison.out)


def _compute(comparison: Comparison, name: str, seed: int) -> None:
    """Train one method with one seed, score it and write its entry."""
    since = time.perf_counter()
    dataset, _, judges = materials(comparison.config.part(DataConfig))
    split = comparison.split(dataset, seed)
    method, path = comparison.experiment.methods[name], entry_path(comparison.out, name, seed)
    diverged = False
    try:
        trained = method.train(comparison.config, split, seed, comparison.out / "runs" / path.stem)
        generated = method.draw(trained, split)
    except Diverged:  # a result like any other: black pictures to look at, and no figures
        generated, diverged = np.zeros((len(split.ids), *dataset.image_shape), np.uint8), True
    seconds = time.perf_counter() - since
    result = MethodResult.of(score_cells(split, generated, judges), seconds)
    (result.without_figures() if diverged else result).write(path, comparison.origin(name, seed))
    keras.utils.clear_session()
