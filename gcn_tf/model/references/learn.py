"""What is computed from the seen pictures before training: poses, light, and the nearest picture of every cell."""

from dataclasses import dataclass, replace

import numpy as np

from gcn_tf.model.references.additive import Additive, fit_additive
from gcn_tf.model.references.hand import expected_geometry, geometry_of, hand_share, with_hand
from gcn_tf.model.references.light import LIGHT_SIDES, averaged, light_of_values, side_of_newcomers
from gcn_tf.model.references.moved import aligned_pictures, made_from_neighbours, mean_squared_error
from gcn_tf.model.references.nearest import nearest_pictures, value_distances
from gcn_tf.model.references.poses import AFFINE, NUMBERS
from gcn_tf.model.references.registration import Known, register

MOST_WITH_HAND = 8192  # unseen cells, which are drawn and measured several times
CANDIDATES = 6  # pictures of which training takes one at random
# Of the way from a picture's own pose to the predicted one: of the affine part, and of the displacement.
POSE_SHARES = ((0.0, 0.0), (0.5, 0.5), (1.0, 0.0), (1.0, 0.5), (1.0, 1.0))


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
        hand_share: of `gcn_tf.model.references.hand.HAND_SHARES`. How far unseen cells are given the expected geometry.
    """

    pictures: np.ndarray
    cells: np.ndarray
    poses: np.ndarray
    light: np.ndarray
    sources: np.ndarray
    pose_share: tuple[float, float]
    light_sides: tuple[int, ...]
    hand_share: float


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
    light, sides = np.zeros((sum(shape), *images.shape[1:]), np.float32), (0,) * len(shape)
    if lighting:
        light, sides = light_of_values(
            images, ids, sizes, found.poses, found.predicted.left_out, found.distances
        )
    poses = found.predicted.predict(space, sizes)
    poses[cells] = found.poses
    sources = nearest_pictures(found.distances, space, ids, CANDIDATES)
    taken = sources[:, :1].copy()
    taken[cells, 0] = np.arange(len(images))
    memory = Memory(images, cells, poses, light, np.hstack([taken, sources]), found.share, sides, 0.0)
    expected = expected_geometry(images, ids, sizes)
    unseen = np.setdiff1d(np.arange(len(space)), cells)
    if expected is None or not any(found.share) or len(unseen) > MOST_WITH_HAND:
        return memory
    own, others = ids + _starts(sizes), ids[found.nearest] + _starts(sizes)
    change = (light[own].sum(axis=1) - light[others].sum(axis=1)).reshape(len(ids), -1)
    share = hand_share(images, found.poses, found.predicted.left_out, change, found.nearest, expected)
    return _with_hand(replace(memory, hand_share=share), space, sizes, unseen, expected)


def _starts(sizes: dict[str, int]) -> np.ndarray:
    """Where the values of every factor begin, side by side: int (M,)."""
    return np.cumsum([0, *list(sizes.values())[:-1]])


def _with_hand(
    memory: Memory, space: np.ndarray, sizes: dict[str, int], unseen: np.ndarray, expected: Additive
) -> Memory:
    """Give unseen cells the geometry that is expected of them.

    Args:
        space: int (cells, M), the value ids of all cells; unseen: numbers of some.
    """
    sources = memory.sources[unseen, 0]
    own, others = (space[cells] + _starts(sizes) for cells in (unseen, memory.cells[sources]))
    poses, kept = memory.poses.copy(), memory.poses[memory.cells]

    def draw(moved: np.ndarray) -> np.ndarray:
        change = memory.light[own].sum(axis=1) - memory.light[others].sum(axis=1)
        return made_from_neighbours(memory.pictures, kept, moved, change.reshape(len(moved), -1), sources)

    poses[unseen] = with_hand(poses[unseen], expected.predict(space[unseen], sizes), memory.hand_share, draw)
    return replace(memory, poses=poses)


@dataclass(frozen=True)
class _Moved:
    """Pictures moved a share of the way to the template's pose, and what is left when each is made from its neighbour."""

    share: tuple[float, float]
    poses: np.ndarray
    predicted: Additive
    distances: list[np.ndarray]
    nearest: np.ndarray
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
    aligned = aligned_pictures(images, poses)
    predicted = fit_additive(poses, ids, sizes)
    distances = value_distances(aligned, ids, sizes)
    nearest = nearest_pictures(distances, ids, ids, 1)[:, 0]
    light = fit_additive(averaged(aligned, LIGHT_SIDES[1] if lighting else 0), ids, sizes)
    change = light.left_out - light.predict(ids[nearest], sizes)
    made = made_from_neighbours(images, poses, predicted.left_out, change, nearest)
    missed = mean_squared_error(images, made)
    return _Moved(share, poses, predicted, distances, nearest, missed)


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
    aligned = aligned_pictures(pictures, np.concatenate([known_poses, found]))
    light = memory.light.copy()
    start = 0
    for m, (side, size) in enumerate(zip(memory.light_sides, sizes.values(), strict=True)):
        rows = np.setdiff1d(np.arange(size), space[~new, m])  # values that no old cell has
        few = np.bincount(ids[:, m], minlength=size)[rows].min(initial=len(ids))
        values = averaged(aligned, side_of_newcomers(side, max(int(few), 1)))
        model = fit_additive(values[: len(known_ids)], known_ids, sizes)
        model = model.with_newcomers(values[len(known_ids) :], ids, sizes)
        rows += start
        light[rows] = model.effects[rows].reshape(-1, *images.shape[1:])
        start += size
    nearest = nearest_pictures(value_distances(aligned, all_ids, sizes), space[new], all_ids, CANDIDATES)
    sources = memory.sources.copy()
    sources[new] = np.hstack([nearest[:, :1], nearest])
    sources[cells, 0] = len(memory.pictures) + np.arange(len(images))
    memory = replace(
        memory,
        pictures=pictures,
        cells=np.concatenate([memory.cells, cells]),
        poses=poses,
        light=light,
        sources=sources,
    )
    expected = expected_geometry(memory.pictures[: len(known_ids)], known_ids, sizes)
    if not memory.hand_share or expected is None:
        return memory
    measured = geometry_of(images)
    theirs = np.where(np.isnan(measured), expected.mean, measured)
    expected = expected.with_newcomers(theirs, ids, sizes)
    return _with_hand(memory, space, sizes, np.setdiff1d(np.flatnonzero(new), cells), expected)
