"""One process at a time in a folder of work: a run, a search or a study."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from gcn_tf.errors import UserError
from gcn_tf.files import is_at

NAME = ".lock"
_held: dict[Path, IO[str]] = {}  # folders that this process has locked, with the open lock file


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder, which is created if necessary.

    The system releases the lock when the process ends, however it ends. Within the block, further calls for the same
    folder do nothing. Folders that were created and are still empty at the end are removed.

    Raises:
        UserError: another process holds the lock, or the folder cannot be written.
    """
    place = Path(os.path.realpath(folder))
    if place in _held:
        yield
        return
    created = [path for path in (place, *place.parents) if not path.exists()]
    with _lock_file(folder) as file:
        _held[place] = file
        try:
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield
        finally:
            del _held[place]
            with suppress(OSError):
                if is_at(file.fileno(), place / NAME):
                    (place / NAME).unlink()  # while it is locked: see `_lock_file`
                for path in created:
                    path.rmdir()


def require_held(folder: Path) -> None:
    """Raise UserError if this process locked a folder, and another one lies in its place now, or its lock is gone."""
    file = _held.get(Path(os.path.realpath(folder)))
    if file and not is_at(file.fileno(), folder / NAME):
        raise UserError(
            f"{folder} has vanished, or is not the folder that was locked: nothing more is written"
        )


@contextmanager
def _lock_file(folder: Path) -> Iterator[IO[str]]:
    """The lock file, open and locked."""
    path = folder / NAME
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = path.open("a+")
        except FileNotFoundError:  # whoever made the folder removed it
            continue
        except (FileExistsError, NotADirectoryError):
            raise UserError(f"{folder} is a file: name a new folder") from None
        except OSError as error:
            raise UserError(f"cannot write to {folder}: {error.strerror or error}") from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                    raise
                file.seek(0)
                raise UserError(
                    f"{folder} is in use by process {file.read(20) or '?'}: wait for it, or stop it first"
                ) from None
            if is_at(file.fileno(), path):  # who held the lock before removes it at the end
                yield file
                return
