"""A user's own pictures: damaged, made to fill the memory or to take forever, or no files at all."""

import io
import itertools
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from damage import (
    check_message,
    damaged,
    in_little_memory,
    inputs,
    jpeg_of,
    png_of,
    put_endless_device,
    put_folder,
    put_link_into_nothing,
    put_loop,
    put_pipe,
    refused,
    soon,
    write,
)
from hypothesis import strategies as st
from PIL import Image

from gcn_tf.pipelines.folder.cache import Cache
from gcn_tf.pipelines.folder.decoding import decode
from gcn_tf.pipelines.folder.fitting import Form
from gcn_tf.pipelines.folder.headers import LARGEST_FILE, exif_orientation, read_header
from gcn_tf.pipelines.folder.pictures import inspect, read_pictures
from gcn_tf.pipelines.photographs.crops import BadPicture

pytestmark = pytest.mark.filterwarnings("ignore")  # of Pillow; `read_pictures` silences them
FORM = Form((32, 32), 3, "pad", (255, 255, 255))


def picture_of(kind: str, size=(64, 48), **options) -> bytes:
    file = io.BytesIO()
    Image.radial_gradient("L").resize(size).convert("RGB").save(file, kind, **options)
    return file.getvalue()


def jpeg_announcing(width: int, height: int) -> bytes:
    content = bytearray(jpeg_of((64, 64)))
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(content)


def webp_announcing(width: int, height: int, animated: bool = True) -> bytes:
    frames = {"save_all": True, "append_images": [Image.new("RGB", (64, 48))]} if animated else {}
    content = bytearray(picture_of("WEBP", **frames))
    if content[12:16] == b"VP8X":
        content[24:30] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    else:
        content[26:30] = struct.pack("<HH", width, height)
    return bytes(content)


def gif_announcing(width: int, height: int) -> bytes:
    content = bytearray(picture_of("GIF"))
    content[6:10] = struct.pack("<HH", width, height)
    return bytes(content)


def bmp_announcing(width: int, height: int) -> bytes:
    content = bytearray(picture_of("BMP"))
    content[18:26] = struct.pack("<ii", width, height)
    return bytes(content)


def tiff_of(tags: dict[int, tuple[int, int, int]], data: bytes = b"", following: int = 0) -> bytes:
    """A TIFF whose directory holds {tag: (type, count, value or offset)}."""
    entries = b"".join(struct.pack("<HHII", tag, *entry) for tag, entry in sorted(tags.items()))
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + struct.pack("<I", following) + data


def tiff_announcing(width: int, height: int, tile: int = 0) -> bytes:
    tags = {
        256: (4, 1, width),
        257: (4, 1, height),
        258: (3, 1, 8),
        259: (3, 1, 8),
        262: (3, 1, 1),
        277: (3, 1, 1),
    }
    places = {322: (4, 1, tile), 323: (4, 1, tile), 324: (4, 1, 8), 325: (4, 1, 99)}
    strips = {273: (4, 1, 8), 278: (4, 1, height), 279: (4, 1, 99)}
    return tiff_of(tags | (places if tile else strips), bytes(200))


def tiff_repeating(size: int = 15 << 20) -> bytes:
    """Thousands of entries of one directory share the same megabytes."""
    return tiff_of(dict.fromkeys(range(60000, 0, -1), (1, size, 800000)), bytes(size + 100_000))


def exif_repeating() -> bytes:
    """An EXIF block whose entries share the same 64 kB."""
    block = tiff_of(dict.fromkeys(range(2500), (1, 30000, 8)), bytes(1))
    return b"Exif\0\0" + block


def png_with(chunks: bytes) -> bytes:
    content = picture_of("PNG")
    return content[:33] + chunks + content[33:]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def many_scans(size=(1000, 1000), count=10_000) -> bytes:
    content = jpeg_of(size, progressive=True)
    starts = [n for n in range(len(content)) if content[n : n + 2] == b"\xff\xda"]
    shortest = min((content[a:b] for a, b in itertools.pairwise(starts[1:])), key=len)
    return content[:-2] + shortest * count + content[-2:]


def gif_with_comments(before: bool) -> bytes:
    """A comment of 30 MB in blocks of 255 bytes, before or after the first frame."""
    content = picture_of("GIF")
    comment = b"!\xfe" + (b"\xff" + bytes(255)) * 120_000 + b"\0"
    at = content.index(b",") if before else len(content) - 1
    return content[:at] + comment + content[at:]


REFUSED = {
    "a huge PNG": lambda: png_of(40_000, 40_000),
    "a wide PNG": lambda: png_of(2**31 - 1, 1),
    "a PNG without width": lambda: png_of(0, 762),
    "a large PNG without pixels": lambda: png_of(9000, 9000),
    "a PNG of texts that unpack to gigabytes": lambda: png_with(
        chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 28)))
    ),
    "a PNG of many texts": lambda: png_with(chunk(b"tEXt", b"a\0" + bytes(9)) * 900_000),
    "a PNG of many chunks behind its pixels": lambda: (
        picture_of("PNG")[:-12] + chunk(b"abCd", b"") * 900_000 + picture_of("PNG")[-12:]
    ),
    "a PNG of a long side": lambda: picture_of("PNG", (100_001, 1)),
    "a huge JPEG": lambda: jpeg_announcing(40_000, 40_000),
    "a JPEG without width": lambda: jpeg_announcing(0, 762),
    "a JPEG of many scans": many_scans,
    "a large JPEG of some scans": lambda: many_scans((9000, 9000), 20),
    "a JPEG of many segments": lambda: jpeg_of((64, 64))[:2] + b"\xff\xed\0\2" * 2_000_000 + jpeg_of((64, 64))[2:],
    "an animated WebP of terabytes": lambda: webp_announcing(2**24, 2**24),
    "an animated WebP of gigabytes": lambda: webp_announcing(16_383, 16_383),
    "a large WebP": lambda: webp_announcing(8000, 8000),
    "a huge WebP": lambda: webp_announcing(16_383, 16_383, animated=False),
    "a GIF of gigabytes": lambda: gif_announcing(65_535, 65_535),
    "a GIF of endless comments": lambda: gif_with_comments(before=True),
    "a huge BMP": lambda: bmp_announcing(2**31 - 1, 2**31 - 1),
    "a BMP upside down": lambda: bmp_announcing(100_000, -100_000),
    "a BMP of negative width": lambda: bmp_announcing(-5, 5),
    "a huge TIFF": lambda: tiff_announcing(2**31, 2**31),
    "a TIFF of huge tiles": lambda: tiff_announcing(64, 64, tile=2**20),
    "a TIFF without pixels": lambda: tiff_announcing(9000, 9000),
    "a TIFF that repeats its bytes": tiff_repeating,
    "a TIFF without entries": lambda: tiff_of({}),
    "a big TIFF of endless entries": lambda: b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**62) + bytes(20 << 20),
    "a picture of fractions": lambda: tiff_of_floats(),
    "another format": lambda: b"P6 1 1 255\n123",
    "one byte": lambda: b"\xff",
}  # fmt: skip


def tiff_of_floats() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.zeros((9, 9), np.float32)).save(file, "TIFF")
    return file.getvalue()


@pytest.mark.parametrize("kind", REFUSED)
def test_hostile_pictures_are_problems(kind, tmp_path):
    path = write(tmp_path / "a.png", REFUSED[kind]())
    with in_little_memory(), refused(kind=BadPicture):
        decode(path, FORM)
    with in_little_memory(), soon():
        inspect([path])


READ = {
    "an EXIF block that repeats its bytes": lambda: picture_of("JPEG", exif=exif_repeating()),
    "an EXIF block that repeats its bytes in a PNG": lambda: picture_of("PNG", exif=exif_repeating()),
    "an EXIF block that repeats its bytes in a WebP": lambda: picture_of("WEBP", exif=exif_repeating()),
    "an EXIF block of noise": lambda: picture_of("JPEG", exif=b"Exif\0\0MM\0*" + b"\xff" * 500),
    "a film behind a JPEG": lambda: jpeg_of((64, 48)) + b"\xff\xda\0\2" * 1000,
    "endless comments behind the first frame of a GIF": lambda: gif_with_comments(before=False),
    "a TIFF whose next page is itself": lambda: tiff_of(
        {256: (4, 1, 9), 257: (4, 1, 9), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 273: (4, 1, 8),
         277: (3, 1, 1), 278: (4, 1, 9), 279: (4, 1, 81)}, bytes(99), following=8
    ),
    "a TIFF of a thousand pages": lambda: picture_of(
        "TIFF", save_all=True, append_images=[Image.new("L", (8, 8))] * 1000
    ),
    "a stripe": lambda: picture_of("PNG", (100_000, 1)),
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_odd_pictures_are_read(kind, tmp_path):
    path = write(tmp_path / "a.png", READ[kind]())
    with in_little_memory(), soon():
        assert decode(path, FORM).pixels.shape == (32, 32, 3)
        assert inspect([path]).problems == ()


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(
    "size, fit", [((10_000, 10_000), "pad"), ((1, 100_000), "pad"), ((1, 100_000), "crop")]
)
def test_the_largest_pictures_are_read_in_two_gibibytes(size, fit, channels, tmp_path):
    """The memory is measured by the fixture of this folder."""
    width, height = size
    packer = zlib.compressobj(1)
    rows = [packer.compress(bytes(1 + channels * width)) for _ in range(height)]
    header = struct.pack(">IIBBBBB", width, height, 8, {3: 2, 4: 6}[channels], 0, 0, 0)
    data = chunk(b"IDAT", b"".join(rows) + packer.flush())
    path = write(
        tmp_path / "a.png", b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")
    )
    with soon():
        pixels = decode(path, Form((64, 64), 3, fit, (255, 255, 255))).pixels
    assert pixels.min() == (0 if channels == 3 else 255)  # all of it is transparent


@pytest.mark.parametrize(
    "put",
    [put_pipe, put_folder, put_loop, put_link_into_nothing, put_endless_device],
    ids=lambda p: p.__name__,
)
def test_what_is_no_file_is_a_problem(put, tmp_path):
    put(tmp_path / "a.png")
    good = write(tmp_path / "b.png", picture_of("PNG"))
    with in_little_memory(), soon():
        decoded = read_pictures([tmp_path / "a.png", good], (32, 32), 3, "pad", (0, 0, 0), tmp_path / "cache")
    assert decoded.good.tolist() == [1]
    ((number, reason),) = decoded.problems
    assert number == 0
    assert reason.isprintable()


def test_a_file_of_gigabytes_is_a_problem(tmp_path):
    path = write(tmp_path / "a.png", picture_of("PNG"))
    os.truncate(path, LARGEST_FILE + 1)
    with in_little_memory(), refused("too large", kind=BadPicture):
        decode(path, FORM)


def test_names_that_are_no_text_are_read(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff\n.png"
    os.rename(write(tmp_path / "a.png", picture_of("PNG")), path)
    decoded = read_pictures([Path(os.fsdecode(path))], (32, 32), 3, "pad", (0, 0, 0), tmp_path / "cache")
    assert decoded.good.tolist() == [0]


@pytest.mark.parametrize("put", [put_pipe, put_folder, put_endless_device], ids=lambda p: p.__name__)
def test_what_lies_in_place_of_an_entry_is_not_read(put, tmp_path):
    files, cache = [write(tmp_path / "a.png", picture_of("PNG"))], tmp_path / "cache"
    said: list[str] = []
    arguments = (files, (32, 32), 3, "pad", (0, 0, 0), cache, said.append)
    first = read_pictures(*arguments)
    for path in list(cache.iterdir()):
        path.unlink()
        put(path)
    with in_little_memory(), soon():
        assert np.array_equal(read_pictures(*arguments).images, first.images)
    assert said
    assert all(line.isprintable() for line in said)


def test_nothing_but_problems_is_said(tmp_path, capfd):
    """Neither Pillow's warnings nor OpenCV's lines; those of Pillow's libtiff about damaged rows cannot be silenced."""
    files = [write(tmp_path / f"{n}.tif", make()) for n, make in enumerate(REFUSED.values())]
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        decoded = read_pictures(files, (32, 32), 3, "pad", (0, 0, 0), tmp_path / "cache")
    assert len(decoded.problems) == len(REFUSED)
    out, err = capfd.readouterr()
    assert out == ""
    lines = [line for line in err.splitlines() if "reading pictures" not in line]
    assert [line for line in lines if "Decoding error at scanline" not in line] == []
    assert warned == []


@inputs(300, st.data())
def test_damaged_entries_are_told(folder, data):
    said: list[str] = []
    cache = Cache(folder / "cache", said.append)
    pixels = np.arange(200, dtype=np.uint8)
    assert cache.write("pictures", "key", {"good": [1, 2]}, pixels)
    (path,) = (folder / "cache").glob("pictures-*")
    whole = path.read_bytes()
    path.write_bytes(data.draw(damaged(whole)))
    with soon():
        found = cache.read("pictures", "key", 2, 200)
    if path.read_bytes() == whole:
        assert found is not None
    else:
        assert found is None
        assert len(said) == 1


@inputs(500, st.binary(max_size=200))
def test_any_exif_block_has_an_orientation(block):
    assert exif_orientation(b"Exif\0\0" + block) in range(1, 9)
    assert exif_orientation(b"II*\0\x08\0\0\0" + block) in range(1, 9)


def exif_of(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "deep PNG", "deep TIFF"])
@inputs(700, st.data())
def test_damaged_pictures_are_read_or_problems(kind, folder, data):
    if kind.startswith("deep"):
        file = io.BytesIO()
        Image.fromarray(np.arange(3000, dtype=np.uint16).reshape(50, 60)).save(file, kind.split()[1])
        whole = file.getvalue()
    else:
        whole = picture_of(kind, **({"exif": exif_of(6)} if kind in ("JPEG", "PNG", "WEBP", "TIFF") else {}))
    path = write(folder / "a.png", data.draw(damaged(whole)))
    with soon():
        try:
            header = read_header(path)
            assert min(header.size) > 0
            decode(path, FORM)
        except BadPicture as bad:
            check_message(bad)
