"""QMNIST as arrays: prepared once, then read from the user's cache."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gcn_tf.errors import suggest
from gcn_tf.pipelines.prepared import damage_named, default_data_dir, no_temporary_files
from gcn_tf.pipelines.qmnist.sources import SUBSETS, QmnistError, require_files

if TYPE_CHECKING:
    from tensorflow_datasets.core import DatasetBuilder


@dataclass(frozen=True)
class Digits:
    """Handwritten digits in file order.

    Args:
        images: uint8 (N, 28, 28). Bright ink on 0.
        digit: int32 (N,), 0 to 9.
        writer: int32 (N,). NIST's id of the writer.
    """

    images: np.ndarray
    digit: np.ndarray
    writer: np.ndarray


def load_digits(subset: str, data_dir: Path | None = None, manual_dir: Path | None = None) -> Digits:
    """Load a subset of QMNIST, preparing it on the first call.

    Args:
        subset: str. "train", "test" or "test10k".
        data_dir: Path. Folder of the prepared data. Defaults to `default_data_dir()`.
        manual_dir: Path. Folder with the official files; with it nothing is downloaded. Not needed again once the
            data are prepared.

    Raises:
        QmnistError: an unknown subset; missing, wrong or unreachable files; damaged prepared data.
    """
    if subset not in SUBSETS:
        hint = suggest(subset, list(SUBSETS))
        raise QmnistError(f"qmnist has no subset {subset!r}{hint or ';'} known: {', '.join(SUBSETS)}")
    from gcn_tf.pipelines.qmnist.preparing import prepare  # imported here: it imports TensorFlow
    from gcn_tf.pipelines.qmnist.qmnist_dataset_builder import Builder

    root = (data_dir or default_data_dir()).expanduser()
    with damage_named(root / Builder.name / subset, QmnistError), no_temporary_files():
        builder = Builder(data_dir=root, config=subset)
    if not builder.data_path.exists():
        folder = manual_dir.expanduser() if manual_dir else None
        if folder:
            require_files(folder, SUBSETS[subset].sources)
        prepare(builder, folder)
    with damage_named(root / Builder.name / subset, QmnistError):
        return _read_prepared(builder, subset)


def _read_prepared(builder: "DatasetBuilder", subset: str) -> Digits:
    """Parse the split as one batch: 60,000 digits take 0.4 s, one by one with `as_dataset` 5 s."""
    import tensorflow as tf

    split = builder.info.splits[subset]
    fields = {"image": tf.string, "label": tf.int64, "writer": tf.int64}
    features = {name: tf.io.FixedLenFeature([], dtype) for name, dtype in fields.items()}
    records = tf.data.TFRecordDataset([str(path) for path in split.filepaths])
    examples = tf.io.parse_example(records.batch(split.num_examples + 1).get_single_element(), features)
    images = tf.io.decode_raw(examples["image"], tf.uint8).numpy()  # (N, 784)
    if len(images) != split.num_examples:
        raise ValueError(f"{len(images)} examples instead of {split.num_examples}")
    digit, writer = (examples[name].numpy().astype(np.int32) for name in ("label", "writer"))
    if digit.min() < 0 or digit.max() > 9:
        raise ValueError("a label is not a digit")
    return Digits(images.reshape(-1, 28, 28), digit, writer)
