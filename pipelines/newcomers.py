"""Newcomers: pictures of values that a grid did not have. They join its dataset, and nothing that was there changes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from gcn_tf.errors import UserError
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.pipelines.dataset import Dataset


def join_newcomers(dataset: Dataset, images: np.ndarray, labels: Mapping[str, Sequence[str]]) -> Dataset:
    """The dataset with further pictures after its own, and their values after those that it knows.

    Args:
        images: uint8 (N, H, W, C), of the same shape as the dataset's.
        labels: N values by name of every factor that is no variation.

    Example:

    >>> import numpy as np
    >>> from gcn_tf.config.data import DataConfig
    >>> from gcn_tf.pipelines.dataset import load_dataset
    >>> from gcn_tf.pipelines.newcomers import join_newcomers
    >>> dataset = load_dataset(DataConfig.of("glyphs", writers="3"))
    >>> joined = join_newcomers(dataset, dataset.images[:1], {"digit": ["7"], "writer": ["anna"]})
    >>> joined.space["writer"].values, len(joined.images)
    (('0', '1', '2', 'anna'), 31)
    """
    known = dict(zip(dataset.space.names, dataset.space, strict=True))
    factors = [_with_values(known[name], values) for name, values in labels.items()]
    ids = np.stack([[factor.index(v) for v in labels[factor.name]] for factor in factors], axis=1).astype(
        np.int32
    )
    space = FactorSpace((*factors, *(variation.factor for variation in dataset.variations)))
    joined = replace(
        dataset,
        space=space,
        images=np.concatenate([dataset.images, images]),
        base_ids=np.concatenate([dataset.base_ids, ids]),
        pixels_sha256="",
    )
    return replace(joined, roles=replace(dataset.holdout_roles, cells=joined.pictures()[1]))


def _with_values(factor: Factor, values: Sequence[str]) -> Factor:
    new = [value for value in dict.fromkeys(values) if value not in factor.values]
    return replace(factor, values=(*factor.values, *new)) if new else factor


def without_values(dataset: Dataset, factor: str, values: Sequence[str]) -> Dataset:
    """The dataset as if some values of a factor had never been there: neither they nor their pictures.

    Args:
        factor: one that is no variation and not ordered.

    Example:

    >>> from gcn_tf.config.data import DataConfig
    >>> from gcn_tf.pipelines.dataset import load_dataset
    >>> from gcn_tf.pipelines.newcomers import without_values
    >>> fewer = without_values(load_dataset(DataConfig.of("glyphs", writers="3")), "writer", ["1"])
    >>> fewer.space["writer"].values, len(fewer.images), fewer.base_ids[:, 1].max()
    (('0', '2'), 20, np.int32(1))
    """
    place, gone = dataset.space.names.index(factor), dataset.space[factor]
    kept = [i for i, value in enumerate(gone.values) if value not in values]
    new_id = np.full(len(gone), -1, np.int32)
    new_id[kept] = np.arange(len(kept))
    base_ids = dataset.base_ids.copy()
    base_ids[:, place] = new_id[base_ids[:, place]]
    there = base_ids[:, place] >= 0
    left = replace(gone, values=tuple(gone.values[i] for i in kept))
    space = FactorSpace(tuple(left if f.name == factor else f for f in dataset.space))
    fewer = replace(
        dataset,
        space=space,
        images=dataset.images[there],
        base_ids=base_ids[there],
        repeats=None,
        pixels_sha256="",
    )
    return replace(fewer, roles=replace(dataset.holdout_roles, cells=fewer.pictures()[1]))


def read_newcomers(folder: Path, dataset: Dataset) -> tuple[np.ndarray, dict[str, list[str]]]:
    """Pictures and labels that `gcn_tf.pipelines.folder.writing.write_pictures` wrote for a dataset's factors.

    Raises:
        UserError: they are not there, or not whole.
    """
    from gcn_tf.pipelines.folder.labels import read_labels

    names = dataset.space.names[: len(dataset.space.names) - len(dataset.variations)]
    remedy = "put back what gcn-tf extend wrote there"
    if not folder.is_dir():
        raise UserError(f"{folder} is missing, the pictures that extended the run: {remedy}")
    labels = read_labels(folder, folder / "labels.csv")
    shape = dataset.images.shape[1:]
    try:
        images = np.stack([np.asarray(Image.open(path)).reshape(shape) for path in labels.files])
        found = {name: [value or "" for value in labels.columns[name]] for name in names}
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{folder} is damaged ({' '.join(str(error).split())[:200]}): {remedy}") from None
    return images.astype(np.uint8), found
