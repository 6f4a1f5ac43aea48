"""Find the poses of seen pictures: each is moved until it looks as the others say that its cell should.

What the others say is an additive model of the moved pictures that leaves the picture itself out: congealing (Learned-Miller
2006) with a template for every cell. Place, size and slant of hands and letters then no longer hide what the factors do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gcn_tf.model.references.additive import fit_additive
from gcn_tf.model.references.poses import AFFINE, GRID, NUMBERS, in_picture, picture_points, sample
from gcn_tf.progress import progress

STEPS = 8  # of a round, in which the poses follow the additive model; it is fitted anew in each
SPREAD = np.array([0.15, 0.15, 0.15, 0.15, 0.2, 0.15], np.float32)  # of the affine numbers, expected
DISPLACEMENT = 0.1  # the same of the control points
SCALE = np.concatenate([SPREAD, np.full(NUMBERS - AFFINE, DISPLACEMENT, np.float32)])
AFFINE_PENALTY = 0.01  # beside the share of the variance that is left between the pictures
BEND_PENALTY = 0.02
AT_ONCE = 512  # pictures


@dataclass(frozen=True)
class Stage:
    """Rounds at one size of the pictures.

    Args:
        side: int. Pixels of the longer side at which pictures are compared, about.
        rounds: int.
        affine_rounds: int. The first of them, without displacement.
        learning_rate: float.
    """

    side: int
    rounds: int
    affine_rounds: int
    learning_rate: float


@dataclass(frozen=True)
class Known:
    """Pictures whose poses are known.

    Args:
        images: uint8 or float32 (N, H, W, C).
        ids: int (N, M), of their cells.
        poses: float32 (N, NUMBERS).
    """

    images: np.ndarray
    ids: np.ndarray
    poses: np.ndarray


STAGES = (
    Stage(28, 9, 4, 0.1),
    Stage(56, 4, 0, 0.03),
)  # fine details are found once the coarse ones are in place


def register(
    images: np.ndarray, ids: np.ndarray, sizes: dict[str, int], known: Known | None = None
) -> np.ndarray:
    """Poses of pictures: uint8 (N, H, W, C) of cells int (N, M) -> float32 (N, NUMBERS).

    Args:
        known: other pictures, whose poses stay as they are; without them the poses are zero on average.
    """
    found = np.zeros((len(images), NUMBERS), np.float32)
    bar = progress(sum(stage.rounds for stage in STAGES), "poses of the pictures", "round", delay=5)
    done = None
    for stage in STAGES:
        small = _small(images, stage.side)
        if small.shape != done:  # pictures that are no larger than the stage before are through
            others = known and replace(known, images=_small(known.images, stage.side))
            found = _improved(found, small, ids, sizes, stage, others, bar)
        done = small.shape
    bar.close()
    return found


def _improved(
    start: np.ndarray,
    small: np.ndarray,
    ids: np.ndarray,
    sizes: dict[str, int],
    stage: Stage,
    known: Known | None,
    bar: Any,
) -> np.ndarray:
    """Poses after the rounds of one stage, float32 (N, NUMBERS), from those before, of pictures float32 (N, h, w, C)."""
    pictures = tf.constant(small)
    variance = float((small if known is None else known.images).var()) + 1e-6
    free = tf.Variable(start / SCALE)
    adam = keras.optimizers.Adam(stage.learning_rate)
    adam.build([free])
    affine = tf.constant((np.arange(NUMBERS) < AFFINE).astype(np.float32))
    points = tf.constant(picture_points(*small.shape[1:3])[None])

    def moved(pictures: tf.Tensor, poses: tf.Tensor) -> tf.Tensor:
        places = in_picture(poses, tf.repeat(points, tf.shape(poses)[0], axis=0))
        return tf.reshape(
            sample(tf.ensure_shape(pictures, (None, *small.shape[1:])), places), (-1, *small.shape[1:])
        )

    def centred(allowed: tf.Tensor) -> tf.Tensor:
        middle = 0.0 if known else tf.reduce_mean(free, axis=0)
        return (free - middle) * SCALE * allowed

    parts = _parts(len(small))
    others = np.zeros((0, *small.shape[1:]), np.float32)
    if known:
        others = np.concatenate([moved(known.images[p], known.poses[p]) for p in _parts(len(known.images))])
        ids = np.concatenate([known.ids, ids])

    @tf.function(reduce_retracing=True, autograph=False)
    def gradient(template: tf.Tensor, chosen: tf.Tensor, allowed: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            poses = tf.gather(centred(allowed), chosen)
            missed = moved(tf.gather(pictures, chosen), poses) - template
            loss = tf.reduce_sum(missed**2) / (variance * small[0].size) + penalty(poses / SCALE)
        return tf.convert_to_tensor(tape.gradient(loss, free))

    for number in range(stage.rounds):
        allowed = affine if number < stage.affine_rounds else tf.ones_like(affine)
        poses = centred(allowed)
        aligned = np.concatenate([others, *(moved(small[p], tf.gather(poses, p)) for p in parts)])
        left_out = fit_additive(aligned.reshape(len(aligned), -1), ids, sizes).left_out[len(others) :]
        template = left_out.reshape(small.shape)
        for _ in range(STEPS):
            steps = [gradient(tf.constant(template[p]), tf.constant(p), allowed) for p in parts]
            adam.apply([tf.add_n(steps) / len(small)], [free])
        bar.update()
    return np.asarray(centred(tf.ones_like(affine)))


def _parts(count: int) -> list[np.ndarray]:
    """Numbers of pictures, at most so many at once."""
    return np.array_split(np.arange(count), -(-count // AT_ONCE))


def penalty(poses: tf.Tensor) -> tf.Tensor:
    """Of poses in their expected spreads, (B, NUMBERS): their squares, and how much the displacement bends."""
    control = tf.reshape(poses[:, AFFINE:], (-1, GRID, GRID, 2))
    per_affine, per_step, per_point = AFFINE, 2 * GRID * (GRID - 1), 2 * GRID**2
    bends = tf.reduce_sum((control[:, 1:] - control[:, :-1]) ** 2) / per_step
    bends += tf.reduce_sum((control[:, :, 1:] - control[:, :, :-1]) ** 2) / per_step
    bends += 0.2 * tf.reduce_sum(control**2) / per_point
    return AFFINE_PENALTY * tf.reduce_sum(poses[:, :AFFINE] ** 2) / per_affine + BEND_PENALTY * bends


def small_size(size: Sequence[int], side: int) -> tuple[int, int]:
    """Height and width at which pictures of a size are compared: the longer one about `side`."""
    height, width = size
    factor = min(1.0, side / max(height, width))
    return max(8, round(height * factor)), max(8, round(width * factor))


def _small(images: np.ndarray, side: int) -> np.ndarray:
    """The pictures at about so many pixels, float32 in [0, 1]."""
    size = small_size(images.shape[1:3], side)
    made = [
        np.asarray(tf.image.resize(tf.cast(images[n : n + AT_ONCE], tf.float32) / 255, size, "area"))
        for n in range(0, len(images), AT_ONCE)
    ]
    return np.concatenate(made)
