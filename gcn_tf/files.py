"""Write files atomically, and read files within limits on their kind and size."""

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
    """Let `write` create the file under a temporary name, flush it to disk, then move it into place.

    Readers never find half a file, not even after a power cut. The temporary name keeps the suffix, which some writers
    depend on. The folder is created if necessary; a failed write leaves nothing behind.
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
            error.filename = str(path)  # the name that the user knows
        raise
    _flush(path.parent)


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def require_regular(path: Path) -> None:
    """Raise OSError unless `path` is a regular file: opening a pipe would block forever, a device may have no end."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))


def read_small(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes; raise OSError for anything else."""
    require_regular(path)
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"more than {limit:,} bytes", str(path))
    return content


def read_json_object(path: Path, remedy: str) -> dict[str, Any]:
    """Read the object in a JSON file that gcn-tf wrote; raise UserError with the remedy if it is unreadable or damaged."""
    try:
        found = json.loads(read_small(path, LARGEST_JSON))
    except OSError as error:
        raise UserError(f"cannot read {path} ({error.strerror}): {remedy}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged ({' '.join(str(error).split())[:200]}): {remedy}") from None
    if not isinstance(found, dict):
        raise UserError(f"{path} is damaged (not an object): {remedy}")
    return found


@contextmanager
def stored_arrays(path: Path, remedy: str = STUDY_REMEDY) -> Iterator[Any]:
    """Open the arrays of an .npz file that gcn-tf wrote, by name.

    Raises:
        UserError: with the remedy, if the file is damaged or the block fails to use its arrays.
    """
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
