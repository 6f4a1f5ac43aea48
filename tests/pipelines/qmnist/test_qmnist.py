"""QMNIST: the builder, the verification of its files, and loading with and without a network."""

import contextlib
import gzip
import hashlib
import os
import shutil
import socket
import struct
import tempfile
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import requests
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import downloader
from tensorflow_datasets.core.download.checksums import UrlInfo

from gcn_tf.errors import UserError
from gcn_tf.pipelines.prepared import default_data_dir
from gcn_tf.pipelines.qmnist import preparing
from gcn_tf.pipelines.qmnist.digits import load_digits
from gcn_tf.pipelines.qmnist.qmnist_dataset_builder import Builder
from gcn_tf.pipelines.qmnist.sources import SUBSETS, Source, Subset, read_idx

COUNT = 23
SUBSET_NAMES = ["train", "test", "test10k"]
REAL = os.environ.get("GCN_TF_QMNIST_DIR", "")
needs_real_files = pytest.mark.skipif(not REAL, reason="GCN_TF_QMNIST_DIR (official files) is unset")


def idx_gz(array: np.ndarray, kind: int) -> bytes:
    """An array as a compressed IDX file: kind 0x08 for uint8, 0x0C for int32."""
    header = bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}i", *array.shape)
    return gzip.compress(header + array.astype(array.dtype.newbyteorder(">")).tobytes(), mtime=0)


def toy_images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (COUNT, 28, 28), dtype=np.uint8)


def toy_labels() -> np.ndarray:
    rows = np.arange(COUNT + 4)  # more labels than images, as in test10k
    return np.stack([rows % 10, rows % 2, 2000 - rows, rows * 3] + [rows] * 4, axis=1).astype(np.int32)


def write_toy_files(folder: Path) -> None:
    for subset in SUBSETS.values():
        (folder / subset.images.name).write_bytes(idx_gz(toy_images(), 0x08))
        (folder / subset.labels.name).write_bytes(idx_gz(toy_labels(), 0x0C))


def checksum(path: Path) -> UrlInfo:
    content = path.read_bytes()
    return UrlInfo(len(content), hashlib.sha256(content).hexdigest(), None)


def checksums(folder: Path) -> dict[str, UrlInfo]:
    return {s.url: checksum(folder / s.name) for subset in SUBSETS.values() for s in subset.sources}


@pytest.fixture
def by_hand(tmp_path, monkeypatch):
    """A folder with toy files for every subset, whose checksums are those expected."""
    folder = tmp_path / "by_hand"
    folder.mkdir()
    write_toy_files(folder)
    monkeypatch.setattr(Builder, "url_infos", checksums(folder))
    return folder


@pytest.fixture
def data_dir(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def served(by_hand, monkeypatch):
    """The toy files behind a local server; the URLs of test10k point there. Yields the folder it serves."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(by_hand)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    root = f"http://127.0.0.1:{server.server_port}/"
    sources = [Source(root + source.name) for source in SUBSETS["test10k"].sources]
    monkeypatch.setitem(SUBSETS, "test10k", Subset(*sources, "toy"))
    monkeypatch.setattr(Builder, "url_infos", checksums(by_hand))
    yield by_hand
    server.shutdown()
    server.server_close()


def leave_no_network(monkeypatch):
    def unreachable(*args, **options):
        raise requests.ConnectionError("no network")

    monkeypatch.setattr(requests, "head", unreachable)
    monkeypatch.setattr(requests.Session, "get", unreachable)


DAMAGES = {
    "cut": lambda content: content[:-40],
    "one bit": lambda content: content[:99] + bytes([content[99] ^ 1]) + content[100:],
    "empty": lambda content: b"",
    "another file": lambda content: idx_gz(np.zeros((COUNT, 28, 28), np.uint8), 0x08),
}


def damage(path: Path, how: str) -> None:
    path.write_bytes(DAMAGES[how](path.read_bytes()))


class TestBuilder(tfds.testing.DatasetBuilderTestCase):
    """TFDS's own checks of a builder: registered, valid tags, examples of the declared shapes, reloading."""

    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["test10k"]  # noqa: RUF012
    SPLITS = {"test10k": COUNT}  # noqa: RUF012

    @classmethod
    def setUpClass(cls):
        cls.EXAMPLE_DIR = tempfile.mkdtemp()
        write_toy_files(Path(cls.EXAMPLE_DIR))
        Builder.url_infos = checksums(Path(cls.EXAMPLE_DIR))
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        del Builder.url_infos
        shutil.rmtree(cls.EXAMPLE_DIR)


def test_every_official_file_has_a_checksum():
    urls = {source.url for subset in SUBSETS.values() for source in subset.sources}
    assert set(Builder.url_infos) == urls
    assert all(len(info.checksum) == 64 and int(info.size) > 0 for info in Builder.url_infos.values())


def test_builder_finds_its_description_citation_and_tags():
    metadata = Builder.get_metadata()
    assert "QMNIST" in metadata.description
    assert "Cold Case" in metadata.citation
    assert "ml.task.image-classification" in metadata.tags


@pytest.mark.parametrize("name", SUBSET_NAMES)
def test_every_subset_keeps_the_order_of_the_files(name, by_hand, data_dir):
    digits = load_digits(name, data_dir, by_hand)
    labels = toy_labels()[:COUNT]
    np.testing.assert_array_equal(digits.images, toy_images())
    np.testing.assert_array_equal(digits.digit, labels[:, 0])
    np.testing.assert_array_equal(digits.writer, labels[:, 2])
    assert [a.dtype for a in (digits.images, digits.digit, digits.writer)] == [np.uint8, np.int32, np.int32]

    examples = list(tfds.as_numpy(Builder(data_dir=data_dir, config=name).as_dataset(split=name)))
    np.testing.assert_array_equal([e["index"] for e in examples], labels[:, 3])
    np.testing.assert_array_equal([e["series"] for e in examples], labels[:, 1])
    np.testing.assert_array_equal([e["image"][..., 0] for e in examples], toy_images())


def test_second_load_needs_no_source_files(by_hand, data_dir, monkeypatch):
    first = load_digits("test10k", data_dir, by_hand)
    shutil.rmtree(by_hand)
    leave_no_network(monkeypatch)
    second = load_digits("test10k", data_dir)
    np.testing.assert_array_equal(first.images, second.images)


def test_loading_is_silent(by_hand, data_dir, capfd):
    load_digits("test10k", data_dir, by_hand)
    captured = capfd.readouterr()
    noise = [line for line in captured.err.splitlines() if "0000 00:" not in line]  # TensorFlow's start-up
    assert (captured.out, noise) == ("", [])


def test_unknown_subset_is_refused_with_the_nearest_name(data_dir):
    with pytest.raises(UserError, match=r"'test10', did you mean test10k\? known: train, test, test10k"):
        load_digits("test10", data_dir)


@pytest.mark.parametrize("part", ["images", "labels"])
@pytest.mark.parametrize("how", DAMAGES)
def test_wrong_files_are_refused_by_name_with_both_checksums(how, part, by_hand, data_dir):
    source = getattr(SUBSETS["test10k"], part)
    expected = Builder.url_infos[source.url]
    path = by_hand / source.name
    damage(path, how)
    found = checksum(path)
    with pytest.raises(UserError) as refusal:
        load_digits("test10k", data_dir, by_hand)
    message = str(refusal.value)
    for wanted in (source.name, expected.checksum, found.checksum, f"({found.size} bytes)", source.url):
        assert wanted in message
    assert "\n" not in message
    write_toy_files(by_hand)
    assert len(load_digits("test10k", data_dir, by_hand).images) == COUNT  # nothing half-written was kept


def test_missing_files_are_listed_by_name_and_nothing_is_downloaded(by_hand, data_dir, monkeypatch):
    monkeypatch.setattr(preparing, "prepare", lambda *args: pytest.fail("tried to prepare"))
    images, labels = SUBSETS["train"].sources
    (by_hand / labels.name).unlink()
    with pytest.raises(UserError, match=f"{by_hand} lacks {labels.name}: put there {labels.url}$"):
        load_digits("train", data_dir, by_hand)
    with pytest.raises(UserError, match=f"nowhere is not a folder: put there {images.url}, {labels.url}"):
        load_digits("train", data_dir, by_hand / "nowhere")


def test_another_compression_of_the_same_content_is_accepted(tmp_path):
    path, content = tmp_path / "images.gz", idx_gz(toy_images(), 0x08)
    path.write_bytes(gzip.compress(gzip.decompress(content), 1, mtime=5))
    source = Source("https://example.org/images.gz", hashlib.sha256(gzip.decompress(content)).hexdigest())
    expected = UrlInfo(len(content), hashlib.sha256(content).hexdigest(), None)
    np.testing.assert_array_equal(read_idx(path, source, expected), toy_images())
    for how in DAMAGES:
        path.write_bytes(gzip.compress(gzip.decompress(content), 1, mtime=5))
        damage(path, how)
        with pytest.raises(UserError, match=r"images\.gz is damaged or another file"):
            read_idx(path, source, expected)


def test_files_are_downloaded_verified_and_kept(served, data_dir, monkeypatch):
    np.testing.assert_array_equal(load_digits("test10k", data_dir).images, toy_images())
    shutil.rmtree(data_dir / "qmnist")
    leave_no_network(monkeypatch)
    np.testing.assert_array_equal(load_digits("test10k", data_dir).images, toy_images())


@pytest.mark.parametrize("how", DAMAGES)
def test_wrong_downloads_are_refused_with_both_checksums(how, served, data_dir):
    source = SUBSETS["test10k"].images
    expected = Builder.url_infos[source.url]
    damage(served / source.name, how)
    with pytest.raises(UserError) as refusal:
        load_digits("test10k", data_dir)
    found = checksum(served / source.name)
    for wanted in (source.name, expected.checksum, found.checksum, "--manual-dir"):
        assert wanted in str(refusal.value)
    assert "\n" not in str(refusal.value)
    write_toy_files(served)
    assert len(load_digits("test10k", data_dir).images) == COUNT


def test_a_download_damaged_in_the_cache_is_refused(served, data_dir):
    load_digits("test10k", data_dir)
    shutil.rmtree(data_dir / "qmnist")
    cached = next((data_dir / "downloads").rglob("*t10k*.gz"))
    damage(cached, "one bit")
    with pytest.raises(UserError, match=f"t10k-images-idx3-ubyte.gz is damaged.* delete {cached}"):
        load_digits("test10k", data_dir)


def test_files_gone_from_the_server_are_listed(served, data_dir):
    (served / SUBSETS["test10k"].images.name).unlink()
    with pytest.raises(UserError, match=r"404.*put these files in a folder and add --manual-dir FOLDER"):
        load_digits("test10k", data_dir)


def test_without_a_network_the_files_are_listed_after_few_retries(data_dir, monkeypatch):
    tried = []

    @contextlib.contextmanager
    def unreachable(url, **options):
        tried.append((downloader.MAX_RETRIES, options["timeout"]))
        raise requests.ConnectionError("no network")
        yield

    monkeypatch.setattr(preparing, "require_answer", lambda url, seconds: None)
    monkeypatch.setattr(downloader, "_open_with_requests", unreachable)
    before = downloader.MAX_RETRIES
    with pytest.raises(UserError) as refusal:
        load_digits("train", data_dir)
    for wanted in [s.url for s in SUBSETS["train"].sources] + ["no network", "--manual-dir FOLDER"]:
        assert wanted in str(refusal.value)
    assert "\n" not in str(refusal.value)
    limits = (preparing.ANSWER_SECONDS, preparing.TRANSFER_SECONDS)
    assert tried[0] == (
        preparing.RETRIES,
        limits,
    )  # a thread that starts after the refusal may see TFDS's own number
    assert preparing.RETRIES <= 2
    assert preparing.ANSWER_SECONDS <= 10
    assert before == downloader.MAX_RETRIES


def test_a_name_look_up_that_hangs_is_given_up(data_dir, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: time.sleep(20))
    monkeypatch.setattr(preparing, "ANSWER_SECONDS", 0.3)
    start = time.monotonic()
    with pytest.raises(UserError, match=r"no answer from .* in 0\.3 s\): put these files in a folder"):
        load_digits("test10k", data_dir)
    assert time.monotonic() - start < 5


def test_an_unfinished_download_is_removed_by_the_next_preparation(served, data_dir):
    damage(served / SUBSETS["test10k"].images.name, "cut")
    with pytest.raises(UserError, match="checksum"):
        load_digits("test10k", data_dir)
    assert list(data_dir.glob("downloads/qmnist/*.tmp.*"))
    write_toy_files(served)
    load_digits("test10k", data_dir)
    assert not list(data_dir.glob("downloads/qmnist/*.tmp.*"))


def test_interrupted_preparation_is_not_taken_as_prepared(by_hand, data_dir, monkeypatch):
    generate = Builder._generate_examples

    def interrupted(self, *paths):
        for number, example in enumerate(generate(self, *paths)):
            if number == COUNT // 2:
                raise KeyboardInterrupt
            yield example

    monkeypatch.setattr(Builder, "_generate_examples", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load_digits("test10k", data_dir, by_hand)
    monkeypatch.setattr(Builder, "_generate_examples", generate)
    assert not Builder(data_dir=data_dir, config="test10k").data_path.exists()
    (data_dir / "qmnist/test10k/incomplete.KILLED_1.0.0").mkdir()  # what a killed process leaves
    assert len(load_digits("test10k", data_dir, by_hand).images) == COUNT
    assert not list(data_dir.rglob("incomplete.*"))


@pytest.mark.parametrize("pattern", ["*.tfrecord*", "dataset_info.json"])
@pytest.mark.parametrize("how", ["cut", "empty", "another file", "deleted"])
def test_damaged_prepared_data_are_named(pattern, how, by_hand, data_dir):
    load_digits("test10k", data_dir, by_hand)
    path = next((data_dir / "qmnist" / "test10k").rglob(pattern))
    path.unlink() if how == "deleted" else damage(path, how)
    with pytest.raises(UserError, match=f"prepared data in {data_dir}/qmnist/test10k are damaged: delete"):
        load_digits("test10k", data_dir, by_hand)


def test_a_data_dir_that_cannot_be_written_is_named(by_hand, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=f"cannot write to {tmp_path}/file .*choose another --data-dir"):
        load_digits("test10k", tmp_path / "file", by_hand)


def test_default_data_dir_follows_the_cache_folder_of_the_user(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    for setting, wanted in [("/var/mine", "/var/mine"), ("relative", "/home/somebody/.cache"), ("", None)]:
        monkeypatch.setenv("XDG_CACHE_HOME", setting)
        assert default_data_dir() == Path(wanted or "/home/somebody/.cache") / "gcn-tf"


@needs_real_files
def test_official_test10k_loads(data_dir):
    start = time.monotonic()
    digits = load_digits("test10k", data_dir, Path(REAL))
    assert time.monotonic() - start < 30
    labels = gzip.decompress((Path(REAL) / SUBSETS["test10k"].labels.name).read_bytes())
    rows = np.frombuffer(labels, ">i4", offset=12).reshape(-1, 8)[:10_000]
    np.testing.assert_array_equal(digits.digit, rows[:, 0])
    np.testing.assert_array_equal(digits.writer, rows[:, 2])
    assert digits.images.shape == (10_000, 28, 28)
    assert digits.digit[:8].tolist() == [7, 2, 1, 0, 4, 1, 4, 9]
    assert len(np.unique(digits.writer)) == 297
