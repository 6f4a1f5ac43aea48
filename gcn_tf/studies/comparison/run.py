"""Compare methods on the same cells, with several seeds: `gcn-tf study cooperation`, `weights` and `settings`.

Every entry (a method with a seed) is one file in `entries/`; what is there is not computed again.
"""

import dataclasses
import functools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from gcn_tf.config.files import with_settings
from gcn_tf.config.kept import keep_settings
from gcn_tf.config.schema import DataConfig, RunConfig, to_dict
from gcn_tf.errors import UserError
from gcn_tf.evaluation.judge import JudgePictures
from gcn_tf.evaluation.judges import Judges, dataset_judges
from gcn_tf.evaluation.scores import CellScores, Scores, is_share, score_repeats, score_split, scores_to_json
from gcn_tf.files import stored_arrays, write_atomically
from gcn_tf.metrics.intervals import bootstrap_mean
from gcn_tf.metrics.sets import kid
from gcn_tf.model.precision import with_precision
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.pipelines.registry import load_dataset
from gcn_tf.pipelines.split import GROUPS, Split, rows_by_group, split_dataset
from gcn_tf.reporting.provenance import made_with
from gcn_tf.runs.run_dir import Run, read_run_config, write_run
from gcn_tf.studies.comparison.methods import Experiment, Method
from gcn_tf.studies.comparison.report import write_comparison
from gcn_tf.studies.workers import workers
from gcn_tf.synthesis.draw import draw_codes
from gcn_tf.training.fit import fit
from gcn_tf.training.step_callback import Diverged

QUICK_STEPS = 80


REPEAT_MEANING = "the same cell written again by the same hand, unknown to the judges"


SAMPLES = 8  # unseen cells of every group whose pictures are kept


@dataclass(frozen=True)
class MethodResult:
    """What one method gave with one seed.

    Args:
        seconds: float. Wall time of training and drawing.
        values: float (P,) by metric, NaN where one does not apply.
        kid: KID of the convolutional judge's features by group.
        group: int (P,), position in `GROUPS`; base: int (P,), base image numbers.
        samples: uint8 (2, n, H, W, 3), real and drawn pictures of some unseen cells; n is 0 where there are none.
    """

    seconds: float
    values: dict[str, np.ndarray]
    kid: dict[str, float]
    group: np.ndarray
    base: np.ndarray
    samples: np.ndarray

    def write(self, path: Path) -> None:
        """Write the entry; one that exists is whole."""
        numbers = json.dumps({"seconds": self.seconds, "kid": self.kid})
        arrays: dict[str, Any] = {
            "numbers": np.array(numbers),
            "group": self.group,
            "base": self.base,
            "samples": self.samples,
            **{f"value/{name}": values.astype(np.float32) for name, values in self.values.items()},
        }
        write_atomically(path, lambda path: np.savez_compressed(path, **arrays))

    @classmethod
    def read(cls, path: Path) -> "MethodResult":
        with stored_arrays(path) as file:
            numbers = json.loads(str(file["numbers"]))
            values = {n.removeprefix("value/"): file[n] for n in file.files if n.startswith("value/")}
            arrays = (file[name] for name in ("group", "base", "samples"))
            return cls(numbers["seconds"], values, numbers["kid"], *arrays)


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
        UserError: a folder that holds a study with other settings.
    """
    if quick:
        seeds, config = 1, dataclasses.replace(config, steps=QUICK_STEPS, classifier_steps=QUICK_STEPS)
    config = dataclasses.replace(config, holdout=experiment.holdout)
    config = with_precision(config, out / "study.yaml")
    keep_settings(out / "study.yaml", {"experiment": experiment.name, **to_dict(config)}, "study")
    dataset, pictures, judges = _materials(config)
    taken = [config.seed + n for n in range(seeds)]
    with workers(jobs) as run:
        wanted = [(experiment, config, seed, out, name) for seed in taken for name in experiment.methods]
        run(_compute, [one for one in wanted if not entry_path(out, one[4], one[2]).exists()], "trainings")
    entries = {
        name: [MethodResult.read(entry_path(out, name, seed)) for seed in taken]
        for name in experiment.methods
    }
    if len({tuple(entry.values) for runs in entries.values() for entry in runs}) > 1:
        raise UserError(
            f"{out}/entries were scored by different versions: delete that folder, the trained runs beside it are kept"
        )
    splits = [_split(dataset, experiment, config, seed) for seed in taken]
    repeats = [entry for entry in (_of_repeats(split, pictures, judges) for split in splits) if entry]
    meanings = {name: method.meaning for name, method in experiment.methods.items()}
    if repeats:
        entries = {"another real picture": repeats, **entries}
        meanings = {"another real picture": REPEAT_MEANING, **meanings}
    reference = experiment.reference
    report = {
        "experiment": experiment.name,
        "explanation": experiment.explanation,
        "holdout": list(experiment.holdout),
        "same_cells": experiment.same_cells,
        "seeds": taken,
        "config": to_dict(config),
        "made_with": made_with(dataset),
        "methods": meanings,
        "scores": {
            name: scores_to_json(combine(runs, experiment.same_cells)) for name, runs in entries.items()
        },
        "reference": reference,
        "reference_minus": {
            name: scores_to_json(compare(entries[reference], entries[name], experiment.same_cells))
            for name in experiment.methods
            if reference and name != reference
        },
        "seconds": {name: [entry.seconds for entry in runs] for name, runs in entries.items()},
    }
    samples = {name: runs[0].samples for name, runs in entries.items() if runs[0].samples.size}
    return write_comparison(report, samples, dataset.space.names, out)


Materials = tuple[Dataset, JudgePictures, Judges]


def _materials(config: RunConfig) -> Materials:
    """The dataset and its judges; a process that computes several entries loads them once."""
    data = {entry.name: getattr(config, entry.name) for entry in dataclasses.fields(DataConfig)}
    return _loaded(json.dumps(data))


@functools.lru_cache(maxsize=1)
def _loaded(data: str) -> Materials:
    config = DataConfig(**json.loads(data))
    dataset = load_dataset(config)
    return dataset, *dataset_judges(dataset, config.data_dir)


def _split(dataset: Dataset, experiment: Experiment, config: RunConfig, seed: int) -> Split:
    return split_dataset(dataset, experiment.holdout, config.seed if experiment.same_cells else seed)


def entry_path(out: Path, method: str, seed: int) -> Path:
    return out / "entries" / f"{method.replace(' + ', '+').replace(' ', '-')}-seed{seed}.npz"


def _compute(experiment: Experiment, config: RunConfig, seed: int, out: Path, name: str) -> None:
    """Train one method with one seed, score it and write its entry."""
    since = time.perf_counter()
    dataset, _, judges = _materials(config)
    split = _split(dataset, experiment, config, seed)
    method, path = experiment.methods[name], entry_path(out, name, seed)
    diverged = False
    if method.draw:
        drawn = method.draw(split)
    else:
        config = dataclasses.replace(config, seed=seed)
        try:
            drawn = _trained(method, config, split, out / "runs" / path.stem)
        except Diverged:  # a result like any other: black pictures to look at, and no figures
            drawn = np.zeros((len(split.ids), *dataset.image_shape), np.uint8)
            diverged = True
    seconds = time.perf_counter() - since
    shown = np.concatenate(
        [
            rows[np.linspace(0, len(rows) - 1, SAMPLES).astype(int)]
            for rows in list(split.groups().values())[1:]
        ]
    )
    samples = np.stack([pixels(split, shown), drawn[shown]])
    entry = _entry(seconds, score_split(split, drawn, judges), split.group(), split.base, samples)
    if diverged:
        nothing = {name: np.full(len(drawn), np.nan) for name in entry.values}
        entry = dataclasses.replace(entry, values=nothing, kid={})
    entry.write(path)
    keras.utils.clear_session()


def _of_repeats(split: Split, pictures: JudgePictures, judges: Judges) -> MethodResult | None:
    scored = score_repeats(split, pictures, judges)
    if scored is None:
        return None
    rows, scores = scored
    return _entry(0.0, scores, split.group()[rows], split.base[rows], np.zeros((2, 0), np.uint8))


def _entry(
    seconds: float, scores: CellScores, group: np.ndarray, base: np.ndarray, samples: np.ndarray
) -> MethodResult:
    drawn, real = scores.features
    distances = {
        name: kid(real[rows], drawn[rows]) for name, rows in rows_by_group(group).items() if len(rows) > 1
    }
    return MethodResult(seconds, scores.values, distances, group, base, samples)


def _trained(method: Method, config: RunConfig, split: Split, run_dir: Path) -> np.ndarray:
    """Pictures of a run that is trained, or gone on with, in its own run directory."""
    config = with_settings(config, method.settings, "study")
    if (run_dir / "config.yaml").exists():
        config = read_run_config(run_dir)
    else:
        config = write_run(config, split, run_dir)
    model = fit(config, split, run_dir)
    run = Run(run_dir, config, split.dataset.space, model)
    return draw_codes(run, run.space.one_hot(split.ids))


def combine(entries: Sequence[MethodResult], same_cells: bool = False) -> Scores:
    """Figures of one method over its seeds, by group and metric; KID's interval is over seeds alone."""
    scores = _means(entries, is_share, same_cells)
    for group, by_metric in scores.items():
        distances = [(np.array([e.kid[group]]), np.zeros(1, int)) for e in entries if group in e.kid]
        if distances:
            by_metric["kid_of_judge_features"] = bootstrap_mean(distances)
    return scores


def compare(
    entries: Sequence[MethodResult], others: Sequence[MethodResult], same_cells: bool = False
) -> Scores:
    """What one method has more than another on the same cells and seeds, by group and metric.

    Differences are taken cell by cell, so what makes a cell hard for both drops out of the interval.
    """
    differences = [
        dataclasses.replace(one, values={name: one.values[name] - other.values[name] for name in one.values})
        for one, other in zip(entries, others, strict=True)
    ]
    return _means(differences, lambda metric: False, same_cells)


def _means(entries: Sequence[MethodResult], share: Callable[[str], bool], same_cells: bool) -> Scores:
    """Means over cells and seeds by group and metric, of the metrics that apply to the whole group."""
    scores: Scores = {}
    for number, group in enumerate(GROUPS):
        having = [(entry, entry.group == number) for entry in entries if (entry.group == number).any()]
        if having:
            scores[group] = {
                name: bootstrap_mean(
                    [(entry.values[name][rows], entry.base[rows]) for entry, rows in having],
                    share(name),
                    same_cells=same_cells,
                )
                for name in entries[0].values
                if not any(np.isnan(entry.values[name][rows]).any() for entry, rows in having)
            }
    return scores
