"""QMNIST: damaged official files, and prepared data that hold no digits."""

import gzip
import os
import struct
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from damage import (
    IMAGES,
    OFFICIAL,
    contents,
    damaged,
    inputs,
    one_damaged,
    put_folder,
    put_loop,
    put_pipe,
    read_or_refused,
    refused,
    write,
)
from hypothesis import strategies as st

from gcn_tf.pipelines.qmnist.digits import Digits, _read_prepared, load_digits
from gcn_tf.pipelines.qmnist.qmnist_dataset_builder import Builder
from gcn_tf.pipelines.qmnist.sources import SUBSETS, QmnistError, read_idx

OFFICIAL_FOLDER = os.environ.get("GCN_TF_QMNIST_DIR", "")


def idx_of(shape: tuple[int, ...], data: bytes = b"", kind: int = 0x08) -> bytes:
    return gzip.compress(bytes([0, 0, kind, len(shape)]) + struct.pack(f">{len(shape)}i", *shape) + data)


HOSTILE_DIGITS = {
    "empty": b"",
    "no gzip": b"no gzip at all",
    "truncated": idx_of((9, 28, 28), bytes(9 * 784))[:-9],
    "of another type": idx_of((9, 28, 28), bytes(9 * 784), kind=0x99),
    "announcing too many": idx_of((40_000, 40_000)),
    "announcing less than none": idx_of((-1, 28, 28)),
    "fewer labels": idx_of((1, 8), bytes(32), kind=0x0C),
    "labels out of range": idx_of((9, 8), b"\x7f" * 288, kind=0x0C),
}


@pytest.mark.parametrize("kind", HOSTILE_DIGITS)
@pytest.mark.parametrize("part", ["images", "labels"])
def test_digits_are_those_of_the_checksum(kind, part, tmp_path):
    source = getattr(SUBSETS["test10k"], part)
    path = write(tmp_path / source.name, HOSTILE_DIGITS[kind])
    with refused(path, source.url, kind=QmnistError):
        read_idx(path, source, Builder.url_infos[source.url])


@pytest.mark.parametrize("put", [put_folder, put_pipe, put_loop], ids=lambda put: put.__name__)
def test_digits_that_are_no_files_are_missing(put, tmp_path):
    for source in SUBSETS["test10k"].sources:
        put(tmp_path / source.name)
    with refused(tmp_path, "lacks", kind=QmnistError):
        load_digits("test10k", tmp_path / "data", tmp_path)


@inputs(500, content=damaged(idx_of((9, 28, 28), bytes(range(256)) * 28)))
def test_damaged_digits_are_refused(content, folder):
    path = write(folder / "images.gz", content)
    with refused(path, IMAGES.url, kind=QmnistError):
        read_idx(path, IMAGES, OFFICIAL)


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """A copy of the official files, and the digits in them."""
    if not OFFICIAL_FOLDER:
        pytest.skip("set GCN_TF_QMNIST_DIR to a folder with the official QMNIST files")
    folder = tmp_path_factory.mktemp("official")
    for source in SUBSETS["test10k"].sources:
        write(folder / source.name, (Path(OFFICIAL_FOLDER) / source.name).read_bytes())
    data_dir = tmp_path_factory.mktemp("prepared")
    return folder, data_dir, load_digits("test10k", data_dir, folder)


def same_digits(one: Digits, other: Digits) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("images", "digit", "writer")
    )


@inputs(60, st.data())
def test_damaged_official_files_are_refused(official, tmp_path_factory, data):
    """Or, where the damage is in what gzip notes beside the content, read as it was."""
    folder, _, digits = official
    with one_damaged(contents(folder), data) as path, read_or_refused(path, "get it again from"):
        assert same_digits(load_digits("test10k", tmp_path_factory.mktemp("data"), folder), digits)


@inputs(60, st.data())
def test_damaged_prepared_digits_are_read_or_refused(official, data):
    _, data_dir, digits = official
    with one_damaged(contents(data_dir), data), read_or_refused(data_dir / "qmnist/test10k"):
        assert same_digits(load_digits("test10k", data_dir), digits)


def test_prepared_labels_that_are_no_digits_are_refused(tmp_path):
    features = {"image": bytes_feature(bytes(784)), "label": number_feature(77), "writer": number_feature(1)}
    example = tf.train.Example(features=tf.train.Features(feature=features))
    with tf.io.TFRecordWriter(str(tmp_path / "records")) as file:
        file.write(example.SerializeToString())
    split = SimpleNamespace(num_examples=1, filepaths=[tmp_path / "records"])
    with pytest.raises(ValueError, match="not a digit"):
        _read_prepared(SimpleNamespace(info=SimpleNamespace(splits={"test": split})), "test")


def bytes_feature(value: bytes):
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def number_feature(value: int):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
