"""`gcn-tf study generators`: a GCN and the others on the same grid, with the same pictures, parameters, seconds and judges.

Every entry (a method with a seed and an amount of data) is one file in `entries/`; what is there is not computed again.
"""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gcn_tf.config.kept import check_settings, keep_settings
from gcn_tf.config.schema import RunConfig
from gcn_tf.evaluation.scores import score_cells
from gcn_tf.files import read_json_object, write_atomically
from gcn_tf.metrics.pictures import mean_distance, ssim
from gcn_tf.model.precision import with_precision
from gcn_tf.pipelines.batches import pixels
from gcn_tf.rivals.training import Rival
from gcn_tf.runs.lock import locked
from gcn_tf.runs.run_dir import Run
from gcn_tf.studies.comparison.results import MethodResult
from gcn_tf.studies.entries import is_done
from gcn_tf.studies.generators.methods import TUNED, Network
from gcn_tf.studies.generators.report import write_generators_study
from gcn_tf.studies.generators.search import search_settings
from gcn_tf.studies.generators.study import FEWEST_STEPS, REMEDY, GeneratorsStudy, Job, Protocol
from gcn_tf.studies.generators.task import HOLDOUT, Size, Task, data_of
from gcn_tf.studies.materials import loaded, materials
from gcn_tf.training.fit import learn_before_training
from gcn_tf.training.log import read_log
from gcn_tf.training.prepare import prepare
from gcn_tf.training.speed import seconds_per_step
from gcn_tf.training.step_callback import Diverged
from gcn_tf.workers import RunAll, workers

QUICK_BUDGET = 6.0  # seconds
TIMED_AS = 1000  # steps of a training of which a few are timed
COLLAPSED = 0.25  # of the distance that real pictures of unseen cells have from each other
COMPARED = 64  # pictures of unseen cells, of which distances and differences are taken


def run_generators_study(
    config: RunConfig,
    protocol: Protocol,
    seeds: int,
    out: Path,
    quick: bool = False,
    jobs: int = 1,
    say: Callable[[str], None] = print,
) -> Path:
    """Time, tune, train and score every method, then write the report and its figures.

    Args:
        config: the settings that all methods start from.
        seeds: how many, from `config.seed` up.
        out: folder of the study; finished entries in it are kept.
        quick: one seed, few seconds, nothing tuned, all pictures, to see that everything works.
        jobs: processes that work side by side, one thread each; 1 works in this process.
        say: called with lines for the user.

    Returns:
        The figure to look at.

    Raises:
        UserError: an unknown method, a folder that is in use, or that holds a study with other settings or other work.
    """
    if quick:
        seeds = 1
        protocol = replace(
            protocol, budget=min(protocol.budget, QUICK_BUDGET), trials=0, shares=(), identities=()
        )
    with locked(out):
        study = plan_generators_study(config, protocol, seeds, out)
        say(
            f"{len(study.names)} methods, {study.parameters:,} parameters, {protocol.budget:g} s of training each"
        )
        with workers(jobs) as run:
            compute_generators_study(study, run)
        return write_generators_study(study)


def plan_generators_study(config: RunConfig, protocol: Protocol, seeds: int, out: Path) -> GeneratorsStudy:
    """Settle the settings and note them in the folder; raises UserError when it holds a study with others."""
    config = with_precision(replace(config, holdout=HOLDOUT), out / "study.yaml")
    study = GeneratorsStudy(config, protocol, tuple(config.seed + n for n in range(seeds)), out)
    check_settings(out / "study.yaml", study.settings, "study")
    _ = study.contenders  # unknown names are refused before anything is written
    keep_settings(out / "study.yaml", study.settings, "study")
    return study


def compute_generators_study(study: GeneratorsStudy, run: RunAll) -> None:
    """Compute what is missing: speeds, tuned settings and their speeds, then the entries."""
    for identities in dict.fromkeys(size.identities for size in study.sizes):
        materials(
            data_of(study.config_of(Size(identities)))
        )  # judges are learned once, before the workers need them
    networks = [name for name, contender in study.contenders.items() if isinstance(contender, Network)]
    of_parts = [name for name in networks if name in study.names_of_parts]
    untimed = _untimed(study, networks, [Size()]) + _untimed(study, of_parts, study.sizes[1:])
    run(_time, untimed, "methods timed")
    if study.protocol.trials:
        untuned = [name for name in networks if not study.best_path(name).exists()]
        run(_tune, [(study, name) for name in untuned], "methods tuned")
        run(_time, _untimed(study, [name + TUNED for name in networks], [Size()]), "tuned methods timed")
    missing = [job for job in study.jobs() if not is_done(study.path(job), study.origin(job))]
    run(_compute, [(study, job) for job in missing], "methods trained")


def _untimed(study: GeneratorsStudy, names: list[str], sizes: list[Size]) -> list[tuple[Any, ...]]:
    wanted = {study.speed_path(name, size): (study, name, size) for name in names for size in sizes}
    return [arguments for path, arguments in wanted.items() if not path.exists()]


def _time(study: GeneratorsStudy, name: str, size: Size) -> None:
    """Time a few steps of a method, and note how many it has in its seconds."""
    contender, config = study.contender(name), study.config_of(size)
    assert isinstance(contender, Network)
    task = study.task(loaded(data_of(config)), Job(name, Size(size.identities), study.seeds[0]))
    noted = _timed(contender.config(config), task, study.protocol.budget)
    path = study.speed_path(name, size)
    write_atomically(path, lambda beside: beside.write_text(json.dumps(noted)))


def _timed(config: RunConfig, task: Task, budget: float) -> dict[str, float]:
    """What is noted of a method's speed."""
    prepared = prepare(replace(config, steps=TIMED_AS), task.given)
    model = prepared.build()
    learn_before_training(model, prepared)
    seconds = seconds_per_step(prepared, model)
    pair = (model.generator, model.classifier)
    networks = tuple(model.trained_networks.values()) if isinstance(model, Rival) else pair
    keras.utils.clear_session()
    return {
        "seconds_per_step": seconds,
        "steps": max(FEWEST_STEPS, round(budget / seconds)),
        "parameters": sum(int(np.prod(v.shape)) for network in networks for v in network.trainable_variables),
    }


def _tune(study: GeneratorsStudy, name: str) -> None:
    """Search for the settings of a method on validation cells, by trainings of its seconds."""
    contender = study.contenders[name]
    assert isinstance(contender, Network)
    job = Job(name, Size(), study.seeds[0])
    config = contender.config(study.run_config(job))
    task = study.task(loaded(data_of(config)), job)

    def steps(sized: RunConfig) -> int:
        return int(_timed(sized, task, study.protocol.budget)["steps"])

    found = search_settings(config, steps, study.protocol.trials, study.out / "tuning" / name)
    noted = {"settings": {**contender.settings, **found}}
    write_atomically(study.best_path(name), lambda beside: beside.write_text(json.dumps(noted)))
    keras.utils.clear_session()


def _compute(study: GeneratorsStudy, job: Job) -> None:
    """Train one method with one seed, score it and write its entry."""
    config = study.run_config(job)
    dataset, _, judges = materials(data_of(config))
    task, contender = study.task(dataset, job), study.contender(job.name)
    since, trained = time.perf_counter(), None
    try:
        trained = contender.train(config, task, study.run_dir(job))
        generated = contender.draw(trained, task)
    except Diverged:  # a result like any other: black pictures to look at, and no figures
        generated = np.zeros((len(task.rows), *dataset.image_shape), np.uint8)
    seconds = time.perf_counter() - since
    diverged = isinstance(contender, Network) and trained is None
    result = MethodResult.of(score_cells(task.split, generated, judges, task.rows), seconds)
    unseen = _some_unseen(task)
    facts = {
        "steps": config.steps,
        "collapsed": diverged or has_collapsed(pixels(task.split, task.rows[unseen]), generated[unseen]),
        "diversity": None if diverged else _diversity(contender.draw_again(trained, task), generated, unseen),
        "curve": _curve(trained.folder, study, job) if isinstance(trained, Run) else [],
    }
    (result.without_figures() if diverged else result).write(
        study.path(job), study.origin(job), facts=np.array(json.dumps(facts))
    )
    keras.utils.clear_session()


def _some_unseen(task: Task) -> np.ndarray:
    """Places of some unseen cells among those that were drawn."""
    unseen = np.flatnonzero(task.split.unseen[task.rows])
    return unseen[np.linspace(0, len(unseen) - 1, min(COMPARED, len(unseen))).astype(int)]


def has_collapsed(real: np.ndarray, generated: np.ndarray) -> bool:
    """Whether generated pictures are nearly the same, or nothing: their mean distance is under a quarter of the real ones'.

    Args:
        real, generated: uint8 (n, H, W, C), of the same different cells.

    >>> real = np.array([0, 80, 160], np.uint8).reshape(3, 1, 1, 1)
    >>> has_collapsed(real, real // 2), has_collapsed(real, real // 5)
    (False, True)
    """
    return mean_distance(generated) < COLLAPSED * mean_distance(real)


def _diversity(again: np.ndarray | None, generated: np.ndarray, places: np.ndarray) -> float | None:
    """1 - SSIM of two pictures of the same cell, on average; None of a method that has one picture for each."""
    if again is None:
        return None
    alike = ssim(tf.constant(generated[places]), tf.constant(again[places]), 255)
    return float(1 - np.mean(alike))


def _curve(run_dir: Path, study: GeneratorsStudy, job: Job) -> list[tuple[float, float]]:
    """Seconds of training, and PSNR of unseen cells in dB, from the run's log."""
    timed = read_json_object(study.speed_path(job.name, job.size), REMEDY)
    step, steps = timed["seconds_per_step"], timed["steps"]
    lines = [json.loads(line) for line in read_log(run_dir / "metrics.jsonl")]
    return [
        (line["step"] * step, line["unseen/psnr_db"])
        for line in lines
        if "unseen/psnr_db" in line and line["step"] <= steps
    ]
