"""Pictures in other poses, many at a time: in that of the template, and made from their neighbours."""

from functools import cache

import numpy as np
import tensorflow as tf

from gcn_tf.model.references.poses import NUMBERS, in_picture, picture_points, sample
from gcn_tf.model.references.redraw import redrawn_at

AT_ONCE = 64

Shape = tuple[int, ...]  # (H, W, C)


def aligned_pictures(images: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """The pictures in the template's pose: float32 (N, H, W, C) in [0, 1]."""
    moved, aligned = _to_template(images.shape[1:]), np.empty(images.shape, np.float32)
    for n in range(0, len(images), AT_ONCE):
        part = slice(n, n + AT_ONCE)
        aligned[part] = moved(_scaled(images[part]), poses[part].astype(np.float32)).numpy()
    return aligned


def made_from_neighbours(
    images: np.ndarray, poses: np.ndarray, wanted: np.ndarray, light: np.ndarray, sources: np.ndarray
) -> np.ndarray:
    """Cells made from seen pictures, float32 (P, H, W, C) in [0, 1].

    Args:
        images: uint8 (N, H, W, C), seen; poses: float32 (N, NUMBERS), theirs.
        wanted: float32 (P, NUMBERS), poses of the cells.
        light: float32 (P, H * W * C). What has to be added, in the pose of the template.
        sources: int (P,), the pictures that they are made from.
    """
    shape = images.shape[1:]
    redraw, made = _redrawn(shape), np.empty((len(sources), *shape), np.float32)
    for n in range(0, len(sources), AT_ONCE):
        part = slice(n, n + AT_ONCE)
        own, theirs = poses[sources[part]], wanted[part]
        added = light[part].reshape(-1, *shape).astype(np.float32)
        made[part] = redraw(
            _scaled(images[sources[part]]), own.astype(np.float32), theirs.astype(np.float32), added
        )
    return made


def mean_squared_error(images: np.ndarray, made: np.ndarray) -> float:
    """Of pictures uint8 (N, H, W, C) and float32 (N, H, W, C) in [0, 1]."""
    return float(
        np.mean([np.square(one / 255 - other).mean() for one, other in zip(images, made, strict=True)])
    )


def _scaled(images: np.ndarray) -> np.ndarray:
    return images.astype(np.float32) / 255


# Compiled once for every shape: that takes longer than a hundred pictures.
@cache
def _to_template(shape: Shape) -> tf.types.experimental.PolymorphicFunction:
    points = picture_points(*shape[:2])[None]

    @tf.function(input_signature=[_pictures(shape), _poses()], autograph=False)
    def moved(pictures: tf.Tensor, poses: tf.Tensor) -> tf.Tensor:
        places = in_picture(poses, tf.repeat(points, tf.shape(poses)[0], axis=0))
        return tf.reshape(sample(pictures, places), (-1, *shape))

    return moved


@cache
def _redrawn(shape: Shape) -> tf.types.experimental.PolymorphicFunction:
    points = picture_points(*shape[:2])[None]

    @tf.function(input_signature=[_pictures(shape), _poses(), _poses(), _pictures(shape)], autograph=False)
    def redrawn(pictures: tf.Tensor, own: tf.Tensor, wanted: tf.Tensor, light: tf.Tensor) -> tf.Tensor:
        places = tf.repeat(points, tf.shape(own)[0], axis=0)
        drawn = redrawn_at(places, pictures, own, wanted, light)
        return tf.clip_by_value(tf.reshape(drawn, (-1, *shape)), 0.0, 1.0)

    return redrawn


def _pictures(shape: Shape) -> tf.TensorSpec:
    return tf.TensorSpec((None, *shape), tf.float32)


def _poses() -> tf.TensorSpec:
    return tf.TensorSpec((None, NUMBERS), tf.float32)
