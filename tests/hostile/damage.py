"""What files are damaged with, and what a reader may make of them: the right thing, or a refusal in one line, soon and in
little memory."""

import contextlib
import datetime
import io
import math
import os
import signal
import struct
import tempfile
import tracemalloc
import zlib
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, configuration, given, settings
from hypothesis import strategies as st
from PIL import Image

from gcn_tf.errors import UserError
from gcn_tf.files import stored_arrays
from gcn_tf.pipelines.photographs.crops import BadPicture
from gcn_tf.pipelines.qmnist.sources import Source

# What it keeps would else lie in the folder of the package.
configuration.set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "hypothesis")

SECONDS = 10
BOMB_MEMORY = 300 << 20  # bytes that Python allocates while it refuses something made to fill the memory
GIGABYTES = 4  # that the bombs would unpack to
IMAGES = Source("https://example.org/images.gz", content_sha256="f" * 64)  # a file that nobody has,
OFFICIAL = SimpleNamespace(checksum="0" * 64, size=1_648_877)  # and what is known of it


def inputs(count: int, *strategies, **named):
    """Run a long test with so many inputs, the same ones every time."""

    def decorate(test):
        whole = settings(
            max_examples=count,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        return pytest.mark.long(whole(given(*strategies, **named)(test)))

    return decorate


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


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@contextlib.contextmanager
def one_damaged(files: dict[Path, bytes], data):
    """Damage one of the files within the block."""
    path = data.draw(st.sampled_from(sorted(files)))
    path.write_bytes(data.draw(damaged(files[path])))
    try:
        yield path
    finally:
        path.write_bytes(files[path])


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
    with stored_arrays(path, "make it again") as file:
        return {name: file[name] for name in file.files}


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
