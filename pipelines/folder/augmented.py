"""Folders that a program prepared, recognised by their files: what `gcn-tf augment` wrote, and TensorFlow Datasets."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import tensorflow as tf

from gcn_tf.errors import UserError
from gcn_tf.files import read_json_object
from gcn_tf.pipelines.folder.labels import Labels, read_labels
from gcn_tf.pipelines.folder.records import Records, class_texts, label_columns, weight_texts
from gcn_tf.pipelines.folder.source import Files, Source

DESCRIPTION = "augmentation.json"  # the last file that `gcn-tf augment` writes
REMEDY = "give the command of gcn-tf augment again"
DTYPES = {"string": tf.string, "int64": tf.int64, "float32": tf.float32}  # of the features in TFRecord files


def prepared_source(folder: Path, cache: Path) -> Source | None:
    """The labelled pictures of a folder that a program prepared; None for any other folder.

    Labels that are blends of values count as missing: they belong to no cell.

    Args:
        cache: folder that keeps what is decoded.

    Raises:
        UserError: the files are damaged, or the set is not complete.
    """
    if (folder / DESCRIPTION).is_file():
        return _augmented(folder, cache)
    if (folder / "plan.json").is_file() and (folder / "parts").is_dir():
        raise UserError(f"--dataset {folder} is not complete: {REMEDY}")
    if (folder / "dataset_info.json").is_file():
        return _tfds(folder, cache=cache)
    return None


def _tfds(folder: Path, **options: Any) -> Source:
    from gcn_tf.pipelines.folder.tfds_source import (  # which takes half a second to import
        directory_builder,
        tfds_source,
    )

    return tfds_source(directory_builder(folder), **options)


def _augmented(folder: Path, cache: Path) -> Source:
    path = folder / DESCRIPTION
    try:
        plan = read_json_object(path, REMEDY)["plan"]
        form, label = plan["format"], plan["label"]
    except (KeyError, TypeError):
        raise UserError(f"{path} is damaged (no plan): {REMEDY}") from None
    twice = [] if label == "label" else ["label"]  # it repeats the factor of that name
    if form == "tfds":
        source: Source = _tfds(folder, split="train", left_out=twice, cache=cache)
    elif form == "tfrecord":
        source = _records(folder, twice, cache)
    else:
        source = Files(_without_blends(read_labels(folder), twice), cache, photographs=False)
    return replace(source, labels=_with_note(source.labels, folder))


def _without_blends(labels: Labels, left_out: Sequence[str]) -> Labels:
    """The labels of a table in which 3:0.5+8:0.5 is a blend."""
    columns = {
        name: [None if value and ":" in value else value for value in values]
        for name, values in labels.columns.items()
        if name not in left_out
    }
    return replace(labels, columns=columns)


def _with_note(labels: Labels, folder: Path) -> Labels:
    blends = {name: sum(value is None for value in values) for name, values in labels.columns.items()}
    some = ", ".join(
        f"{count:,} of {len(labels.names):,} labels of {name}" for name, count in blends.items() if count
    )
    note = (f"blends of values, which are no labels: {some}",) if some else ()
    return replace(labels, source=f"{folder.name}, written by gcn-tf augment", notes=(*labels.notes, *note))


def _records(folder: Path, left_out: Sequence[str], cache: Path) -> Records:
    with _damage_told(folder):
        spec = parse_spec(folder)
        features = read_json_object(folder / "features.json", REMEDY)["features"]
        texts = {
            name: (weight_texts if spec[name].shape else class_texts)(feature["values"])
            for name, feature in features.items()
            if "values" in feature and name not in left_out
        }
        files = tuple(sorted(folder.glob("*.tfrecord")))
        records = tf.data.TFRecordDataset([str(path) for path in files])
        columns = label_columns(_parsed(records, {name: spec[name] for name in texts}), texts)
        count = len(next(iter(columns.values()), []))
        pictures = _parsed(records, {"image": spec["image"]}).map(lambda row: row["image"])
    labels = Labels((), tuple(f"record {n}" for n in range(count)), columns, "", ())
    return Records(labels, pictures, (None, None, None), partial(_damage_told, folder), files, cache)


def _parsed(records: tf.data.Dataset, spec: dict[str, Any]) -> tf.data.Dataset:
    return records.map(lambda record: tf.io.parse_single_example(record, spec))


@contextmanager
def _damage_told(folder: Path) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, AttributeError, IndexError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())[:100]
        raise UserError(f"{folder} is damaged ({reason}): {REMEDY}") from None


def parse_spec(folder: Path) -> dict[str, tf.io.FixedLenFeature]:
    """The specification for `tf.io.parse_example` of the files that `gcn-tf augment --format tfrecord` wrote.

    "image" is a PNG for `tf.io.decode_png`, "label" and the factors are ids, blended factors weights float32 (K_f,).
    """
    path = folder / "features.json"
    stored = read_json_object(path, REMEDY)
    try:
        spec = {
            name: tf.io.FixedLenFeature(feature["shape"], DTYPES[feature["dtype"]])
            for name, feature in stored["features"].items()
        }
        tf.io.parse_example(tf.constant([], tf.string), spec)  # of no record; raises for a shape that is none
    except (KeyError, TypeError, AttributeError, ValueError, tf.errors.OpError):
        raise UserError(f"{path} is damaged (no features): {REMEDY}") from None
    return spec
