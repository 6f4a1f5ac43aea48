"""`gcn-tf tune`: a search alone, or a chief with workers."""

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import keras_tuner

from gcn_tf.config.kept import check_kind, check_settings, keep_settings
from gcn_tf.errors import UserError
from gcn_tf.evaluation.judges import Judges, dataset_judges
from gcn_tf.files import sweep
from gcn_tf.runs.lock import locked
from gcn_tf.tuning.config import Role, Search, check_free, is_loopback
from gcn_tf.tuning.hypermodel import GCNHyperModel, check_scores, declare
from gcn_tf.tuning.oracles import SETTINGS, build_oracle, planned_lengths
from gcn_tf.tuning.prepare import PreparedSearch, prepare_search
from gcn_tf.tuning.report import write_report
from gcn_tf.tuning.space import Choices, current
from gcn_tf.tuning.tuner import SearchProgress, SearchTuner
from gcn_tf.workers import FAILED, companions


def describe(prepared: PreparedSearch) -> str:
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


@dataclass(frozen=True)
class OpenSearch:
    """A search with the tuner that runs its trials and the oracle that says which comes next."""

    prepared: PreparedSearch
    tuner: SearchTuner
    oracle: Any

    def report(self) -> Path:
        """Write the report of the trials so far."""
        return write_report(self.prepared.search, self.prepared.space, self.oracle)


def run_search(search: Search, role: Role, address: tuple[str, int], jobs: int = 1) -> Path | None:
    """Search, or go on, and write `best.yaml`, report.md, report.html, report.json, trials.csv and the figures.

    Args:
        role: "alone", "chief" (hands out trials and writes the report) or "worker" (runs them).
        address: host and port of the chief.
        jobs: processes that run trials side by side here; a search alone then has a chief of its own.

    Returns:
        The report; None for a worker, whose chief has it.

    Raises:
        UserError: a folder that is in use or has another search or other work, data that do not fit, trials that all
            fail.
    """
    if role == "worker" and jobs > 1:
        with companions(jobs, run_search, (search, role, address)) as processes:
            for process in processes:
                process.join()
        if processes and all(process.exitcode for process in processes):
            raise UserError(FAILED)
        return None
    if role == "worker":  # others work in the same folder, or its chief has another one
        work(open_search(search, role, address), address)
        return None
    with locked(search.out):
        _sweep_all(search.out)
        if role == "alone" and jobs > 1:
            return side_by_side(search, jobs)
        opened = open_search(search, role, address)
        return lead(opened, address) if role == "chief" else alone(opened)


def _sweep_all(folder: Path) -> None:
    """Remove what killed processes left: files that are not written again once all trials are done."""
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        sweep(path)


def open_search(search: Search, role: Role, address: tuple[str, int]) -> OpenSearch:
    """Prepare a search and open its folder, new or gone on with; raises UserError when it holds another one."""
    _set_role(role, address)
    if role == "chief":
        check_free(*address)
    kept = search.out / "search.yaml"
    if role == "worker":
        check_kind(kept)
    else:
        check_settings(kept, search.settings(), "search")
    prepared = prepare_search(search)
    if role != "worker":
        keep_settings(kept, search.settings(), "search")
    check_scores(prepared)
    oracle = build_oracle(search.strategy, search.trials, search.config.seed)
    oracle.hyperparameters.Fixed(SETTINGS, search.digest())
    declare(oracle.hyperparameters, prepared.space, search.config)

    def judges() -> Judges:
        return dataset_judges(prepared.dataset, search.config.data_dir)[1]

    try:
        tuner = SearchTuner(GCNHyperModel(prepared, judges), oracle)
    except UserError:
        raise
    except Exception as error:  # KerasTuner reads its files unchecked
        raise UserError(
            f"{search.out / 'oracle'} is damaged: delete that folder and give the same command again"
        ) from error
    return OpenSearch(prepared, tuner, oracle)


def _set_role(role: str, address: tuple[str, int]) -> None:
    """KerasTuner takes its role from the environment."""
    names = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")
    for name in names:
        os.environ.pop(name, None)
    if role != "alone":
        name = "chief" if role == "chief" else f"{socket.gethostname()}-{os.getpid()}"
        os.environ.update(zip(names, (name, address[0], str(address[1])), strict=True))


def alone(opened: OpenSearch) -> Path:
    """Run all trials in this process; returns the report."""
    with _errors_in_a_line(), _reported(opened):
        opened.tuner.search()
    return opened.report()


def side_by_side(search: Search, jobs: int) -> Path:
    """Run trials in `jobs` processes of this machine, with this one as their chief; returns the report."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = "127.0.0.1", server.getsockname()[1]
    opened = open_search(search, "chief", address)
    with companions(jobs, run_search, (search, "worker", address)):
        return lead(opened, address)


def lead(opened: OpenSearch, address: tuple[str, int]) -> Path:
    """Hand out trials until all are done, watching that workers live; returns the report."""
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
            for worker in opened.oracle.give_up_silent_workers():
                print(f"worker {worker} fell silent and was given up", flush=True)

    threading.Thread(target=watch, daemon=True).start()
    try:
        with _errors_in_a_line(), _reported(opened):
            opened.tuner.search()
    finally:
        over.set()
    return opened.report()


def work(opened: OpenSearch, address: tuple[str, int]) -> None:
    """Run trials that the chief hands out until it has no more."""
    print(f"worker: asks the chief at {address[0]}:{address[1]} for trials", flush=True)
    try:
        with _errors_in_a_line():
            opened.tuner.search()
    except grpc.RpcError as error:
        reason = error.details() if isinstance(error, grpc.Call) else error
        raise UserError(f"no chief at --chief-address {address[0]}:{address[1]} ({reason})") from None
    print("worker: all trials are done; the report is with the chief", file=sys.stderr)


@contextlib.contextmanager
def _reported(opened: OpenSearch) -> Iterator[None]:
    """A line for every trial that ends, and a report of those that are done when the search is stopped."""
    opened.oracle.on_end = SearchProgress(opened.prepared.search, opened.prepared.space, opened.oracle)
    try:
        yield
    except KeyboardInterrupt:
        if opened.oracle.start_order:
            opened.report()
        raise


@contextlib.contextmanager
def _errors_in_a_line() -> Iterator[None]:
    """Turn what stops KerasTuner's loop into a UserError."""
    try:
        yield
    except (RuntimeError, keras_tuner.errors.FatalError) as error:
        raise UserError(f"the search stopped: {' '.join(str(error).split())[:600]}") from None
