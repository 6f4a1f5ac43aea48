"""Crop faces from photographs: found by OpenCV's frontal Haar cascade, squared and resized, on all cores."""

import contextlib
import io
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
from PIL import JpegImagePlugin, PngImagePlugin

from gcn_tf.machine import usable_cores
from gcn_tf.progress import progress

Item = TypeVar("Item")
Result = TypeVar("Result")

# Faces are detected on a small copy: at 200 pixels the cascade takes two thirds of the time that it takes at 562,
# and the boxes differ by about 2 %.
DETECTION_SIDE = 200

# Smallest face, as a share of the picture's shorter side, and fewest votes: a face gathers 15 to 45 overlapping
# detections, a shadow or a profile about 5. Searching for large faces first takes a third of the time; anything
# smaller than the last share is an ear or a button.
SEARCHES = ((0.4, 15), (0.2, 5))
OTHER_FACE = (0.1, 10)  # the same of a second face, where nothing but faces gathers so many
LEAST_VOTES = 0.8  # share of the surest face's votes: a larger box with fewer votes is the head with its hair
LARGEST_PICTURE = 40_000_000  # pixels; larger pictures are refused before anything is decoded

# Scans of a progressive JPEG, which has about 10. Each costs time for the whole picture, even a scan of 12 bytes.
MOST_SCANS = 64
LONGEST_SHAPE = (
    10  # longer side over shorter side; the cascade takes seconds for a stripe, which holds no face
)


class BadPicture(Exception):
    """A file that cannot be used as a picture; the message is the reason in a few words."""


class Box(NamedTuple):
    """A rectangle in pixels of the full picture."""

    left: int
    top: int
    width: int
    height: int


class Place(NamedTuple):
    """A square relative to its picture, so that places in pictures of several sizes have a median.

    Args:
        x: float. Centre, as a share of the picture's width.
        y: float. Centre, as a share of its height.
        side: float. As a share of its shorter side.
    """

    x: float
    y: float
    side: float


WHOLE = Place(0.5, 0.5, 1.0)


@dataclass(frozen=True)
class FaceCrop:
    """One cropped picture.

    Args:
        number: int. Its position in the sequence given to `crop_faces`.
        image: uint8 (S, S, 3), RGB.
        box: Box. The cropped region.
        found: bool. False if no face was found; the box is then the median of the others.
    """

    number: int
    image: np.ndarray
    box: Box
    found: bool


def decode(content: bytes, size: tuple[int, int] | None = None) -> np.ndarray:
    """Decode a JPEG or PNG file; refuse a truncated one, which OpenCV would silently fill with grey.

    Args:
        content: bytes. The file.
        size: (width, height). The only size accepted. Defaults to None, any up to LARGEST_PICTURE pixels.

    Returns:
        uint8 (H, W, 3), RGB.

    Raises:
        BadPicture: not a picture, another size, or damaged.
    """
    # Not `Image.open`, which warns on stderr about large pictures before their size can be refused.
    png = content.startswith(b"\x89PNG")
    kind = PngImagePlugin.PngImageFile if png else JpegImagePlugin.JpegImageFile
    try:
        picture = kind(io.BytesIO(content))
    except Exception as error:
        raise BadPicture("unreadable: not a JPEG or PNG picture") from error
    if content.count(b"\xff\xda") > MOST_SCANS and not png:
        raise BadPicture("unreadable: too many scans")
    width, height = picture.size
    if size and picture.size != size:
        raise BadPicture(f"wrong-sized: {width}x{height} instead of {size[0]}x{size[1]}")
    if width * height > LARGEST_PICTURE:
        raise BadPicture(f"wrong-sized: {width}x{height} is too large")
    try:
        return np.asarray(picture.convert("RGB"))
    except Exception as error:
        cut = "truncated" in str(error)
        raise BadPicture("truncated: the file ends too early" if cut else f"unreadable: {error}") from error


_cascades = threading.local()  # a cascade must not be used by two threads at a time


def _cascade() -> cv2.CascadeClassifier:
    if not hasattr(_cascades, "frontal"):
        folder = Path(cv2.__file__).parent / "data"
        _cascades.frontal = cv2.CascadeClassifier(str(folder / "haarcascade_frontalface_default.xml"))
    return _cascades.frontal


def find_face(image: np.ndarray) -> Box | None:
    """The largest plausible frontal face of a picture, uint8 (H, W, 3) RGB; None if there is none."""
    if max(image.shape[:2]) > LONGEST_SHAPE * min(image.shape[:2]):
        return None
    gray, scale = _small_and_gray(image)
    for share, least_votes in SEARCHES:
        found = _detected(gray, scale, share, least_votes)
        if found:
            surest = max(votes for _, votes in found)
            plausible = [box for box, votes in found if votes >= LEAST_VOTES * surest]
            return max(plausible, key=lambda box: box.width * box.height)
    return None


def find_other_face(image: np.ndarray, face: Box) -> Box | None:
    """A frontal face of a picture, uint8 (H, W, 3) RGB, that lies beside the one that `find_face` found; None if there is none.

    It may be half as large.
    """
    found = _detected(*_small_and_gray(image), *OTHER_FACE)
    beside = [box for box, _ in found if not _overlap(box, face)]
    return max(beside, key=lambda box: box.width * box.height, default=None)


def _small_and_gray(image: np.ndarray) -> tuple[np.ndarray, float]:
    """The copy in which faces are detected, uint8 (h, w), and its scale."""
    gray = cv2.equalizeHist(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    scale = min(1.0, DETECTION_SIDE / min(image.shape[:2]))
    if scale < 1:
        gray = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return gray, scale


def _detected(gray: np.ndarray, scale: float, share: float, least_votes: int) -> list[tuple[Box, int]]:
    """What the cascade takes for faces, from a share of the shorter side, and the votes of each."""
    least = round(share * min(gray.shape))
    faces, votes = _cascade().detectMultiScale2(gray, 1.1, least_votes, minSize=(least, least))
    boxes = [Box(*(round(n / scale) for n in face)) for face in np.asarray(faces).tolist()]
    return list(zip(boxes, map(int, votes), strict=True))


def _overlap(one: Box, other: Box) -> bool:
    """Whether boxes share at least a quarter of the smaller one: a part of a face, or the head around it."""
    width = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    height = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    smaller = min(one.width * one.height, other.width * other.height)
    return max(width, 0) * max(height, 0) >= smaller / 4


def inside_square(box: Box, shape: Sequence[int]) -> Box:
    """The square around the same centre, moved, and shrunk if necessary, to lie inside a picture (H, W, ...)."""
    height, width = shape[:2]
    side = max(1, min(max(box.width, box.height), height, width))
    left = box.left + (box.width - side) // 2
    top = box.top + (box.height - side) // 2
    return Box(min(max(left, 0), width - side), min(max(top, 0), height - side), side, side)


def crop(image: np.ndarray, box: Box, image_size: int) -> np.ndarray:
    """Crop a box to a square inside the picture and resize it: uint8 (image_size, image_size, 3)."""
    left, top, side, _ = inside_square(box, image.shape)
    cut = image[top : top + side, left : left + side]
    interpolation = cv2.INTER_AREA if side >= image_size else cv2.INTER_CUBIC  # area would show blocks
    return cv2.resize(cut, (image_size, image_size), interpolation=interpolation)


def place_of(box: Box, shape: Sequence[int]) -> Place:
    """Position and size of a box relative to its picture (H, W, ...)."""
    height, width = shape[:2]
    x, y = box.left + box.width / 2, box.top + box.height / 2
    return Place(x / width, y / height, max(box.width, box.height) / min(height, width))


def box_at(place: Place, shape: Sequence[int]) -> Box:
    """The square at a place of a picture (H, W, ...), in pixels."""
    height, width = shape[:2]
    side = round(place.side * min(height, width))
    corner = round(place.x * width - side / 2), round(place.y * height - side / 2)
    return inside_square(Box(*corner, side, side), shape)


def median_place(places: Sequence[Place]) -> Place:
    """The median of centres and sides; without any, the largest square in the middle."""
    return Place(*np.median(places, axis=0).tolist()) if places else WHOLE


def crop_faces(
    pictures: Sequence[Item], read: Callable[[Item], np.ndarray], image_size: int, description: str
) -> Iterator[FaceCrop | tuple[int, BadPicture]]:
    """Crop the face of every picture, on all cores, with a progress bar.

    Pictures without a face come last: they are read again once the median of the found boxes is known. Memory holds
    only a few pictures per core, whatever the number of files.

    Args:
        pictures: the arguments of `read`.
        read: decodes a picture to uint8 (H, W, 3) RGB, or raises BadPicture. Called in several threads.
        image_size: int. Side of the crops in pixels.
        description: str. Label of the progress bar.

    Yields:
        A FaceCrop, or the picture's number and why it is bad: first the pictures with a face and the bad ones, in
        order, then those without a face, in order.
    """
    places: list[Place] = []
    faceless: list[int] = []

    def find(number: int) -> FaceCrop | tuple[int, BadPicture] | None:
        try:
            image = read(pictures[number])
        except BadPicture as bad:
            return number, bad
        box = find_face(image)
        if box is None:
            return None
        places.append(place_of(box, image.shape))
        box = inside_square(box, image.shape)
        return FaceCrop(number, crop(image, box, image_size), box, found=True)

    def cut(place: Place, number: int) -> FaceCrop | tuple[int, BadPicture]:
        try:
            image = read(pictures[number])
        except BadPicture as bad:  # the file changed since the first time
            return number, bad
        box = box_at(place, image.shape)
        return FaceCrop(number, crop(image, box, image_size), box, found=False)

    with progress(len(pictures), description, unit=" pictures") as bar:
        for number, outcome in enumerate(in_order(find, range(len(pictures)))):
            if outcome is None:
                faceless.append(number)
                continue
            bar.update()
            yield outcome
        for outcome in in_order(partial(cut, median_place(places)), faceless):
            bar.update()
            yield outcome


def in_order(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`map` on all cores, in order, with at most two items per core started and not yet consumed.

    Threads, not processes: decoding, equalising, the cascade and resizing all release the GIL.
    """
    cores = usable_cores()
    waiting: deque[Future[Result]] = deque()
    with _quiet_opencv_in_one_thread(), ThreadPoolExecutor(cores) as pool:
        try:
            for item in items:
                if len(waiting) >= 2 * cores:
                    yield waiting.popleft().result()
                waiting.append(pool.submit(work, item))
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


@contextlib.contextmanager
def _quiet_opencv_in_one_thread() -> Iterator[None]:
    """Keep OpenCV from starting a thread per core in each of our threads, and from logging bad files, which we report."""
    threads, level = cv2.getNumThreads(), cv2.utils.logging.getLogLevel()
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
        cv2.utils.logging.setLogLevel(level)
