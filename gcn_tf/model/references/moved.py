"""Pictures in other poses, many at a time: in that of the template, and made from their neighbours."""

import numpy as np
import tensorflow as tf

from gcn_tf.model.references.poses import in_picture, picture_points, sample
from gcn_tf.model.references.redraw import redrawn_at

AT_ONCE = 64


def aligned_pictures(images: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """The pictures in the template's pose: float32 (N, H, W, C) in [0, 1]."""
    shape = images.shape[1:]
    points = tf.constant(picture_points(*shape[:2])[None])

    @tf.function(reduce_retracing=True, autograph=False)
    def moved(pictures: tf.Tensor, poses: tf.Tensor) -> tf.Tensor:
        places = in_picture(poses, tf.repeat(points, tf.shape(poses)[0], axis=0))
        return sample(tf.ensure_shape(tf.cast(pictures, tf.float32) / 255, (None, *shape)), places)

    parts = [
        moved(tf.constant(images[n : n + AT_ONCE]), tf.constant(poses[n : n + AT_ONCE], tf.float32)).numpy()
        for n in range(0, len(images), AT_ONCE)
    ]
    return np.concatenate(parts).reshape(-1, *shape)


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
    points = tf.constant(picture_points(*shape[:2])[None])
    redraw = tf.function(redrawn_at, reduce_retracing=True, autograph=False)
    made = np.empty((len(sources), *shape), np.float32)
    for n in range(0, len(sources), AT_ONCE):
        part = slice(n, n + AT_ONCE)
        chosen = sources[part]
        drawn = redraw(
            tf.repeat(points, len(chosen), axis=0),
            tf.constant(images[chosen], tf.float32) / 255,
            tf.constant(poses[chosen], tf.float32),
            tf.constant(wanted[part], tf.float32),
            tf.constant(light[part].reshape(-1, *shape), tf.float32),
        )
        made[part] = np.clip(drawn, 0, 1).reshape(-1, *shape)
    return made


def mean_squared_error(images: np.ndarray, made: np.ndarray) -> float:
    """Of pictures uint8 (N, H, W, C) and float32 (N, H, W, C) in [0, 1]."""
    return float(
        np.mean([np.square(one / 255 - other).mean() for one, other in zip(images, made, strict=True)])
    )
