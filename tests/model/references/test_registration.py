"""Poses that are found in pictures, and what is learned with them."""

import numpy as np
import pytest
from figure_grids import SIZES, breadth_grid, posed_grid

from gcn_tf.model.references.learn import CANDIDATES, learn
from gcn_tf.model.references.moved import AT_ONCE
from gcn_tf.model.references.poses import AFFINE, NUMBERS, in_picture, picture_points, sample
from gcn_tf.model.references.registration import register


@pytest.fixture(scope="module")
def grid():
    return posed_grid()


@pytest.fixture(scope="module")
def poses(grid):
    return register(grid.images[grid.seen], grid.ids[grid.seen], SIZES)


@pytest.fixture(scope="module")
def memory(grid):
    return learn(grid.images[grid.seen], grid.ids[grid.seen], SIZES)


def beside_their_content(values, content):
    """Differences from the mean of the same content, whose own pose is no more than a convention."""
    return values - np.stack([values[content == c].mean(axis=0) for c in content])


def test_the_poses_of_the_pictures_are_found(grid, poses):
    content = grid.ids[grid.seen, 0]
    found = beside_their_content(poses[:, :AFFINE], content)
    true = beside_their_content(grid.poses[grid.seen], content)
    for number in range(AFFINE):
        assert np.corrcoef(found[:, number], true[:, number])[0, 1] > 0.85
    slope = (found * true).sum() / (true**2).sum()
    assert 0.5 < slope < 1.2  # shrunk a little, and some of it is displacement


def test_poses_are_zero_on_average(poses):
    assert poses.shape == (30, NUMBERS)
    np.testing.assert_allclose(poses.mean(axis=0), 0, atol=1e-5)


def variance_within_contents(pictures, content):
    return float(np.mean([pictures[content == c].var(axis=0).mean() for c in range(6)]))


def test_pictures_of_a_content_are_alike_once_they_are_moved(grid, poses):
    pictures = (grid.images[grid.seen] / 255).astype(np.float32)
    places = in_picture(poses, np.repeat(picture_points(28, 28)[None], len(poses), axis=0))
    moved = sample(pictures, places).numpy().reshape(pictures.shape)
    content = grid.ids[grid.seen, 0]
    assert variance_within_contents(moved, content) < 0.2 * variance_within_contents(pictures, content)


def test_registration_gives_the_same_bits_twice(grid, poses, memory):
    again = register(grid.images[grid.seen], grid.ids[grid.seen], SIZES)
    np.testing.assert_array_equal(again, poses)
    cells = memory.cells
    np.testing.assert_array_equal(
        memory.poses[cells],
        poses * np.repeat(memory.pose_share, (AFFINE, NUMBERS - AFFINE)).astype(np.float32),
    )


@pytest.mark.slow
def test_more_pictures_than_are_registered_at_once_get_the_same_poses(monkeypatch, grid, poses):
    monkeypatch.setattr("gcn_tf.model.references.registration.AT_ONCE", 13)
    found = register(grid.images[grid.seen], grid.ids[grid.seen], SIZES)
    np.testing.assert_allclose(found[:, :AFFINE], poses[:, :AFFINE], atol=0.02)


def test_where_styles_are_poses_pictures_are_moved_all_the_way(grid, memory):
    assert memory.pose_share[0] == 1.0
    assert memory.pictures.shape == (30, 28, 28, 1)
    assert memory.poses.shape == (36, NUMBERS)
    assert memory.sources.shape == (36, 1 + CANDIDATES)
    assert memory.light.shape == (12, 28, 28, 1)  # of each of the six contents and six styles


def test_poses_of_unseen_cells_are_predicted(grid, memory):
    """Their styles are poses that other contents have, too; the content's own is a convention that they share."""
    content = grid.ids[:, 0]
    found = beside_their_content(memory.poses[:, :AFFINE], content)[grid.unseen]
    true = beside_their_content(grid.poses, content)[grid.unseen]
    assert np.corrcoef(found.ravel(), true.ravel())[0, 1] > 0.9


def test_a_seen_cell_is_its_own_source_and_no_candidate_is_it(grid, memory):
    np.testing.assert_array_equal(memory.sources[memory.cells, 0], np.arange(30))
    assert (memory.cells[memory.sources[:, 1:]] != np.arange(36)[:, None]).all()


def test_where_no_style_is_a_pose_nothing_is_moved():
    grid = breadth_grid(light=True)
    memory = learn(grid.images[grid.seen], grid.ids[grid.seen], SIZES)
    same = learn(grid.images[grid.seen], grid.ids[grid.seen], SIZES, lighting=False)
    assert (memory.light != 0).any()
    assert (same.light == 0).all()
    assert memory.pose_share == (0.0, 0.0)
    assert (memory.poses == 0).all()


@pytest.mark.slow
def test_more_pictures_than_are_moved_at_once_are_learned(grid, memory, monkeypatch):
    assert len(memory.pictures) < AT_ONCE
    monkeypatch.setattr("gcn_tf.model.references.moved.AT_ONCE", 13)
    again = learn(grid.images[grid.seen], grid.ids[grid.seen], SIZES)
    assert again.pose_share == memory.pose_share
    np.testing.assert_allclose(again.light, memory.light, atol=1e-5)
    np.testing.assert_array_equal(again.sources, memory.sources)
