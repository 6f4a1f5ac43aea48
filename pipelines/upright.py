"""Place, slant and height of a figure by its moments: taken out before a generator learns, multiplied in afterwards.

Two hands write a 2 at different slants and heights; a blend of the two as they are is a ghost of both. Set upright, they
blend into one figure, which can then be drawn in the pose of any picture. For figures on a plain black or white ground.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from gcn_tf.errors import ConfigError
from gcn_tf.metrics.geometry import figure_moments
from gcn_tf.metrics.pictures import ground_brightness

UPRIGHT_HEIGHT = 5 / 28  # standard deviation of the ink from top to bottom, as a share of the side, of digits
PLACE_SPREAD = 0.03  # standard deviation of new places, as a share of the side
HEIGHTS = (3.2 / 28, 7 / 28)  # of new poses of digits, lowest and highest
REACH = 0.3  # how far new poses go beyond two known ones
DARK, LIGHT = 0.16, 0.84  # brightness along the border: black ground at most, white at least
AT_ONCE = 1000

Poses = (
    np.ndarray
)  # float64 (N, 4): centre y, centre x, slant (x per y), height; lengths as shares of the side


@dataclass(frozen=True)
class Upright:
    """How the figures of a dataset are set upright: at one height, the middle of its own.

    Args:
        known: poses of its base images as they are.
        light: whether figures are dark on a light ground.
    """

    known: Poses
    light: bool

    @classmethod
    def of(cls, images: np.ndarray) -> "Upright":
        """Of a dataset's pictures as they are, uint8 (N, H, W, C).

        Raises:
            ConfigError: they are not square, or not on a plain black or white ground.
        """
        if images.shape[1] != images.shape[2]:
            raise ConfigError(
                f"--upright: pictures of {images.shape[1]}x{images.shape[2]}: make them square, --image-size {min(images.shape[1:3])}"
            )
        ground = ground_brightness(images)
        if DARK < ground < LIGHT:
            raise ConfigError(
                f"--upright: the border of the pictures has the brightness {ground:.2f}, figures are found on a black (0) or white "
                "(1) ground alone: leave it out"
            )
        light = ground >= LIGHT
        return cls(measure_poses(_ink(images, light)), light)

    @property
    def height(self) -> float:
        """Of upright figures: standard deviation of the ink from top to bottom, as a share of the side."""
        return float(np.median(self.known[:, 3]))

    def set(self, images: np.ndarray) -> np.ndarray:
        """Pictures as they are, uint8 (N, H, W, C), set upright."""
        made = np.empty_like(images)
        for some in _parts(len(images)):
            ink = _ink(images[some], self.light)
            made[some] = _ink(set_upright(ink, measure_poses(ink), self.height), self.light)
        return made

    def in_pose(self, images: np.ndarray, poses: Poses) -> np.ndarray:
        """Upright pictures, uint8 (N, H, W, C), in the given poses."""
        return _ink(set_in_pose(_ink(images, self.light), poses, self.height), self.light)

    def new_poses(self, rows: np.ndarray, count: int, rng: np.random.Generator) -> Poses:
        """Poses between and a little beyond pairs of those of some base images, int (n,): (count, 4)."""
        heights = float(self.known[:, 3].min()), float(self.known[:, 3].max())
        return new_poses(self.known[rows], count, rng, heights)


def _parts(count: int) -> Iterator[slice]:
    return (slice(start, start + AT_ONCE) for start in range(0, count, AT_ONCE))


def _ink(images: np.ndarray, light: bool) -> np.ndarray:
    """Light figures on black; of these, the pictures again."""
    return 255 - images if light else images


def measure_poses(images: np.ndarray) -> Poses:
    """Poses of light figures on black: uint8 (N, H, W, C), H equal to W."""
    y, x, tall, _, lean = figure_moments(images.max(axis=-1))
    side = images.shape[1]
    return np.stack([y / side, x / side, lean / np.maximum(tall, 1e-6), np.sqrt(tall) / side], axis=1)


def set_upright(images: np.ndarray, poses: Poses, upright_height: float = UPRIGHT_HEIGHT) -> np.ndarray:
    """Light figures on black moved to the middle, without slant and of one height: uint8 (N, H, W, C) -> the same."""
    y, x, slant, height = poses.T * [[images.shape[1]], [images.shape[1]], [1], [1]]
    scale, middle = height / upright_height, (images.shape[1] - 1) / 2
    lean = slant * scale
    return _moved(images, scale, lean, x - scale * middle - lean * middle, scale, y - scale * middle)


def set_in_pose(images: np.ndarray, poses: Poses, upright_height: float = UPRIGHT_HEIGHT) -> np.ndarray:
    """Upright figures as they are in the given poses: uint8 (N, H, W, C) -> the same."""
    y, x, slant, height = poses.T * [[images.shape[1]], [images.shape[1]], [1], [1]]
    scale, middle = upright_height / height, (images.shape[1] - 1) / 2
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


def new_poses(
    known: Poses, count: int, rng: np.random.Generator, heights: tuple[float, float] = HEIGHTS
) -> Poses:
    """Poses between and a little beyond pairs of known ones, near the middle of the picture: (count, 4)."""
    first, second = known[rng.integers(0, len(known), (2, count))]
    made = first + rng.uniform(-REACH, REACH, (count, 1)) * (second - first)
    made[:, :2] = 0.5 - 0.5 / 28 + rng.normal(0, PLACE_SPREAD, (count, 2))
    made[:, 3] = np.clip(made[:, 3], *heights)
    return made
