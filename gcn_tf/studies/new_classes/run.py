"""`gcn-tf study augmentation --new FACTOR`: few pictures of new classes, beside a fuller grid of others.

Every trained classifier is one file in `entries/`, what several start from one in `starts/`; what is there is not made again.
"""

import functools
import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gcn_tf.config.data import DataConfig
from gcn_tf.config.kept import check_settings, keep_settings
from gcn_tf.errors import ConfigError
from gcn_tf.runs.lock import locked
from gcn_tf.studies.entries import ORIGIN, is_done, read_entry, write_entry
from gcn_tf.studies.new_classes.classifier import (
    RATE,
    TUNING_RATE,
    NewClassesClassifier,
    episodes,
)
from gcn_tf.studies.new_classes.refiner import Refiner
from gcn_tf.studies.new_classes.report import write_new_classes_study
from gcn_tf.studies.new_classes.study import (
    TUNING_SEEDS,
    NewClassesStudy,
    Protocol,
    Trial,
    chosen_methods,
)
from gcn_tf.studies.new_classes.task import Role, Task
from gcn_tf.studies.new_classes.variation import CHUNK, Strength, Variation
from gcn_tf.workers import RunAll, workers

TURNS = 4
REFINED = Strength(0.5, 0.5, 1.0)  # how pictures are varied that a refiner learns on
REFINER_STEPS = 300  # at most, each takes as long as ten of a classifier
DOUBT = 0.5  # share of a softened label
QUICK_COUNTS, QUICK_STEPS, QUICK_START_STEPS = 1, CHUNK, 2 * CHUNK


def run_new_classes_study(
    data: DataConfig,
    protocol: Protocol,
    seeds: int,
    out: Path,
    seed: int = 0,
    quick: bool = False,
    jobs: int = 1,
    methods: tuple[str, ...] = (),
    say: Callable[[str], None] = print,
) -> Path:
    """Train every classifier, then write report.md, report.html, report.json and the figures.

    Args:
        data: where the pictures come from; factors that a formula makes are left out.
        seeds: how many, from `seed` up.
        out: folder of the study; finished entries in it are kept.
        quick: two seeds, one number of pictures and few steps, to see that everything works.
        jobs: processes that train side by side, one thread each; 1 trains in this process.
        methods: names of those that are compared; empty: all.
        say: called with lines for the user.

    Returns:
        The figure to look at.

    Raises:
        UserError: an unknown method, a dataset without such classes, a folder that is in use, or that holds a study with other settings or other work.
    """
    if quick:
        seeds, protocol = (
            TUNING_SEEDS,
            replace(
                protocol,
                counts=protocol.counts[:QUICK_COUNTS],
                steps=QUICK_STEPS,
                start_steps=QUICK_START_STEPS,
            ),
        )
    if seeds < TUNING_SEEDS:
        raise ConfigError(
            f"--seeds {seeds}: give {TUNING_SEEDS} or more, settings are chosen on the first {TUNING_SEEDS}"
        )
    compared = chosen_methods(protocol, methods)
    with locked(out):
        study = NewClassesStudy(data, protocol, tuple(seed + n for n in range(seeds)), out, compared)
        check_settings(out / "study.yaml", study.settings, "study")
        task = study.task(study.seeds[0], "test")
        keep_settings(out / "study.yaml", study.settings, "study")
        say(
            f"{len(task.new)} of {len(task.new) + len(task.fuller)} values of {protocol.factor} are new, others for each of "
            f"{seeds} seeds; {len(task.others)} pictures of the others are the fuller grid"
            + (
                f"; for {len(task.taught)} of the new, {protocol.classified} is classified"
                if protocol.classified
                else ""
            )
        )
        with workers(jobs) as run:
            _compute(study, run)
        return write_new_classes_study(study)


def _compute(study: NewClassesStudy, run: RunAll) -> None:
    """Train what is missing: on validation tasks with every setting, then on the tests with those that are best."""
    roles: tuple[Role, ...] = ("validation", "test")
    wanted = [(seed, role) for role in roles for seed in study.seeds_of(role)]
    missing = [
        (study, *one) for one in wanted if not is_done(study.moves_path(*one), study.origin_of_moves(*one))
    ]
    run(_learn_moves, missing, "moves of the fuller grid")
    if study.refines:
        missing = [
            (study, *one)
            for one in wanted
            if not is_done(study.refiner_path(*one), study.origin_of_moves(*one))
        ]
        run(_learn_refiner, missing, "refiners on the fuller grid")
    for role in roles:
        purpose = ", to choose settings" if role == "validation" else ""
        trials = study.trials(role)
        starts = dict.fromkeys(start for trial in trials if (start := study.start_of(trial)))
        todo = [(study, one) for one in starts if not is_done(study.start_path(one), study.origin(one))]
        run(_train_start, todo, f"trainings on the fuller grid{purpose}")
        todo = [(study, one) for one in trials if not is_done(study.path(one), study.origin(one))]
        run(_train, todo, f"trainings on few pictures{purpose}")


def _learn_moves(study: NewClassesStudy, seed: int, role: Role) -> None:
    """Learn the moves of one task's fuller grid."""
    moves = study.task(seed, role).moves()
    write_entry(study.moves_path(seed, role), study.origin_of_moves(seed, role), {"axes": moves.axes})


def _learn_refiner(study: NewClassesStudy, seed: int, role: Role) -> None:
    """Train the refiner of one task's fuller grid and keep its weights."""
    task, moves = study.task(seed, role), study.moves(seed, role)
    images = task.images[task.others]
    nothing = np.zeros(len(images), int)
    rngs = [np.random.default_rng([seed, purpose]) for purpose in (3, 4, 5)]
    moved, real = (
        Variation(strength, moves, "", rng).chunks(images, nothing, 1)
        for strength, rng in zip((REFINED, Strength()), rngs[:2], strict=True)
    )
    refiner = Refiner(task.images.shape[1:], seed)
    refiner.learn(moved, real, min(REFINER_STEPS, study.protocol.start_steps), rngs[2])
    weights = {f"{n:03d}": array for n, array in enumerate(refiner.weights)}
    write_entry(study.refiner_path(seed, role), study.origin_of_moves(seed, role), weights)


def _weights(path: Path, origin: dict[str, Any]) -> list[np.ndarray]:
    """The weights of a file, in their order."""
    with read_entry(path, origin) as file:
        return [file[name] for name in sorted(file.files) if name != ORIGIN]


def _variation(study: NewClassesStudy, trial: Trial, strength: Strength, purpose: int) -> Variation:
    """How a trial varies pictures; what it draws at random depends on its seed and the purpose alone."""
    moves = study.moves(trial.seed, trial.role) if strength.learned else None
    rng = np.random.default_rng([trial.seed, purpose])
    return Variation(strength, moves, study.methods[trial.method].further, rng)


@functools.lru_cache(maxsize=1)
def _classifier(shape: tuple[int, int, int], most: int) -> NewClassesClassifier:
    return NewClassesClassifier(shape, most)


def _network(task: Task) -> NewClassesClassifier:
    """The classifier of a process; large enough for any task of the study."""
    return _classifier(task.images.shape[1:], TURNS * len(np.union1d(task.values(True), task.values(False))))


def _train_start(study: NewClassesStudy, trial: Trial) -> None:
    """Train a classifier on the fuller grid and keep its weights."""
    method = study.methods[trial.method]
    task, strength = study.task(trial.seed, trial.role), method.settings[trial.setting]
    net, rows = _network(task), task.others
    images, classes = task.images[rows], task.classes(rows)
    variation = replace(_variation(study, trial, strength, 1), further="")
    steps, count = study.protocol.start_steps, len(task.values(new=False))
    net.begin(None, trial.seed)
    if method.start == "episodes":
        shown = (variation.of_rows(images, episodes(classes, variation.rng)) for _ in itertools.repeat(None))
        net.learn_episodes(shown, steps)
    else:
        if method.start == "turned classes":
            images = np.concatenate([np.rot90(images, turn, (1, 2)) for turn in range(TURNS)])
            classes = np.concatenate([classes + turn * count for turn in range(TURNS)])
            count *= TURNS
        net.learn(variation.chunks(images, classes, count), steps, RATE)
    weights = {f"{n:03d}": array for n, array in enumerate(net.network.get_weights())}
    write_entry(study.start_path(trial), study.origin(trial), weights)


def _train(study: NewClassesStudy, trial: Trial) -> None:
    """Train and test a classifier for every number of pictures that is given."""
    since = time.perf_counter()
    task, protocol = study.task(trial.seed, trial.role), study.protocol
    net, start = _network(task), study.start_of(trial)
    weights = None
    if start:
        weights = _weights(study.start_path(start), study.origin(start))
    asked = [task.asked(values) for values in task.taught]
    found: dict[str, list[np.ndarray]] = {"who": [task.clusters(rows) for rows in asked]}
    for count in protocol.counts:
        found[f"correct/{count}"] = []
        for values, rows in zip(task.taught, asked, strict=True):
            net.begin(weights, trial.seed)
            _learn_few(study, trial, net, task, task.given(count, values))
            classified = net.classify(task.images[rows], len(task.values(new=True)))
            found[f"correct/{count}"].append(classified == task.classes(rows))
    arrays = {name: np.concatenate(parts) for name, parts in found.items()}
    arrays["seconds"] = np.array(time.perf_counter() - since)
    write_entry(study.path(trial), study.origin(trial), arrays)


def _learn_few(
    study: NewClassesStudy, trial: Trial, net: NewClassesClassifier, task: Task, given: np.ndarray
) -> None:
    """Let a classifier that has started learn from the few pictures."""
    method, few, classes = study.methods[trial.method], task.images[given], task.classes(given)
    variation = _variation(study, trial, method.settings[trial.setting], 2)
    has_classes = method.start in ("classes", "turned classes") and not task.classes_are_new
    if method.start != "nothing" and not has_classes:
        net.take_means(few.astype(np.float32) / 255, classes)
    match method.addition:
        case "hard ones":
            variation.losses = net.losses
        case "softened labels":
            variation.soften = _doubt(net, len(task.values(new=True)))
        case "refiner":
            refiner = Refiner(task.images.shape[1:])
            refiner.weights = _weights(
                study.refiner_path(trial.seed, trial.role), study.origin_of_moves(trial.seed, trial.role)
            )
            variation.refine = refiner
    if method.tuned:
        rate = RATE if method.start == "nothing" else TUNING_RATE
        net.learn(variation.chunks(few, classes, len(task.values(new=True))), study.protocol.steps, rate)


def _doubt(net: NewClassesClassifier, count: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Labels, half of them what a classifier says as it is now, before it learns on."""
    judge = keras.models.clone_model(net.network)
    judge.set_weights(net.network.get_weights())
    judged = tf.function(
        lambda images: tf.nn.softmax(judge(images, training=False)[:, :count]), reduce_retracing=True
    )
    return lambda images, labels: (1 - DOUBT) * labels + DOUBT * judged(images).numpy()
