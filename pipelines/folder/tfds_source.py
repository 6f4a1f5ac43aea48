"""A prepared dataset of TensorFlow Datasets as labelled pictures: which features are labels, and which one the picture."""

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from gcn_tf.errors import ConfigError, UserError, shown_text, suggest
from gcn_tf.pipelines.folder.factors import SPLIT
from gcn_tf.pipelines.folder.labels import Labels
from gcn_tf.pipelines.folder.records import (
    Records,
    Texts,
    class_texts,
    label_columns,
    plain_texts,
    weight_texts,
)
from gcn_tf.pipelines.prepared import damage_named, default_data_dir, prepare_once, quiet

PICTURE_TYPES = (np.uint8, np.uint16)


@lru_cache(maxsize=1)  # planning and training ask one after the other, and reading all labels takes time
def named_source(
    name: str, data_dir: Path | None, manual_dir: Path | None, split: str, image: str
) -> Records:
    """Labelled pictures of a dataset by name, which is prepared if it is not; see `tfds_source`."""
    builder = named_builder(name, data_dir)
    prepare(builder, manual_dir)
    return tfds_source(builder, split, image, cache=(data_dir or default_data_dir()) / "folder")


def named_builder(name: str, data_dir: Path | None) -> tfds.core.DatasetBuilder:
    """The builder of a dataset by name; raises UserError with near spellings for an unknown one.

    Args:
        name: "NAME", "NAME/CONFIG", or either with ":VERSION".
        data_dir: folder of prepared datasets; None: that of TensorFlow Datasets.
    """
    place = f"--dataset tfds:{shown_text(name)}"
    try:
        with quiet():
            return tfds.builder(name, data_dir=data_dir)
    except tfds.core.registered.DatasetNotFoundError:
        hint = suggest(name.partition("/")[0].partition(":")[0], tfds.list_builders())
        raise UserError(
            f"{place}: TensorFlow Datasets has no dataset of that name{hint or ': its catalog lists them'}"
        ) from None
    except Exception as error:  # builders and names raise whatever they like
        raise UserError(
            f"{place}: {_brief(error)}: see its page in the catalog of TensorFlow Datasets"
        ) from None


def prepare(builder: tfds.core.DatasetBuilder, manual_dir: Path | None) -> None:
    """Download and prepare a dataset unless that is done; raises UserError if it fails."""
    try:
        with quiet():
            prepare_once(builder, tfds.download.DownloadConfig(manual_dir=manual_dir))
    except Exception as error:  # of the network, of the disk, of the builder
        raise UserError(
            f"--dataset tfds:{builder.name} cannot be prepared in {builder.data_dir_root} ({_brief(error)}): prepare it with "
            "tfds.load where there is a network, and name that folder with --data-dir"
        ) from None


def directory_builder(folder: Path) -> tfds.core.DatasetBuilder:
    """The builder of a prepared dataset in a folder; raises UserError if its metadata are damaged."""
    with damage_named(folder, UserError), quiet():
        return tfds.builder_from_directory(folder)


def tfds_source(
    builder: tfds.core.DatasetBuilder,
    split: str = "",
    image: str = "",
    left_out: Sequence[str] = (),
    cache: Path | None = None,
) -> Records:
    """Labelled pictures of a prepared dataset.

    Scalars are labels: classes, numbers, booleans and texts, also within groups of features; so are weights over the
    values that the metadata name, as `gcn-tf augment` writes them.

    Args:
        split: "train", "train+test" or "train[:1000]"; by default all splits, and a column "split" tells which.
        image: name of the feature that is the picture, if there are several.
        left_out: features that are no labels.
        cache: folder that keeps what many pictures are decoded to; none: they are held in memory.

    Raises:
        UserError: no such split or feature, no pictures, or damaged data.
    """
    values = dict((builder.info.metadata or {}).get("values", {}))
    features = _in_order(_flat(builder.info.features), [*values])
    image = _picture_feature(builder, features, image)
    texts = {
        name: found
        for name, feature in features.items()
        if name not in left_out and (found := _texts(feature, values.get(name, ())))
    }
    splits = [split] if split else list(builder.info.splits)
    counts = [_count(builder, name) for name in splits]
    told = partial(damage_named, builder.data_path, UserError)
    with told(), quiet():
        read = partial(_read, builder, splits)
        columns = label_columns(read([*texts]).map(_flat), texts)
        pictures = read([image], {image: tfds.decode.SkipDecoding()}).map(lambda row: row[image])
    if not split and SPLIT not in columns:
        columns[SPLIT] = [name for name, count in zip(splits, counts, strict=True) for _ in range(count)]
    names = [f"{name} {n}" for name, count in zip(splits, counts, strict=True) for n in range(count)]
    unused = [name for name in features if name not in texts and name != image and name not in left_out]
    notes = (f"no labels: {', '.join(unused)}",) if unused else ()
    labels = Labels((), tuple(names), columns, f"{builder.info.full_name} of TensorFlow Datasets", notes)
    stored = sorted(path for path in Path(builder.data_path).iterdir() if path.is_file())
    return Records(
        labels, pictures, features[image].shape, told, tuple(stored), cache, f"{' '.join(splits)} {image}"
    )


def _flat(group: Any, prefix: str = "") -> dict[str, Any]:
    """Features, or what a record holds of them, by name; of groups within groups "group/name"."""
    found: dict[str, Any] = {}
    for name, value in group.items():
        grouped = isinstance(value, (dict, tfds.features.FeaturesDict))
        found |= _flat(value, f"{prefix}{name}/") if grouped else {f"{prefix}{name}": value}
    return found


def _in_order(features: Mapping[str, Any], first: Sequence[str]) -> dict[str, Any]:
    """The features by name, some of them first: files keep them in no order."""
    names = [*(name for name in first if name in features), *sorted(set(features).difference(first))]
    return {name: features[name] for name in names}


def _picture_feature(builder: tfds.core.DatasetBuilder, features: Mapping[str, Any], wanted: str) -> str:
    place = f"--dataset tfds:{builder.name}"
    found = [
        name
        for name, feature in features.items()
        if type(feature) is tfds.features.Image and feature.np_dtype in PICTURE_TYPES and "/" not in name
    ]
    if not found:
        raise UserError(f"{place} has no feature that is a picture: its features are {', '.join(features)}")
    if wanted and wanted not in found:
        hint = suggest(wanted, found) or ";"
        raise ConfigError(
            f"--image {shown_text(wanted)}: no such picture{hint} {place} has {', '.join(found)}"
        )
    if not wanted and len(found) > 1:
        raise ConfigError(f"{place} has several pictures, {', '.join(found)}: name one with --image")
    return wanted or found[0]


def _texts(feature: Any, values: Sequence[str]) -> Texts | None:
    """How the values of a feature are written as labels; None for one that is no label."""
    if isinstance(feature, tfds.features.ClassLabel):
        return class_texts(feature.names) if feature.num_classes else plain_texts
    if not isinstance(feature, tfds.features.Tensor):
        return None
    if values and feature.shape == (len(values),):
        return weight_texts(values)
    return plain_texts if feature.shape == () else None


def _count(builder: tfds.core.DatasetBuilder, split: str) -> int:
    try:
        return int(builder.info.splits[split].num_examples)
    except Exception:  # of TFDS's parser: a dozen types
        known = ", ".join(builder.info.splits)
        raise ConfigError(
            f"--split {shown_text(split)}: tfds:{builder.name} has {known}; also {next(iter(builder.info.splits))}[:1000]"
        ) from None


def _read(
    builder: tfds.core.DatasetBuilder, splits: Sequence[str], names: Sequence[str], decoders: Any = None
) -> tf.data.Dataset:
    """Some features of all records, in the order in which they are stored."""
    in_order = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
    partial_decoding = tfds.decode.PartialDecoding(_nested(names), decoders=decoders)
    parts = [
        builder.as_dataset(split=split, decoders=partial_decoding, read_config=in_order, shuffle_files=False)
        for split in splits
    ]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.concatenate(part)
    return whole


def _nested(names: Sequence[str]) -> dict[str, Any]:
    """The opposite of `_flat`: {"group/name": ...} -> {"group": {"name": True}}."""
    tree: dict[str, Any] = {}
    for name in names:
        *groups, last = name.split("/")
        branch = tree
        for group in groups:
            branch = branch.setdefault(group, {})
        branch[last] = True
    return tree


def _brief(error: BaseException) -> str:
    """The first line of an error, at most 200 characters."""
    return next(iter(str(error).strip().splitlines()), "")[:200] or type(error).__name__
