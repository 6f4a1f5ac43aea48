"""Finding faces, cutting them out, and doing so for many files in little memory."""

import io
import struct
import threading
import time
import weakref
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from gcn_tf.machine import usable_cores
from gcn_tf.pipelines.photographs.crops import (
    BadPicture,
    Box,
    Place,
    box_at,
    crop,
    crop_faces,
    decode,
    find_face,
    find_other_face,
    in_order,
    inside_square,
    median_place,
    place_of,
)

FACE = Box(140, 170, 262, 262)  # of the portrait, by eye and cascade


def portrait(scale: float = 1.0, right: int = 0, down: int = 0, brightness: float = 1.0) -> np.ndarray:
    """A head as in KDEF, uint8 (762, 562, 3)."""
    head = cv2.resize(astronaut()[:290, 120:334], (562, 762), interpolation=cv2.INTER_CUBIC)
    matrix = np.float32([[scale, 0, right], [0, scale, down]])
    moved = cv2.warpAffine(head, matrix, (562, 762), borderMode=cv2.BORDER_REPLICATE)
    return np.clip(moved * brightness, 0, 255).astype(np.uint8)


def packed(image: np.ndarray, kind: str = "JPEG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind, quality=90)
    return file.getvalue()


def assert_close(box: Box, wanted: Box, pixels: float) -> None:
    np.testing.assert_allclose(box, wanted, atol=pixels)


@pytest.mark.parametrize(
    "scale, right, down, brightness",
    [(1, 0, 0, 1), (1, 50, 40, 1), (0.6, 100, 200, 1), (1, 0, 0, 0.3), (0.5, 0, 0, 1)],
)
def test_the_face_is_found_wherever_it_is(scale, right, down, brightness):
    box = find_face(portrait(scale, right, down, brightness))
    wanted = Box(round(FACE.left * scale) + right, round(FACE.top * scale) + down, *(round(262 * scale),) * 2)
    assert_close(box, wanted, 28)


def test_the_largest_of_several_faces_is_found():
    image = np.hstack([portrait(), cv2.resize(portrait(), (400, 762))[:, :, :] // 2])
    image[:300, 562:] = 90
    small = cv2.resize(portrait(), (281, 381))
    image[381:762, 600:881] = small
    assert_close(find_face(image), FACE, 20)


@pytest.mark.parametrize("scale", [1, 0.7, 0.5])
def test_a_second_face_beside_the_first_is_found(scale):
    other = cv2.resize(portrait(), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    image = np.hstack([portrait(), np.full((762, 562, 3), 120, np.uint8)])
    image[-len(other) :, 562 : 562 + other.shape[1]] = other
    found = [find_face(image), find_other_face(image, find_face(image))]
    assert_close(min(found), FACE, 28)
    right, down, side = 562 + scale * FACE.left, 762 - len(other) + scale * FACE.top, scale * FACE.width
    assert_close(max(found), Box(round(right), round(down), round(side), round(side)), 28)


@pytest.mark.parametrize("scale, right, down", [(1, 0, 0), (1, 50, 40), (0.6, 100, 200), (0.5, 0, 0)])
def test_a_single_face_has_no_other_beside_it(scale, right, down):
    image = portrait(scale, right, down)
    assert find_other_face(image, find_face(image)) is None


@pytest.mark.parametrize("gray", [0, 127, 255])
def test_a_blank_picture_has_no_face(gray):
    assert find_face(np.full((762, 562, 3), gray, np.uint8)) is None


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 500, 3), (20, 20, 3)])
def test_tiny_pictures_have_no_face(shape):
    assert find_face(np.zeros(shape, np.uint8)) is None


@pytest.mark.parametrize(
    "box, wanted",
    [
        (Box(2, 3, 4, 4), Box(2, 3, 4, 4)),
        (Box(2, 3, 4, 2), Box(2, 2, 4, 4)),
        (Box(-5, 28, 10, 10), Box(0, 20, 10, 10)),
        (Box(15, -9, 10, 10), Box(10, 0, 10, 10)),
        (Box(-90, -85, 200, 200), Box(0, 5, 20, 20)),
    ],
)
def test_a_box_becomes_a_square_inside_the_picture(box, wanted):
    assert inside_square(box, (30, 20, 3)) == wanted


def test_a_crop_is_the_mean_of_the_pixels_that_it_shrinks():
    image = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    small = crop(image, Box(6, 8, 16, 16), 4)
    means = image[8:24, 6:22].reshape(4, 4, 4, 4, 3).mean((1, 3))
    assert small.dtype == np.uint8
    np.testing.assert_allclose(small, means, atol=1)
    assert crop(image, Box(0, 0, 5, 5), 20).shape == (20, 20, 3)


def test_the_median_place_fits_pictures_of_any_size():
    places = [place_of(Box(10 + n, 20, 40, 40), (100, 80)) for n in (0, 4, 30)]
    median = median_place(places)
    assert median == pytest.approx(Place(34 / 80, 0.4, 0.5))
    assert box_at(median, (100, 80)) == Box(14, 20, 40, 40)
    assert box_at(median, (200, 160)) == Box(28, 40, 80, 80)


def test_without_any_face_the_median_is_the_largest_square_in_the_middle():
    assert box_at(median_place([]), (762, 562)) == Box(0, 100, 562, 562)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("kept", [0, 1, 20, 700, 5000, -1000, -30])
def test_a_file_that_is_cut_is_refused(kind, kept):
    content = packed(portrait(), kind)
    with pytest.raises(BadPicture, match=r"truncated|unreadable"):
        decode(content[:kept])
    assert decode(content).shape == (762, 562, 3)


def test_a_jpeg_without_its_last_bytes_is_called_truncated():
    with pytest.raises(BadPicture, match=r"^truncated: the file ends too early$"):
        decode(packed(portrait())[:-2000])


def test_gray_pictures_get_three_channels():
    gray = np.tile(np.arange(90, dtype=np.uint8), (60, 1))
    np.testing.assert_array_equal(decode(packed(gray, "PNG")), np.repeat(gray[..., None], 3, 2))


def png_header(width: int, height: int) -> bytes:
    chunk = b"IHDR" + struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    body = b"IDAT" + zlib.compress(bytes(100))
    chunks = (struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (chunk, body))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def jpeg_header(width: int, height: int) -> bytes:
    content = packed(np.zeros((8, 8, 3), np.uint8))
    frame = content.index(b"\xff\xc0") + 5
    return content[:frame] + struct.pack(">2H", height, width) + content[frame + 4 :]


@pytest.mark.parametrize("content", [png_header(60_000, 60_000), jpeg_header(60_000, 60_000)])
def test_enormous_pictures_are_refused_before_they_are_decoded(content, capfd, recwarn):
    start = time.monotonic()
    with pytest.raises(BadPicture, match=r"wrong-sized: 60000x60000"):
        decode(content)
    with pytest.raises(BadPicture, match=r"wrong-sized: 60000x60000 instead of 562x762"):
        decode(content, (562, 762))
    assert time.monotonic() - start < 1
    assert (capfd.readouterr().err, list(recwarn)) == ("", [])


def test_results_come_in_order_and_few_are_begun_ahead():
    begun, most_ahead = [], 0

    def work(number: int) -> int:
        begun.append(number)
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number * 10

    for taken, result in enumerate(in_order(work, range(50))):
        assert result == taken * 10
        most_ahead = max(most_ahead, len(begun) - taken)
    assert most_ahead <= 2 * usable_cores() + 1


def test_all_cores_are_used(monkeypatch):
    monkeypatch.setattr("gcn_tf.pipelines.photographs.crops.usable_cores", lambda: 3)
    together = threading.Barrier(3, timeout=5)
    assert list(in_order(lambda n: together.wait() >= 0, range(6))) == [True] * 6


def test_opencvs_own_threads_are_restored(monkeypatch):
    before = cv2.getNumThreads()
    assert list(in_order(lambda n: cv2.getNumThreads(), range(3))) == [1, 1, 1]
    assert cv2.getNumThreads() == before
    broken = in_order(lambda n: 1 // n, range(3))
    with pytest.raises(ZeroDivisionError):
        list(broken)
    assert cv2.getNumThreads() == before


def test_pictures_without_a_face_come_last_at_the_median_of_the_others():
    blank = np.full((762, 562, 3), 90, np.uint8)
    blank[300:400, 200:300] = (10, 20, 200)
    pictures = [blank, portrait(), portrait(right=12), blank, portrait(right=24)]
    crops = list(crop_faces(pictures, lambda image: image, 32, "test"))
    assert [(c.number, c.found) for c in crops] == [(1, True), (2, True), (4, True), (0, False), (3, False)]
    boxes = np.array([c.box for c in crops])
    np.testing.assert_allclose(boxes[3:], np.tile(np.median(boxes[:3], 0), (2, 1)), atol=4)
    np.testing.assert_array_equal(crops[3].image, crop(blank, crops[3].box, 32))


def test_bad_pictures_are_returned_in_their_place():
    def read(number: int) -> np.ndarray:
        if number == 1:
            raise BadPicture("unreadable: torn")
        return portrait()

    first, (number, reason), last = crop_faces([0, 1, 2], read, 16, "test")
    assert (first.number, number, str(reason), last.number) == (0, 1, "unreadable: torn", 2)


def test_few_pictures_are_in_memory_at_a_time():
    """Full pictures alive, counted by their arrays, however many there are and whether they have faces."""
    alive: weakref.WeakSet = weakref.WeakSet()
    lock, most = threading.Lock(), 0

    class Picture(np.ndarray):
        __hash__ = object.__hash__

    def read(number: int) -> np.ndarray:
        nonlocal most
        image = np.full((120, 90, 3), number % 250, np.uint8).view(Picture)
        with lock:
            alive.add(image)
            most = max(most, len(alive))
        return image

    assert sum(1 for _ in crop_faces(range(300), read, 16, "test")) == 300
    assert 1 <= most <= 2 * usable_cores() + 1
