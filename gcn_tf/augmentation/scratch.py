"""Unfinished files lie in a folder that nobody reads, and are moved from it into place."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gcn_tf.files import PARTIAL, sweep, write_atomically


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """A new folder of this process alone in `folder`/parts; it is removed at the end, or swept after a kill."""
    parts = folder / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    scratch, number = _locked_folder(parts)
    try:
        yield scratch
    finally:
        try:
            shutil.rmtree(scratch, ignore_errors=True)
        finally:
            os.close(number)


def _locked_folder(parts: Path) -> tuple[Path, int]:
    """A new folder and its descriptor, locked so that `sweep` knows that its owner lives.

    The name is random: machines that share a disk may have processes of the same number.
    """
    while True:
        scratch = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=parts))
        try:
            number = os.open(scratch, os.O_RDONLY)
        except FileNotFoundError:  # another process swept it before it was locked
            continue
        with suppress(OSError):  # a file system without locks
            fcntl.flock(number, fcntl.LOCK_EX)
        if scratch.exists():
            return scratch, number
        os.close(number)


def write_whole(scratch: Path, path: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` create a file in the scratch folder, flush it to disk, then move it to `path`."""
    write_atomically(scratch / path.name, write)
    (scratch / path.name).replace(path)


def sweep_scratch(folder: Path) -> None:
    """Remove what killed processes left of a set in `folder`; what living ones are writing stays."""
    sweep(folder / "parts")
    sweep(folder)
