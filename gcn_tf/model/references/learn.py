"""What is computed from the seen pictures before training: poses, light, and the nearest picture of every cell."""

from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from gcn_tf.model.references.additive import Additive, fit_additive
from gcn_tf.model.references.nearest import enlarged, large_parts, nearest_pictures, value_distances
from gcn_tf.model.references.poses import AFFINE, NUMBERS, in_picture, picture_points, sample
from gcn_tf.model.references.redraw import redrawn_at
from gcn_tf.model.references.registration import Known, register

CANDIDATES = 6  # pictures of which training takes one at random
# Of the way from a picture's own pose to the predicted one: of the affine part, and of the displacement.
POSE_SHARES = ((0.0, 0.0), (0.5, 0.5), (1.0, 0.0), (1.0, 0.5), (1.0, 1.0))
LIGHT_SIDES = (0, 8, 2, 1)  # pixels of the squares that light may be averaged over, ever finer; 0: no light
CLEAR = 0.99  # share of the error that a finer light may leave at most: on plain ground it leaves traces, too
NEWCOMERS_SIDE = 8  # the finest for new values: a few pictures tell no more (docs/newcomers.md)
AT_ONCE = 64


@dataclass(frozen=True)
class Memory:
    """Seen pictures, and what is known of every cell of the grid.

    Args:
        pictures: uint8 (N, H, W, C).
        cells: int32 (N,), of the pictures.
        poses: float32 (cells, NUMBERS), measured or predicted.
        light: float32 (sum of K_f, H, W, C). What every value adds, in the pose of the template.
        sources: int32 (cells, 1 + CANDIDATES), numbers of pictures: the one that is taken, and others.
        pose_share: of `POSE_SHARES`. How far pictures are moved from their own pose to the cell's.
        light_sides: tuple of int, by factor. Pixels of the squares over which its light was averaged; 0: none.
    """

    pictures: np.ndarray
    cells: np.ndarray
    poses: np.ndarray
    light: np.ndarray
    sources: np.ndarray
    pose_share: tuple[float, float]
    light_sides: tuple[int, ...]


def learn(images: np.ndarray, ids: np.ndarray, sizes: dict[str, int], lighting: bool = True) -> Memory:
    """Compute what a generator of this kind knows of its cells, uint8 (N, H, W, C) and int (N, M).

    How far pictures are moved is decided by leaving every picture out once: what is left between it and the one made from its
    nearest neighbour. How fine a factor's light is, too, with the nearest neighbour that has another value of it.

    Args:
        lighting: whether light may be changed at all.
    """
    shape = tuple(sizes.values())
    space = np.stack(np.unravel_index(np.arange(np.prod(shape)), shape), axis=1)
    cells = np.ravel_multi_index(tuple(ids.T), shape).astype(np.int32)
    registered = register(images, ids, sizes)
    found = min(
        (_moved(images, ids, sizes, registered, share, lighting) for share in POSE_SHARES),
        key=lambda moved: moved.missed,
    )
    light, sides = _light(images, ids, sizes, found, lighting)
    poses = found.predicted.predict(space, sizes)
    poses[cells] = found.poses
    sources = nearest_pictures(found.distances, space, ids, CANDIDATES)
    taken = sources[:, :1].copy()
    taken[cells, 0] = np.arange(len(images))
    return Memory(images, cells, poses, light, np.hstack([taken, sources]), found.share, sides)


@dataclass(frozen=True)
class _Moved:
    """Pictures moved a share of the way to the template's pose, and what is left when each is made from its neighbour."""

    share: tuple[float, float]
    poses: np.ndarray
    predicted: Additive
    aligned: np.ndarray
    distances: list[np.ndarray]
    missed: float


def _moved(
    images: np.ndarray,
    ids: np.ndarray,
    sizes: dict[str, int],
    registered: np.ndarray,
    share: tuple[float, float],
    lighting: bool,
) -> _Moved:
    """The pictures in the poses of one share; their light averaged over the coarsest squares, if it changes at all."""
    poses = registered * np.repeat(np.array(share, np.float32), (AFFINE, NUMBERS - AFFINE))
    aligned = _aligned(images, poses)
    predicted = fit_additive(poses, ids, sizes)
    distances = value_distances(aligned, ids, sizes)
    nearest = nearest_pictures(distances, ids, ids, 1)[:, 0]
    light = fit_additive(_averaged(aligned, LIGHT_SIDES[1] if lighting else 0), ids, sizes)
    change = light.left_out - light.predict(ids[nearest], sizes)
    missed = _left_out_error(images, poses, predicted.left_out, change, nearest)
    return _Moved(share, poses, predicted, aligned, distances, missed)


def learn_newcomers(
    memory: Memory, images: np.ndarray, ids: np.ndarray, sizes: dict[str, int], new: np.ndarray
) -> Memory:
    """Add pictures of values that were not known: nothing else changes, so that all other cells stay as they are.

    Poses, light and distances of the new values are fitted as those of the known ones were, and shrunk towards none as strongly.

    Args:
        memory: of the grid with the new values, of which it knows nothing: their poses, light and sources are zero.
        images: uint8 (N, H, W, C), of the new values.
        ids: int (N, M), of their cells.
        new: bool (cells,). Which cells of the grid have a new value.
    """
    shape = tuple(sizes.values())
    space = np.stack(np.unravel_index(np.arange(np.prod(shape)), shape), axis=1)
    cells = np.ravel_multi_index(tuple(ids.T), shape).astype(np.int32)
    known_ids, known_poses = space[memory.cells], memory.poses[memory.cells]
    share = np.repeat(np.array(memory.pose_share, np.float32), (AFFINE, NUMBERS - AFFINE))
    found = register(images, ids, sizes, Known(memory.pictures, known_ids, known_poses)) * share
    predicted = fit_additive(known_poses, known_ids, sizes).with_newcomers(found, ids, sizes)
    poses = memory.poses.copy()
    poses[new] = predicted.predict(space[new], sizes)
    poses[cells] = found
    pictures = np.concatenate([memory.pictures, images])
    all_ids = np.concatenate([known_ids, ids])
    aligned = _aligned(pictures, np.concatenate([known_poses, found]))
    light = memory.light.copy()
    start, unknown = 0, np.abs(light).max(axis=(1, 2, 3)) == 0
    for side, size in zip(memory.light_sides, sizes.values(), strict=True):
        values = _averaged(aligned, max(side, NEWCOMERS_SIDE) if side else 0)
        model = fit_additive(values[: len(known_ids)], known_ids, sizes)
        model = model.with_newcomers(values[len(known_ids) :], ids, sizes)
        rows = start + np.flatnonzero(unknown[start : start + size])
        light[rows] = model.effects[rows].reshape(-1, *images.shape[1:])
        start += size
    nearest = nearest_pictures(value_distances(aligned, all_ids, sizes), space[new], all_ids, CANDIDATES)
    sources = memory.sources.copy()
    sources[new] = np.hstack([nearest[:, :1], nearest])
    sources[cells, 0] = len(memory.pictures) + np.arange(len(images))
    return replace(
        memory,
        pictures=pictures,
        cells=np.concatenate([memory.cells, cells]),
        poses=poses,
        light=light,
        sources=sources,
    )


def _light(
    images: np.ndarray, ids: np.ndarray, sizes: dict[str, int], moved: _Moved, lighting: bool
) -> tuple[np.ndarray, tuple[int, ...]]:
    """What every value adds, float32 (sum of K_f, H, W, C), and over how large squares it was averaged, by factor."""
    tried = LIGHT_SIDES if lighting else LIGHT_SIDES[:1]
    models = [fit_additive(_averaged(moved.aligned, side), ids, sizes) for side in tried]
    effects, sides, start = [], [], 0
    for m, size in enumerate(sizes.values()):
        best = 0
        if len(tried) > 1 and len(np.unique(ids[:, m])) > 1:
            distances = list(moved.distances)
            distances[m] = distances[m] + np.diag(np.full(size, np.inf))  # neighbours with another value
            nearest = nearest_pictures(distances, ids, ids, 1)[:, 0]
            changes = [model.left_out - model.predict(ids[nearest], sizes) for model in models]
            missed = [
                _left_out_error(images, moved.poses, moved.predicted.left_out, change, nearest)
                for change in changes
            ]
            for finer in range(1, len(tried)):
                if missed[finer] < CLEAR * missed[best]:
                    best = finer
        effects.append(models[best].effects[start : start + size])
        sides.append(tried[best])
        start += size
    return np.concatenate(effects).reshape(-1, *images.shape[1:]), tuple(sides)


def _averaged(aligned: np.ndarray, side: int) -> np.ndarray:
    """Means over squares of `side` pixels, between their centres by straight lines, zero for none: float32 (N, H * W * C)."""
    height, width = aligned.shape[1:3]
    if not side:
        light = np.zeros_like(aligned)
    else:
        light = aligned if side == 1 else enlarged(large_parts(aligned, side), height, width, side)
    return light.reshape(len(aligned), -1)


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
        light: float32 (N, H * W * C). What has to be added to the neighbours.
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
            tf.constant(light[part].reshape(-1, *shape), tf.float32),
        )
        missed = np.clip(made, 0, 1).reshape(-1, *shape) - images[part] / 255
        error += float(np.square(missed).sum())
    return error / images.size
