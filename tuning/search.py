"""`gcn-tf tune`: a search alone, or a chief with workers."""

import contextlib
import dataclasses
import io
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import keras
import keras_tuner

from gcn_tf.config import ConfigError
from gcn_tf.errors import UserError, suggest
from gcn_tf.evaluation import dataset_judges
from gcn_tf.judge import Judges
from gcn_tf.kept_settings import keep_settings
from gcn_tf.networks import check_classifier_side, check_image_side
from gcn_tf.pipelines.batches import Split, split_dataset
from gcn_tf.pipelines.registry import Dataset, load_dataset
from gcn_tf.precision import resolve_precision
from gcn_tf.progress import duration
from gcn_tf.tuning.config import Search, check_free, is_loopback
from gcn_tf.tuning.hypermodel import GCNHyperModel, declare, width_parameters, write_hparams_page
from gcn_tf.tuning.oracles import build_oracle, planned_lengths
from gcn_tf.tuning.report import trials_of, write_best, write_report
from gcn_tf.tuning.score import validation_split
from gcn_tf.tuning.space import Choices, Space, current, default_space, narrowed

SIGN_OF_LIFE = 5.0  # seconds between those of a worker


@dataclass
class Prepared:
    """A search whose data are loaded and whose space is known."""

    search: Search
    dataset: Dataset
    split: Split
    space: Space
    parameters: dict[str, int]
    budget: int


def prepare(search: Search) -> Prepared:
    """Load the data, part off both hold-outs and settle the space; raises UserError for what does not fit."""
    config = search.config
    check_image_side(config.generator, config.image_size)
    check_classifier_side(config.classifier, config.image_size)
    dataset = load_dataset(config)
    space = dataset.space
    config.loss_weights(space.names)
    split_dataset(dataset, config.holdout, config.seed)  # the winner will be trained on it
    split = validation_split(dataset, config.holdout, search.validation, config.seed)
    parameters, budget = width_parameters(config, space, dataset.image_shape, search.max_parameters)
    varied = narrowed(default_space(config, space.names, list(parameters)), search.specs, config, "--space")
    for key in varied:
        head, _, name = key.partition(".")
        if head == "factor_weights" and name not in space.names:
            raise ConfigError(
                f"--space {key}: no such factor{suggest(name, space.names) or ';'} known: {', '.join(space.names)}"
            )
    return Prepared(search, dataset, split, varied, parameters, budget)


def describe(prepared: Prepared) -> str:
    """The space, the trials and the cells, for `--dry-run`."""
    search, split = prepared.search, prepared.split
    width = max(map(len, prepared.space))
    lines = [f"{'setting':{width}}  varies over", ""]
    for key, entry in prepared.space.items():
        when = " and ".join(f"{parent} is {' or '.join(values)}" for parent, values in entry.when)
        start = current(search.config, key)
        begin = f"; now {start:g}" if isinstance(start, (int, float)) else f"; now {start}"
        fixed = isinstance(entry, Choices) and not entry.values[1:]
        lines.append(
            f"{key:{width}}  {entry.text()}{'' if fixed else begin}{f'; when {when}' if when else ''}"
        )
    counts = "\n".join(f"  {pair:>9}  {count:>12,}" for pair, count in prepared.parameters.items())
    lengths = planned_lengths(search.strategy, search.trials)
    trainings = sum(length * (search.executions if length == 1 else 1) for length in lengths)
    by_steps: dict[int, int] = {}
    for length in lengths:
        steps = round(length * search.config.steps)
        by_steps[steps] = by_steps.get(steps, 0) + 1
    of_each = ", ".join(f"{count} of {steps} steps" for steps, count in sorted(by_steps.items()))
    groups = ", ".join(f"{len(rows)} {name}" for name, rows in split.groups().items())
    test = len(prepared.dataset.pictures()[0]) - len(split.ids)
    return "\n".join(
        [
            *lines,
            "",
            f"parameters by widths (generator x classifier), at most {prepared.budget:,}:\n{counts}",
            f"trials ({search.strategy}): {of_each}; as much as {trainings:.1f} full trainings",
            f"cells: {groups}; {test} more are kept for the test, no trial learns from them or is scored on them",
        ]
    )


class _Tuner(keras_tuner.Tuner):
    """KerasTuner's loop with trials in run directories, signs of life to the chief, and files that appear whole."""

    def __init__(self, search: Search, hypermodel: GCNHyperModel, oracle: Any) -> None:
        self.search_settings = search
        with contextlib.redirect_stdout(io.StringIO()):  # "Reloading Tuner from ..."
            super().__init__(oracle, hypermodel, directory=str(search.out), project_name="oracle")
        self.idle = False

    def save(self) -> None:
        if not self._is_worker():
            self.oracle.save()
        path = Path(self._get_tuner_fname())  # its presence says that there is a search to go on with
        if not path.exists():
            path.write_text("{}")

    def pre_create_trial(self) -> None:
        if self.idle:
            time.sleep(1)
        self.idle = True

    def on_trial_begin(self, trial: Any) -> None:
        self.idle = False
        values = trial.hyperparameters.values
        if values.get("tuner/settings") != self.search_settings.digest():
            raise keras_tuner.errors.FatalRuntimeError(
                "the chief searches with other settings: give chief and workers the same flags and files"
            )
        steps = self.hypermodel.trial_config(trial.hyperparameters).steps
        print(f"trial {trial.trial_id}: {steps} steps, {describe_values(values, self.hypermodel.space)}")

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        keras.utils.clear_session()
        since = time.perf_counter()
        with self._signs_of_life(trial.trial_id):
            model = self.hypermodel.build(trial.hyperparameters)
            metrics = self.hypermodel.fit(trial.hyperparameters, model, trial_id=trial.trial_id)
        return {"seconds": time.perf_counter() - since, **metrics}

    @contextlib.contextmanager
    def _signs_of_life(self, trial_id: str) -> Iterator[None]:
        over = threading.Event()

        def live() -> None:
            while not over.wait(SIGN_OF_LIFE):
                with contextlib.suppress(grpc.RpcError):  # a chief that is started again hears the next one
                    self.oracle.get_trial(trial_id)

        thread = threading.Thread(target=live, daemon=True)
        if self._is_worker():
            thread.start()
        try:
            yield
        finally:
            over.set()


def describe_values(values: dict[str, Any], space: Space) -> str:
    """What varies of a trial, `learning_rate 0.0012, schedule cosine`."""
    shown = []
    for key, entry in space.items():
        if key in values and not (isinstance(entry, Choices) and not entry.values[1:]):
            value = values[key]
            shown.append(f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}")
    return ", ".join(shown)


class _Progress:
    """A line for every trial that ended: its score, the best so far, how many are left and about how long."""

    def __init__(self, search: Search, space: Space, oracle: Any) -> None:
        self.search, self.space, self.oracle = search, space, oracle
        self.lengths = planned_lengths(search.strategy, search.trials)
        self.since, self.steps_here = time.perf_counter(), 0.0

    def __call__(self, trial: Any) -> None:
        ended = trials_of(self.oracle, self.space)
        one = next(t for t in ended if t.name == trial.trial_id)
        if one.status == "INVALID":
            print(f"trial {one.name} broke down and is run again: {one.message}", flush=True)
            return
        scored = [t for t in ended if t.score is not None]
        told = f"failed: {one.message}"
        if one.score is not None:
            self.steps_here += one.steps
            best = max(scored, key=lambda t: t.score or 0.0)
            told = f"score {one.score:.4f} (best {best.score:.4f}, trial {best.name})"
            write_best(self.search, ended)
        done = sum(t.status in ("COMPLETED", "FAILED") for t in ended)
        left = sum(self.lengths[done:]) * self.search.config.steps
        seconds = time.perf_counter() - self.since
        rest = (
            f", about {duration(seconds * left / self.steps_here)} left" if self.steps_here and left else ""
        )
        print(f"trial {one.name} {told}; {done} of {self.search.trials} trials done{rest}", flush=True)


def run_search(search: Search, role: str, address: tuple[str, int]) -> Path | None:
    """Search, or go on, and write `best.yaml`, report.md, report.html, report.json, trials.csv and the figures.

    Args:
        role: "alone", "chief" (hands out trials and writes the report) or "worker" (runs them).
        address: host and port of the chief.

    Returns:
        The report; None for a worker, whose chief has it.

    Raises:
        UserError: a folder with another search, data that do not fit, trials that all fail.
    """
    _set_role(role, address)
    if role == "chief":
        check_free(*address)
    prepared = prepare(search)
    if role != "worker":
        keep_settings(search.out / "search.yaml", search.settings(), "search")
    oracle = build_oracle(search.strategy, search.trials, search.config.seed)
    oracle.hyperparameters.Fixed("tuner/settings", search.digest())
    declare(oracle.hyperparameters, prepared.space, search.config)

    def judges() -> Judges:
        return dataset_judges(prepared.dataset, search.config.data_dir)[1]

    folder = search.out / "trials"
    config = dataclasses.replace(search.config, precision=resolve_precision(search.config.precision))
    hypermodel = GCNHyperModel(
        config, prepared.space, prepared.split, judges, search.psnr_weight, search.executions, folder
    )
    write_hparams_page(folder, prepared.space)
    try:
        tuner = _Tuner(search, hypermodel, oracle)
    except UserError:
        raise
    except Exception as error:  # KerasTuner reads its files unchecked
        raise UserError(
            f"{search.out / 'oracle'} is damaged: delete that folder and give the same command again"
        ) from error
    try:
        if role == "worker":
            _work(tuner, address)
            return None
        oracle.on_end = _Progress(search, prepared.space, oracle)
        if role == "chief":
            _lead(tuner, oracle, address)
        else:
            tuner.search()
    except KeyboardInterrupt:
        if oracle.start_order:
            write_report(search, prepared.space, oracle)
        raise
    except (RuntimeError, keras_tuner.errors.FatalError) as error:
        raise UserError(f"the search stopped: {' '.join(str(error).split())[:600]}") from None
    return write_report(search, prepared.space, oracle)


def _set_role(role: str, address: tuple[str, int]) -> None:
    """KerasTuner takes its role from the environment."""
    names = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")
    for name in names:
        os.environ.pop(name, None)
    if role != "alone":
        name = "chief" if role == "chief" else f"{socket.gethostname()}-{os.getpid()}"
        os.environ.update(zip(names, (name, address[0], str(address[1])), strict=True))


def _lead(tuner: _Tuner, oracle: Any, address: tuple[str, int]) -> None:
    """Hand out trials until all are done, watching that workers live."""
    host, port = address
    who = (
        "this machine alone"
        if is_loopback(host)
        else "every machine that reaches it, unencrypted and unauthenticated"
    )
    print(f"chief: listening on {host}:{port}, for {who}", flush=True)
    over = threading.Event()

    def watch() -> None:
        while not over.wait(1):
            for worker in oracle.give_up_silent_workers():
                print(f"worker {worker} fell silent and was given up", flush=True)

    threading.Thread(target=watch, daemon=True).start()
    try:
        tuner.search()
    finally:
        over.set()


def _work(tuner: _Tuner, address: tuple[str, int]) -> None:
    print(f"worker: asks the chief at {address[0]}:{address[1]} for trials", flush=True)
    try:
        tuner.search()
    except grpc.RpcError as error:
        reason = error.details() if isinstance(error, grpc.Call) else error
        raise UserError(f"no chief at --chief-address {address[0]}:{address[1]} ({reason})") from None
    print("worker: all trials are done; the report is with the chief", file=sys.stderr)
