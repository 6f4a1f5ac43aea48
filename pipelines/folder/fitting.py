"""Bring a picture to the size of a dataset: padded, cropped or stretched, upright, on a background."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

Fit = Literal["pad", "crop", "stretch"]

# Pillow's operations for the EXIF orientations.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Large pictures are first averaged to at least three times the wanted size: no visible difference, and the filter's
# weights stay small however long a side is.
REDUCING_GAP = 3.0


@dataclass(frozen=True)
class Form:
    """What every picture is brought to.

    Args:
        size: (height, width) in pixels.
        channels: int. 1 (grey) or 3 (RGB); 0 before that is decided.
        fit: "pad" scales a picture to fit inside, centred, with background around; "crop" scales it to cover the size and
            cuts off what sticks out; "stretch" changes its proportions.
        background: (red, green, blue), 0 to 255; behind transparent pictures and around padded ones.
    """

    size: tuple[int, int]
    channels: int
    fit: Fit
    background: tuple[int, int, int]


def pad_box(picture: tuple[int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Where a padded picture lies: (top, left, height, width) in pixels of `size`.

    Args:
        picture: (height, width) of the picture before it was scaled.
        size: (height, width) that it is padded to.

    Example:

    >>> from gcn_tf.pipelines.folder.fitting import pad_box
    >>> pad_box((300, 200), (64, 64))
    (0, 10, 64, 43)
    """
    scale = min(size[0] / picture[0], size[1] / picture[1])
    height, width = (max(1, round(side * scale)) for side in picture)
    return (size[0] - height) // 2, (size[1] - width) // 2, height, width


def common_content(sizes: np.ndarray, size: tuple[int, int], fit: Fit) -> tuple[int, ...]:
    """Where all pictures lie if they are padded alike, (top, left, height, width); () if they are not, or not padded.

    Args:
        sizes: int (N, 2), height and width of the pictures before they were scaled.
        size: (height, width) that they are padded to.
    """
    several = np.unique(sizes, axis=0).tolist() if fit == "pad" else []
    boxes = {pad_box((height, width), size) for height, width in several}
    box = boxes.pop() if len(boxes) == 1 else ()
    return () if box == (0, 0, *size) else box


def target_box(picture: tuple[int, int], form: Form) -> tuple[int, int, int, int]:
    """Where a picture lies in the result: (top, left, height, width)."""
    return pad_box(picture, form.size) if form.fit == "pad" else (0, 0, *form.size)


def source_box(picture: tuple[int, int], form: Form) -> tuple[float, float, float, float]:
    """The part of a picture that the result shows: (left, top, right, bottom) in its pixels, centred."""
    height, width = picture
    if form.fit != "crop":
        return 0, 0, width, height
    scale = max(form.size[0] / height, form.size[1] / width)
    rows, columns = (side / scale for side in form.size)
    left, top = max(0, (width - columns) / 2), max(0, (height - rows) / 2)
    return left, top, width - left, height - top


def resized(picture: Image.Image, upright: tuple[int, int], orientation: int, form: Form) -> Image.Image:
    """Cut, scale and turn a picture, without padding.

    Args:
        picture: of mode "L", "RGB", "RGBa", "I" or "F", as decoded, perhaps at a fraction of its size.
        upright: (height, width) of the whole picture once it is turned.
        orientation: 1 to 8, as in EXIF.
    """
    _, _, height, width = target_box(upright, form)
    left, top, right, bottom = source_box(upright, form)
    if orientation > 4:  # the picture still lies on its side
        height, width, upright = width, height, upright[::-1]
        left, top, right, bottom = top, left, bottom, right
    across, down = picture.width / upright[1], picture.height / upright[0]
    box = (left * across, top * down, min(right * across, picture.width), min(bottom * down, picture.height))
    small = picture.resize((width, height), Image.Resampling.LANCZOS, box, REDUCING_GAP)
    return small.transpose(TURNS[orientation]) if orientation in TURNS else small
