"""Grids of figures whose geometry is known: every content is a few strokes, every style a pose of them."""

from dataclasses import dataclass

import numpy as np

SIZES = {"content": 6, "style": 6}
# y, x, logarithm of height, of width, slant, turn: what the styles do to every content.
STYLES = np.array(
    [
        [0.15, 0.1, 0.0, 0.0, 0.25, 0.0],
        [-0.15, 0.1, 0.15, -0.1, -0.25, 0.15],
        [0.0, -0.15, -0.15, 0.1, 0.0, -0.15],
        [0.1, -0.1, 0.1, 0.15, 0.2, 0.1],
        [-0.1, 0.0, -0.1, -0.15, -0.2, -0.1],
        [0.0, 0.05, 0.0, 0.0, 0.0, 0.0],
    ],
    np.float32,
)


@dataclass(frozen=True)
class Grid:
    """Pictures of all cells.

    Args:
        images: uint8 (N, H, W, C).
        ids: int (N, 2), content and style.
        poses: float32 (N, 6), the true affine numbers.
        unseen: int (U,), rows that a generator is not told.
    """

    images: np.ndarray
    ids: np.ndarray
    poses: np.ndarray
    unseen: np.ndarray

    @property
    def seen(self) -> np.ndarray:
        return np.setdiff1d(np.arange(len(self.ids)), self.unseen)


def strokes(content: int) -> np.ndarray:
    """Ends of a content's three strokes in the template: (3, 2, 2), y and x."""
    rng = np.random.default_rng(content)
    return rng.uniform(-0.55, 0.55, (3, 2, 2))


def drawn(lines: np.ndarray, pose: np.ndarray, height: int, width: int, broad: float = 0.09) -> np.ndarray:
    """Soft strokes in a pose, float (H, W) in [0, 1]: scale, then slant, then turn, then shift."""
    y, x, tall, wide, slant, turn = pose
    stretched = np.array([[np.exp(tall), 0], [slant * np.exp(tall), np.exp(wide)]])
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    ends = lines @ (turned @ stretched).T + [y, x]
    places = np.stack(
        np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij"), axis=-1
    )
    picture = np.zeros((height, width))
    for start, end in ends:
        along = end - start
        share = np.clip(((places - start) @ along) / (along @ along + 1e-9), 0, 1)
        away = np.square(places - start - share[..., None] * along).sum(axis=-1)
        picture = np.maximum(picture, np.exp(-away / (2 * broad**2)))
    return picture


def posed_grid(height: int = 28, width: int = 28, channels: int = 1) -> Grid:
    """Contents x styles, the styles being poses and nothing else; a cell of every style is unseen."""
    ids = np.indices(tuple(SIZES.values())).reshape(2, -1).T
    pictures = [drawn(strokes(content), STYLES[style], height, width) for content, style in ids]
    images = np.repeat(np.rint(255 * np.stack(pictures))[..., None], channels, axis=-1).astype(np.uint8)
    unseen = np.flatnonzero((ids[:, 0] + 2 * ids[:, 1]) % 6 == 1)
    return Grid(images, ids, STYLES[ids[:, 1]], unseen)


def breadth_grid(light: bool = False) -> Grid:
    """Contents x styles, all in the same pose: a style is the breadth of the strokes, or their light."""
    ids = np.indices(tuple(SIZES.values())).reshape(2, -1).T
    still = np.zeros(6)
    if light:
        pictures = [(0.4 + 0.1 * style) * drawn(strokes(content), still, 28, 28) for content, style in ids]
    else:
        pictures = [
            drawn(strokes(content), still, 28, 28, broad=0.06 + 0.015 * style) for content, style in ids
        ]
    images = np.rint(255 * np.stack(pictures))[..., None].astype(np.uint8)
    return Grid(images, ids, np.zeros((len(ids), 6)), np.flatnonzero((ids[:, 0] + 2 * ids[:, 1]) % 6 == 1))
