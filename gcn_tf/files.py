"""Files that appear whole or not at all, and reading that takes no more than it should, whatever lies there."""

import errno
import json
import os
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from gcn_tf.errors import UserError

LARGEST_ARRAYS = 2**30  # bytes of all arrays of a file, unpacked
LARGEST_JSON = 2**26  # bytes
STUDY_REMEDY = "delete it and run the study again"


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
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
    except BaseException as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename == str(beside):
            error.filename = str(path)  # what people know; the other name is ours
        raise
    _flush(path.parent)


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def require_regular(path: Path) -> None:
    """Raises OSError unless a file is there: opening a pipe would wait for ever, a device may have no end."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "no regular file", str(path))


def read_small(path: Path, limit: int) -> bytes:
    """The content of a file of at most `limit` bytes; raises OSError for a larger one and for what is no file."""
    require_regular(path)
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"more than {limit:,} bytes", str(path))
    return content


def read_json_object(path: Path, remedy: str) -> dict[str, Any]:
    """The object in a JSON file that gcn-tf wrote; UserError with the remedy when it cannot be read or is damaged."""
    try:
        found = json.loads(read_small(path, LARGEST_JSON))
    except OSError as error:
        raise UserError(f"cannot read {path} ({error.strerror}): {remedy}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged ({' '.join(str(error).split())[:200]}): {remedy}") from None
    if not isinstance(found, dict):
        raise UserError(f"{path} is damaged (no object): {remedy}")
    return found


@contextmanager
def stored_arrays(path: Path, remedy: str = STUDY_REMEDY) -> Iterator[Any]:
    """The arrays of an .npz file that gcn-tf wrote, by name; UserError with the remedy when it, or what the block makes
    of it, is damaged."""
    try:
        _require_small_arrays(path)
        with np.load(path) as file:
            yield file
    except UserError:
        raise
    except Exception as error:  # zipfile and NumPy raise a dozen types
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{path} is damaged ({reason}): {remedy}") from error


def _require_small_arrays(path: Path) -> None:
    require_regular(path)
    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > LARGEST_ARRAYS:
        raise ValueError(f"it unpacks to {size:,} bytes")
