"""Processes that train side by side. TensorFlow is imported in them, not here."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from gcn_tf.errors import UserError
from gcn_tf.progress import progress
from gcn_tf.quiet import import_tensorflow
from gcn_tf.streams import secure_streams

RunAll = Callable[[Callable[..., None], Sequence[tuple[Any, ...]], str], None]
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


@contextmanager
def workers(jobs: int) -> Iterator[RunAll]:
    """A function that does `work(*arguments)` for a list of arguments, `jobs` at a time, with a progress bar.

    Workers have one thread each: small networks train about twice as fast side by side as one after the other with
    two threads. With `jobs` 1 all is done in this process.

    Raises:
        UserError: a worker was killed.
    """
    if jobs == 1:
        yield _in_turn
        return
    context = multiprocessing.get_context("spawn")
    with _single_threaded(), ProcessPoolExecutor(jobs, context, _start) as pool:

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


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Processes that start meanwhile have one thread, unless the environment says otherwise already."""
    added = [name for name in THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _in_turn(work: Callable[..., None], todo: Sequence[tuple[Any, ...]], description: str) -> None:
    if not todo:
        return
    with progress(len(todo), description, "training") as bar:
        for arguments in todo:
            work(*arguments)
            bar.update()


def _start() -> None:
    """In a worker: Ctrl-C is for the process that waits for it, it ends with that one, and TensorFlow keeps quiet."""
    secure_streams()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import_tensorflow()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)  # without it a worker would wait for ever for a process that was killed
