"""`gcn-tf study newcomers`: how well are newcomers drawn from one to five pictures of them?

Every entry (a method with a number of pictures and a seed) is one file in `entries/`, what methods share one in `shared/`; what is there is
not computed again.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from gcn_tf.config.data import DataConfig
from gcn_tf.config.kept import check_settings, keep_settings
from gcn_tf.config.schema import RunConfig
from gcn_tf.evaluation.judges import Judges
from gcn_tf.evaluation.scores import score_cells
from gcn_tf.model.precision import with_precision
from gcn_tf.pipelines.batches import pixels
from gcn_tf.runs.lock import locked
from gcn_tf.studies.comparison.results import MethodResult
from gcn_tf.studies.entries import is_done, write_entry
from gcn_tf.studies.materials import loaded, materials
from gcn_tf.studies.newcomers.report import result_of, shown_places, write_newcomers_study
from gcn_tf.studies.newcomers.study import NewcomersStudy
from gcn_tf.studies.newcomers.task import Protocol, Task, newcomers_factor
from gcn_tf.training.step_callback import Diverged
from gcn_tf.workers import RunAll, workers

QUICK_STEPS, QUICK_NEWCOMERS, QUICK_COUNTS = 40, 2, (1, 2)


def run_newcomers_study(
    config: RunConfig,
    protocol: Protocol,
    seeds: int,
    out: Path,
    quick: bool = False,
    jobs: int = 1,
    say: Callable[[str], None] = print,
) -> Path:
    """Train what methods share, draw the newcomers with every method, score, then write the report and its figures.

    Args:
        config: the settings of the run.
        protocol: an empty factor stands for the default one.
        seeds: how many, from `config.seed` up.
        out: folder of the study; finished entries in it are kept.
        quick: one seed, few steps, newcomers and pictures, to see that everything works.
        jobs: processes that work side by side, one thread each; 1 works in this process.
        say: called with lines for the user.

    Returns:
        The figure to look at.

    Raises:
        UserError: a dataset without such newcomers, a folder that is in use, or that holds a study with other settings or other work.
    """
    if quick:
        seeds, config = 1, replace(config, steps=QUICK_STEPS)
        protocol = replace(protocol, newcomers=min(protocol.newcomers, QUICK_NEWCOMERS), counts=QUICK_COUNTS)
    with locked(out):
        study = plan_newcomers_study(config, protocol, seeds, out)
        say(f"newcomers are values of {study.protocol.factor}, {study.protocol.newcomers} for each seed")
        with workers(jobs) as run:
            compute_newcomers_study(study, run)
        return write_newcomers_study(study)


def plan_newcomers_study(config: RunConfig, protocol: Protocol, seeds: int, out: Path) -> NewcomersStudy:
    """Settle the settings and note them in the folder, once the data are known to serve.

    Raises:
        ConfigError: the data have no such newcomers, or the folder holds a study with other settings.
    """
    config = with_precision(replace(config, holdout=("none",)), out / "study.yaml")
    dataset = loaded(config.part(DataConfig))
    protocol = replace(protocol, factor=newcomers_factor(dataset, protocol.factor))
    study = NewcomersStudy(config, protocol, tuple(config.seed + n for n in range(seeds)), out)
    check_settings(out / "study.yaml", study.settings, "study")
    for seed in study.seeds:
        study.task(dataset, protocol.counts[0], seed)
    keep_settings(out / "study.yaml", study.settings, "study")
    return study


def compute_newcomers_study(study: NewcomersStudy, run: RunAll) -> None:
    """Compute what is missing: first what methods share, then the entries."""
    materials(study.config.part(DataConfig))  # the judges are learned once, before the workers need them
    shared = [
        (study, name, seed)
        for seed in study.seeds
        for name in study.shared()
        if not is_done(study.shared_path(name, seed), study.shared_origin(name, seed))
    ]
    run(_train_shared, shared, "trainings without newcomers")
    entries = [
        (study, name, count, seed)
        for seed in study.seeds
        for count in study.protocol.counts
        for name in study.methods_of(count)
        if not is_done(study.path(name, count, seed), study.origin(name, count, seed))
    ]
    run(_compute, entries, "newcomers drawn")


def _train_shared(study: NewcomersStudy, name: str, seed: int) -> None:
    """Train what methods share, with one seed, and note how long it took."""
    since = time.perf_counter()
    dataset = loaded(study.config.part(DataConfig))
    task = study.task(dataset, study.protocol.counts[0], seed)
    diverged = False
    try:
        study.shared()[name].train(
            study.config_of(seed), task.known_split(), task.place, study.run_dir(name, seed)
        )
    except Diverged:
        diverged = True
    arrays = {"seconds": np.array(time.perf_counter() - since), "diverged": np.array(diverged)}
    write_entry(study.shared_path(name, seed), study.shared_origin(name, seed), arrays)
    keras.utils.clear_session()


def _compute(study: NewcomersStudy, name: str, count: int, seed: int) -> None:
    """Draw the newcomers of one seed by one method from so many pictures, score them and write the entry."""
    dataset, _, judges = materials(study.config.part(DataConfig))
    task = study.task(dataset, count, seed)
    since = time.perf_counter()
    try:
        generated, since = _drawn(study, name, count, seed, task)
        diverged = False
    except Diverged:  # a result like any other: black pictures to look at, and no figures
        generated, diverged = np.zeros((len(task.rows), *dataset.image_shape), np.uint8), True
    result = score_newcomers(task, generated, judges, time.perf_counter() - since)
    path, origin = study.path(name, count, seed), study.origin(name, count, seed)
    (result.without_figures() if diverged else result).write(path, origin)
    keras.utils.clear_session()


def _drawn(study: NewcomersStudy, name: str, count: int, seed: int, task: Task) -> tuple[np.ndarray, float]:
    """The pictures of a method, and when it began; what it shares is opened before."""
    method, config, opened = study.methods[name], study.config_of(seed), None
    if shared := method.shared:
        if study.read_shared(shared.name, seed)[1]:
            raise Diverged(f"what {name} shares diverged")
        opened = shared.open(config, task.known_split(), task.place, study.run_dir(shared.name, seed))
    since = time.perf_counter()
    folder = study.run_dir(study.path(name, count, seed).stem.rpartition("-seed")[0], seed)
    return method.draw(opened, config, task, folder), since


def score_newcomers(task: Task, generated: np.ndarray, judges: Judges, seconds: float) -> MethodResult:
    """Score pictures of newcomers, uint8 (R, H, W, 3), and keep those that the report shows."""
    rows = task.rows
    result = result_of(task, score_cells(task.split, generated, judges, rows), seconds)
    shown = np.concatenate(list(shown_places(task).values()))
    return replace(result, samples=np.stack([pixels(task.split, rows[shown]), generated[shown]]))
