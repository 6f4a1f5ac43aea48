"""Files of a study: arrays, and what they are of, so that no file of another study is taken for one of this."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gcn_tf.config.kept import check_origin
from gcn_tf.files import stored_arrays, write_atomically

ORIGIN = "origin"  # name of the array that says what the others are of


def write_entry(path: Path, origin: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Write arrays by name, and what they are of; a file that exists is whole."""
    arrays = {ORIGIN: np.array(json.dumps(origin)), **arrays}
    write_atomically(path, lambda path: np.savez_compressed(path, **arrays))


@contextmanager
def read_entry(path: Path, origin: dict[str, Any]) -> Iterator[Any]:
    """Open the arrays of a file, by name; raises UserError when it is damaged or of something else."""
    with stored_arrays(path) as file:
        check_origin(path, json.loads(str(file[ORIGIN])) if ORIGIN in file.files else None, origin)
        yield file


def is_done(path: Path, origin: dict[str, Any]) -> bool:
    """Whether a file is there; raises UserError when it is damaged or of something else."""
    if not path.exists():
        return False
    with read_entry(path, origin):
        return True
