"""Files that were damaged, or made to do harm: each is read right, or refused in one line, soon and in little memory."""

import bz2
import contextlib
import datetime
import gzip
import io
import itertools
import json
import math
import os
import pickle
import resource
import signal
import struct
import tempfile
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import tensorflow as tf
import yaml
from hypothesis import HealthCheck, configuration, given, settings
from hypothesis import strategies as st
from PIL import Image

from gcn_tf import training
from gcn_tf.callbacks import _logged_step
from gcn_tf.charts import write_curves_chart
from gcn_tf.checkpoints import CheckpointStore
from gcn_tf.config import RunConfig, check_config, read_config, read_yaml, resolve, to_dict, write_config
from gcn_tf.errors import UserError
from gcn_tf.factors import Factor, FactorSpace
from gcn_tf.files import stored_arrays
from gcn_tf.pipelines.batches import split_dataset
from gcn_tf.pipelines.face_crops import BadPicture, decode, find_face
from gcn_tf.pipelines.face_grid import choose_persons
from gcn_tf.pipelines.faces.pictures import write_kdef
from gcn_tf.pipelines.kdef.files import KdefError, find_files, read_picture, same_content
from gcn_tf.pipelines.kdef.pictures import load_kdef
from gcn_tf.pipelines.mmi.frames import frames_of, read_frame
from gcn_tf.pipelines.mmi.sessions import Clip, find_clips
from gcn_tf.pipelines.qmnist.digits import _read_prepared, load_digits
from gcn_tf.pipelines.qmnist.qmnist_dataset_builder import Builder
from gcn_tf.pipelines.qmnist.sources import SUBSETS, QmnistError, Source, read_idx
from gcn_tf.pipelines.registry import load_dataset

# What it keeps would else lie in the folder of the package.
configuration.set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "hypothesis")

SECONDS = 10
MEMORY = 2 << 30  # bytes; of the whole process, as the system counts them
BOMB_MEMORY = 300 << 20  # that Python allocates while it refuses something made to fill the memory
GIGABYTES = 4  # that the bombs would unpack to


def inputs(count: int, *strategies, **named):
    """Run a slow test with so many inputs, the same ones every time."""

    def decorate(test):
        whole = settings(
            max_examples=count,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        return pytest.mark.slow(whole(given(*strategies, **named)(test)))

    return decorate


@pytest.fixture(scope="module", autouse=True)
def limits():
    """A read that hangs is broken off, and all of them together stay in memory."""

    def hanging(number, frame):
        raise Hanging

    before, handler = peak(), signal.signal(signal.SIGALRM, hanging)
    yield
    signal.signal(signal.SIGALRM, handler)
    assert peak() < before + MEMORY  # other tests may have been in this process before


class Hanging(BaseException):
    """No answer for SECONDS; readers that catch every Exception do not catch this."""


def peak() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextlib.contextmanager
def soon():
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)


@contextlib.contextmanager
def read_or_refused(*named):
    """The block may raise a refusal in one line that names what it refuses, and nothing else; and it ends soon."""
    try:
        with soon():
            yield
    except (UserError, BadPicture) as refusal:
        check_message(refusal, *named)


@contextlib.contextmanager
def refused(*named, kind=UserError):
    with pytest.raises(kind) as refusal, soon():
        yield
    check_message(refusal.value, *named)


@contextlib.contextmanager
def in_little_memory():
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < BOMB_MEMORY
    finally:
        tracemalloc.stop()


def check_message(refusal, *named):
    message = str(refusal)
    assert 0 < len(message) < 1000
    assert message.isprintable()
    assert all(str(name) in message for name in named)


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@st.composite
def damaged(draw, content: bytes):
    """`content` with up to four damages, near its beginning or anywhere."""
    data = content
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, min(len(data), 400)) | st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(1, 8) | st.integers(1, 4000)))
        part = data[start:end]
        how = draw(st.sampled_from(["flip", "random", "drop", "double", "cut", "insert", "zero", "ones"]))
        if how == "flip":
            part = bytes([part[0] ^ (1 << draw(st.integers(0, 7)))]) + part[1:] if part else b""
        elif how in ("random", "insert"):
            new = draw(st.binary(min_size=1, max_size=8))
            part = new + (part if how == "insert" else part[len(new) :])
        else:
            replaced = {"drop": b"", "double": part * 2, "cut": b"", "zero": bytes(len(part))}
            part = replaced.get(how, b"\xff" * len(part))
            end = len(data) if how == "cut" else end
        data = data[:start] + part + data[end:]
    return data


def anything():
    """What a field may be replaced by: of other types, out of range, too large, nested."""
    return st.sampled_from(
        [
            *(None, True, "", "text", "\0", "../..", "x" * 5000, "9" * 5000, b"bytes", datetime.date.max),
            *(math.nan, math.inf, -1, 0, 10**30, -(10**400), 2**63, 1e308, 4.0, "1e999"),
            *([], {}, [[]], [None], {"": ""}, {"a\nb": 1}, {1: 2}, [{"filters": 1}], [10**30] * 9),
            nested(30),
        ]
    )


def nested(depth: int):
    return [nested(depth - 1)] if depth else []


def paths_in(tree, path=()):
    """Places of all values of nested mappings and lists, from the outermost on."""
    if path:
        yield path
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from paths_in(value, (*path, key))


def with_replaced(tree, path, value):
    if not path:
        return value
    copied = tree.copy()
    copied[path[0]] = with_replaced(tree[path[0]], path[1:], value)
    return copied


# ---------------------------------------------------------------------------------------------- what is no file


def put_folder(path: Path):
    path.mkdir()


def put_pipe(path: Path):
    os.mkfifo(path)


def put_loop(path: Path):
    path.symlink_to(path.name)


def put_link_into_nothing(path: Path):
    path.symlink_to("nowhere")


def put_endless_device(path: Path):
    path.symlink_to("/dev/zero")


def read_arrays(path: Path):
    with stored_arrays(path) as file:
        return {name: file[name] for name in file.files}


IMAGES = Source("https://example.org/images.gz", content_sha256="f" * 64)
OFFICIAL = SimpleNamespace(checksum="0" * 64, size=1_648_877)
READERS = {
    "config.yaml": read_config,
    "mine.yaml": lambda path: resolve(config_file=path),
    "space.yaml": read_yaml,
    "factors.json": FactorSpace.read,
    "entry.npz": read_arrays,
    "images.gz": lambda path: read_idx(path, IMAGES, OFFICIAL),
    "AF01NES.JPG": lambda path: read_picture(find_files(path.parent).pictures[0]),
    "S001-001.avi": lambda path: read_frame(frames_of([Clip("1", "S001", "HA", (path,))])[0]),
    "S001-001.png": lambda path: read_frame(frames_of([Clip("1", "S001", "HA", (path,))])[0]),
    "session.xml": lambda path: find_clips(path.parent),
    "KDEF.zip": lambda path: find_files(path.parent),
}


@pytest.mark.parametrize(
    "put",
    [put_folder, put_pipe, put_loop, put_link_into_nothing, put_endless_device],
    ids=lambda put: put.__name__,
)
@pytest.mark.parametrize("name", READERS)
def test_what_is_no_file_is_refused(put, name, tmp_path):
    put(tmp_path / name)
    with refused(kind=(UserError, BadPicture)):
        READERS[name](tmp_path / name)


@pytest.mark.parametrize("put", [put_folder, put_pipe, put_loop], ids=lambda put: put.__name__)
def test_no_log_is_drawn_of_what_is_no_file(put, tmp_path):
    put(tmp_path / "metrics.jsonl")
    with soon():
        assert not write_curves_chart(tmp_path / "metrics.jsonl", tmp_path / "curves.png")


@pytest.mark.parametrize("name", READERS)
def test_a_huge_file_is_refused_unread(name, tmp_path):
    with (tmp_path / name).open("wb") as file:
        file.truncate(GIGABYTES << 30)
    with in_little_memory(), refused(kind=(UserError, BadPicture)):
        READERS[name](tmp_path / name)


# ------------------------------------------------------------------------------------------------- config.yaml


def laughs(levels: int) -> str:
    """A list that holds nine times the same list, that nine times another..., all in a line."""
    if not levels:
        return "&a0 [ha, ha]"
    return f"&a{levels} [{laughs(levels - 1)}{f', *a{levels - 1}' * 8}]"


MERGED = "a: &a0 {x: 1}\n" + "".join(
    f"b{n}: &a{n + 1} {{<<: [{', '.join([f'*a{n}'] * 9)}]}}\n" for n in range(40)
)
HOSTILE_YAML = {
    "nothing": b"",
    "bytes that are no text": b"steps: \xff\xfe",
    "the first half of UTF-16": "steps: 3".encode("utf-16")[:-1],
    "zero bytes": b"steps: 3\0",
    "aliases of aliases": f"holdout: {laughs(40)}".encode(),
    "aliases of aliases as networks": f"generator: {laughs(40)}".encode(),
    "aliases of aliases as layers": f"classifier: {{convolutions: [{laughs(40)}]}}".encode(),
    "merged aliases": MERGED.encode(),
    "a list within itself": b"holdout: &a [*a]",
    "a mapping within itself": b"&a\ngenerator: *a",
    "lists in lists": b"holdout: " + b"[" * 60_000,
    "mappings in mappings": b"{a: " * 40_000,
    "an integer of many digits": b"steps: " + b"9" * 9000,
    "a hexadecimal of many digits": b"steps: 0x" + b"f" * 9000,
    "a hexadecimal as text": b"dataset: 0x" + b"f" * 9000,
    "a hexadecimal as a fraction": b"learning_rate: 0x" + b"f" * 9000,
    "a hexadecimal as a name": b"0x" + b"f" * 9000 + b": 1",
    "more than a float holds": b"learning_rate: 1e999",
    "no such day": b"steps: 2001-99-99",
    "no truth": b"deterministic: !!bool maybe",
    "no integer": b"steps: !!int ''",
    "no date": b"steps: !!timestamp x",
    "a list as a key": b"? [a, b]\n: 1",
    "no key": b"null: 1",
    "no number as a key": b".nan: 1",
    "a key of many lines": b'generator: {towers: {"a\\nb": 1}}',
    "a name with a zero byte": b'data_dir: "a\\0b"',
    "many writers": b"writers: 999999999",
    "writers without end": b"writers: '" + b"9" * 9000 + b"'",
    "a preset that is a list": b"preset: [a]",
    "no dataset": b"dataset: null",
    "a fraction of turns": b"transformations: 4.0",
}


@pytest.mark.parametrize("kind", HOSTILE_YAML)
def test_hostile_settings_are_refused(kind, tmp_path):
    path = write(tmp_path / "config.yaml", HOSTILE_YAML[kind])
    with refused(path):
        read_config(path)
    with refused():
        check_config(resolve(config_file=path))


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path [{}]]",
        "!!python/object/new:os.system [touch {}]",
        "!!python/name:os.system",
        "!!python/module:antigravity",
    ],
)
def test_no_tag_runs_code(tag, tmp_path):
    trace = tmp_path / "trace"
    path = write(tmp_path / "config.yaml", f"holdout: {tag.format(trace)}".encode())
    with refused(path):
        read_config(path)
    assert not trace.exists()


@pytest.mark.parametrize("persons", ["\u00b2", "9" * 50, "999999999"])
def test_persons_that_no_grid_has_are_refused(persons):
    with refused(f"--persons {persons}"):
        load_dataset(RunConfig(dataset="faces", persons=persons))
    with refused(f"--persons {persons}"):
        choose_persons(persons, ["F01", "F02"])


def test_few_aliases_are_written_out(tmp_path):
    text = "generator: {trunk: &units [8, 8]}\nclassifier: {head_units: *units}"
    assert read_config(write(tmp_path / "config.yaml", text.encode())).classifier.head_units == (8, 8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One for all inputs of a test: they take each other's place."""
    return tmp_path_factory.mktemp("hostile")


def config_text() -> bytes:
    return yaml.safe_dump(to_dict(RunConfig()), sort_keys=False).encode()


def read_settings(path: Path):
    with read_or_refused():
        check_config(resolve(config_file=path))
    with read_or_refused(path):
        config = read_config(path)
        write_config(config, path)
        assert read_config(path) == config


@inputs(700, content=damaged(config_text()))
def test_damaged_settings_are_read_or_refused(content, folder):
    read_settings(write(folder / "config.yaml", content))


@inputs(700, st.sampled_from(list(paths_in(to_dict(RunConfig())))), anything())
def test_settings_of_any_value_are_read_or_refused(folder, place, value):
    changed = with_replaced(to_dict(RunConfig()), place, value)
    read_settings(write(folder / "config.yaml", yaml.safe_dump(changed).encode()))


# ------------------------------------------------------------------------------------------------ factors.json

SPACE = FactorSpace((Factor("digit", tuple("0123456789")), Factor("color", ("red", "green", "blue"))))
STORED = json.loads(SPACE.to_json())


def many(count: int) -> list[str]:
    return [str(n) for n in range(count)]


def factors(*values) -> bytes:
    return json.dumps([{"name": f"f{n}", "values": v} for n, v in enumerate(values)]).encode()


HOSTILE_FACTORS = {
    "nothing": b"",
    "no factors": b"[]",
    "null": b"null",
    "a number": b"1e999",
    "an integer of many digits": b"[" + b"9" * 9000 + b"]",
    "a name alone": b'["digit"]',
    "a number as name": b'[{"name": 3, "values": ["a"]}]',
    "text as values": b'[{"name": "digit", "values": "abc"}]',
    "numbers as values": b'[{"name": "digit", "values": [1, 2]}]',
    "no values": factors([]),
    "an empty value": factors([""]),
    "the same twice": factors(["a", "a"]),
    "the same twice of many": factors([*many(300_000), "0"]),
    "the same factor twice": json.dumps([STORED[0]] * 2).encode(),
    "bytes that are no text": b'[{"name": "\xff", "values": ["a"]}]',
    "zero bytes": factors(["a\0b"]),
    "lists in lists": b"[" * 200_000,
    "mappings in mappings": b'{"a":' * 200_000,
    "far too many values": factors(many(100_000)),
    "terabytes of cells": factors(*[many(4000)] * 8),
    "more cells than can be counted": factors(*[many(2000)] * 16),
    "more dimensions than arrays have": factors(*[["a"]] * 200),
    "a value that leads out": factors(["../../etc"]),
    "a value from the root": factors(["/etc/cron.d"]),
    "a value with a line break": factors(["a\nb"]),
    "a value that a terminal obeys": factors(["\x1b[2J"]),
    "half a letter": b'[{"name": "digit", "values": ["\\ud800"]}]',
}


@pytest.mark.parametrize("kind", HOSTILE_FACTORS)
def test_hostile_factors_are_refused(kind, tmp_path):
    path = write(tmp_path / "factors.json", HOSTILE_FACTORS[kind])
    with refused(path):
        FactorSpace.read(path)


def test_the_largest_grid_fits_into_memory():
    space = FactorSpace(tuple(Factor(f"f{n}", tuple(many(10))) for n in range(7)))
    assert space.cells().shape == (10**7, 7)


def read_factors(path: Path):
    with read_or_refused(path):
        space = FactorSpace.read(path)
        assert FactorSpace.from_json(space.to_json()) == space
        assert space.one_hot(np.zeros((1, len(space.factors)), int)).keys() == space.sizes.keys()
        for value in (value for factor in space for value in factor.values):
            assert (path.parent / value).resolve().is_relative_to(path.parent.resolve())


@inputs(900, content=damaged(SPACE.to_json().encode()))
def test_damaged_factors_are_read_or_refused(content, folder):
    read_factors(write(folder / "factors.json", content))


@inputs(500, st.sampled_from([(), *paths_in(STORED)]), anything())
def test_factors_of_any_value_are_read_or_refused(folder, place, value):
    text = json.dumps(with_replaced(STORED, place, value), default=str, skipkeys=True)
    read_factors(write(folder / "factors.json", text.encode()))


# ----------------------------------------------------------------------------- checkpoints, logs, studies' arrays


@pytest.fixture(scope="module")
def store(toy_config, tmp_path_factory):
    """The checkpoint of a toy run, and its bytes."""
    split = split_dataset(load_dataset(toy_config), toy_config.holdout, 0)
    model = training.build_model(toy_config, split.dataset.space, split.dataset.image_shape)
    kept = CheckpointStore(model, tmp_path_factory.mktemp("checkpoints"))
    kept.save(10)
    return kept, kept.latest.read_bytes()


@inputs(300, st.data())
def test_damaged_checkpoints_are_restored_or_refused(store, data):
    kept, whole = store
    kept.latest.write_bytes(data.draw(damaged(whole)))
    with read_or_refused(kept.folder):
        kept.restore()


def log_text() -> bytes:
    lines = [
        {"step": n, "train/generator_loss": 9.0 / n, "seen/psnr_db": 9.0 + n, "unseen/psnr_db": 9.5 + n}
        for n in range(1, 9)
    ]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


HOSTILE_LINES = [
    *("", "{", "[]", "null", '{"step": null}', '{"step": "a"}', '{"step": [1]}', "[" * 100_000),
    *('{"step": Infinity, "train/generator_loss": 1}', '{"step": 1, "train/generator_loss": NaN}'),
    *('{"step": 1, "train/generator_loss": "high"}', '{"step": 1, "seen/psnr_db": 1e308}'),
    f'{{"step": {"9" * 9000}, "seen/psnr_db": 1}}',
    f'{{"step": 1, "seen/psnr_db": {"9" * 400}}}',
]


def test_damaged_lines_of_a_log_are_not_drawn(tmp_path):
    drawn = []
    for text in (log_text(), log_text() + "\n".join(HOSTILE_LINES).encode() + b"\n\xff\n"):
        assert write_curves_chart(write(tmp_path / "metrics.jsonl", text), tmp_path / "curves.png")
        drawn.append((tmp_path / "curves.png").read_bytes())
    assert drawn[0] == drawn[1]
    write(tmp_path / "metrics.jsonl", "\n".join(HOSTILE_LINES[:8]).encode())
    assert not write_curves_chart(tmp_path / "metrics.jsonl", tmp_path / "curves.png")


@inputs(60, content=damaged(log_text()))
def test_a_damaged_log_is_drawn(content, folder):
    with read_or_refused():
        write_curves_chart(write(folder / "metrics.jsonl", content), folder / "curves.png")


@inputs(300, content=damaged(log_text()))
def test_steps_are_read_in_a_damaged_log(content):
    for line in content.decode(errors="replace").splitlines(keepends=True):
        assert isinstance(_logged_step(line), int)


def entry_file() -> bytes:
    made = io.BytesIO()
    arrays = {"numbers": np.array(json.dumps({"seconds": 1.5})), "images": np.zeros((2, 3), np.uint8)}
    np.savez_compressed(made, **arrays)
    return made.getvalue()


@inputs(700, content=damaged(entry_file()))
def test_damaged_arrays_are_read_or_refused(content, folder):
    path = write(folder / "entry.npz", content)
    with read_or_refused(path):
        read_arrays(path)


def npz_of(header: dict, data: bytes = b"") -> bytes:
    made, array = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(array, {"fortran_order": False, **header})
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("images.npy", array.getvalue() + data)
    return made.getvalue()


class Trace:
    """Unpickling this makes a file."""

    def __reduce__(self):
        return (open, ("trace", "w"))


HOSTILE_ARRAYS = {
    "a pickle": pickle.dumps(Trace()),
    "pickled values": npz_of({"descr": "|O", "shape": (1,)}, pickle.dumps(Trace())),
    "a huge shape": npz_of({"descr": "<f4", "shape": (10**13,)}),
    "a shape of many digits": npz_of({"descr": "<f4", "shape": (10**4000,)}),
    "no zip": b"PK but no zip",
}


@pytest.mark.parametrize("kind", HOSTILE_ARRAYS)
def test_hostile_arrays_are_refused_and_run_no_code(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "entry.npz", HOSTILE_ARRAYS[kind])
    with refused(path):
        read_arrays(path)
    assert not (tmp_path / "trace").exists()


# ------------------------------------------------------------------------------------------------------- bombs


def deflate_bomb(wbits: int) -> bytes:
    """A few megabytes that unpack to GIGABYTES of zeros."""
    packer = zlib.compressobj(9, wbits=wbits)
    start = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    piece = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return start + piece * (GIGABYTES << 10)


def bzip2_bomb() -> bytes:
    return bz2.compress(bytes(50 << 20)) * (GIGABYTES * 20)


def zip_of(name: str, packed: bytes, method: int, announced: int) -> bytes:
    """A zip whose only entry holds `packed`, said to unpack to so many bytes."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(name, packed)
    content = bytearray(made.getvalue())
    for start, place in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        at = content.index(start)
        content[at + place : at + place + 2] = struct.pack("<H", method)
        content[at + place + 14 : at + place + 18] = struct.pack("<I", announced)
    return bytes(content)


PACKED = {
    "deflate": (lambda: deflate_bomb(-15), zipfile.ZIP_DEFLATED),
    "bzip2": (bzip2_bomb, zipfile.ZIP_BZIP2),
}


@pytest.mark.parametrize("announced", [5_000_000, 0xFFFFFFF0])
@pytest.mark.parametrize("method", PACKED)
def test_bombs_in_a_zip_are_not_unpacked(method, announced, tmp_path):
    pack, number = PACKED[method]
    write(tmp_path / "KDEF.zip", zip_of("AF01NES.JPG", pack(), number, announced))
    (picture,) = find_files(tmp_path).pictures
    with in_little_memory(), refused(kind=BadPicture):
        read_picture(picture)
    assert same_content((picture, picture)) == []


@pytest.mark.parametrize("announced", [200, 0xFFFFFFF0])
def test_bombs_among_arrays_are_not_unpacked(announced, tmp_path):
    bomb = zip_of("images.npy", deflate_bomb(-15), zipfile.ZIP_DEFLATED, announced)
    with in_little_memory(), refused(tmp_path):
        read_arrays(write(tmp_path / "entry.npz", bomb))


def test_a_bomb_in_place_of_digits_is_not_unpacked(tmp_path):
    path = write(tmp_path / "t10k-images-idx3-ubyte.gz", deflate_bomb(31))
    source = SUBSETS["test10k"].images
    with in_little_memory(), refused(path, source.url):
        read_idx(path, source, Builder.url_infos[source.url])


def test_a_zip_of_millions_of_files_is_not_listed(tmp_path):
    one = zip_of("a", b"", zipfile.ZIP_STORED, 0)
    listed = one[one.index(b"PK\1\2") : one.index(b"PK\5\6")]
    content = listed * 500_000
    end = b"PK\5\6" + struct.pack("<4H2IH", 0, 0, 0xFFFF, 0xFFFF, len(content), 0, 0)
    path = write(tmp_path / "KDEF.zip", content + end)
    with in_little_memory(), refused(path, "too many files"):
        find_files(tmp_path)


def png_of(width: int, height: int, data: bytes = b"") -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


def jpeg_of(size: tuple[int, int], **options) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(file, "JPEG", **options)
    return file.getvalue()


def jpeg_announcing(width: int, height: int) -> bytes:
    content = bytearray(jpeg_of((64, 64)))
    start = content.index(b"\xff\xc0") + 5
    content[start : start + 4] = struct.pack(">HH", height, width)
    return bytes(content)


def many_scans() -> bytes:
    """A progressive JPEG with its shortest scan again and again."""
    content = jpeg_of((562, 762), progressive=True)
    starts = [n for n in range(len(content)) if content[n : n + 2] == b"\xff\xda"]
    shortest = min((content[a:b] for a, b in itertools.pairwise(starts[1:])), key=len)
    return content[:-2] + shortest * 10_000 + content[-2:]


HOSTILE_PICTURES = {
    "empty": b"",
    "a huge PNG": png_of(40_000, 40_000),
    "a wide PNG": png_of(2**31 - 1, 1),
    "a PNG without width": png_of(0, 762),
    "a large PNG without pixels": png_of(6000, 6000),
    "a huge JPEG": jpeg_announcing(40_000, 40_000),
    "a JPEG without width": jpeg_announcing(0, 762),
    "a JPEG without height": jpeg_announcing(562, 0),
    "a JPEG of many scans": many_scans(),
    "another format": b"GIF89a" + bytes(99),
}


@pytest.mark.parametrize("kind", HOSTILE_PICTURES)
def test_hostile_pictures_are_refused(kind, tmp_path):
    write(tmp_path / "AF01NES.JPG", HOSTILE_PICTURES[kind])
    (picture,) = find_files(tmp_path).pictures
    for read in (lambda: read_picture(picture), lambda: decode(HOSTILE_PICTURES[kind])):
        with refused(kind=BadPicture):
            read()


def test_no_face_is_looked_for_in_a_stripe():
    stripe = np.full((200, 200_000, 3), 90, np.uint8)
    with soon():
        assert not any(find_face(np.rot90(stripe, turns)) for turns in range(4))


# -------------------------------------------------------------------------------------------------------- KDEF


def test_entries_of_a_zip_stay_in_it(tmp_path):
    (tmp_path / "kdef").mkdir()
    with zipfile.ZipFile(tmp_path / "kdef/KDEF.zip", "w") as archive:
        for name in (
            "../../AF01NES.JPG",
            "/AF01NES.JPG",
            "/etc/BF01NES.JPG",
            "AF01NES.JPG",
            "a\x1b/AF99NES.JPG",
        ):
            archive.writestr(name, jpeg_of((562, 762)))
    found = find_files(tmp_path / "kdef")
    assert [read_picture(file).shape for file in found.pictures] == [(762, 562, 3)] * 2
    assert len(found.bad) == 3
    assert all(line.isprintable() for line in found.bad)
    assert [path.name for path in tmp_path.rglob("*")] == ["kdef", "KDEF.zip"]


def test_names_that_are_no_text_are_named(tmp_path):
    os.mkdir(os.fsencode(tmp_path) + b"/\xff\n")
    os.rename(write(tmp_path / "x.JPG", b""), os.fsencode(tmp_path) + b"/\xff\n/\xfe\x1b.JPG")
    write(tmp_path / "AF01NES.JPG", b"")
    assert find_files(tmp_path).bad == ("??.JPG: misnamed",)


def test_folders_as_deep_as_they_can_be_are_searched(tmp_path, monkeypatch):
    write(tmp_path / "b/AF01NES.JPG", b"")
    monkeypatch.chdir(tmp_path)
    made = 0
    try:
        while made < (4000 - len(str(tmp_path))) // 2:
            os.mkdir("a")
            os.chdir("a")
            made += 1
        with soon():
            assert len(find_files(tmp_path).pictures) == 1
    finally:  # pytest cannot remove what is so deep
        for _ in range(made):
            os.chdir("..")
            os.rmdir("a")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """A folder with two drawn photographs of one person."""
    folder = tmp_path_factory.mktemp("kdef")
    write_kdef(folder, 1, emotions=("NE",))
    return folder


def read_all(folder: Path):
    with read_or_refused(folder):
        found = find_files(folder)
        same_content(found.pictures)
        for picture in found.pictures:
            with read_or_refused():
                assert read_picture(picture).shape == (762, 562, 3)


@inputs(500, st.data())
def test_damaged_photographs_are_read_or_refused(photographs, folder, data):
    whole = next(photographs.rglob("A*S.JPG")).read_bytes()
    write(folder / "pictures/AF01NES.JPG", data.draw(damaged(whole)))
    read_all(folder / "pictures")


def small_zip() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("KDEF/AF01NES.JPG", "KDEF/BF01NES.JPG", "KDEF/readme.txt"):
            archive.writestr(name, b"no picture " * 9)
    return made.getvalue()


@inputs(700, content=damaged(small_zip()))
def test_damaged_zips_are_read_or_refused(content, folder):
    write(folder / "zips/KDEF.zip", content)
    read_all(folder / "zips")
    assert [path.name for path in (folder / "zips").iterdir()] == ["KDEF.zip"]


@pytest.fixture(scope="module")
def prepared(photographs, tmp_path_factory):
    """Prepared data, and the files that they consist of."""
    root = tmp_path_factory.mktemp("prepared")
    load_kdef(24, root, photographs)
    return root, {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


@inputs(300, st.data())
def test_damaged_prepared_data_are_read_or_refused(prepared, data):
    root, whole = prepared
    path = data.draw(st.sampled_from(sorted(whole)))
    path.write_bytes(data.draw(damaged(whole[path])))
    try:
        with read_or_refused(root / "kdef/straight-24"):
            faces = load_kdef(24, root)
            assert faces.images.shape == (2, 24, 24, 3)
            assert set(faces.emotion) == {"NE"}
            assert all(isinstance(line, str) for line in (*faces.bad, *faces.notes, *faces.no_face))
    finally:
        path.write_bytes(whole[path])


def test_a_folder_in_place_of_a_prepared_file_is_refused(photographs, tmp_path):
    load_kdef(24, tmp_path, photographs)
    path = next((tmp_path / "kdef").rglob("dataset_info.json"))
    path.unlink()
    path.mkdir()
    with refused(tmp_path / "kdef/straight-24", kind=KdefError):
        load_kdef(24, tmp_path)


# ------------------------------------------------------------------------------------------------------- QMNIST


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


def test_prepared_labels_that_are_no_digits_are_refused(tmp_path):
    features = {"image": bytes_feature(bytes(784)), "label": number_feature(77), "writer": number_feature(1)}
    example = tf.train.Example(features=tf.train.Features(feature=features))
    with tf.io.TFRecordWriter(str(tmp_path / "records")) as file:
        file.write(example.SerializeToString())
    split = SimpleNamespace(num_examples=1, filepaths=[tmp_path / "records"])
    with pytest.raises(ValueError, match="no digit"):
        _read_prepared(SimpleNamespace(info=SimpleNamespace(splits={"test": split})), "test")


def bytes_feature(value: bytes):
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def number_feature(value: int):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


# --------------------------------------------------------------------------------------------------------- MMI

SESSION = '<?xml version="1.0"?><session sessionId="1"><track filename="S001-001.avi" view="0"/></session>'
LABEL = '<Metatags><Metatag Name="Group" Value="x"/><Metatag Name="Emotion" Value="4"/></Metatags>'
MARKS = '<AnnotationData><ActionUnit Number="12"><Marker Frame="3" Type="2"/><Marker Frame="9" Type="3"/></ActionUnit></AnnotationData>'


def write_session(folder: Path, **others: bytes) -> Path:
    files = {"session.xml": SESSION, "S001-001.xml": LABEL, "S001-001-oao_aucs.xml": MARKS}
    for name, text in files.items():
        write(folder / "Sessions/1" / name, text.encode())
    write(folder / "Sessions/1/frame0.png", png_of(9, 9, bytes(9 * 28)))
    for name, content in others.items():
        write(folder / "Sessions/1" / name, content)
    return folder / "Sessions/1"


def laughing_xml(levels: int) -> bytes:
    names = [f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(levels)]
    return f'<!DOCTYPE x [<!ENTITY a0 "ha">{"".join(names)}]><x>&a{levels};</x>'.encode()


HOSTILE_XML = {
    "empty": b"",
    "entities of entities": laughing_xml(12),
    "one long entity many times": (
        f'<!DOCTYPE x [<!ENTITY a "{"h" * 400_000}">]><x>{"&a;" * 100_000}</x>'.encode()
    ),
    "a file of the system": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]><x>&a;</x>',
    "no such encoding": b'<?xml version="1.0" encoding="rot13"?><x/>',
    "an encoding of many bytes": b'<?xml version="1.0" encoding="utf-7"?><x/>',
    "another encoding than said": b'<x a="\xff"/>',
    "a zero byte": b"<x>\0</x>",
    "too large": b"<x>" + b" " * 1_000_000 + b"</x>",
    "truncated": SESSION[:-9].encode(),
}


@pytest.mark.parametrize("kind", HOSTILE_XML)
def test_hostile_sessions_are_refused(kind, tmp_path):
    write_session(tmp_path, **{"session.xml": HOSTILE_XML[kind]})
    with refused(tmp_path, "1: unreadable: session.xml"):
        find_clips(tmp_path)


@pytest.mark.parametrize("frame", ["\u00b2", "9" * 9000, "-1", "1e3", "0x1", ""])
def test_a_mark_without_a_number_is_none(frame, tmp_path):
    write_session(tmp_path, **{"S001-001-oao_aucs.xml": MARKS.replace('"3"', f'"{frame}"').encode()})
    (clip,) = find_clips(tmp_path).clips
    assert clip.apex is None


def test_elements_in_elements_are_read(tmp_path):
    write_session(tmp_path, **{"session.xml": b"<x>" * 120_000 + b"</x>" * 120_000})
    with read_or_refused():
        assert len(find_clips(tmp_path).clips) == 1


@inputs(
    800,
    st.sampled_from([SESSION, LABEL, MARKS]).flatmap(lambda t: damaged(t.encode())),
    st.sampled_from("abc"),
)
def test_damaged_sessions_are_read_or_refused(folder, content, which):
    names = {"a": "session.xml", "b": "S001-001.xml", "c": "S001-001-oao_aucs.xml"}
    write_session(folder / "mmi", **{names[which]: content})
    with read_or_refused(folder / "mmi"):
        assert len(find_clips(folder / "mmi").clips) == 1


def face(number: int, size=(90, 120)) -> np.ndarray:
    return np.asarray(Image.linear_gradient("L").resize(size).rotate(number).convert("RGB"))


def encoded(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def video(path: Path, codec: str = "MJPG") -> bytes:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 24, (90, 120))
    for number in range(5):
        writer.write(face(number))
    writer.release()
    return path.read_bytes()


def read_clip(*paths: Path):
    for frame in frames_of([Clip("1/S001-001", "S001", "HA", paths)]):
        with read_or_refused():
            image = read_frame(frame)
            assert (image.dtype, image.shape[2]) == (np.uint8, 3)


@inputs(200, content=damaged(encoded(face(0))))
def test_damaged_frames_are_read_or_refused(content, folder):
    write(folder / "frame1.png", encoded(face(1)))
    read_clip(write(folder / "frame0.png", content), folder / "frame1.png")


@inputs(250, st.data(), st.sampled_from(["MJPG avi", "mp4v mp4"]))
def test_damaged_videos_are_read_or_refused(folder, data, kind):
    codec, suffix = kind.split()
    whole = folder / f"whole.{suffix}"
    content = whole.read_bytes() if whole.exists() else video(whole, codec)
    read_clip(write(folder / f"clip.{suffix}", data.draw(damaged(content))))


def test_a_video_of_millions_of_samples_is_refused(tmp_path):
    content = bytearray(video(tmp_path / "whole.mp4", "mp4v"))
    table = content.index(b"stsz")
    content[table + 8 : table + 16] = struct.pack(">II", 1, 80_000_000)
    path = write(tmp_path / "S001-001.mp4", content)
    with refused("truncated", kind=BadPicture):
        read_frame(frames_of([Clip("1", "S001", "HA", (path,))])[0])


@pytest.mark.parametrize(
    "text", ["ffconcat version 1.0\nfile whole.avi\n", "#EXTM3U\n#EXTINF:9,\nwhole.avi\n"]
)
def test_a_playlist_is_no_video(text, tmp_path):
    video(tmp_path / "whole.avi")
    path = write(tmp_path / "S001-001.avi", text.encode())
    with refused("is no video", kind=BadPicture):
        read_frame(frames_of([Clip("1", "S001", "HA", (path,))])[0])


def test_a_clip_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("gcn_tf.pipelines.mmi.frames.LONGEST_CLIP", 3 * 90 * 120)
    video(tmp_path / "S001-001.avi")
    frames = [write(tmp_path / f"frame{n}.png", encoded(face(n))) for n in range(4)]
    for files in ((tmp_path / "S001-001.avi",), tuple(frames)):
        with refused("too long", kind=BadPicture):
            read_frame(frames_of([Clip("1", "S001", "HA", files)])[1])
