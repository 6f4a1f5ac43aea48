"""`gcn-tf tune`: a search alone, or a chief with workers."""

import dataclasses
import os
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import keras_tuner

from gcn_tf.config.kept import keep_settings
from gcn_tf.config.schema import ConfigError
from gcn_tf.errors import UserError, suggest
from gcn_tf.evaluation.judges import Judges, dataset_judges
from gcn_tf.model.classifier import check_classifier_side
from gcn_tf.model.generator import check_image_side
from gcn_tf.model.precision import resolve_precision
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.pipelines.registry import load_dataset
from gcn_tf.pipelines.split import Split, split_dataset
from gcn_tf.tuning.config import Search, check_free, is_loopback
from gcn_tf.tuning.hypermodel import GCNHyperModel, declare, width_parameters, write_hparams_page
from gcn_tf.tuning.oracles import build_oracle, planned_lengths
from gcn_tf.tuning.report import write_report
from gcn_tf.tuning.score import validation_split
from gcn_tf.tuning.space import Choices, Space, current, default_space, narrowed
from gcn_tf.tuning.tuner import SearchProgress, SearchTuner


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
        tuner = SearchTuner(search, hypermodel, oracle)
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
        oracle.on_end = SearchProgress(search, prepared.space, oracle)
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


def _lead(tuner: SearchTuner, oracle: Any, address: tuple[str, int]) -> None:
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


def _work(tuner: SearchTuner, address: tuple[str, int]) -> None:
    print(f"worker: asks the chief at {address[0]}:{address[1]} for trials", flush=True)
    try:
        tuner.search()
    except grpc.RpcError as error:
        reason = error.details() if isinstance(error, grpc.Call) else error
        raise UserError(f"no chief at --chief-address {address[0]}:{address[1]} ({reason})") from None
    print("worker: all trials are done; the report is with the chief", file=sys.stderr)
