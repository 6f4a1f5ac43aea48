"""What is computed from the seen pictures before training: poses, light, and the nearest picture of every cell."""

from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from gcn_tf.model.references.additive import fit_additive
from gcn_tf.model.references.nearest import enlarged, large_parts, nearest_pictures, value_distances
from gcn_tf.model.references.poses import in_picture, picture_points, sample
from gcn_tf.model.references.redraw import redrawn_at
from gcn_tf.model.references.registration import register

CANDIDATES = 6  # pictures of which training takes one at random
POSE_SHARES = (0.0, 0.5, 1.0)  # of the way from a picture's own pose to the predicted one
AT_ONCE = 64


@dataclass(frozen=True)
class Memory:
    """Seen pictures, and what is known of every cell of the grid.

    Args:
        pictures: uint8 (N, H, W, C).
        cells: int32 (N,), of the pictures.
        poses: float32 (cells, NUMBERS), measured or predicted.
        light: float32 (cells, h, w, C), `large_parts` of the template's picture, as the other cells predict it.
        sources: int32 (cells, 1 + CANDIDATES), numbers of pictures: the one that is taken, and others.
        pose_share: float. How far pictures are moved from their own pose to the cell's.
    """

    pictures: np.ndarray
    cells: np.ndarray
    poses: np.ndarray
    light: np.ndarray
    sources: np.ndarray
    pose_share: float


def learn(images: np.ndarray, ids: np.ndarray, sizes: dict[str, int]) -> Memory:
    """Compute what a generator of this kind knows of its cells, uint8 (N, H, W, C) and int (N, M).

    Whether pictures are moved, and how far, is decided by leaving every picture out once: what is left between it and
    the one made from its nearest neighbour.
    """
    space = np.stack(
        np.unravel_index(np.arange(np.prod(list(sizes.values()))), tuple(sizes.values())), axis=1
    )
    cells = np.ravel_multi_index(tuple(ids.T), tuple(sizes.values())).astype(np.int32)
    poses = register(images, ids, sizes)
    best: tuple[float, list[np.ndarray], Memory] | None = None
    for share in POSE_SHARES:
        aligned = _aligned(images, poses * share)
        model = fit_additive(large_parts(aligned).reshape(len(images), -1), ids, sizes)
        light = model.predict(space, sizes)
        light[cells] = model.left_out
        light = light.reshape(len(space), *large_parts(aligned[:1]).shape[1:])
        predicted = fit_additive(poses * share, ids, sizes)
        known = predicted.predict(space, sizes)
        distances = value_distances(aligned, ids, sizes)
        nearest = nearest_pictures(distances, ids, ids, 1)[:, 0]
        missed = _left_out_error(images, cells, poses * share, predicted.left_out, light, nearest)
        known[cells] = poses * share
        if best is None or missed < best[0]:
            best = missed, distances, Memory(images, cells, known, light, np.empty(0), share)
    assert best is not None
    sources = nearest_pictures(best[1], space, ids, CANDIDATES)
    taken = sources[:, :1].copy()
    taken[cells, 0] = np.arange(len(images))
    return replace(best[2], sources=np.hstack([taken, sources]))


def _aligned(images: np.ndarray, poses: np.ndarray) -> np.ndarray:
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


def _left_out_error(
    images: np.ndarray,
    cells: np.ndarray,
    poses: np.ndarray,
    predicted: np.ndarray,
    light: np.ndarray,
    sources: np.ndarray,
) -> float:
    """Mean squared difference of pictures and those made from their neighbours in the poses predicted for them."""
    error, shape = 0.0, images.shape[1:]
    points = tf.constant(picture_points(*shape[:2])[None])
    redraw = tf.function(redrawn_at, reduce_retracing=True, autograph=False)
    for n in range(0, len(images), AT_ONCE):
        part = slice(n, n + AT_ONCE)
        chosen = sources[part]
        made = redraw(
            tf.repeat(points, len(chosen), axis=0),
            tf.constant(images[chosen], tf.float32) / 255,
            tf.constant(poses[chosen], tf.float32),
            tf.constant(predicted[part], tf.float32),
            tf.constant(enlarged(light[cells[part]] - light[cells[chosen]], *shape[:2]), tf.float32),
        )
        missed = np.clip(made, 0, 1).reshape(-1, *shape) - images[part] / 255
        error += float(np.square(missed).sum())
    return error / images.size
