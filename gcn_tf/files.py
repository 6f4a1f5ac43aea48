"""Files that appear whole or not at all, and arrays whose damage is named."""

import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gcn_tf.errors import UserError


def write_beside(path: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` make the file under another name, flush it to the disk, then move it into place.

    No reader finds half of it, not even after a power cut. The other name keeps the suffix, which some writers go by.
    The folder is made; of a write that fails nothing is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"partial-{os.getpid()}-{path.name}")
    try:
        write(beside)
        _flush(beside)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _flush(path.parent)


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextmanager
def stored_arrays(path: Path) -> Iterator[Any]:
    """The arrays of an .npz file of a study, by name; UserError when it, or what the block makes of it, is damaged."""
    try:
        with np.load(path) as file:
            yield file
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is damaged ({error}): delete it and run the study again") from None
