"""Processes that work side by side, each with a GPU of its own if there are any. TensorFlow is imported in them, not here."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any

from gcn_tf.errors import UserError
from gcn_tf.gpus import process_environments, visible_gpus
from gcn_tf.progress import progress
from gcn_tf.quiet import import_tensorflow
from gcn_tf.streams import secure_streams

RunAll = Callable[[Callable[..., None], Sequence[tuple[Any, ...]], str], None]
FAILED = "all processes that worked here have failed or were killed: the same command goes on, with less memory by --jobs 1"
GRACE = 30.0  # seconds in which processes may end by themselves


@contextmanager
def workers(jobs: int) -> Iterator[RunAll]:
    """A function that does `work(*arguments)` for a list of arguments, `jobs` at a time, with a progress bar.

    Each worker has its environment of `process_environments`. With `jobs` 1 all is done in this process.

    Raises:
        UserError: a worker was killed.
    """
    if jobs == 1:
        yield _in_turn
        return
    context = multiprocessing.get_context("spawn")
    environments = context.SimpleQueue()
    for environment in process_environments(jobs, visible_gpus()):
        environments.put(environment)
    with ProcessPoolExecutor(jobs, context, _start_next, (environments,)) as pool:

        def side_by_side(
            work: Callable[..., None], todo: Sequence[tuple[Any, ...]], description: str
        ) -> None:
            if not todo:
                return
            with progress(len(todo), description, "training") as bar:
                for done in as_completed([pool.submit(work, *arguments) for arguments in todo]):
                    done.result()
                    bar.update()

        try:
            yield side_by_side
        except BrokenProcessPool:
            raise UserError(
                "a process of the study was killed, perhaps for want of memory: the same command goes on, "
                "with less memory by --jobs 1"
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in multiprocessing.active_children():
                worker.terminate()
            raise


def _in_turn(work: Callable[..., None], todo: Sequence[tuple[Any, ...]], description: str) -> None:
    if not todo:
        return
    with progress(len(todo), description, "training") as bar:
        for arguments in todo:
            work(*arguments)
            bar.update()


@contextmanager
def companions(
    jobs: int, work: Callable[..., Any], arguments: tuple[Any, ...]
) -> Iterator[list[BaseProcess]]:
    """`jobs` processes that each do `work(*arguments)`, one whole time, while the block runs.

    They have a little time to end by themselves after it, and none if an exception ends it.

    Raises:
        UserError: all of them ended before the block did, and one of them by an error or a kill.
    """
    context = multiprocessing.get_context("spawn")
    processes: list[BaseProcess] = [
        context.Process(target=_accompany, args=(environment, work, arguments))
        for environment in process_environments(jobs, visible_gpus())
    ]
    for process in processes:
        process.start()
    over = threading.Event()
    main = threading.main_thread().ident
    assert main is not None

    def watch() -> None:
        while not over.wait(0.5):
            if not any(process.is_alive() for process in processes):
                if any(process.exitcode for process in processes):
                    signal.pthread_kill(main, signal.SIGUSR1)  # SIGINT may be ignored, as in the background
                return

    watching = threading.Thread(target=watch, daemon=True)
    before = signal.signal(signal.SIGUSR1, _raise_lost)
    watching.start()
    grace = 0.0
    try:
        try:
            yield processes
            grace = GRACE
        finally:
            over.set()
            watching.join()
            signal.signal(signal.SIGUSR1, before)
    except _Lost:
        raise UserError(FAILED) from None
    finally:
        for process in processes:
            process.join(grace)
            process.terminate()


class _Lost(BaseException):
    """All companions ended before what they accompany; nothing but `companions` catches it."""


def _raise_lost(*_: object) -> None:
    raise _Lost


def _accompany(environment: Mapping[str, str], work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """In a companion: do the work; a UserError is one line and exit code 2."""
    _start(environment)
    try:
        work(*arguments)
    except UserError as error:
        print(f"gcn-tf: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def _start_next(environments: "multiprocessing.SimpleQueue[dict[str, str]]") -> None:
    """In a worker: start in the next environment that no other worker has."""
    _start(environments.get())


def _start(environment: Mapping[str, str]) -> None:
    """In a new process: Ctrl-C is for the process that waits for it, it ends with that one, and TensorFlow keeps quiet."""
    os.environ.update(environment)
    secure_streams()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import_tensorflow()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)  # without it a worker would wait for ever for a process that was killed
