"""Colour, rotation and mirroring: factors that multiply base images, as TensorFlow graph operations.

Every variation is exact: colours mask channels, rotations and mirrorings move whole pixels, nothing is
interpolated. All work on batches with one id per image, inside tf.data graphs and eagerly alike.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from gcn_tf.errors import UserError
from gcn_tf.grid.factors import Factor

COLORS = ("red", "green", "blue")
ROTATIONS_DEGREES = ("0", "90", "180", "270")


@dataclass(frozen=True)
class Variation:
    """A factor whose values are derived from a base image.

    Args:
        factor: the factor and its values.
        apply: (images (B, H, W, C), ids int32 (B,)) -> images (B, H, W, C'), of the same dtype.
        channels: C'; 0 if it is C.
        undo: as `apply`, the other way; None if pixels stay where they are.
    """

    factor: Factor
    apply: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    channels: int = 0
    undo: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None


def _colored(images: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    """Put grey ink into one colour channel: (B, H, W, 1) -> (B, H, W, 3), channels in RGB order."""
    mask = tf.one_hot(ids, len(COLORS), dtype=images.dtype)
    return images * mask[:, None, None, :]  # (B, H, W, 1) * (B, 1, 1, 3)


def color() -> Variation:
    """Red, green or blue ink on black."""
    return Variation(Factor("color", COLORS), _colored, len(COLORS))


def _pixel_moves(moves: tuple[Callable[[np.ndarray], np.ndarray], ...], back: bool = False) -> Callable:
    """Moves of whole pixels as a gather: each move is one permutation of the pixel numbers, `back` its inverse."""

    def apply(images: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
        height, width, channels = images.shape[1:]
        if height != width:
            raise UserError(f"images of {height}x{width} cannot be turned by 90 degrees: make them square")
        numbers = np.arange(height * width).reshape(height, width)
        sources = np.stack([move(numbers).ravel() for move in moves]).astype(np.int32)  # (K, H*W)
        sources = sources.argsort(axis=1).astype(np.int32) if back else sources
        flat = tf.reshape(images, (-1, height * width, channels))
        moved = tf.gather(flat, tf.gather(sources, ids), batch_dims=1)  # (B, H*W, C)
        return tf.reshape(moved, (-1, height, width, channels))

    return apply


def _rotate(quarter_turns: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda numbers: np.rot90(numbers, quarter_turns)


_TURNS = tuple(_rotate(k) for k in range(4))


def rotation() -> Variation:
    """0, 90, 180 or 270 degrees counter-clockwise."""
    return Variation(
        Factor("rotation", ROTATIONS_DEGREES), _pixel_moves(_TURNS), undo=_pixel_moves(_TURNS, back=True)
    )


_MIRRORINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "flip-up-down": np.flipud,
    "flip-left-right": np.fliplr,
    "flip-left-right-90": lambda numbers: np.rot90(np.fliplr(numbers)),
    "flip-left-right-270": lambda numbers: np.rot90(np.fliplr(numbers), 3),
}


def transformation(count: int = 6) -> Variation:
    """Rotations and mirrorings: 6, the authors', are four rotations and two mirrorings; 8 are all symmetries.

    In "flip-left-right-90" the mirrored picture is turned by 90 degrees counter-clockwise.
    """
    names = tuple(_MIRRORINGS)[: count - len(_TURNS)]
    moves = (*_TURNS, *(_MIRRORINGS[name] for name in names))
    factor = Factor("transformation", (*ROTATIONS_DEGREES, *names))
    return Variation(factor, _pixel_moves(moves), undo=_pixel_moves(moves, back=True))


def ink_variations(transformations: int) -> tuple[Variation, ...]:
    """The variations of grey ink: its colour, then its turns."""
    return (color(), *turns(transformations))


def turns(count: int) -> tuple[Variation, ...]:
    """The variation for `--transformations`: 1 none, 4 the factor rotation, 6 or 8 the factor transformation."""
    if count == 1:
        return ()
    return (rotation() if count == 4 else transformation(count),)
