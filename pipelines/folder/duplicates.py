"""Find pictures that are there twice: the same file under two names, or nearly the same pixels."""

from collections import defaultdict
from collections.abc import Sequence

import cv2
import numpy as np

SEARCH_SIDE = 8  # pixels of the copies among which the nearest is looked for
COMPARED_SIDE = 16  # pixels of the copies that are compared
LARGEST_DIFFERENCE = (
    12  # of 255, anywhere in the compared copies: more than compressing or resizing again makes
)
BLOCK = 1 << 24  # distances at a time, for the memory


def same_content(sha256: Sequence[bytes]) -> tuple[tuple[int, ...], ...]:
    """Groups of two or more files of the same content, by their numbers, in order.

    Example:

    >>> from gcn_tf.pipelines.folder.duplicates import same_content
    >>> same_content([b"a", b"b", b"a"])
    ((0, 2),)
    """
    if len(set(sha256)) == len(sha256):
        return ()
    groups: defaultdict[bytes, list[int]] = defaultdict(list)
    for number, digest in enumerate(sha256):
        groups[digest].append(number)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def near_duplicates(images: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Find the pictures of one set that are nearly the same as one of another set.

    Every picture of b is compared with the nearest one of a, by small copies in colour: nowhere may they differ by more
    than LARGEST_DIFFERENCE. So brightness, colour and details count, compression and size do not.

    Args:
        images: uint8 (N, H, W, C).
        a, b: integers (A,) and (B,). Numbers of the pictures of either set.

    Returns:
        int64 (P, 2). Pairs of a number from a and one from b, in the order of b.
    """
    if not len(a) or not len(b):
        return np.zeros((0, 2), np.int64)
    a, b = np.asarray(a, np.int64), np.asarray(b, np.int64)
    nearest = a[_nearest(_small(images, a, SEARCH_SIDE), _small(images, b, SEARCH_SIDE))]
    same = _alike(images, nearest, b)
    return np.stack([nearest[same], b[same]], 1)


def _small(images: np.ndarray, numbers: np.ndarray, side: int) -> np.ndarray:
    """Averaged copies, one row per picture: float32 (len(numbers), side * side * C) in [-128, 127]."""
    copies = [cv2.resize(images[number], (side, side), interpolation=cv2.INTER_AREA) for number in numbers]
    return np.stack(copies).reshape(len(numbers), -1).astype(np.float32) - 128


def _nearest(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """For every row of b the position of the nearest row of a: int64 (B,)."""
    lengths = np.square(a).sum(1) / 2
    rows = max(1, BLOCK // len(a))
    return np.concatenate(
        [np.argmax(b[start : start + rows] @ a.T - lengths, 1) for start in range(0, len(b), rows)]
    )


def _alike(images: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Whether the pictures of every pair of numbers are nearly the same: bool (P,)."""
    found = np.zeros(len(a), bool)
    for start in range(0, len(a), 1000):
        part = slice(start, start + 1000)
        difference = _small(images, a[part], COMPARED_SIDE) - _small(images, b[part], COMPARED_SIDE)
        found[part] = np.abs(difference).max(1) <= LARGEST_DIFFERENCE
    return found
