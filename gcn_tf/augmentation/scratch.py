"""Unfinished files lie in a folder that nobody reads, and are moved from it into place."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gcn_tf.files import held, sweep, unfinished, write_atomically


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """A new folder of this process alone in `folder`/parts; it is removed at the end, or swept after a kill."""
    parts = folder / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    scratch = unfinished(parts / "scratch")
    with held(scratch, folder=True):
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def write_whole(scratch: Path, path: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` create a file in the scratch folder, flush it to disk, then move it to `path`."""
    write_atomically(scratch / path.name, write)
    (scratch / path.name).replace(path)


def sweep_scratch(folder: Path) -> None:
    """Remove what killed processes left of a set in `folder`; what living ones are writing stays."""
    sweep(folder / "parts")
    sweep(folder)
