"""Poses: the geometry that they stand for, their inverse, and pictures sampled at points between pixels."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import map_coordinates

from gcn_tf.model.references.poses import (
    AFFINE,
    GRID,
    NUMBERS,
    in_picture,
    in_template,
    picture_points,
    sample,
)
from gcn_tf.model.references.redraw import redrawn_at
from gcn_tf.model.references.registration import SPREAD

SIDE = 33  # pixels, so that 16 of them are half a side
NAMES = ("y", "x", "height", "width", "slant", "turn")


def pose(**numbers):
    """A pose of these affine numbers, (1, NUMBERS)."""
    made = np.zeros((1, NUMBERS), np.float32)
    for name, number in numbers.items():
        made[0, NAMES.index(name)] = number
    return made


def plausible(count):
    rng = np.random.default_rng(0)
    affine = rng.normal(size=(count, AFFINE)) * SPREAD
    return np.hstack([affine, rng.normal(size=(count, NUMBERS - AFFINE)) * 0.03]).astype(np.float32)


@pytest.mark.parametrize("shape", [(64, 64), (32, 24)])
def test_in_template_inverts_in_picture(shape):
    points = np.repeat(picture_points(*shape)[None], 40, axis=0) * 0.9
    poses = plausible(40)
    moved = in_picture(poses, points)
    assert np.abs(moved - points).max() > 0.2
    missed = np.abs(in_template(poses, moved) - points).max(axis=(0, 1))
    assert (missed * (np.array(shape) - 1) / 2 < 0.02).all()


def test_the_zero_pose_changes_nothing():
    points = picture_points(9, 7)[None]
    np.testing.assert_array_equal(in_picture(pose(), points), points)
    np.testing.assert_array_equal(in_template(pose(), points), points)


def test_the_mean_of_two_shifts_is_the_shift_between_them():
    points = picture_points(9, 7)[None]
    ends = [in_picture(pose(x=x), points).numpy() for x in (0.1, 0.4)]
    np.testing.assert_allclose(in_picture(pose(x=0.25), points), np.mean(ends, axis=0), atol=1e-6)


def blob(y, x):
    """A soft dot at a point of a square picture, float32 (1, SIDE, SIDE, 1)."""
    places = picture_points(SIDE, SIDE)
    away = np.square(places - [y, x]).sum(axis=1)
    return np.exp(-away / 0.02).reshape(1, SIDE, SIDE, 1).astype(np.float32)


def centre(picture):
    """Centre of mass, y and x."""
    weights = np.maximum(np.ravel(picture), 0)
    return weights @ picture_points(SIDE, SIDE) / weights.sum()


def redrawn(picture, wanted, own=None):
    light = np.zeros_like(picture)
    points = picture_points(SIDE, SIDE)[None]
    return redrawn_at(points, picture, pose() if own is None else own, wanted, light).numpy()


E = np.exp(0.2)
MOVES = {  # numbers, where the dot at (0.25, 0.5) goes
    "down": ({"y": 0.25}, (0.5, 0.5)),
    "right": ({"x": 0.125}, (0.25, 0.625)),
    "taller": ({"height": 0.2}, (0.25 * E, 0.5)),
    "narrower": ({"width": -0.2}, (0.25, 0.5 / E)),
    "slanted": ({"slant": 0.3}, (0.25, 0.5 + 0.3 * 0.25)),
    "turned": ({"turn": np.pi / 2}, (-0.5, 0.25)),
    "slanted after the scale": ({"height": 0.2, "slant": 0.3}, (0.25 * E, 0.5 + 0.3 * 0.25 * E)),
    "turned after the slant": ({"slant": 0.4, "turn": np.pi / 2}, (-0.6, 0.25)),
}


@pytest.mark.parametrize("numbers, place", MOVES.values(), ids=MOVES)
def test_a_dot_goes_where_its_pose_says(numbers, place):
    np.testing.assert_allclose(centre(redrawn(blob(0.25, 0.5), pose(**numbers))), place, atol=0.01)


def test_a_picture_goes_from_its_own_pose_into_the_wanted_one():
    made = redrawn(blob(0.25, 0.5), pose(x=-0.25), own=pose(x=0.125))
    np.testing.assert_allclose(centre(made), (0.25, 0.125), atol=0.01)


def test_control_points_move_what_is_near_them():
    wanted = pose()
    control = wanted[0, AFFINE:].reshape(GRID, GRID, 2)
    control[:2, :, 0] = 0.125  # the upper part goes down
    np.testing.assert_allclose(centre(redrawn(blob(-0.8, 0), wanted))[0], -0.68, atol=0.03)
    np.testing.assert_allclose(centre(redrawn(blob(0.7, 0), wanted))[0], 0.7, atol=0.002)


def test_control_points_that_agree_are_a_shift_where_they_all_reach():
    wanted = pose()
    wanted[0, AFFINE:] = np.tile([0.0, 0.125], GRID**2)
    points = picture_points(9, 9)[None] * 0.45
    shifted = points + np.array([0, 0.125])
    np.testing.assert_allclose(in_picture(wanted, points), shifted, atol=1e-6)


def test_light_is_added_in_the_pose_of_the_template():
    points, dark = picture_points(SIDE, SIDE)[None], np.zeros((1, SIDE, SIDE, 1), np.float32)
    made = redrawn_at(points, dark, pose(), pose(x=0.25), blob(0, 0))
    np.testing.assert_allclose(centre(made), (0, 0.25), atol=0.01)


PICTURES = np.random.default_rng(1).random((2, 5, 7, 3)).astype(np.float32)
CENTRES = np.repeat(picture_points(5, 7)[None], 2, axis=0)


@pytest.mark.parametrize("cubic", [False, True])
def test_samples_at_the_centres_of_pixels_are_the_pixels(cubic):
    np.testing.assert_allclose(sample(PICTURES, CENTRES, cubic), PICTURES.reshape(2, 35, 3), atol=2e-6)


@pytest.mark.parametrize("cubic", [False, True])
def test_outside_of_a_picture_its_border_goes_on(cubic):
    edge, outside = np.array([[[-1, 0], [1, 1]]]), np.array([[[-1.7, 0], [3, 1.2]]])
    ends = [sample(PICTURES[:1], tf.constant(points, tf.float32), cubic) for points in (edge, outside)]
    np.testing.assert_array_equal(*ends)
    np.testing.assert_allclose(ends[1][0], [PICTURES[0, 0, 3], PICTURES[0, -1, -1]], atol=1e-6)


def test_halfway_between_pixels_is_their_mean_or_crisper():
    """The cubic B-spline through a single 1, as scipy.ndimage.map_coordinates has it (mode reflect)."""
    row = np.array([0, 0, 0, 0, 1, 0, 0, 0, 0], np.float32).reshape(1, 1, 9, 1)
    row = np.repeat(row, 3, axis=1)
    points = tf.constant([[[0, -0.125], [0, -0.375]]], tf.float32)
    np.testing.assert_allclose(np.ravel(sample(row, points)), [0.5, 0], atol=1e-6)
    spline = map_coordinates(row[0, 1, :, 0], [[3.5, 2.5]], order=3, mode="reflect")
    np.testing.assert_allclose(np.ravel(sample(row, points, cubic=True)), spline, atol=1e-6)
    assert spline[0] > 0.55
    assert spline[1] < -0.1
