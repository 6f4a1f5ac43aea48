"""Experiments that compare methods on the same cells: `gcn-tf study cooperation`.

Every entry (a method with a seed) is one file in `entries/`; what is there is not computed again.
"""

import dataclasses
import json
import os
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import yaml

from gcn_tf import training
from gcn_tf.config import ConfigError, RunConfig, to_dict, with_settings
from gcn_tf.errors import UserError
from gcn_tf.evaluation import Judges, Scores, dataset_judges, made_with, score_repeats, score_split
from gcn_tf.figures import write_methods_figure, write_samples_figure
from gcn_tf.intervals import bootstrap_mean
from gcn_tf.judge import JudgePictures
from gcn_tf.metrics import kid, to_uint8
from gcn_tf.pipelines.batches import GROUPS, Split, pixels, split_dataset
from gcn_tf.pipelines.registry import Dataset, load_dataset
from gcn_tf.report import GLOSSARY, estimate_text, label, markdown_table, to_html
from gcn_tf.synthesis import draw_codes

HOLDOUT = ("low-level", "high-level")  # both at once: one training tells of both
QUICK_STEPS = 80
SAMPLES = 8  # unseen cells of every group whose pictures are kept


@dataclass(frozen=True)
class Method:
    """One way to draw the cells.

    Args:
        meaning: str. For the table.
        settings: dict. Changes of the preset for a method that trains.
        draw: split -> uint8 (P, H, W, 3), for a method that does not.
    """

    meaning: str
    settings: dict[str, Any] = field(default_factory=dict)
    draw: Callable[[Split], np.ndarray] | None = None


def nearest_seen_cell(split: Split) -> np.ndarray:
    """The picture of the seen cell that shares most factor values, for every cell: uint8 (P, H, W, 3).

    Among equals the one nearest in the order of the last factors' values is taken.
    """
    seen = split.pictures(unseen=False)
    places = 1 + np.arange(split.ids.shape[1])  # of equals, one that differs in a late factor comes first
    chosen = []
    for cell in split.ids:
        differs = split.ids[seen] != cell
        chosen.append(seen[np.lexsort((-(differs * places).sum(axis=1), differs.sum(axis=1)))[0]])
    return pixels(split, np.array(chosen))


def additive_model(split: Split) -> np.ndarray:
    """The mean image plus an effect of every factor value, by least squares on seen cells: uint8 (P, H, W, 3)."""
    seen = split.pictures(unseen=False)
    codes = split.dataset.space.one_hot(split.ids)
    design = np.hstack([np.ones((len(split.ids), 1)), *codes.values()])
    images = pixels(split, seen).reshape(len(seen), -1) / 255.0
    effects, *_ = np.linalg.lstsq(design[seen], images, rcond=None)  # the smallest of all solutions
    return to_uint8((design @ effects).reshape(-1, *split.dataset.image_shape))


_PAPER: dict[str, Any] = {"generator": {"operators": False}}
_NOT_IMAGINED = {"imagined_share": 0.0}


def _cooperation_methods() -> dict[str, Method]:
    """The paper's network under every regime, with and without imagined cells; two baselines; the preset."""
    methods = {
        "nearest seen cell": Method(
            "no network: the picture of the most similar seen cell", draw=nearest_seen_cell
        ),
        "additive model": Method(
            "no network: mean image plus effects of the factor values", draw=additive_model
        ),
        "pixel": Method("no classifier: the plain deconvolution network", {**_PAPER, "cooperation": "none"}),
    }
    regimes: dict[str, tuple[str, dict[str, Any]]] = {
        "frozen": ("classifier learns first, then stays", {"cooperation": "frozen"}),
        "real": ("classifier learns along, from real pictures", {}),
        "generated": ("... from drawn ones", {"classifier_learns_from": "generated"}),
        "both": ("... from both", {"classifier_learns_from": "both"}),
    }
    for name, (meaning, settings) in regimes.items():
        methods[name] = Method(meaning, {**_PAPER, **settings, **_NOT_IMAGINED})
        methods[f"{name} + imagined"] = Method("the same with imagined cells", {**_PAPER, **settings})
    methods["preset"] = Method("the preset as it is")
    return methods


EXPERIMENTS = {"cooperation": _cooperation_methods}


@dataclass(frozen=True)
class Entry:
    """What one method gave with one seed.

    Args:
        seconds: float. Wall time of training and drawing.
        values: float (P,) by metric, NaN where one does not apply.
        group: int (P,), position in `GROUPS`; base: int (P,), base image numbers.
        sets: KID by group.
        samples: uint8 (2, n, H, W, 3), real and drawn pictures of some unseen cells.
    """

    seconds: float
    values: dict[str, np.ndarray]
    group: np.ndarray
    base: np.ndarray
    sets: dict[str, float]
    samples: np.ndarray

    def write(self, path: Path) -> None:
        """Write beside and move into place: an entry that exists is whole."""
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f"partial-{os.getpid()}.npz")
        told = json.dumps({"seconds": self.seconds, "sets": self.sets})
        arrays: dict[str, Any] = {
            f"value/{name}": values.astype(np.float32) for name, values in self.values.items()
        }
        np.savez_compressed(
            beside, told=told, group=self.group, base=self.base, samples=self.samples, **arrays
        )
        beside.replace(path)

    @classmethod
    def read(cls, path: Path) -> "Entry":
        try:
            with np.load(path) as file:
                told = json.loads(str(file["told"]))
                values = {n.removeprefix("value/"): file[n] for n in file.files if n.startswith("value/")}
                return cls(
                    told["seconds"], values, file["group"], file["base"], told["sets"], file["samples"]
                )
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise UserError(f"{path} is damaged ({error}): delete it and run the study again") from None


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
    check_same_study(out, experiment, config)
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
    entries = {
        name: [Entry.read(entry_path(out, name, config.seed + n)) for n in range(seeds)] for name in methods
    }
    return write_study(experiment, config, methods, entries, dataset, pictures, judges, out)


def entry_path(out: Path, method: str, seed: int) -> Path:
    return out / "entries" / f"{method.replace(' + ', '+').replace(' ', '-')}-seed{seed}.npz"


def check_same_study(out: Path, experiment: str, config: RunConfig) -> None:
    """Write the study's settings, or raise ConfigError when the folder holds a study with others."""
    settings = {
        "experiment": experiment,
        **{k: v for k, v in to_dict(config).items() if k not in training.PLACES},
    }
    path = out / "study.yaml"
    if path.exists():
        stored = yaml.safe_load(path.read_text())
        differing = [
            f"{k}: {stored.get(k)} there, {v} now" for k, v in settings.items() if stored.get(k) != v
        ]
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
    scores = score_split(split, drawn, judges)
    groups = split.groups()
    group = np.zeros(len(split.ids), np.int8)
    for name, rows in groups.items():
        group[rows] = GROUPS.index(name)
    some = [rows[np.linspace(0, len(rows) - 1, SAMPLES).astype(int)] for rows in list(groups.values())[1:]]
    shown = np.concatenate(some)
    sets = {
        name: kid(*(features[rows] for features in reversed(scores.features)))
        for name, rows in groups.items()
    }
    samples = np.stack([pixels(split, shown), drawn[shown]])
    return Entry(seconds, scores.values, group, split.base, sets, samples)


def _trained(method: Method, config: RunConfig, split: Split, run_dir: Path) -> np.ndarray:
    """Pictures of a run that is trained, or gone on with, in its own run directory."""
    config = with_settings(config, method.settings, "study")
    if (run_dir / "config.yaml").exists():
        config = training.read_run_config(run_dir)
    else:
        config, _ = training.start_run(config, run_dir)
    model = training.fit(config, split, run_dir)
    run = training.Run(run_dir, config, split.dataset.space, model)
    return draw_codes(run, run.space.one_hot(split.ids))


def combine(entries: Sequence[Entry]) -> Scores:
    """Figures of one method over its seeds, by group and metric; KID's interval is over seeds alone."""
    scores: Scores = {}
    for number, group in enumerate(GROUPS):
        rows = [entry.group == number for entry in entries]
        if not all(r.any() for r in rows):
            continue
        scores[group] = {
            name: bootstrap_mean([(e.values[name][r], e.base[r]) for e, r in zip(entries, rows, strict=True)])
            for name in entries[0].values
            if not np.isnan(entries[0].values[name][rows[0]]).any()
        }
        kids = [(np.array([entry.sets[group]]), np.zeros(1, int)) for entry in entries]
        scores[group]["kid_of_judge_features"] = bootstrap_mean(kids)
    return scores


def write_study(
    experiment: str,
    config: RunConfig,
    methods: Mapping[str, Method],
    entries: Mapping[str, Sequence[Entry]],
    dataset: Dataset,
    pictures: JudgePictures,
    judges: Judges,
    out: Path,
) -> Path:
    """report.md, report.html, report.json and two figures of finished entries; returns the figure to look at."""
    scores = {name: combine(runs) for name, runs in entries.items()}
    seeds = len(next(iter(entries.values())))
    reference = score_repeats(split_dataset(dataset, HOLDOUT, config.seed), pictures, judges)
    seconds = {name: [entry.seconds for entry in runs] for name, runs in entries.items()}
    report = {
        "experiment": experiment,
        "config": to_dict(config),
        "seeds": seeds,
        "made_with": made_with(dataset),
        "methods": {name: method.meaning for name, method in methods.items()},
        "scores": {
            name: {g: {m: e.to_json() for m, e in by.items()} for g, by in groups.items()}
            for name, groups in scores.items()
        },
        "real_repeats_of_first_seed": {
            g: {m: e.to_json() for m, e in by.items()} for g, by in reference.items()
        },
        "seconds": seconds,
    }
    (out / "report.json").write_text(json.dumps(report, indent=1))
    write_samples_figure({name: runs[0].samples for name, runs in entries.items()}, out / "samples.png")
    shown = _shown_metrics(dataset.space.names)
    figure = write_methods_figure(scores, [(name, label(name)) for name in shown], out / "methods.png")
    text = _text(report, scores, reference, shown)
    (out / "report.md").write_text(text)
    (out / "report.html").write_text(to_html(text, out, f"gcn-tf study: {experiment}"))
    return figure


def _shown_metrics(names: Sequence[str]) -> list[str]:
    """Likeness, stray ink and copying, then what both judges read of the two factors that are hardest: the first."""
    read = [f"{name}_accuracy/{judge}" for name in names[:2] for judge in ("convolutional", "hog")]
    everything = [f"all_factors_accuracy/{judge}" for judge in ("convolutional", "hog")]
    return ["psnr_db", "ssim", "stray_ink", "copying", *read, *everything, "kid_of_judge_features"]


def _text(
    report: Mapping[str, Any], scores: Mapping[str, Scores], reference: Scores, shown: Sequence[str]
) -> str:
    config, made = report["config"], report["made_with"]
    versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    parts = [
        f"# Study: {report['experiment']}",
        f"Dataset {config['dataset']}, {report['seeds']} seeds from {config['seed']} (each draws other unseen cells), "
        f"{config['steps']} steps of batch {config['batch_size']} for every method that trains. Unseen at once: "
        f"{' and '.join(HOLDOUT)} cells.",
        "![methods](methods.png)",
        "Points: means. Bars: 95 % intervals.",
        "## Methods",
        markdown_table(
            [["method", "what it is", "seconds (median)"]]
            + [[n, m, f"{np.median(report['seconds'][n]):.0f}"] for n, m in report["methods"].items()]
        ),
        "*pixel*, *frozen*, *real*, *generated* and *both* are the paper's network; *preset* is what "
        "`gcn-tf train` does by itself. Imagined cells are random combinations that the classifier is asked about; "
        "with pixel loss alone there is no classifier to ask.",
        "![samples](samples.png)",
        "Unseen cells of the first seed, low-level ones first: real pictures, then one row per method.",
    ]
    for group in GROUPS:
        rows = [["", *(label(name).replace(" read right", "") for name in shown)]]
        lines = {name: by_group.get(group, {}) for name, by_group in scores.items()}
        if group in reference:
            lines["another real picture"] = reference[group]
        for name, by_metric in lines.items():
            cells = [estimate_text(m, by_metric[m].to_json()) if m in by_metric else "-" for m in shown]
            rows.append([name, *cells])
        if any(lines.values()):
            parts += [f"## {group.capitalize()}", markdown_table(rows)]
    if reference:
        parts.append(
            "*Another real picture*: the same cell written again by the same hand, unknown to the judges; first seed."
        )
    settings = yaml.safe_dump(config, sort_keys=False).strip()
    machine = made["machine"]
    parts += [
        "## Terms",
        GLOSSARY.strip() + " Several seeds: seeds are resampled first.",
        "## What was run",
        f"{versions}. {machine['processor']}, {machine['cores']} cores. Data sha256 {made['data_sha256']}.",
        f"```\n{settings}\n```",
    ]
    return "\n\n".join(parts) + "\n"
