"""Place, slant and height of a figure by its moments: taken out before a generator learns, multiplied in afterwards.

Two hands write a 2 at different slants and heights; a blend of the two as they are is a ghost of both. Set upright, they
blend into one figure, which can then be drawn in the pose of any picture. For light figures on a dark ground only.
"""

import numpy as np
import tensorflow as tf

from gcn_tf.metrics.geometry import figure_moments

UPRIGHT_HEIGHT = 5 / 28  # standard deviation of the ink from top to bottom, as a share of the side


PLACE_SPREAD = 0.03  # standard deviation of new places, as a share of the side


HEIGHTS = (3.2 / 28, 7 / 28)  # of new poses, lowest and highest


REACH = 0.3  # how far new poses go beyond two known ones


Poses = (
    np.ndarray
)  # float64 (N, 4): centre y, centre x, slant (x per y), height; lengths as shares of the side


def measure_poses(images: np.ndarray) -> Poses:
    """Poses of figures: uint8 (N, H, W, C), H equal to W."""
    y, x, tall, _, lean = figure_moments(images.max(axis=-1))
    side = images.shape[1]
    return np.stack([y / side, x / side, lean / np.maximum(tall, 1e-6), np.sqrt(tall) / side], axis=1)


def set_upright(images: np.ndarray, poses: Poses) -> np.ndarray:
    """Figures moved to the middle, without slant and of one height: uint8 (N, H, W, C) -> the same."""
    y, x, slant, height = poses.T * [[images.shape[1]], [images.shape[1]], [1], [1]]
    scale, middle = height / UPRIGHT_HEIGHT, (images.shape[1] - 1) / 2
    lean = slant * scale
    return _moved(images, scale, lean, x - scale * middle - lean * middle, scale, y - scale * middle)


def set_in_pose(images: np.ndarray, poses: Poses) -> np.ndarray:
    """Upright figures as they are in the given poses: uint8 (N, H, W, C) -> the same."""
    y, x, slant, height = poses.T * [[images.shape[1]], [images.shape[1]], [1], [1]]
    scale, middle = UPRIGHT_HEIGHT / height, (images.shape[1] - 1) / 2
    lean = -slant * scale
    return _moved(images, scale, lean, middle - scale * x - lean * y, scale, middle - scale * y)


def _moved(
    images: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray, e: np.ndarray, f: np.ndarray
) -> np.ndarray:
    """Output pixel (x, y) is taken from input pixel (a x + b y + c, e y + f)."""
    zeros = np.zeros_like(a)
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images, tf.float32),
        transforms=tf.constant(np.stack([a, b, c, zeros, e, f, zeros, zeros], axis=1), tf.float32),
        output_shape=list(images.shape[1:3]),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
    return np.clip(np.rint(moved), 0, 255).astype(np.uint8)


def new_poses(known: Poses, count: int, rng: np.random.Generator) -> Poses:
    """Poses between and a little beyond pairs of known ones, near the middle of the picture: (count, 4)."""
    first, second = known[rng.integers(0, len(known), (2, count))]
    made = first + rng.uniform(-REACH, REACH, (count, 1)) * (second - first)
    made[:, :2] = 0.5 - 0.5 / 28 + rng.normal(0, PLACE_SPREAD, (count, 2))
    made[:, 3] = np.clip(made[:, 3], *HEIGHTS)
    return made
