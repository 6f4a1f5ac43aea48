"""What is computed from the seen pictures before training: poses, light, and the nearest picture of every cell."""

from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from gcn_tf.model.references.additive import fit_additive
from gcn_tf.model.references.nearest import enlarged, large_parts, nearest_pictures, value_distances
from gcn_tf.model.references.poses import AFFINE, NUMBERS, in_picture, picture_points, sample
from gcn_tf.model.references.redraw import redrawn_at
from gcn_tf.model.references.registration import register

CANDIDATES = 6  # pictures of which training takes one at random
# Of the way from a picture's own pose to the predicted one: of the affine part, and of the displacement.
POSE_SHARES = ((0.0, 0.0), (0.5, 0.5), (1.0, 0.0), (1.0, 0.5), (1.0, 1.0))
LIGHT_SIDES = (0, 8, 2)  # pixels of the squares that light may be averaged over, ever finer; 0: no light
FINEST = 2  # of them
CLEAR = 0.95  # share of the error that a finer light may leave at most: on plain ground it leaves traces, too
AT_ONCE = 64


@dataclass(frozen=True)
class Memory:
    """Seen pictures, and what is known of every cell of the grid.

    Args:
        pictures: uint8 (N, H, W, C).
        cells: int32 (N,), of the pictures.
        poses: float32 (cells, NUMBERS), measured or predicted.
        light: float32 (sum of K_f, h, w, C). What every value adds to the means over squares of FINEST pixels.
        sources: int32 (cells, 1 + CANDIDATES), numbers of pictures: the one that is taken, and others.
        pose_share: of `POSE_SHARES`. How far pictures are moved from their own pose to the cell's.
        light_side: int. Pixels of the squares over which the light was averaged.
    """

    pictures: np.ndarray
    cells: np.ndarray
    poses: np.ndarray
    light: np.ndarray
    sources: np.ndarray
    pose_share: tuple[float, float]
    light_side: int


def learn(images: np.ndarray, ids: np.ndarray, sizes: dict[str, int], lighting: bool = True) -> Memory:
    """Compute what a generator of this kind knows of its cells, uint8 (N, H, W, C) and int (N, M).

    Whether pictures are moved, how far, and how fine the light is are decided by leaving every picture out once: what is left
    between it and the one made from its nearest neighbour.

    Args:
        lighting: whether light may be changed at all.
    """
    shape = tuple(sizes.values())
    space = np.stack(np.unravel_index(np.arange(np.prod(shape)), shape), axis=1)
    cells = np.ravel_multi_index(tuple(ids.T), shape).astype(np.int32)
    registered = register(images, ids, sizes)
    best: tuple[float, list[np.ndarray], Memory] | None = None
    for share in POSE_SHARES:
        poses = registered * np.repeat(np.array(share, np.float32), (AFFINE, NUMBERS - AFFINE))
        aligned = _aligned(images, poses)
        predicted = fit_additive(poses, ids, sizes)
        known = predicted.predict(space, sizes)
        known[cells] = poses
        distances = value_distances(aligned, ids, sizes)
        nearest = nearest_pictures(distances, ids, ids, 1)[:, 0]
        lit: tuple[float, np.ndarray, int] | None = None
        for side in LIGHT_SIDES if lighting else LIGHT_SIDES[:1]:
            light = _light(aligned, side)
            model = fit_additive(light.reshape(len(images), -1), ids, sizes)
            change = (model.left_out - model.predict(ids[nearest], sizes)).reshape(light.shape)
            missed = _left_out_error(images, poses, predicted.left_out, change, nearest)
            if lit is None or missed < (CLEAR if lit[2] else 1) * lit[0]:
                lit = missed, model.effects.reshape(-1, *light.shape[1:]), side
        assert lit is not None
        if best is None or lit[0] < best[0]:
            best = lit[0], distances, Memory(images, cells, known, lit[1], np.empty(0), share, lit[2])
    assert best is not None
    sources = nearest_pictures(best[1], space, ids, CANDIDATES)
    taken = sources[:, :1].copy()
    taken[cells, 0] = np.arange(len(images))
    return replace(best[2], sources=np.hstack([taken, sources]))


def _light(aligned: np.ndarray, side: int) -> np.ndarray:
    """Means over squares of `side` pixels, as fine as the finest, zero for none: float32 (N, H, W, C) -> (N, h, w, C)."""
    fine = large_parts(aligned, FINEST)
    if not side:
        return np.zeros_like(fine)
    coarser = side // FINEST
    height, width = fine.shape[1:3]
    return enlarged(large_parts(fine, coarser), height, width, coarser)


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
    poses: np.ndarray,
    predicted: np.ndarray,
    light: np.ndarray,
    sources: np.ndarray,
) -> float:
    """Mean squared difference of pictures, and of those made from their neighbours in the poses and light predicted for them.

    Args:
        light: float32 (N, h, w, C). What has to be added to the neighbours.
    """
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
            tf.constant(enlarged(light[part], shape[0], shape[1], FINEST), tf.float32),
        )
        missed = np.clip(made, 0, 1).reshape(-1, *shape) - images[part] / 255
        error += float(np.square(missed).sum())
    return error / images.size
