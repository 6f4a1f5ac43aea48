"""Pictures that announce more than they hold, and KDEF: damaged photographs, zips and prepared data."""

import io
import itertools
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from damage import (
    contents,
    damaged,
    inputs,
    jpeg_of,
    one_damaged,
    png_of,
    read_or_refused,
    refused,
    soon,
    write,
)
from hypothesis import strategies as st

from gcn_tf.pipelines.kdef.files import KdefError, find_files, read_picture, same_content
from gcn_tf.pipelines.kdef.pictures import load_kdef
from gcn_tf.pipelines.photographs.crops import BadPicture, decode, find_face
from gcn_tf.pipelines.procedural.faces.pictures import write_kdef


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
    return root, contents(root)


@inputs(300, st.data())
def test_damaged_prepared_data_are_read_or_refused(prepared, data):
    root, files = prepared
    with one_damaged(files, data), read_or_refused(root / "kdef/straight-24"):
        faces = load_kdef(24, root)
        assert faces.images.shape == (2, 24, 24, 3)
        assert set(faces.emotion) == {"NE"}
        assert all(isinstance(line, str) for line in (*faces.bad, *faces.notes, *faces.no_face))


def test_a_folder_in_place_of_a_prepared_file_is_refused(photographs, tmp_path):
    load_kdef(24, tmp_path, photographs)
    path = next((tmp_path / "kdef").rglob("dataset_info.json"))
    path.unlink()
    path.mkdir()
    with refused(tmp_path / "kdef/straight-24", kind=KdefError):
        load_kdef(24, tmp_path)
