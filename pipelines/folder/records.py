"""Labelled pictures in records: of TensorFlow Datasets, and of what `gcn-tf augment` writes."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tensorflow as tf

from gcn_tf.pipelines.folder.cache import stamp, states
from gcn_tf.pipelines.folder.decoded import Decoded
from gcn_tf.pipelines.folder.fitting import Form
from gcn_tf.pipelines.folder.pictures import (
    all_grey,
    content_sizes,
    decode_contents,
    is_large,
    packed_contents,
)
from gcn_tf.pipelines.folder.source import Source

LABELS_AT_ONCE = 4096
VERSION = 1  # of what is packed: another one reads all records anew

Texts = Callable[
    [np.ndarray], list[str | None]
]  # values of a feature (B, ...) as labels, None where one is missing


def plain_texts(values: np.ndarray) -> list[str | None]:
    """Texts (B,) of bytes, and numbers and booleans (B,) as Python writes them; empty and NaN are missing."""
    if values.dtype.kind in "OS":
        return [value.decode("utf-8", "replace").strip() or None for value in values.tolist()]
    if values.dtype.kind == "f":
        return [None if np.isnan(value) else str(value) for value in values]
    return [str(value) for value in values.tolist()]


def class_texts(names: Sequence[str]) -> Texts:
    """Names of ids (B,); other ids, such as the -1 of test sets, are missing."""
    return lambda ids: [names[i] if 0 <= i < len(names) else None for i in ids.tolist()]


def weight_texts(names: Sequence[str]) -> Texts:
    """Names of one-hot weights (B, K); blends are missing."""
    return lambda weights: [
        names[row.argmax()] if np.count_nonzero(row) == 1 else None for row in np.asarray(weights)
    ]


def label_columns(labels: tf.data.Dataset, texts: Mapping[str, Texts]) -> dict[str, list[str | None]]:
    """Read all labels as text.

    Args:
        labels: of dicts with a tensor per column; a name that is not in `texts` is passed over.
    """
    columns: dict[str, list[str | None]] = {name: [] for name in texts}
    for batch in labels.batch(LABELS_AT_ONCE).as_numpy_iterator():
        for name, column in columns.items():
            column.extend(texts[name](batch[name]))
    return columns


@dataclass(frozen=True)
class Records(Source):
    """Pictures in records.

    Args:
        pictures: tf.data.Dataset of encoded pictures, string (), in the order of the labels.
        shape: (H, W, C) of the pictures as far as all have the same, else None.
        damage_told: context in which whatever reading raises becomes one line.
        files: those that hold the records.
        cache: folder that keeps what many pictures are decoded to; none: they are held in memory.
        parts: what of the files is read, in words.
    """

    pictures: tf.data.Dataset
    shape: tuple[int | None, ...]
    damage_told: Callable[[], AbstractContextManager[None]]
    files: tuple[Path, ...] = ()
    cache: Path | None = None
    parts: str = ""

    def decoded(self, rows: Sequence[int], form: Form) -> Decoded:
        if self.cache and is_large(len(rows), form):
            with self.damage_told():
                return replace(self._packed(rows, form, self.cache), sha256=())
        channels = form.channels or (1 if self.shape[2] == 1 else 3)
        with self.damage_told():
            decoded = decode_contents(self._contents(rows), len(rows), replace(form, channels=channels))
        if not form.channels and _is_grey(decoded.images):
            decoded = replace(decoded, images=np.ascontiguousarray(decoded.images[..., :1]))
        return replace(decoded, sha256=())  # published sets hold the same picture twice

    def _packed(self, rows: Sequence[int], form: Form, cache: Path) -> Decoded:
        """Many pictures, decoded once; a grey set is looked through for colours at the first start alone."""
        chosen = np.asarray(rows, np.int64).tobytes()
        settings = f"records {VERSION} {form} {self.parts} {hashlib.sha256(chosen).hexdigest()}"
        name = stamp(states(self.files), settings)[:40]
        grey, color = (cache / f"packed-{name}-{channels}" for channels in (1, 3))
        channels = form.channels or (1 if self.shape[2] == 1 or grey.exists() else 3)
        if channels == 3 and not form.channels and not color.exists():
            channels = 1 if all_grey(self._contents(rows), len(rows)) else 3
        return packed_contents(
            lambda first: self._contents(rows[first:]),
            len(rows),
            replace(form, channels=channels),
            {1: grey, 3: color}[channels],
        )

    def sizes(self, rows: Sequence[int]) -> np.ndarray:
        height, width, _ = self.shape
        if height and width:
            return np.tile(np.array([height, width], np.int64), (len(rows), 1))
        with self.damage_told():
            return content_sizes(self._contents(rows), len(rows))

    def _contents(self, rows: Sequence[int]) -> Iterator[bytes]:
        """The encoded pictures of some rows, in their order; records are passed through once for every run of ascending rows."""
        numbers = np.asarray(rows, np.int64)
        for run in np.split(numbers, np.flatnonzero(np.diff(numbers) < 0) + 1):
            wanted = np.zeros(len(self.labels.names), bool)
            wanted[run] = True
            marked = tf.data.Dataset.zip((self.pictures, tf.data.Dataset.from_tensor_slices(wanted)))
            chosen = marked.filter(lambda picture, kept: kept).map(lambda picture, kept: picture)
            yield from chosen.prefetch(tf.data.AUTOTUNE).as_numpy_iterator()


def _is_grey(images: np.ndarray) -> bool:
    return images.shape[-1] == 3 and all((image == image[..., :1]).all() for image in images)
