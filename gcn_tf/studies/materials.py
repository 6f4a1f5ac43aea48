"""The pictures and judges of a study, loaded once in each of its processes."""

import functools

import numpy as np

from gcn_tf.config.data import DataConfig
from gcn_tf.evaluation.judge import JudgePictures
from gcn_tf.evaluation.judges import Judges, dataset_judges
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.pipelines.dataset import Dataset, data_sha256, load_dataset


@functools.lru_cache(maxsize=1)
def loaded(data: DataConfig, everything: bool = False) -> Dataset:
    """The dataset alone, before any judge is learned.

    Args:
        everything: every labelled picture, any number per cell, without the factors that a formula makes. A grid of digits has
            one picture per cell, of some writers; this has those of all writers.
    """
    if not (everything and data.options.exemplar_counts):
        return load_dataset(data)
    found = data.options.labelled_pictures(data, data.options.identities())
    names, who = np.unique(found.who, return_inverse=True)
    images = found.images
    if (images[..., :1] == images).all():
        images = images[..., :1]
    factors = Factor(found.factor, found.values), Factor(found.identity, tuple(map(str, names)))
    ids = np.stack([found.label, who], axis=1)
    return Dataset(data.dataset, FactorSpace(factors), images, ids, ())


@functools.lru_cache(maxsize=1)
def materials(data: DataConfig) -> tuple[Dataset, JudgePictures, Judges]:
    """The dataset, real pictures for its judges, and both judges; a process that computes several entries loads them once."""
    dataset = loaded(data)
    return dataset, *dataset_judges(dataset, data.data_dir)


@functools.lru_cache(maxsize=1)
def materials_sha256(data: DataConfig, everything: bool = False) -> str:
    """SHA-256 of the pictures and labels that `loaded` gives."""
    return data_sha256(loaded(data, everything))
