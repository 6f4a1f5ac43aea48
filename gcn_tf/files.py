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
    """Let `write` make the file under another name, then move it into place, so that no reader finds half of it.

    The other name keeps the suffix, which some writers go by. The folder is made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"partial-{os.getpid()}-{path.name}")
    write(beside)
    beside.replace(path)


@contextmanager
def stored_arrays(path: Path) -> Iterator[Any]:
    """The arrays of an .npz file of a study, by name; UserError when it, or what the block makes of it, is damaged."""
    try:
        with np.load(path) as file:
            yield file
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is damaged ({error}): delete it and run the study again") from None
