"""Moves that are known come out as they are."""

import numpy as np
import pytest

from gcn_tf.augmentation.moves import AT_ONCE, Moves, learn_moves, moved, poses_of_pairs
from gcn_tf.model.references.poses import NUMBERS


def shifted(shape, towards, seed=0):
    """Five classes of blots, each shifted by 0 to 3 pixels: uint8 (20, *shape) and ids (20, 2)."""
    rng = np.random.default_rng(seed)
    images, ids = [], []
    for one in range(5):
        blot = np.zeros(shape, np.float32)
        for y, x in rng.integers(8, shape[0] - 12, (4, 2)):
            blot[y : y + 5, x : x + 4] = 255
        for shift in range(4):
            images.append(np.roll(blot, shift * np.array(towards), (0, 1)))
            ids.append((one, shift))
    return np.stack(images).astype(np.uint8), np.array(ids)


@pytest.fixture(scope="module")
def moves():
    images, ids = shifted((28, 28, 1), (0, 1))
    return learn_moves(lambda rows: images[rows], ids, 0, [1], "letter")


def pixels(poses, side=28):
    """By how much the middle of a picture moves, in pixels down and to the right: (N, 2)."""
    grid = np.zeros((side, side, 1), np.float32)
    middle = side // 2
    grid[middle - 2 : middle + 2, middle - 2 : middle + 2] = 1
    made = moved(np.repeat(grid[None], len(poses), axis=0), poses)[..., 0]
    places = np.arange(side) - (middle - 0.5)
    weight = made.sum(axis=(1, 2))
    return np.stack([(made.sum(axis=2) @ places) / weight, (made.sum(axis=1) @ places) / weight], axis=1)


def test_shifts_to_the_side_come_out_as_shifts_to_the_side(moves):
    down, right = pixels(moves.sampled(400, 1.0, np.random.default_rng(0))).T
    assert 0.8 < right.std() < 2.0  # the nearer half of differences of 1 to 3 pixels: 1.2
    assert abs(right.mean()) < 0.2
    assert down.std() < 0.15 * right.std()


def test_shifts_down_come_out_in_colour_and_at_another_size():
    images, ids = shifted((40, 40, 1), (1, 0))
    coloured = images * np.array([1, 0, 0.5], np.float32)
    moves = learn_moves(lambda rows: coloured[rows].astype(np.uint8), ids, 0, [1], "letter")
    down, right = pixels(moves.sampled(400, 1.0, np.random.default_rng(0)), 40).T
    assert 0.8 < down.std() < 2.0
    assert right.std() < 0.15 * down.std()


def test_the_pairs_that_fit_are_kept():
    images, _ = shifted((28, 28, 1), (0, 1))
    pictures = images[[0, 1, 4, 2]].astype(np.float32) / 255  # the third is another blot
    poses = poses_of_pairs(pictures, np.array([0, 0, 2, 1]), np.array([1, 2, 0, 3]))
    assert len(poses) == 2
    np.testing.assert_allclose(poses[:, 1], 2 / 27, atol=0.03)  # halves of the width: 1 pixel
    assert np.abs(poses[:, [0, 2, 3, 4, 5]]).max() < 0.03


def test_no_move_is_the_picture_itself_and_a_batch_changes_nothing(moves):
    pictures = np.random.default_rng(0).random((AT_ONCE + 3, 12, 20, 3)).astype(np.float32)
    still = moved(pictures, np.zeros((len(pictures), NUMBERS), np.float32))
    np.testing.assert_allclose(still, pictures, atol=1e-5)
    poses = moves.sampled(len(pictures), 1.0, np.random.default_rng(0))
    together = moved(pictures, poses)
    for n in (0, AT_ONCE, AT_ONCE + 2):
        np.testing.assert_array_equal(moved(pictures[n : n + 1], poses[n : n + 1])[0], together[n])


def test_the_sign_of_an_axis_is_not_up_to_the_processor():
    axes = np.random.default_rng(0).normal(size=(3, NUMBERS)).astype(np.float32)
    turned = axes * np.array([[-1], [1], [-1]], np.float32)
    np.testing.assert_array_equal(Moves(axes).signed.axes, Moves(turned).signed.axes)
