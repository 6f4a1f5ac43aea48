"""What a picture file of a user announces, read within limits before anything is decoded: its kind, size and mode."""

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import BmpImagePlugin, GifImagePlugin, ImageFile, JpegImagePlugin, PngImagePlugin, TiffImagePlugin
from PIL.WebPImagePlugin import WebPImageFile

from gcn_tf.files import require_regular
from gcn_tf.pipelines.photographs.crops import BadPicture

LARGEST_FILE = 1 << 28  # bytes
LARGEST_PICTURE = 100_000_000  # pixels
LONGEST_SIDE = 100_000  # pixels: Pillow takes memory and time per row
LARGEST_HEAVY = 40_000_000  # pixels of 16-bit colour or WebP, which take three times the memory
LARGEST_HEADER = 1 << 24  # bytes: Pillow keeps what it reads
LARGEST_GIF_HEADER = 1 << 20  # bytes: Pillow may add up comments in quadratic time
MOST_READS = 20_000  # of a header: each may be of a few bytes
SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that exchange height and width

KINDS = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "WebP": rb"RIFF....WEBP",
    "BMP": rb"BM",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "GIF": rb"GIF8[79]a",
}
MISTAKEN = {
    "a pointer of Git LFS, fetch the file by `git lfs pull`": rb"version https://git-lfs",
    "HEIC or AVIF, save it as JPEG or PNG": rb"....ftyp(heic|heix|hevc|mif1|msf1|avif|avis)",
    "a web page": rb"\s*<(!doctype )?html",
}


@dataclass(frozen=True)
class Header:
    """What a file announces.

    Args:
        kind: str. "JPEG", "PNG", "WebP", "BMP", "TIFF" or "GIF", by content: the name does not matter.
        size: (height, width) in pixels, after turning upright.
        mode: str. Pillow's: "L", "RGB", "RGBA", "P", "I;16", ...
        orientation: int. 1 to 8, as in EXIF: how the decoded pixels still have to be turned.
        deep: bool. Whether it is of 16-bit colours, which Pillow would cut to 8 bits.
        several: bool. Whether it holds further frames or pages.
        bytes: int. Of the file.
    """

    kind: str
    size: tuple[int, int]
    mode: str
    orientation: int
    deep: bool
    several: bool
    bytes: int

    @property
    def heavy(self) -> bool:
        """Whether decoding takes several times the memory of other pictures."""
        return self.deep or self.kind == "WebP"

    @property
    def memory(self) -> int:
        """Bytes that decoding takes at most: the file twice, the pixels, and copies of them."""
        per_pixel = 28 if self.heavy else 10
        return 2 * self.bytes + per_pixel * self.size[0] * self.size[1]


class Jpeg(JpegImagePlugin.JpegImageFile):
    """A JPEG whose EXIF block is not parsed: 64 kB of it may list the same bytes thousands of times."""

    def _read_dpi_from_exif(self) -> None:
        """Leave the resolution unknown."""


PLUGINS: dict[str, type[ImageFile.ImageFile]] = {
    "JPEG": Jpeg,
    "PNG": PngImagePlugin.PngImageFile,
    "WebP": WebPImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "GIF": GifImagePlugin.GifImageFile,
}


class _Metered(io.FileIO):
    """A file of which only so much can be read."""

    bytes_left = LARGEST_HEADER
    reads_left = MOST_READS

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads_left -= 1
        self.bytes_left -= self.bytes_left + 1 if size is None or size < 0 else size
        if self.bytes_left < 0 or self.reads_left < 0:
            raise BadPicture("too large: its header has too many entries")
        return super().read(size) or b""


@contextmanager
def in_plain_words() -> Iterator[None]:
    """Turn whatever opening or decoding a file raises into BadPicture, with the reason in a few words."""
    try:
        yield
    except BadPicture:
        raise
    except MemoryError:
        raise BadPicture("too large for the memory of this machine") from None
    except Exception as error:  # Pillow's plugins raise a dozen types
        if isinstance(error, OSError) and error.strerror:
            raise BadPicture(f"cannot be read: {error.strerror}") from error
        words = " ".join(str(error).split())
        if re.search(r"truncated|EOF|end of file|buffer is not large enough", words, re.IGNORECASE):
            raise BadPicture("truncated: the file ends too early") from error
        raise BadPicture(f"damaged: {_printable(words) or type(error).__name__}") from error


def _printable(words: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in words[:120])


def read_header(path: Path) -> Header:
    """Read what a file announces, and refuse what is too large; decodes no pixels.

    Raises:
        BadPicture: not a regular file, empty, not a picture, damaged or too large.
    """
    with in_plain_words():
        require_regular(path)
        with _Metered(path) as file:
            size = os.fstat(file.fileno()).st_size
            start = os.pread(file.fileno(), 64, 0)
            kind = kind_of(start)
            if size > LARGEST_FILE:
                raise BadPicture(f"too large: {size:,} bytes, at most {LARGEST_FILE:,} are read")
            if kind == "GIF":
                file.bytes_left = LARGEST_GIF_HEADER
            read = _webp_header if kind == "WebP" else _announced
            header = read(kind, file, start, size)
    _refuse_large(header)
    return header


def kind_of(start: bytes) -> str:
    """The kind of a file that begins with these bytes; raises BadPicture if it is none that can be read."""
    if not start:
        raise BadPicture("empty: the file has no content")
    for kind, pattern in KINDS.items():
        if re.match(pattern, start, re.DOTALL):
            return kind
    for what, pattern in MISTAKEN.items():
        if re.match(pattern, start, re.DOTALL | re.IGNORECASE):
            raise BadPicture(f"not a picture: {what}")
    raise BadPicture(f"not a picture: neither {', '.join(list(KINDS)[:-1])} nor {list(KINDS)[-1]}")


def _announced(kind: str, file: _Metered, start: bytes, size: int) -> Header:
    picture = PLUGINS[kind](file)
    width, height = picture.size
    orientation = 1
    if kind in ("JPEG", "PNG"):
        orientation = exif_orientation(picture.info.get("exif", b""))
    tags: Any = picture.tag_v2 if isinstance(picture, TiffImagePlugin.TiffImageFile) else {}
    if max(tags.get(322, 0), 1) * max(tags.get(323, 0), 1) > LARGEST_PICTURE:
        raise BadPicture("too large: its tiles are larger than a picture may be")
    deep = picture.mode in ("RGB", "RGBA", "RGBa", "RGBX", "LA") and (
        tags.get(258, (8,))[0] == 16 or (kind == "PNG" and start[24] == 16)
    )
    several = bool(getattr(picture, "is_animated", False)) if kind != "GIF" else "loop" in picture.info
    upright = (width, height) if orientation in SIDEWAYS else (height, width)
    return Header(kind, upright, picture.mode, orientation, deep, several, size)


def _webp_header(kind: str, file: _Metered, start: bytes, size: int) -> Header:
    """Parse the chunks of a WebP file: Pillow would take memory for all pixels at once."""

    def number(at: int, length: int, bits: int) -> int:
        return int.from_bytes(start[at : at + length], "little") & ((1 << bits) - 1)

    alpha = several = False
    orientation = 1
    if start[12:16] == b"VP8X":
        width, height = number(24, 3, 24) + 1, number(27, 3, 24) + 1
        alpha, several = bool(start[20] & 0x10), bool(start[20] & 0x02)
        orientation = exif_orientation(_webp_exif(file.fileno())) if start[20] & 0x08 else 1
    elif start[12:16] == b"VP8L":
        width, height = number(21, 2, 14) + 1, (number(21, 4, 28) >> 14) + 1
        alpha = bool(number(24, 1, 8) & 0x10)
    elif start[12:16] == b"VP8 ":
        width, height = number(26, 2, 14), number(28, 2, 14)
    else:
        raise BadPicture("damaged: it has no WebP picture")
    upright = (width, height) if orientation in SIDEWAYS else (height, width)
    return Header(kind, upright, "RGBA" if alpha else "RGB", orientation, False, several, size)


def _webp_exif(number: int) -> bytes:
    """The EXIF chunk of an open WebP file; empty if there is none among the first MOST_READS."""
    at = 12
    for _ in range(MOST_READS):
        head = os.pread(number, 8, at)
        length = int.from_bytes(head[4:], "little")
        if len(head) < 8 or head[:4] == b"EXIF":
            return os.pread(number, min(length, 1 << 16), at + 8)
        at += 8 + length + length % 2
    return b""


def _refuse_large(header: Header) -> None:
    height, width = header.size
    most = LARGEST_HEAVY if header.heavy else LARGEST_PICTURE
    if min(height, width) < 1:
        raise BadPicture("damaged: it announces no pixels")
    if max(height, width) > LONGEST_SIDE:
        raise BadPicture(f"too large: {width}x{height} pixels, at most {LONGEST_SIDE:,} on a side are read")
    if height * width > most:
        of = f" of 16-bit colour in {header.kind}" if header.deep else f" in {header.kind}"
        raise BadPicture(f"too large: {width}x{height} pixels{of}, at most {most // 10**6} million are read")


def exif_orientation(exif: bytes) -> int:
    """The orientation that an EXIF block states, 1 to 8; 1 (upright) if it states none or is damaged."""
    block = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "little", b"MM": "big"}.get(block[:2])
    if order is None:
        return 1

    def number(at: int, length: int) -> int:
        return int.from_bytes(block[at : at + length], order)  # type: ignore[arg-type]

    start = number(4, 4)
    for at in range(start + 2, start + 2 + 12 * number(start, 2), 12):
        if number(at, 2) == 0x0112:
            return number(at + 8, 2) if 1 <= number(at + 8, 2) <= 8 else 1
    return 1
