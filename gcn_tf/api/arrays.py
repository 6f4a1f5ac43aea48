"""Labelled pictures in memory as a dataset: from arrays, from a tf.data.Dataset or from a builder of TFDS."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gcn_tf.errors import UserError, shown, suggest
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.pipelines.folder.factors import SPLIT, grid_of
from gcn_tf.pipelines.folder.tables import FILE_COLUMNS
from gcn_tf.pipelines.folder.writing import write_pictures

if TYPE_CHECKING:
    import tensorflow as tf
    import tensorflow_datasets as tfds

SCALARS = (str, bytes, bool, int, float, np.generic, type(None))


@dataclass(frozen=True, repr=False)
class ArrayDataset:
    """Checked pictures with their labels, which `gcn_tf.train` takes. `dataset_from_arrays` makes it.

    Args:
        images: uint8 (N, H, W, C) in [0, 255], C = 1 (grey) or 3 (RGB).
        labels: N texts by name.
    """

    images: np.ndarray
    labels: Mapping[str, tuple[str, ...]]

    @property
    def factors(self) -> tuple[str, ...]:
        """Names of the labels that are factors: all but `split`."""
        return tuple(name for name in self.labels if name.lower() != SPLIT)

    def __repr__(self) -> str:
        height, width, channels = self.images.shape[1:]
        counts = ", ".join(f"{name} {len(set(self.labels[name]))}" for name in self.factors)
        return f"<{len(self.images)} pictures {height}x{width}x{channels}: {counts}>"

    def write(self, folder: Path | str) -> None:
        """Write the pictures as PNG files with a labels.csv, which `gcn-tf train --dataset FOLDER` reads."""
        write_pictures(self.images, self.labels, Path(folder))


def dataset_from_arrays(images: Any, factors: Mapping[str, Iterable[Any]]) -> ArrayDataset:
    """Check pictures and their labels.

    Args:
        images: uint8 (N, H, W), (N, H, W, 1) or (N, H, W, 3), or a list of N such pictures of one size. Floats in [0, 1] are
            rounded to the 256 levels of uint8.
        factors: N labels by name: text, numbers or booleans. 5, 5.0 and "5" are the same value, "5". A name `split` is no
            factor: its labels say which pictures are held out by `holdout="split"`, all but "train".

    Raises:
        UserError: other types, ranges or lengths, a missing label, or a factor with a single value.

    Example:

    >>> import numpy as np
    >>> import gcn_tf
    >>> images = np.zeros((4, 64, 64), np.uint8)
    >>> gcn_tf.dataset_from_arrays(images, {"person": ["anna", "anna", "ben", "ben"], "gesture": [1, 2, 1, 2]})
    <4 pictures 64x64x1: person 2, gesture 2>
    """
    pictures = as_pictures(images)
    if not isinstance(factors, Mapping):
        raise UserError(f'factors is a {type(factors).__name__}: give labels by name, {{"person": [...]}}')
    labels = {name: _labels(name, values, len(pictures)) for name, values in factors.items()}
    dataset = ArrayDataset(pictures, labels)
    _check_factors(dataset)
    return dataset


def dataset_from_tf_data(
    dataset: "tf.data.Dataset", factors: Sequence[str], image: str = "image"
) -> ArrayDataset:
    """Read a `tf.data.Dataset` of dicts, one picture each, to its end.

    Args:
        factors: features that become factors.
        image: the feature with the picture, as `dataset_from_arrays` takes it.

    Raises:
        UserError: a dataset without end or of other elements, or what `dataset_from_arrays` raises.
    """
    if isinstance(factors, str):
        raise UserError(f'factors is {shown(factors)}: give a list, ["{factors}"]')
    spec = dataset.element_spec
    if not isinstance(spec, Mapping):
        raise UserError('the elements of the dataset are no dicts: map them to {"image": ..., "person": ...}')
    for name in (image, *factors):
        if name not in spec:
            raise UserError(
                f"the dataset has no feature {shown(name)}{suggest(name, list(spec)) or ';'} known: {', '.join(spec)}"
            )
    if int(dataset.cardinality()) == -1:
        raise UserError("the dataset has no end: leave its repeat() out, or take() a part of it")
    if spec[image].shape.rank not in (None, 2, 3):
        raise UserError(
            f"feature {image} has shape {spec[image].shape}: one picture each, call unbatch() first"
        )
    elements = list(dataset.as_numpy_iterator())
    labels = {name: [element[name] for element in elements] for name in factors}
    return dataset_from_arrays([element[image] for element in elements], labels)


def dataset_from_tfds(
    builder: "tfds.core.DatasetBuilder", factors: Sequence[str], split: str = "train", image: str = "image"
) -> ArrayDataset:
    """Read a split of a prepared TFDS builder; classes have their names as values.

    Args:
        factors: features that become factors.
        split: as TFDS writes it: "train", "train[:1000]", "all".
        image: the feature with the picture.

    Raises:
        UserError: not prepared, an unknown split, or what `dataset_from_tf_data` raises.
    """
    try:
        read = dataset_from_tf_data(builder.as_dataset(split=split), factors, image)
    except UserError:
        raise
    except (AssertionError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{builder.name}: {reason}; call builder.download_and_prepare(), or name another split"
        ) from None
    features = builder.info.features
    named = {
        name: [features[name].int2str(int(value)) for value in values]
        if hasattr(features[name], "int2str")
        else values
        for name, values in read.labels.items()
    }
    return dataset_from_arrays(read.images, named)


def as_pictures(images: Any) -> np.ndarray:
    """Pictures as uint8 (N, H, W, C); `dataset_from_arrays` says what they may be."""
    try:
        pictures = np.asarray(images)
    except ValueError:  # NumPy's message speaks of inhomogeneous shapes
        raise UserError("the images differ in size or channels: bring them to one size") from None
    if pictures.ndim == 3:
        pictures = pictures[..., None]
    if pictures.ndim != 4 or pictures.shape[3] not in (1, 3) or not pictures.size:
        raise UserError(
            f"images has shape {np.shape(pictures)}: give (N, H, W), (N, H, W, 1) or (N, H, W, 3), at least one picture"
        )
    if pictures.dtype.kind == "f":
        return _rounded(pictures)
    if pictures.dtype != np.uint8:
        raise UserError(f"images is of {pictures.dtype}: give uint8 from 0 to 255, or floats from 0 to 1")
    return pictures


def _rounded(pictures: np.ndarray) -> np.ndarray:
    """Floats in [0, 1] as uint8."""
    if not np.isfinite(pictures).all():
        place = int(np.flatnonzero(~np.isfinite(pictures).all(axis=(1, 2, 3)))[0])
        raise UserError(f"image {place} has values that are not finite: leave it out, or mend it")
    least, largest = float(pictures.min()), float(pictures.max())
    if least < 0 or largest > 1:
        raise UserError(
            f"images has floats from {least:g} to {largest:g}: scale them to 0 to 1, or give uint8 from 0 to 255"
        )
    return np.rint(pictures * 255).astype(np.uint8)


def _labels(name: Any, values: Any, count: int) -> tuple[str, ...]:
    """The labels of a factor as text."""
    if not isinstance(name, str) or not name.isidentifier() or name.lower() in FILE_COLUMNS[:1]:
        raise UserError(f"a factor cannot be called {shown(name)}: give an identifier such as 'person'")
    values = values.numpy() if hasattr(values, "numpy") else values
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise UserError(f"{name} is {shown(values)}: give a list of labels, one per image")
    labels = list(values)
    for number, label in enumerate(labels):
        if not isinstance(label, SCALARS):
            raise UserError(f"label {number} of {name} is a {type(label).__name__}: give text or a number")
    texts = tuple(map(label_text, labels))
    if len(texts) != count:
        raise UserError(f"{name} has {len(texts)} labels for {count} images: give one per image")
    if "" in texts:
        raise UserError(
            f"label {texts.index('')} of {name} is empty: give it a value, or leave its image out"
        )
    return texts


def label_text(value: Any) -> str:
    """A label as the text that the factor has as a value; "" for a missing one."""
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if value is None or (isinstance(value, (float, np.floating)) and math.isnan(value)):
        return ""
    if isinstance(value, (float, np.floating)) and value.is_integer():
        value = int(value)
    return str(value).strip()


def _check_factors(dataset: ArrayDataset) -> None:
    """Raise UserError unless there are factors, each of several values."""
    if not dataset.factors:
        raise UserError('there is no factor: give labels by name, {"person": [...]}')
    if len({name.casefold() for name in dataset.labels}) < len(dataset.labels):
        raise UserError(f"two of {', '.join(dataset.labels)} differ in case alone: give them other names")
    for name in dataset.factors:
        if len(set(dataset.labels[name])) < 2:
            raise UserError(
                f"every image has the {name} {dataset.labels[name][0]}: a factor has several values, leave it out"
            )
    columns = grid_of(dataset.labels, dataset.factors).columns
    FactorSpace(tuple(Factor(column.name, column.values) for column in columns))  # checks their numbers
