"""The pictures and judges of a study, loaded once in each of its processes."""

import functools

from gcn_tf.config.data import DataConfig
from gcn_tf.evaluation.judge import JudgePictures
from gcn_tf.evaluation.judges import Judges, dataset_judges
from gcn_tf.pipelines.dataset import Dataset, data_sha256, load_dataset


@functools.lru_cache(maxsize=1)
def loaded(data: DataConfig) -> Dataset:
    """The dataset alone, before any judge is learned."""
    return load_dataset(data)


@functools.lru_cache(maxsize=1)
def materials(data: DataConfig) -> tuple[Dataset, JudgePictures, Judges]:
    """The dataset, real pictures for its judges, and both judges; a process that computes several entries loads them once."""
    dataset = loaded(data)
    return dataset, *dataset_judges(dataset, data.data_dir)


@functools.lru_cache(maxsize=1)
def materials_sha256(data: DataConfig) -> str:
    """SHA-256 of the pictures and labels."""
    return data_sha256(loaded(data))
