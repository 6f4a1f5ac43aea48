"""Prepared data: where TFDS datasets are stored, how they are built, once and quietly, and how damage is reported."""

import contextlib
import fcntl
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gcn_tf.errors import UserError

if TYPE_CHECKING:
    from tensorflow_datasets.core import DatasetBuilder
    from tensorflow_datasets.core.download import DownloadConfig


def default_data_dir() -> Path:
    """The folder of prepared data unless --data-dir names another: gcn-tf in the user's cache folder.

    A user without a home has a folder of their own in the system's temporary folder.

    Raises:
        UserError: that folder belongs to another user.
    """
    cache = os.environ.get("XDG_CACHE_HOME", "")
    try:
        return (Path(cache) if os.path.isabs(cache) else Path.home() / ".cache") / "gcn-tf"
    except RuntimeError:  # neither HOME nor an entry in the list of users
        return _private_folder()


def _private_folder() -> Path:
    folder = Path(tempfile.gettempdir(), f"gcn-tf-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    if os.lstat(folder).st_uid != os.getuid():
        raise UserError(f"{folder} belongs to another user: name a folder of your own by --data-dir")
    return folder


def prepare_once(builder: "DatasetBuilder", config: "DownloadConfig") -> None:
    """Prepare a TFDS dataset; processes that want datasets of the same name at the same time wait for each other.

    What a killed process left unfinished, also of downloads, is removed first.

    Raises:
        OSError, tf.errors.OpError: the data cannot be written.
        Exception: whatever the builder raises.
    """
    root = Path(builder.data_dir_root)
    with sole(root / builder.name) as alone:
        if builder.data_path.exists():  # another process was faster
            builder.info.read_from_directory(builder.data_path)
            return
        if alone:
            for pattern in (f"{builder.name}/*/incomplete.*", f"downloads/{builder.name}/*.tmp.*"):
                _remove(root.glob(pattern))
        builder.download_and_prepare(download_config=config)


@contextlib.contextmanager
def sole(folder: Path) -> Iterator[bool]:
    """Wait until no other process prepares data in a folder; yields False if the file system has no locks.

    The system releases the lock of a killed process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = os.open(folder, os.O_RDONLY)
    try:
        yield _lock(number, folder)
    finally:
        os.close(number)


def _lock(number: int, folder: Path) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"gcn-tf: waiting for another process that prepares {folder}", file=sys.stderr)
        fcntl.flock(number, fcntl.LOCK_EX)
    except OSError:
        return False
    return True


def _remove(paths: Iterator[Path]) -> None:
    for path in list(paths):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def damage_named(folder: Path, error_type: type[UserError]) -> Iterator[None]:
    """Turn any exception raised while prepared data in `folder` are read into one line of `error_type`."""
    try:
        yield
    except Exception as error:  # TFDS and TensorFlow raise a dozen types for truncated or missing files
        if not folder.exists():
            raise
        raise error_type(f"prepared data in {folder} are damaged: delete it and run again") from error


@contextlib.contextmanager
def no_temporary_files() -> Iterator[None]:
    """Remove the empty temporary folder that a TFDS builder leaves when its data are not prepared yet."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence TFDS's prints, progress bars and warnings; errors still show."""
    from absl import logging  # imported here: this and TFDS import TensorFlow
    from tensorflow_datasets.core.utils import tqdm_utils

    verbosity, bars = logging.get_verbosity(), tqdm_utils._active
    logging.set_verbosity(logging.ERROR)
    tqdm_utils.display_progress_bar(False)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        tqdm_utils.display_progress_bar(bars)
        logging.set_verbosity(verbosity)
