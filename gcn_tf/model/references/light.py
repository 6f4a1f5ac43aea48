"""Light: what the values of every factor add to pictures in the pose of the template."""

import numpy as np

from gcn_tf.model.references.additive import fit_additive
from gcn_tf.model.references.moved import aligned_pictures, made_from_neighbours, mean_squared_error
from gcn_tf.model.references.nearest import enlarged, large_parts, nearest_pictures

LIGHT_SIDES = (0, 8, 2, 1)  # pixels of the squares that light may be averaged over, ever finer; 0: no light
ONE_PICTURE = 8  # of values of which a single picture is known, at the finest: its fine light is that of its shape, and leaves pale traces
CLEAR = 0.99  # share of the error that a finer light may leave at most: on plain ground it leaves traces, too


def light_of_values(
    images: np.ndarray,
    ids: np.ndarray,
    sizes: dict[str, int],
    poses: np.ndarray,
    wanted: np.ndarray,
    apart: list[np.ndarray],
) -> tuple[np.ndarray, tuple[int, ...]]:
    """What every value adds, float32 (sum of K_f, H, W, C), and over how large squares it was averaged, by factor.

    How fine a factor's light is, is decided by leaving every picture out and making it from its nearest neighbour that has another value.

    Args:
        images: uint8 (N, H, W, C), of cells int (N, M).
        poses: float32 (N, NUMBERS); wanted: what the others say of them.
        apart: of `value_distances`.
    """
    aligned = aligned_pictures(images, poses)
    models = [fit_additive(averaged(aligned, side), ids, sizes) for side in LIGHT_SIDES]
    effects, sides, start = [], [], 0
    for m, size in enumerate(sizes.values()):
        best = 0
        if len(np.unique(ids[:, m])) > 1:
            distances = list(apart)
            distances[m] = distances[m] + np.diag(np.full(size, np.inf))  # neighbours with another value
            nearest = nearest_pictures(distances, ids, ids, 1)[:, 0]
            changes = [model.left_out - model.predict(ids[nearest], sizes) for model in models]
            made = (made_from_neighbours(images, poses, wanted, change, nearest) for change in changes)
            missed = [mean_squared_error(images, pictures) for pictures in made]
            for finer in range(1, len(LIGHT_SIDES)):
                if missed[finer] < CLEAR * missed[best]:
                    best = finer
        effects.append(models[best].effects[start : start + size])
        sides.append(LIGHT_SIDES[best])
        start += size
    return np.concatenate(effects).reshape(-1, *images.shape[1:]), tuple(sides)


def side_of_newcomers(side: int, pictures: int) -> int:
    """Over how large squares light of a new value is averaged: the finer, the more pictures there are of it, at most as fine as for known values.

    Args:
        side: of the known values of its factor.
        pictures: of the new value.

    >>> [side_of_newcomers(2, pictures) for pictures in (1, 2, 3, 5)], side_of_newcomers(0, 3)
    ([8, 4, 2, 2], 0)
    """
    return side and max(side, ONE_PICTURE // pictures)


def averaged(aligned: np.ndarray, side: int) -> np.ndarray:
    """Means over squares of `side` pixels, between their centres by straight lines, zero for none: float32 (N, H * W * C)."""
    height, width = aligned.shape[1:3]
    if not side:
        light = np.zeros_like(aligned)
    else:
        light = aligned if side == 1 else enlarged(large_parts(aligned, side), height, width, side)
    return light.reshape(len(aligned), -1)
