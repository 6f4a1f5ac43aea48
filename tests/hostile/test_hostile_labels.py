"""Labels of a user's own pictures: bombs, pipes, halves of quotes, loops of links, damaged tables."""

import contextlib
import itertools
import os
import struct
from pathlib import Path

import pytest
from damage import (
    damaged,
    in_little_memory,
    inputs,
    put_endless_device,
    put_folder,
    put_link_into_nothing,
    put_loop,
    put_pipe,
    read_or_refused,
    refused,
    soon,
    write,
)
from hypothesis import strategies as st

from gcn_tf.pipelines.folder.labels import read_labels
from gcn_tf.pipelines.folder.tables import LARGEST_TABLE, MOST_ROWS

TABLES = ("labels.csv", "metadata.csv", "metadata.jsonl", "metadata.parquet")
PUTS = (put_folder, put_pipe, put_loop, put_link_into_nothing, put_endless_device)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("put", PUTS, ids=lambda put: put.__name__)
def test_what_is_no_file_is_refused_unread(name, put, tmp_path):
    write(tmp_path / "a/1.png", b"")
    put(tmp_path / name)
    with refused(name):
        read_labels(tmp_path)
    with refused(name):
        read_labels(tmp_path, tmp_path / name)


@pytest.mark.parametrize("put", PUTS, ids=lambda put: put.__name__)
def test_what_is_no_file_is_no_picture(put, tmp_path):
    write(tmp_path / "a/1.png", b"")
    put(tmp_path / "a/2.png")
    assert read_labels(tmp_path).names == ("a/1.png",)
    write(tmp_path / "labels.csv", b"file,x\na/2.png,1\n")
    with refused("a/2.png", "line 2"):
        read_labels(tmp_path)


def test_loops_of_links_end(tmp_path):
    write(tmp_path / "z/1.png", b"")
    (tmp_path / "other").mkdir()
    for one, two in itertools.product("abcdef", "abcdef"):
        write(tmp_path / f"z/{one}/x.txt", b"")
        (tmp_path / f"z/{one}/{two}").symlink_to(f"../{two}")
    (tmp_path / "z/up").symlink_to("../..")
    with soon():
        assert read_labels(tmp_path, levels="letter").names == ("z/1.png",)


def test_a_tree_deeper_than_any_path_ends(tmp_path):
    write(tmp_path / "z/1.png", b"")
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        for _ in range(1500):
            os.mkdir("deep")
            os.chdir("deep")
        with soon():
            assert "cannot be read" in read_labels(tmp_path).notes[0]
    finally:
        remove_chain(tmp_path)
        os.chdir(before)


def remove_chain(folder: Path) -> None:
    """Remove folders in folders from the innermost, where no path leads."""
    while not folder.samefile("."):
        os.chdir("..")
        with contextlib.suppress(OSError):
            os.rmdir("deep")


HOSTILE_CSV = {
    "10 million columns": b"file_name" + b",c" * 10_000_000 + b"\n",
    "10 million columns on lines of their own": b"file_name" + b',"\n"' * 10_000_000,
    "10 million fields": b"file,x\na.png" + b"," * 10_000_000,
    "a quote that never closes": b'file,x\na.png,"' + b"x\n" * 10_000_000,
    "a line that never ends": b"file,x\na.png," + b"x" * 20_000_000,
    "a long field": b"file,x\na.png," + b"x" * 100_001 + b"\n",
    "zeros": bytes(20_000_000),
    "a NUL": b"file,x\na.png,\0\n",
    "a NUL in a name": b"file,x\na\0.png,1\n",
    "UTF-32": "file,x\na.png,1\n".encode("utf-32"),
    "half a UTF-16": "file,x\na.png,1\n".encode("utf-16")[:-1],
    "half a character": b"file,x\na.png,\xf0\x9f",
    "UTF-7": b"+AGYAaQBsAGU-,x\na.png,1\n",
    "a gzip": b"\x1f\x8b\x08" + bytes(99),
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(99),
    "quotes": b'"' * 1_000_001,
    "commas": b"," * 1_000_000,
    "the root": b"file,x\n/,1\n",
    "a device": b"file,x\n/dev/zero,1\n",
    "out of the folder": b"file,x\n../../../../etc/passwd,1\n",
    "a long name": b"file,x\n" + b"x/" * 40_000 + b",1\n",
    "control characters": b"file,x\n\x1b[31m\x07.png,1\n",
    "right to left": "file,x\n\u202egnp.png,1\n".encode(),
    "columns of control characters": b"\x1b[31m,\x07\na,1\n",
    "long columns": b"x" * 90_000 + b"," + b"y" * 90_000 + b"\n",
}


@pytest.mark.parametrize("kind", HOSTILE_CSV)
def test_hostile_csv_is_refused(kind, tmp_path):
    write(tmp_path / "a.png", b"")
    write(tmp_path / "labels.csv", HOSTILE_CSV[kind])
    with refused("labels.csv"), in_little_memory():
        read_labels(tmp_path)


HOSTILE_JSONL = {
    "nested deeply": b'{"file": ' + b"[" * 500_000,
    "objects nested deeply": b'{"file": ' * 100_000,
    "a number of a million digits": b'{"file": "a.png", "x": ' + b"9" * 1_000_000 + b"}",
    "a line that never ends": b'{"file": "a.png", "x": "' + b"x" * 20_000_000,
    "a long text": b'{"file": "a.png", "x": "' + b"x" * 100_001 + b'"}',
    "too many keys": b"{" + b",".join(b'"%d":1' % n for n in range(2000)) + b"}",
    "a new key on every line": b"\n".join(b'{"k%d":1}' % n for n in range(20_000)),
    "a NUL": b'{"file": "a\\u0000.png", "x": 1}',
    "half a pair in a name": b'{"file": "\\udfff.png", "x": 1}',
    "half a pair in a key": b'{"file": "a.png", "\\udfff": 1}',
    "a name that is a number": b'{"file": 7, "x": 1}',
    "no object": b"null\n",
    "half a string": b'{"file": "a.p',
    "the same key again and again": b"{" + b",".join(b'"x":1' for n in range(90_000)) + b"}",
    "a late key twice": b"{" + b",".join(b'"%d":1' % n for n in (*range(90_000), 89_999)) + b"}",
}


@pytest.mark.parametrize("kind", HOSTILE_JSONL)
def test_hostile_json_lines_are_refused(kind, tmp_path):
    write(tmp_path / "a.png", b"")
    write(tmp_path / "metadata.jsonl", HOSTILE_JSONL[kind])
    with refused("metadata.jsonl"), in_little_memory():
        read_labels(tmp_path)


@pytest.mark.parametrize("name", TABLES)
def test_a_file_of_gigabytes_is_refused_unread(name, tmp_path):
    with (tmp_path / name).open("wb") as file:
        file.truncate(LARGEST_TABLE + 1)  # takes no space on the disk
    with refused(name, f"{LARGEST_TABLE:,}"), in_little_memory():
        read_labels(tmp_path)


def parquet_of(path: Path, columns: dict, **options) -> Path:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table(columns), path, **options)
    return path


def parquet_of_many_rows(path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    names = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int8()), MOST_ROWS + 1), ["a.png"])
    parquet_of(path, {"file": names, "x": names})


def parquet_of_long_texts(path: Path) -> None:
    """Texts of a megabyte that would unpack to gigabytes: stored once, and twenty thousand times referred to."""
    pa = pytest.importorskip("pyarrow")
    texts = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int8()), 20_000), ["x" * 1_000_000])
    parquet_of(path, {"file": texts, "x": texts}, store_schema=False)


HOSTILE_PARQUET = {
    "empty": lambda path: write(path, b""),
    "marks alone": lambda path: write(path, b"PAR1PAR1"),
    "a length too long": lambda path: write(path, b"PAR1" + struct.pack("<I", 2**31 - 1) + b"PAR1"),
    "zeros": lambda path: write(path, b"PAR1" + bytes(100_000) + struct.pack("<I", 99_000) + b"PAR1"),
    "no columns": lambda path: parquet_of(path, {}),
    "no rows": lambda path: parquet_of(path, {"file": [], "x": []}),
    "too many columns": lambda path: parquet_of(path, {f"c{n}": ["x"] for n in range(2000)}),
    "too many rows": parquet_of_many_rows,
    "bytes": lambda path: parquet_of(path, {"file": [b"a.png"], "x": ["1"]}),
    "a NUL": lambda path: parquet_of(path, {"file": ["a.png"], "x": ["\0"]}),
    "nothing": lambda path: parquet_of(path, {"file": [None], "x": [None]}),
}


@pytest.mark.parametrize("kind", HOSTILE_PARQUET)
def test_hostile_parquet_is_refused(kind, tmp_path):
    pytest.importorskip("pyarrow.parquet")
    write(tmp_path / "a.png", b"")
    HOSTILE_PARQUET[kind](tmp_path / "metadata.parquet")
    with refused("metadata.parquet"), in_little_memory():
        read_labels(tmp_path)


def test_long_texts_of_parquet_are_not_multiplied(tmp_path):
    parquet_of_long_texts(tmp_path / "metadata.parquet")
    pool = pytest.importorskip("pyarrow").default_memory_pool()
    before = pool.max_memory()
    with refused("row 1 has a field of more than"):
        read_labels(tmp_path)
    assert pool.max_memory() < before + (100 << 20)


def test_a_pattern_takes_no_time_on_names_that_nearly_match(tmp_path):
    write(tmp_path / f"{'_' * 200}.png", b"")
    pattern = "_".join(f"{{a{n}}}" for n in range(60)) + "!.png"
    with refused("do not match"):
        read_labels(tmp_path, pattern=pattern)


def test_names_of_folders_and_files_cannot_write_to_the_terminal(tmp_path):
    write(tmp_path / "\x1b[31m/\n.png", b"")
    write(tmp_path / "x/y/\x07.png", b"")
    with refused():
        read_labels(tmp_path)
    for option in ({"levels": "a"}, {"pattern": "{a}/{b}.png"}):
        assert all(note.isprintable() for note in read_labels(tmp_path, **option).notes)


VALID = {
    "labels.csv": 'file,color,n\na.png,"red, ""x""",1\nb.png,blue,\nc.png,größer,3\n'.encode(),
    "metadata.jsonl": b'{"file": "a.png", "x": 1.5, "y": "\\u00e9"}\n{"file": "b.png", "x": null}\n',
}


@pytest.mark.parametrize("name", VALID)
@inputs(1000, data=st.data())
def test_damaged_tables_are_read_or_refused(folder, name, data):
    path = folder / name.split(".")[0] / name
    for picture in "abc":
        write(path.parent / f"{picture}.png", b"")
    path.write_bytes(data.draw(damaged(VALID[name])))
    with read_or_refused():
        check(read_labels(path.parent))


@inputs(300, data=st.data())
def test_damaged_parquet_is_read_or_refused(folder, data):
    pytest.importorskip("pyarrow.parquet")
    path = folder / "parquet" / "metadata.parquet"
    for picture in "abc":
        write(path.parent / f"{picture}.png", b"")
    content = parquet_of(path, {"file": ["a.png", "b.png"], "x": [1.5, None], "y": ["é", "z"]}).read_bytes()
    path.write_bytes(data.draw(damaged(content)))
    with read_or_refused():
        check(read_labels(path.parent))


def check(labels) -> None:
    assert len(labels.files) == len(labels.names) > 0
    assert all(len(values) == len(labels.files) for values in labels.columns.values())
    assert all(note.isprintable() for note in labels.notes)
