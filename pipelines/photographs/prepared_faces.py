"""Labelled face photographs as arrays: prepared once from the user's own copy, then read from the cache."""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gcn_tf.errors import UserError
from gcn_tf.pipelines.prepared import damage_named, default_data_dir, prepare_once, quiet

if TYPE_CHECKING:
    from tensorflow_datasets.core import DatasetBuilder

SPLIT = "train"  # TFDS's name for the only split
FINDINGS = ("no_face", "bad", "notes")  # lists in the metadata stored with the dataset
BAD_PERCENT = 1.0
WRITER_BYTES, WRITER_FILES = 64 << 20, 64  # limits of TFDS's memory and open files while it sorts
READ_AT_ONCE = 256  # records in memory beside the pictures themselves


@dataclass(frozen=True)
class FacePictures:
    """Face crops with their labels, in the order of the persons.

    Args:
        images: uint8 (N, S, S, 3), RGB.
        person, emotion, session, view: str arrays (N,), e.g. "F01", "NE", "A", "S".
        no_face: names of the files without a face, which are cropped at the median of the other boxes.
        bad: "file: reason" for every file that was left out.
        notes: further findings, "file: finding"; these files are kept.
    """

    images: np.ndarray
    person: np.ndarray
    emotion: np.ndarray
    session: np.ndarray
    view: np.ndarray
    no_face: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preparation:
    """How a dataset of faces is prepared, and its errors.

    Args:
        name: str. Name of the dataset.
        config: str. Name of the builder's config.
        builder: makes the TFDS builder for a data_dir.
        check: raises the dataset's error for a folder that cannot be prepared.
        error: type of the errors raised.
        how_to_get: str. The error message for a missing --manual-dir.
    """

    name: str
    config: str
    builder: Callable[[Path], "DatasetBuilder"]
    check: Callable[[Path], object]
    error: type[UserError]
    how_to_get: str


def load_pictures(preparation: Preparation, data_dir: Path | None, manual_dir: Path | None) -> FacePictures:
    """Read the prepared dataset, preparing it first if necessary.

    Raises:
        UserError: of the type `preparation.error`, with a message of one line.
    """
    root = (data_dir or default_data_dir()).expanduser()
    folder = root / preparation.name / preparation.config
    with damage_named(folder, preparation.error), quiet():
        builder = preparation.builder(root)
    if not builder.data_path.exists():
        if not manual_dir:
            raise preparation.error(preparation.how_to_get)
        source = manual_dir.expanduser()
        preparation.check(source)
        _prepare(builder, source, preparation.error)
    with damage_named(folder, preparation.error):
        return _read_prepared(builder)


def folders_below(folder: Path) -> Iterator[list[Path]]:
    """Yield the files of a folder and of every folder below it, sorted. Links are followed, each folder comes once."""
    seen: set[tuple[int, int]] = set()
    waiting = [folder]  # not `os.walk`, which Python 3.11 runs by recursion: it allows a thousand levels
    while waiting:
        root = waiting.pop()
        try:
            found = os.stat(root)
            if (found.st_dev, found.st_ino) in seen:
                continue
            seen.add((found.st_dev, found.st_ino))
            paths = [root / name for name in sorted(os.listdir(root))]
        except OSError:  # no permission to read it
            continue
        folders = {path for path in paths if os.path.isdir(path)}
        waiting += sorted(folders, reverse=True)
        yield [path for path in paths if path not in folders]


def printable(name: str) -> str:
    """A name for messages and tables: unprintable characters and undecodable bytes become question marks."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def require_few_bad(
    bad: list[str], total: int, folder: Path, error_type: type[UserError], homepage: str
) -> None:
    """Raise `error_type`, naming the first few, if more than BAD_PERCENT of the pictures are bad."""
    if 100 * len(bad) > BAD_PERCENT * total:
        more = f"; and {len(bad) - 5} more" if len(bad) > 5 else ""
        raise error_type(
            f"{len(bad)} of {total} pictures in --manual-dir {folder} are bad, at most {BAD_PERCENT:g} % may be: "
            f"{'; '.join(bad[:5])}{more}: put the original files there ({homepage})"
        )


def _prepare(builder: "DatasetBuilder", manual_dir: Path, error_type: type[UserError]) -> None:
    import tensorflow as tf
    import tensorflow_datasets as tfds

    config = tfds.download.DownloadConfig(manual_dir=manual_dir, try_download_gcs=False)
    try:
        with quiet(), _written_in_little_memory():
            prepare_once(builder, config)
    except (OSError, tf.errors.OpError) as error:
        if not builder.data_path.exists():  # it exists if another process was faster
            reason = " ".join(str(error).split())[:160]
            place = f"{builder.data_dir_root} ({reason})"
            raise error_type(f"cannot write to {place}: choose another --data-dir") from error


@contextlib.contextmanager
def _written_in_little_memory() -> Iterator[None]:
    """Limit TFDS's memory and open files while it writes.

    TFDS holds up to 1 GB of records before it sorts them on disk, and then opens a thousand files, more than many
    systems allow. It has no settings for either, so this replaces both limits and restores them.
    """
    from tensorflow_datasets.core import shuffle

    before = shuffle.MAX_MEM_BUFFER_SIZE, shuffle.BUCKETS_NUMBER
    shuffle.MAX_MEM_BUFFER_SIZE, shuffle.BUCKETS_NUMBER = WRITER_BYTES, WRITER_FILES
    try:
        yield
    finally:
        shuffle.MAX_MEM_BUFFER_SIZE, shuffle.BUCKETS_NUMBER = before


def _read_prepared(builder: "DatasetBuilder") -> FacePictures:
    """Read the labels, which give the order of the pictures, then every picture into its place.

    Parsing batches of records takes a tenth of the time of `as_dataset`.
    """
    import tensorflow as tf

    info, split = builder.info, builder.info.splits[SPLIT]
    count, side = split.num_examples, info.features["image"].shape[0]
    fields = dict.fromkeys(["person", "session"], tf.string)
    fields |= dict.fromkeys(["number", "emotion", "view"], tf.int64)
    columns: dict[str, list] = {name: [] for name in fields}
    for batch in _batches(split.filepaths, fields):
        for name, values in batch.items():
            columns[name].extend(values.numpy().tolist())
    if len(columns["number"]) != count:
        raise ValueError(f"{len(columns['number'])} examples instead of {count}")
    order = np.argsort(columns["number"])
    places = np.argsort(order)  # of the records, in the order that they are stored in
    images, start = np.empty((count, side, side, 3), np.uint8), 0
    for batch in _batches(split.filepaths, {"image": tf.string}):
        decoded = tf.io.decode_raw(batch["image"], tf.uint8).numpy()  # (B, S * S * 3)
        images[places[start : start + len(decoded)]] = decoded.reshape(-1, side, side, 3)
        start += len(decoded)
    person, session = (np.array(columns[name])[order].astype(str) for name in ("person", "session"))
    emotion, view = (
        np.array(info.features[name].names)[columns[name]][order] for name in ("emotion", "view")
    )
    no_face, bad, notes = (tuple(printable(str(line)) for line in info.metadata[name]) for name in FINDINGS)
    return FacePictures(images, person, emotion, session, view, no_face, bad, notes)


def _batches(paths: list, fields: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Scalar features of the records, as tensors (B,) by name."""
    import tensorflow as tf

    features = {name: tf.io.FixedLenFeature([], dtype) for name, dtype in fields.items()}
    for records in tf.data.TFRecordDataset([str(path) for path in paths]).batch(READ_AT_ONCE):
        yield tf.io.parse_example(records, features)
