"""Write files and folders atomically, and read files within limits on their kind and size."""

import ctypes
import errno
import fcntl
import json
import os
import re
import secrets
import shutil
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from gcn_tf.errors import UserError

PARTIAL = "partial-gcn-tf-"  # how the names of unfinished files begin
LARGEST_ARRAYS = 2**30  # bytes of all arrays of a file, unpacked
LARGEST_JSON = 2**26  # bytes
LARGEST_LOG = 100_000_000  # bytes of metrics.jsonl
STUDY_REMEDY = "delete it and run the study again"


def write_atomically(path: Path, write: Callable[[Path], Any], replace: bool = True) -> bool:
    """Let `write` create the file under a temporary name, flush it to disk, then move it into place.

    Readers never find half a file, not even after a power cut. The temporary name keeps the suffix, which some writers
    depend on. The folder is created if necessary; a failed write leaves nothing behind, and the next write of the same
    file removes what a killed one left.

    Args:
        replace: whether a file that is there is replaced.

    Returns:
        Whether the file was written; False if one was there and `replace` is false.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    sweep(path.parent, path.name)
    beside = unfinished(path)
    try:
        with held(beside) as number:
            write(beside)
            os.fsync(number)
            written = replace or _claim(beside, path)
            if written:
                beside.replace(path)
    except BaseException as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename == str(beside):
            error.filename = str(path)  # the name that the user knows
        raise
    beside.unlink(missing_ok=True)
    _flush(path.parent)
    return written


def _claim(beside: Path, path: Path) -> bool:
    """Give a file a second name unless that is taken; return whether it was free."""
    try:
        os.link(beside, path)
    except OSError:  # taken, or a file system without hard links
        return not path.exists()
    return True


def replace_folder(folder: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` fill a folder under a temporary name, flush it to disk, then put it in the place of `folder`.

    There is always a whole folder under the name, the old or the new one, wherever the system can exchange two names
    (Linux, but not every network drive); elsewhere there is none for a moment. A link stays, what it leads to is
    replaced.
    """
    folder = Path(os.path.realpath(folder))
    folder.parent.mkdir(parents=True, exist_ok=True)
    sweep(folder.parent, folder.name)
    beside = unfinished(folder)
    try:
        with held(beside, folder=True):
            write(beside)
            for path in beside.rglob("*"):
                if not path.is_symlink():
                    _flush(path)
            _put_in_place(beside, folder)
    except BaseException as error:
        shutil.rmtree(beside, ignore_errors=True)
        if isinstance(error, OSError) and str(error.filename).startswith(str(beside)):
            error.filename = str(folder)
        raise
    _flush(folder.parent)
    shutil.rmtree(beside, ignore_errors=True)  # the old one, if there was one


def _put_in_place(beside: Path, folder: Path) -> None:
    while True:
        with suppress(OSError):
            beside.rename(folder)  # fails if there is one that is not empty
            return
        if _exchange(beside, folder):
            return
        aside = unfinished(folder)
        with suppress(FileNotFoundError):  # another process was faster
            folder.rename(aside)
            beside.rename(folder)
            aside.rename(beside)
            return


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one operation; False if the system cannot."""
    try:
        function = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return bool(function(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0)


_HERE, _EXCHANGE = -100, 2  # AT_FDCWD, RENAME_EXCHANGE


def unfinished(path: Path) -> Path:
    """A name beside a file or folder for what will become it; random, since machines that share a disk share numbers."""
    return path.with_name(f"{PARTIAL}{secrets.token_hex(4)}-{path.name}")


@contextmanager
def held(path: Path, folder: bool = False) -> Iterator[int]:
    """Create a file or folder and lock it, so that `sweep` knows that its writer lives; yields the descriptor."""
    while True:
        if folder:
            path.mkdir(exist_ok=True)
        number = os.open(path, os.O_RDONLY if folder else os.O_CREAT | os.O_RDWR, 0o666)
        try:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(number, fcntl.LOCK_EX)
            if is_at(number, path):  # else it was swept before it was locked
                yield number
                return
        finally:
            os.close(number)


def is_at(number: int, path: Path) -> bool:
    """Whether an open file still has this name."""
    try:
        return os.path.samestat(os.fstat(number), os.stat(path))
    except FileNotFoundError:
        return False


def sweep(folder: Path, name: str = "") -> None:
    """Remove unfinished files and folders whose writers were killed.

    Args:
        name: of the file that they would have become; by default any.
    """
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            if is_unfinished(entry.name) and entry.name.endswith(f"-{name}" if name else ""):
                _remove_abandoned(Path(entry.path))


def is_unfinished(name: str) -> bool:
    """Whether a file or folder of this name is one that a write of this package left, or has not finished yet."""
    return re.match(rf"{PARTIAL}[0-9a-f]{{8}}-", name) is not None


def _remove_abandoned(path: Path) -> None:
    with suppress(OSError):
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # a pipe would block for ever
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while its writer lives
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        finally:
            os.close(number)


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
