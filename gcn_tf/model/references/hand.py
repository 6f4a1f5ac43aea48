"""The hand: height, width, slant and place of a figure, given to cells that are made from pictures with another one.

A pose says how a picture was moved onto its template, and hides what is peculiar to the picture that a cell is made from. So what was made is measured,
and moved until it has the geometry that the values of the factors add up to: a writer's usual height and width for this letter.
"""

from collections.abc import Callable

import numpy as np

from gcn_tf.metrics.geometry import figure_geometry
from gcn_tf.model.references.additive import Additive, fit_additive
from gcn_tf.model.references.moved import made_from_neighbours, mean_squared_error

HAND_SHARES = (0.0, 0.5, 1.0)  # of the way from the geometry of what was made to the expected one
ROUNDS = 3  # of measuring and moving
FARTHEST = 0.3  # that a number of the geometry is changed in one of them
COST = 1.03  # times the error of the pictures that a hand may lead to at most
FEWEST = 0.5  # of the pictures must show a figure
PLACES = {
    0: 3,
    1: 4,
    2: 0,
    3: 1,
    4: 2,
}  # of the affine numbers of a pose (y, x, height, width, slant) in the geometry
LENGTHS = np.array([2, 2, 1, 1, 1])  # poses measure lengths in halves of a side

Draw = Callable[[np.ndarray], np.ndarray]


def geometry_of(pictures: np.ndarray) -> np.ndarray:
    """Geometry of pictures uint8, or float in [0, 1], (N, H, W, C): float64 (N, 5), NaN without a figure."""
    if pictures.dtype != np.uint8:
        pictures = np.round(pictures * 255).astype(np.uint8)
    return figure_geometry(pictures)


def expected_geometry(images: np.ndarray, ids: np.ndarray, sizes: dict[str, int]) -> Additive | None:
    """What the values of the factors add to the geometry; None where too few pictures show a figure.

    A picture without one counts as the mean.
    """
    measured = geometry_of(images)
    shown = ~np.isnan(measured).any(axis=1)
    if shown.mean() < FEWEST:
        return None
    return fit_additive(np.where(shown[:, None], measured, measured[shown].mean(axis=0)), ids, sizes)


def with_hand(poses: np.ndarray, expected: np.ndarray, share: float, draw: Draw) -> np.ndarray:
    """Poses in which cells have more of the geometry that is expected of them, float32 (P, NUMBERS).

    Args:
        poses: float32 (P, NUMBERS), without.
        expected: float (P, 5).
        share: of the way to it.
        draw: makes the cells in poses, (P, NUMBERS) -> float (P, H, W, C) in [0, 1].
    """
    if not share or not len(poses):
        return poses
    made, moved = geometry_of(draw(poses)), poses.copy()
    wanted = made + share * (expected - made)
    for number in range(ROUNDS):
        off = np.nan_to_num(wanted - (geometry_of(draw(moved)) if number else made))
        off = np.clip(off[:, list(PLACES.values())], -FARTHEST, FARTHEST)
        moved[:, list(PLACES)] += off * LENGTHS
    return moved


def hand_share(
    images: np.ndarray,
    poses: np.ndarray,
    wanted: np.ndarray,
    change: np.ndarray,
    nearest: np.ndarray,
    expected: Additive,
) -> float:
    """Of `HAND_SHARES` the one with which pictures that are left out get the geometry that is nearest to their own.

    Args:
        images: uint8 (N, H, W, C).
        poses: float32 (N, NUMBERS); wanted: what the others say of them.
        change: float32 (N, H * W * C), of light; nearest: int (N,), their neighbours.
    """
    true = geometry_of(images)
    spread = np.nanvar(true, axis=0) + 1e-9

    def draw(moved: np.ndarray) -> np.ndarray:
        return made_from_neighbours(images, poses, moved, change, nearest)

    found = []
    for share in HAND_SHARES:
        made = draw(with_hand(wanted, expected.left_out, share, draw))
        off = np.nanmean((geometry_of(made) - true) ** 2 / spread)
        found.append((float(off), mean_squared_error(images, made), share))
    return min(one for one in found if one[1] <= COST * found[0][1])[2]
