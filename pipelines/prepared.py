"""Prepared data: where TFDS datasets are stored, how they are built quietly, and how damage is reported."""

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gcn_tf.errors import UserError


def default_data_dir() -> Path:
    """The folder of prepared data unless --data-dir names another: gcn-tf in the user's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if os.path.isabs(cache) else Path.home() / ".cache") / "gcn-tf"


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
