"""Coordinates of the pixels on a face, and the few operations from which everything on it is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcn_tf.pipelines.procedural.faces.persons import Person, Shot

Field = NDArray[np.floating[Any]]
Colour = Field | tuple[int, int, int]


def rgb(colour: Sequence[float]) -> Field:
    return np.asarray(colour, np.float32)


def blend_scale(scale: tuple[tuple[int, int, int], ...], position: float) -> Field:
    """Colour at a position on a scale of colours: float32 (3,) in [0, 255]."""
    low = min(int(position), len(scale) - 2)
    share = position - low
    return np.asarray((1 - share) * np.array(scale[low]) + share * np.array(scale[low + 1]), np.float32)


def bump(x: Field, y: Field, cx: float, cy: float, sx: float, sy: float) -> Field:
    return np.exp(-(((x - cx) / sx) ** 2) - ((y - cy) / sy) ** 2)


def smoothstep(low: float, high: float, value: Field) -> Field:
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


@dataclass
class Plane:
    """Coordinates of all pixels, on the face and on the picture, and the size of a pixel, in units of 75 mm."""

    x: Field
    y: Field
    page_x: Field
    page_y: Field
    pixel: float

    def inside(self, distance: Field, softness: float = 0.0) -> Field:
        """1 inside an outline and 0 outside, from the signed distance; the edge is a pixel or `softness` wide."""
        return np.clip(0.5 + distance / max(1.5 * self.pixel, softness), 0, 1)


def face_plane(
    p: Person, shot: Shot, size: tuple[int, int], centre: tuple[float, float], unit: float
) -> Plane:
    """Coordinates of (height, width) pixels; `centre` is the pixel between the eyes, `unit` the pixels per unit."""
    rows, columns = np.indices(size, dtype=np.float32)
    page_x, page_y = (columns + 0.5 - centre[0]) / unit, (rows + 0.5 - centre[1]) / unit
    moved_x, moved_y = page_x - shot.shift[0], page_y - shot.shift[1]
    cos, sin = np.float32(np.cos(shot.roll) / shot.scale), np.float32(np.sin(shot.roll) / shot.scale)
    x, y = cos * moved_x + sin * moved_y, cos * moved_y - sin * moved_x
    # When the head turns, near parts move more than far ones.
    depth = np.sqrt(np.clip(1 - (x / 1.05) ** 2 - ((y - 0.05) / 1.5) ** 2, 0, 1))
    return Plane(
        x - np.float32(shot.yaw) * depth, y - np.float32(shot.pitch) * depth, page_x, page_y, 1 / unit
    )


class Noise:
    """Smooth noise as a sum of waves: the same at any resolution."""

    def __init__(self, rng: np.random.Generator, waves: int, frequency: tuple[float, float]) -> None:
        self.k = (rng.uniform(*frequency, (waves, 1)) * _directions(rng, waves)).astype(np.float32)
        self.phase = rng.uniform(0, 2 * np.pi, waves).astype(np.float32)

    def __call__(self, x: Field, y: Field) -> Field:
        total = np.zeros_like(x)
        for (kx, ky), phase in zip(self.k, self.phase, strict=True):
            total += np.sin(kx * x + ky * y + phase)
        return total / np.float32(np.sqrt(len(self.phase)))


def _directions(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    angle = rng.uniform(0, 2 * np.pi, count)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def over(image: Field, colour: Colour, mask: Field) -> None:
    """Paint a colour (3,) or a picture (H, W, 3) over the image, as opaque as the mask (H, W) in [0, 1]."""
    image += mask[..., None] * (np.asarray(colour, np.float32) - image)
