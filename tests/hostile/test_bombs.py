"""Small files that unpack to gigabytes, or list millions of files."""

import bz2
import io
import struct
import zipfile
import zlib

import pytest
from damage import GIGABYTES, in_little_memory, read_arrays, refused, write

from gcn_tf.pipelines.kdef.files import find_files, read_picture, same_content
from gcn_tf.pipelines.photographs.crops import BadPicture
from gcn_tf.pipelines.qmnist.qmnist_dataset_builder import Builder
from gcn_tf.pipelines.qmnist.sources import SUBSETS, read_idx


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
