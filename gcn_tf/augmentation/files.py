"""How augmentation writes its pictures: TFDS dataset, image folders with labels.csv, or plain TFRecord.

Every file is written into a scratch folder and moved from there; `finish` adds what describes all parts. The same part
gives the same bytes.
"""

import csv
import io
import json
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from gcn_tf.augmentation.scratch import write_whole
from gcn_tf.grid.factors import FactorSpace
from gcn_tf.pipelines.prepared import quiet

NAME = "augmented"
SPLIT = "train"


@dataclass(frozen=True)
class Pictures:
    """Pictures to write: their numbers int64 (n,), uint8 (n, H, W, 3) and codes float32 (n, K_f) by factor."""

    numbers: np.ndarray
    images: np.ndarray
    codes: Mapping[str, np.ndarray]

    @classmethod
    def joined(cls, batches: Sequence["Pictures"]) -> "Pictures":
        codes = {n: np.concatenate([some.codes[n] for some in batches]) for n in batches[0].codes}
        numbers, images = (np.concatenate([getattr(b, n) for b in batches]) for n in ("numbers", "images"))
        return cls(numbers, images, codes)

    def rows(self, kept: np.ndarray) -> "Pictures":
        """Those that a bool (n,) marks."""
        codes = {name: code[kept] for name, code in self.codes.items()}
        return Pictures(self.numbers[kept], self.images[kept], codes)

    def pngs(self) -> list[bytes]:
        return [cv2.imencode(".png", image[..., ::-1])[1].tobytes() for image in self.images]


@dataclass(frozen=True)
class Writer(ABC):
    """A format in a folder.

    Args:
        folder: where everything goes.
        space: factors of the run.
        soft: factors that are written as weights; the others are written as ids.
        label: factor of the classes, "" if there is none.
        classes: values of the label that are generated.
        image_shape: (H, W, C).
        parts: how many there are.
    """

    folder: Path
    space: FactorSpace
    soft: tuple[str, ...]
    label: str
    classes: tuple[str, ...]
    image_shape: tuple[int, int, int]
    parts: int

    @property
    def hard(self) -> tuple[str, ...]:
        return tuple(name for name in self.space.names if name not in self.soft)

    @property
    def class_folders(self) -> dict[str, Path]:
        """Folders by class that are part of the set even if they are empty."""
        return {}

    @abstractmethod
    def names(self, part: int) -> list[str]:
        """The files of a part that was written, relative to `folder`."""

    @abstractmethod
    def write(self, part: int, pictures: Pictures, scratch: Path) -> None:
        """Write a part by way of a scratch folder."""

    @abstractmethod
    def finish(self, lengths: Sequence[int], scratch: Path) -> list[str]:
        """Write what describes all parts, `lengths` pictures each; return the names of these files."""

    @abstractmethod
    def holds_pictures(self, name: str) -> bool:
        """Whether readers of the format take a file, by its name relative to `folder`, for pictures of the set."""

    @abstractmethod
    def how_to_read(self) -> str:
        """A line of Python that reads the result."""


class Records(Writer):
    """TFRecord files of `tf.train.Example`, with the specification for `tf.io.parse_example` in features.json."""

    def names(self, part: int) -> list[str]:
        return [f"{NAME}-{part:05d}-of-{self.parts:05d}.tfrecord"]

    def write(self, part: int, pictures: Pictures, scratch: Path) -> None:
        examples = self._examples(pictures)

        def records(path: Path) -> None:
            with tf.io.TFRecordWriter(str(path)) as file:
                for example in examples:
                    file.write(example)

        write_whole(scratch, self.folder / self.names(part)[0], records)

    def holds_pictures(self, name: str) -> bool:
        return "/" not in name and name.endswith(".tfrecord")

    def _examples(self, pictures: Pictures) -> list[bytes]:
        ids = {name: pictures.codes[name].argmax(axis=1) for name in self.hard}
        ids |= {"label": ids[self.label]} if self.label else {}
        examples = []
        for row, png in enumerate(pictures.pngs()):
            feature = {"image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[png]))}
            for name, values in ids.items():
                feature[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=[values[row]]))
            for name in self.soft:
                weights = tf.train.FloatList(value=pictures.codes[name][row])
                feature[name] = tf.train.Feature(float_list=weights)
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            examples.append(example.SerializeToString(deterministic=True))
        return examples

    def finish(self, lengths: Sequence[int], scratch: Path) -> list[str]:
        features: dict[str, Any] = {"image": {"dtype": "string", "shape": [], "encoding": "png"}}
        for name in (*(["label"] if self.label else []), *self.hard):
            features[name] = {"dtype": "int64", "shape": [], "values": self._values(name)}
        for name in self.soft:
            values = self._values(name)
            features[name] = {"dtype": "float32", "shape": [len(values)], "values": values}
        text = json.dumps({"pictures": sum(lengths), "label": self.label, "features": features}, indent=1)
        write_whole(
            scratch, self.folder / "features.json", lambda path: path.write_text(text, encoding="utf-8")
        )
        return ["features.json"]

    def _values(self, name: str) -> list[str]:
        return list(self.space[self.label if name == "label" else name].values)

    def how_to_read(self) -> str:
        return (
            f"tf.data.TFRecordDataset(tf.io.gfile.glob('{self.folder}/{NAME}-*.tfrecord')), see features.json"
        )


class TfdsDataset(Records):
    """A dataset that `tfds.builder_from_directory` reads; the names of all values are in its metadata."""

    def names(self, part: int) -> list[str]:
        return [f"{NAME}-{SPLIT}.tfrecord-{part:05d}-of-{self.parts:05d}"]

    def holds_pictures(self, name: str) -> bool:
        return name.startswith(f"{NAME}-{SPLIT}.tfrecord-")

    def finish(self, lengths: Sequence[int], scratch: Path) -> list[str]:
        with quiet():
            self._info(lengths, scratch).write_to_directory(scratch)
        names = sorted(os.listdir(scratch))
        for name in names:
            os.replace(scratch / name, self.folder / name)
        return names

    def _info(self, lengths: Sequence[int], scratch: Path) -> tfds.core.DatasetInfo:
        """The metadata, from what is known: `tfds.folder_dataset` would list the folder, where others may be writing."""
        features: dict[str, Any] = {
            "image": tfds.features.Image(shape=self.image_shape, encoding_format="png")
        }
        for name in (*(["label"] if self.label else []), *self.hard):
            features[name] = tfds.features.ClassLabel(names=self._values(name))
        for name in self.soft:
            features[name] = tfds.features.Tensor(shape=(len(self.space[name]),), dtype=np.float32)
        size = sum((self.folder / name).stat().st_size for n in range(self.parts) for name in self.names(n))
        info = tfds.core.DatasetInfo(
            builder=tfds.core.DatasetIdentity(
                name=NAME, version="1.0.0", data_dir=str(scratch), module_name=""
            ),
            features=tfds.features.FeaturesDict(features),
            description="Pictures that gcn-tf augment generated; augmentation.json tells how.",
            supervised_keys=("image", "label") if self.label else None,
            metadata=tfds.core.MetadataDict(
                {"label": self.label, "values": {f.name: list(f.values) for f in self.space}}
            ),
        )
        info.set_file_format("tfrecord")
        split = tfds.core.SplitInfo(name=SPLIT, shard_lengths=list(lengths), num_bytes=size)
        info.set_splits(tfds.core.SplitDict([split]))
        return info

    def how_to_read(self) -> str:
        return f"tfds.builder_from_directory('{self.folder}').as_dataset(split='{SPLIT}')"


class Folders(Writer):
    """PNGs in images/CLASS/NUMBER.png, and labels.csv, where a blend is written as 3:0.5+8:0.5."""

    def names(self, part: int) -> list[str]:
        """The part's lines of labels.csv, and the pictures that they name."""
        table = f"parts/{part:05d}.csv"
        try:
            with (self.folder / table).open(encoding="utf-8", errors="replace", newline="") as lines:
                return [table, *(line[0] for line in csv.reader(lines) if line)]
        except (FileNotFoundError, csv.Error):
            return [table]

    def write(self, part: int, pictures: Pictures, scratch: Path) -> None:
        """Write each PNG, and last the part's lines. Files of a part that was stopped are written again."""
        self._make_class_folders()
        texts = {name: self._texts(name, codes) for name, codes in pictures.codes.items()}
        lines = io.StringIO()
        table = csv.writer(lines, lineterminator="\n")
        for row, png in enumerate(pictures.pngs()):
            class_, name = texts[self.label][row], f"{pictures.numbers[row]:09d}.png"
            partial = f"{scratch}/{name}"
            with open(partial, "wb") as file:
                file.write(png)
            os.replace(partial, f"{self.folder}/images/{class_}/{name}")
            table.writerow([f"images/{class_}/{name}", class_, *(column[row] for column in texts.values())])
        write_whole(
            scratch,
            self.folder / f"parts/{part:05d}.csv",
            lambda path: path.write_text(lines.getvalue(), encoding="utf-8"),
        )

    def holds_pictures(self, name: str) -> bool:
        return name.startswith("images/")

    def _texts(self, name: str, codes: np.ndarray) -> list[str]:
        factor = self.space[name]
        if name in self.soft:
            return [factor.text(code) for code in codes]
        return [factor.values[i] for i in codes.argmax(axis=1)]

    @property
    def class_folders(self) -> dict[str, Path]:
        """One for every class, also for those without a picture: Keras numbers the classes by the folders."""
        return {class_: self.folder / "images" / class_ for class_ in self.classes}

    def _make_class_folders(self) -> None:
        for folder in self.class_folders.values():
            folder.mkdir(parents=True, exist_ok=True)

    def finish(self, lengths: Sequence[int], scratch: Path) -> list[str]:
        def table(path: Path) -> None:
            with path.open("wb") as whole:
                whole.write(",".join(["file", "label", *self.space.names]).encode() + b"\n")
                for part in range(self.parts):
                    with (self.folder / f"parts/{part:05d}.csv").open("rb") as lines:
                        shutil.copyfileobj(lines, whole)

        self._make_class_folders()
        for path in self.folder.glob("images/*/*.png.partial"):  # an earlier version was killed
            path.unlink(missing_ok=True)
        write_whole(scratch, self.folder / "labels.csv", table)
        return ["labels.csv"]

    def how_to_read(self) -> str:
        *size, channels = self.image_shape
        color = ", color_mode='grayscale'" if channels == 1 else ""
        return f"keras.utils.image_dataset_from_directory('{self.folder}/images', image_size={tuple(size)}{color})"


WRITERS: dict[str, type[Writer]] = {"tfds": TfdsDataset, "folders": Folders, "tfrecord": Records}
