"""Decode one picture file of a user to the form of a dataset, within limits on memory and time."""

import hashlib
import io
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageChops, ImageFile, JpegImagePlugin

from gcn_tf.files import read_small, require_regular
from gcn_tf.pipelines.folder.fitting import Form, resized, target_box
from gcn_tf.pipelines.folder.headers import (
    LARGEST_FILE,
    LARGEST_PICTURE,
    PLUGINS,
    SIDEWAYS,
    Header,
    exif_orientation,
    in_plain_words,
    read_header,
)
from gcn_tf.pipelines.photographs.crops import BadPicture

MEMORY = 5 << 28  # bytes that pictures being decoded take together: one of the largest, or many small ones
MOST_SCANS = 64  # of a progressive JPEG, which has about 10; each takes time for the whole picture
MOST_SCANNED = 16 * LARGEST_PICTURE  # pixels of all scans
MOST_SEGMENTS = 65_536  # of a JPEG or PNG: Pillow reads them one by one
GREY = ("1", "L", "LA", "I", "I;16", "I;16B")
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue, as in ITU-R BT.601
_MARKER = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")


@dataclass(frozen=True)
class Deep:
    """A picture of 16 bits, whose range is known only when all pictures are decoded.

    Args:
        color: uint16 (H, W, C), multiplied by alpha; C = 1 or 3.
        alpha: uint8 (H, W, 1). 0 where the background shows.
        largest: int. The largest value in the file.
    """

    color: np.ndarray
    alpha: np.ndarray
    largest: int

    def scaled(self, full: int, background: np.ndarray) -> np.ndarray:
        """Scale 0..full to 0..255 and put the picture on the background, uint8 (C,): uint8 (H, W, C)."""
        behind = background * (1 - self.alpha.astype(np.float32) / 255)
        return (
            np.rint(np.minimum(self.color * np.float32(255 / full), 255) + behind)
            .clip(0, 255)
            .astype(np.uint8)
        )


@dataclass(frozen=True)
class Picture:
    """A decoded file.

    Args:
        pixels: uint8 (H, W, C), or Deep.
        sha256: bytes. Of the file.
        header: Header. What the file announced.
    """

    pixels: np.ndarray | Deep
    sha256: bytes
    header: Header


class _Budget:
    """Memory that threads share: who wants more than is left waits."""

    def __init__(self, total: int) -> None:
        self.total = self.left = total
        self.changed = threading.Condition()

    @contextmanager
    def reserved(self, amount: int) -> Iterator[None]:
        amount = min(amount, self.total)
        with self.changed:
            self.changed.wait_for(lambda: self.left >= amount)
            self.left -= amount
        try:
            yield
        finally:
            with self.changed:
                self.left += amount
                self.changed.notify_all()


_budget = _Budget(MEMORY)


def decode(path: Path, form: Form) -> Picture:
    """Decode a file, of several frames or pages the first, and bring it to a form.

    Raises:
        BadPicture: not a picture, damaged or too large; the message is the reason in plain words.
    """
    header = read_header(path)
    with _budget.reserved(header.memory), in_plain_words():
        content, picture = _opened(path, header)
        if header.deep or picture.mode in ("I", "I;16", "I;16B"):
            pixels: np.ndarray | Deep = _deep(content, picture, header, form)
        else:
            pixels = _ordinary(picture, header, form)
        sha256 = hashlib.sha256(content).digest()
        del content, picture  # before another thread takes their memory
    return Picture(pixels, sha256, header)


def decode_content(content: bytes, form: Form) -> Picture:
    """Decode what would be the content of a file; see `decode`."""
    with _as_file(content) as path:
        return decode(path, form)


def content_size(content: bytes) -> tuple[int, int]:
    """Height and width of what would be the content of a file; see `read_header`."""
    with _as_file(content) as path:
        return read_header(path).size


def content_is_grey(content: bytes) -> bool:
    """Whether what would be the content of a file shows nothing but grey; see `is_grey`."""
    with _as_file(content) as path:
        return is_grey(path, read_header(path))


def content_range(content: bytes, form: Form) -> int:
    """The largest value of a picture of 16 bits in what would be the content of a file; 0 of others, which are not decoded."""
    with _as_file(content) as path:
        header = read_header(path)
        if not (header.deep or header.mode.startswith("I")):
            return 0
        pixels = decode(path, form).pixels
    return pixels.largest if isinstance(pixels, Deep) else 0


@contextmanager
def _as_file(content: bytes) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        yield Path(file.name)


def is_grey(path: Path, header: Header) -> bool:
    """Whether a picture shows nothing but grey: by its mode, else by its pixels.

    Raises:
        BadPicture: see `decode`.
    """
    if header.mode in GREY:
        return True
    with _budget.reserved(header.memory), in_plain_words():
        _, picture = _opened(path, header)
        red, green, blue = _plain(picture).split()[:3]
        return not any(ImageChops.difference(red, other).getbbox() for other in (green, blue))


def content_sha256(path: Path) -> bytes:
    """SHA-256 of a file, or of the reason why it cannot be read."""
    try:
        with in_plain_words():
            require_regular(path)
            if path.stat().st_size > LARGEST_FILE:
                raise BadPicture("too large")
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").digest()
    except BadPicture as bad:
        return hashlib.sha256(str(bad).encode()).digest()


def _opened(path: Path, header: Header) -> tuple[bytes, ImageFile.ImageFile]:
    content = read_small(path, header.bytes)
    _refuse_slow(content, header)
    picture = PLUGINS[header.kind](io.BytesIO(content))
    if picture.size not in (header.size, header.size[::-1]):
        raise BadPicture("damaged: its parts announce different sizes")
    return content, picture


def _refuse_slow(content: bytes, header: Header) -> None:
    """Refuse a JPEG of thousands of scans and a PNG of millions of chunks."""
    height, width = header.size
    most = min(MOST_SCANS, MOST_SCANNED // (height * width))
    if header.kind == "JPEG" and content.count(b"\xff\xda") > most and _scans(content) > most:
        raise BadPicture("damaged: it has too many scans")
    if header.kind == "PNG" and len(content) > 12 * MOST_SEGMENTS:
        at = 8
        for _ in range(MOST_SEGMENTS):
            at += 12 + int.from_bytes(content[at : at + 4])
            if at >= len(content):
                return
        raise BadPicture("damaged: it has too many chunks")


def _scans(content: bytes) -> int:
    """Number of scans of a JPEG, up to its end: cameras append films, which may hold any bytes."""
    scans, at = 0, 2
    for _ in range(MOST_SEGMENTS):
        marker = _MARKER.search(content, at)
        if not marker or marker[0] == b"\xff\xd9":
            return scans
        scans += marker[0] == b"\xff\xda"
        at = marker.end() + int.from_bytes(content[marker.end() : marker.end() + 2])
    raise BadPicture("damaged: it has too many segments")


def _plain(picture: Image.Image) -> Image.Image:
    """Decode to mode "L", "RGB", or "RGBa" if parts are transparent."""
    if picture.mode == "F":
        raise BadPicture("not of whole numbers: save it with 8 or 16 bits per value")
    if picture.has_transparency_data:
        return (picture if picture.mode == "RGBA" else picture.convert("RGBA")).convert("RGBa")
    if picture.mode in ("L", "RGB"):
        return picture
    return picture.convert("L" if picture.mode == "1" else "RGB")


def _ordinary(picture: ImageFile.ImageFile, header: Header, form: Form) -> np.ndarray:
    if isinstance(picture, JpegImagePlugin.JpegImageFile):  # decode a half, quarter or eighth of a large one
        _, _, height, width = target_box(header.size, form)
        sideways = header.orientation in SIDEWAYS
        picture.draft(None, (2 * height, 2 * width) if sideways else (2 * width, 2 * height))
    picture.load()
    upright, orientation = _turned(picture, header)
    small = resized(_plain(picture), upright, orientation, form)
    top, left, _, _ = target_box(upright, form)
    canvas = Image.new("RGB", form.size[::-1], form.background)
    if small.mode == "RGBa":
        small = small.convert("RGBA")
        canvas.paste(small, (left, top), small)
    else:
        canvas.paste(small, (left, top))
    return np.asarray(canvas if form.channels == 3 else canvas.convert("L")).reshape(
        *form.size, form.channels
    )


def _turned(picture: ImageFile.ImageFile, header: Header) -> tuple[tuple[int, int], int]:
    """Upright size and orientation of a loaded picture; a PNG may state its orientation after its pixels."""
    if header.kind != "PNG":
        return header.size, header.orientation
    orientation = exif_orientation(picture.info.get("exif", b""))
    width, height = picture.size
    return ((width, height) if orientation in SIDEWAYS else (height, width)), orientation


def _deep(content: bytes, picture: ImageFile.ImageFile, header: Header, form: Form) -> Deep:
    tags = getattr(picture, "tag_v2", {})
    stated = tags.get(274, 1)  # Pillow turns a TIFF when it loads it, OpenCV does not
    picture.load()  # OpenCV does not notice that a file is truncated
    upright, orientation = _turned(picture, header)
    if header.deep:
        orientation = stated if header.kind == "TIFF" else orientation
        found = _of_16_bits(content, upright[::-1] if orientation in SIDEWAYS else upright)
        bands, largest = _bands(found), int(found[..., :3].max())
    else:
        bands, largest = iter([picture.convert("I")]), _largest(picture)
    small = [np.asarray(resized(band, upright, orientation, form), np.float32) for band in bands]
    alpha = small.pop() if len(small) == 4 else np.full_like(small[0], 65535)
    color = np.stack(small, -1)
    if form.channels == 1 and color.shape[-1] == 3:
        color = (color @ LUMA)[..., None]
    return _placed(color, alpha, upright, form, largest)


def _placed(color: np.ndarray, alpha: np.ndarray, upright: tuple[int, int], form: Form, largest: int) -> Deep:
    top, left, height, width = target_box(upright, form)
    whole = np.zeros((*form.size, color.shape[-1]), np.uint16)
    visible = np.zeros((*form.size, 1), np.uint8)
    place = slice(top, top + height), slice(left, left + width)
    whole[place] = np.rint(color).clip(0, 65535)
    visible[place] = np.rint(alpha / 257).clip(0, 255)[..., None]
    return Deep(whole, visible, largest)


def _largest(picture: Image.Image) -> int:
    least, largest = picture.getextrema()
    if least < 0 or largest > 65535:  # type: ignore[operator]
        raise BadPicture("of values outside 0 to 65535: save it with 8 or 16 bits per value")
    return int(largest)  # type: ignore[arg-type]


def _of_16_bits(content: bytes, size: tuple[int, int]) -> np.ndarray:
    """Decode blue, green, red and perhaps alpha: uint16 (H, W, 3 or 4)."""
    found = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None or found.dtype != np.uint16 or found.shape[:2] != size or found.ndim != 3:
        raise BadPicture("damaged: its 16-bit values cannot be decoded")
    return found


def _bands(found: np.ndarray) -> Iterator[Image.Image]:
    """Red, green and blue multiplied by alpha, then alpha, if there is one: pictures of floats in 0..65535."""
    alpha = found[..., 3].astype(np.float32) if found.shape[2] == 4 else None
    for number in (2, 1, 0):
        band = found[..., number].astype(np.float32)
        if alpha is not None:
            band *= alpha
            band /= 65535
        yield Image.fromarray(band)
    if alpha is not None:
        yield Image.fromarray(alpha)
