"""Experiments that compare methods on the same cells: `gcn-tf study cooperation`.

Every entry (a method with a seed) is one file in `entries/`; what is there is not computed again.
"""

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import yaml

from gcn_tf import training
from gcn_tf.config import ConfigError, RunConfig, to_dict, with_settings
from gcn_tf.errors import UserError
from gcn_tf.evaluation import (
    CellScores,
    Judges,
    Scores,
    dataset_judges,
    is_share,
    made_with,
    score_repeats,
    score_split,
    scores_to_json,
)
from gcn_tf.files import stored_arrays, write_beside
from gcn_tf.intervals import bootstrap_mean
from gcn_tf.judge import JudgePictures
from gcn_tf.metrics import kid
from gcn_tf.pipelines.batches import GROUPS, Split, pixels, rows_by_group, split_dataset
from gcn_tf.pipelines.registry import load_dataset
from gcn_tf.studies.cooperation_methods import Method, cooperation_methods
from gcn_tf.studies.cooperation_report import write_study
from gcn_tf.synthesis import draw_codes

HOLDOUT = ("low-level", "high-level")  # both at once: one training tells of both
QUICK_STEPS = 80
REPEAT_MEANING = "the same cell written again by the same hand, unknown to the judges"
EXPERIMENTS = {"cooperation": cooperation_methods}
SAMPLES = 8  # unseen cells of every group whose pictures are kept


@dataclass(frozen=True)
class Entry:
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
        write_beside(path, lambda beside: np.savez_compressed(beside, **arrays))

    @classmethod
    def read(cls, path: Path) -> "Entry":
        with stored_arrays(path) as file:
            numbers = json.loads(str(file["numbers"]))
            values = {n.removeprefix("value/"): file[n] for n in file.files if n.startswith("value/")}
            arrays = (file[name] for name in ("group", "base", "samples"))
            return cls(numbers["seconds"], values, numbers["kid"], *arrays)


def run_study(
    experiment: str,
    config: RunConfig,
    seeds: int,
    out: Path,
    quick: bool = False,
    say: Callable[[str], None] = print,
) -> Path:
    """Train and score every method with every seed, then write report.md, report.html, report.json and the figures.

    Args:
        config: the settings that all methods start from; its hold-out and seed are the study's own.
        seeds: how many, from `config.seed` up; each draws other unseen cells.
        out: folder of the study; finished entries in it are kept.
        quick: one seed and few steps, to see that everything works; its figures mean little.

    Returns:
        The figure to look at.

    Raises:
        UserError: an unknown experiment, or a folder that holds a study with other settings.
    """
    if seeds < 1:
        raise ConfigError(f"--seeds {seeds}: give 1 or more")
    methods = EXPERIMENTS[experiment]()
    if quick:
        seeds, config = 1, dataclasses.replace(config, steps=QUICK_STEPS, classifier_steps=QUICK_STEPS)
    config = dataclasses.replace(config, holdout=HOLDOUT)
    check_same_study(out, {"experiment": experiment, **to_dict(config)})
    dataset = load_dataset(config)
    pictures, judges = dataset_judges(dataset, config.data_dir)
    todo = [(name, config.seed + n) for n in range(seeds) for name in methods]
    for number, (name, seed) in enumerate(todo, 1):
        path = entry_path(out, name, seed)
        if path.exists():
            continue
        say(f"[{number}/{len(todo)}] {name}, seed {seed}")
        split = split_dataset(dataset, HOLDOUT, seed)
        run_dir = out / "runs" / path.stem
        _compute(methods[name], dataclasses.replace(config, seed=seed), split, judges, run_dir).write(path)
        keras.utils.clear_session()
    seeds_taken = [config.seed + n for n in range(seeds)]
    entries = {name: [Entry.read(entry_path(out, name, seed)) for seed in seeds_taken] for name in methods}
    if len({tuple(entry.values) for runs in entries.values() for entry in runs}) > 1:
        raise UserError(
            f"{out}/entries were scored by different versions: delete that folder, the trained runs beside it are kept"
        )
    splits = [split_dataset(dataset, HOLDOUT, seed) for seed in seeds_taken]
    repeats = [entry for entry in (_of_repeats(split, pictures, judges) for split in splits) if entry]
    if repeats:
        entries = {"another real picture": repeats, **entries}
    meanings = {name: method.meaning for name, method in methods.items()}
    report = {
        "experiment": experiment,
        "holdout": list(HOLDOUT),
        "seeds": seeds_taken,
        "config": to_dict(config),
        "made_with": made_with(dataset),
        "methods": {"another real picture": REPEAT_MEANING, **meanings} if repeats else meanings,
        "scores": {name: scores_to_json(combine(runs)) for name, runs in entries.items()},
        "preset_minus": {
            name: scores_to_json(compare(entries["preset"], entries[name]))
            for name in methods
            if name != "preset" and "preset" in methods
        },
        "seconds": {name: [entry.seconds for entry in runs] for name, runs in entries.items()},
    }
    samples = {name: runs[0].samples for name, runs in entries.items() if runs[0].samples.size}
    return write_study(report, samples, dataset.space.names, out)


def entry_path(out: Path, method: str, seed: int) -> Path:
    return out / "entries" / f"{method.replace(' + ', '+').replace(' ', '-')}-seed{seed}.npz"


def check_same_study(out: Path, settings: dict[str, Any]) -> None:
    """Write the study's settings, or raise ConfigError when the folder holds a study with others."""
    path = out / "study.yaml"
    if path.exists():
        differing = training.differing_settings(yaml.safe_load(path.read_text()), settings, "there")
        if differing:
            raise ConfigError(
                f"--out {out} holds another study ({'; '.join(differing)}): name another folder"
            )
    else:
        try:
            out.mkdir(parents=True, exist_ok=True)
            path.write_text(yaml.safe_dump(settings, sort_keys=False))
        except OSError as error:
            raise UserError(f"cannot write to --out {out}: {error.strerror}") from None


def _compute(method: Method, config: RunConfig, split: Split, judges: Judges, run_dir: Path) -> Entry:
    since = time.perf_counter()
    drawn = method.draw(split) if method.draw else _trained(method, config, split, run_dir)
    seconds = time.perf_counter() - since
    shown = np.concatenate(
        [
            rows[np.linspace(0, len(rows) - 1, SAMPLES).astype(int)]
            for rows in list(split.groups().values())[1:]
        ]
    )
    samples = np.stack([pixels(split, shown), drawn[shown]])
    return _entry(seconds, score_split(split, drawn, judges), split.group(), split.base, samples)


def _of_repeats(split: Split, pictures: JudgePictures, judges: Judges) -> Entry | None:
    scored = score_repeats(split, pictures, judges)
    if scored is None:
        return None
    rows, scores = scored
    return _entry(0.0, scores, split.group()[rows], split.base[rows], np.zeros((2, 0), np.uint8))


def _entry(
    seconds: float, scores: CellScores, group: np.ndarray, base: np.ndarray, samples: np.ndarray
) -> Entry:
    drawn, real = scores.features
    distances = {
        name: kid(real[rows], drawn[rows]) for name, rows in rows_by_group(group).items() if len(rows) > 1
    }
    return Entry(seconds, scores.values, distances, group, base, samples)


def _trained(method: Method, config: RunConfig, split: Split, run_dir: Path) -> np.ndarray:
    """Pictures of a run that is trained, or gone on with, in its own run directory."""
    config = with_settings(config, method.settings, "study")
    if (run_dir / "config.yaml").exists():
        config = training.read_run_config(run_dir)
    else:
        config = training.write_run(config, split, run_dir)
    model = training.fit(config, split, run_dir)
    run = training.Run(run_dir, config, split.dataset.space, model)
    return draw_codes(run, run.space.one_hot(split.ids))


def combine(entries: Sequence[Entry]) -> Scores:
    """Figures of one method over its seeds, by group and metric; KID's interval is over seeds alone."""
    scores = _means(entries, is_share)
    for group, by_metric in scores.items():
        distances = [(np.array([e.kid[group]]), np.zeros(1, int)) for e in entries if group in e.kid]
        if distances:
            by_metric["kid_of_judge_features"] = bootstrap_mean(distances)
    return scores


def compare(entries: Sequence[Entry], others: Sequence[Entry]) -> Scores:
    """What one method has more than another on the same cells and seeds, by group and metric.

    Differences are taken cell by cell, so what makes a cell hard for both drops out of the interval.
    """
    differences = [
        dataclasses.replace(one, values={name: one.values[name] - other.values[name] for name in one.values})
        for one, other in zip(entries, others, strict=True)
    ]
    return _means(differences, lambda metric: False)


def _means(entries: Sequence[Entry], share: Callable[[str], bool]) -> Scores:
    """Means over cells and seeds by group and metric, of the metrics that apply to the whole group."""
    scores: Scores = {}
    for number, group in enumerate(GROUPS):
        having = [(entry, entry.group == number) for entry in entries if (entry.group == number).any()]
        if having:
            scores[group] = {
                name: bootstrap_mean(
                    [(entry.values[name][rows], entry.base[rows]) for entry, rows in having], share(name)
                )
                for name in entries[0].values
                if not any(np.isnan(entry.values[name][rows]).any() for entry, rows in having)
            }
    return scores
