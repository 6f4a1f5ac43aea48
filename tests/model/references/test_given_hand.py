"""Cells made from neighbours get the geometry that the values of the factors add up to, where that is nearer to the truth."""

import numpy as np
import pytest
from figure_grids import SIZES, drawn, posed_grid, strokes

from gcn_tf.model.references.hand import (
    PLACES,
    expected_geometry,
    geometry_of,
    hand_share,
    with_hand,
)
from gcn_tf.model.references.poses import AFFINE, NUMBERS

GRID = posed_grid()


def draw(poses):
    """Figures of the first content in affine poses, as floats in [0, 1]."""
    pictures = [drawn(strokes(0), pose[:AFFINE], 28, 28) for pose in poses]
    return np.stack(pictures)[..., None]


@pytest.mark.parametrize("number", sorted(PLACES.values()))
def test_every_number_of_the_geometry_is_reached(number):
    poses = np.zeros((1, NUMBERS), np.float32)
    before = geometry_of(draw(poses))
    wanted = before.copy()
    wanted[0, number] += 0.1
    found = geometry_of(draw(with_hand(poses, wanted, 1.0, draw)))
    np.testing.assert_allclose(found, wanted, atol=0.03)


def test_half_of_the_way_is_half_and_none_is_none():
    poses = np.zeros((1, NUMBERS), np.float32)
    before = geometry_of(draw(poses))
    wanted = before + np.array([[0.2, 0, 0, 0, 0.1]])
    half = geometry_of(draw(with_hand(poses, wanted, 0.5, draw)))
    np.testing.assert_allclose(half - before, (wanted - before) / 2, atol=0.02)
    assert with_hand(poses, wanted, 0.0, draw) is poses


def test_cells_without_a_figure_stay_where_they_are():
    poses = np.zeros((2, NUMBERS), np.float32)
    same = with_hand(poses, np.zeros((2, 5)), 1.0, lambda moved: np.zeros((2, 28, 28, 1)))
    np.testing.assert_array_equal(same, poses)


def test_styles_add_the_same_geometry_to_every_content():
    expected = expected_geometry(GRID.images[GRID.seen], GRID.ids[GRID.seen], SIZES)
    found = expected.predict(GRID.ids[GRID.unseen], SIZES)
    true = geometry_of(GRID.images[GRID.unseen])
    assert np.corrcoef(found.ravel(), true.ravel())[0, 1] > 0.95
    assert np.abs(found - true).mean() < 0.5 * np.abs(true - true.mean(axis=0)).mean()


def test_plain_pictures_have_no_geometry():
    assert expected_geometry(np.zeros((36, 28, 28, 1), np.uint8), GRID.ids, SIZES) is None


def test_a_hand_is_given_where_left_out_pictures_come_nearer_to_their_own():
    """Neighbours that were not moved have another one's height and place; what is expected of a cell is nearer."""
    images, ids = GRID.images[GRID.seen], GRID.ids[GRID.seen]
    same_content = (ids[:, None, 0] == ids[None, :, 0]) & (ids[:, None, 1] != ids[None, :, 1])
    nearest = same_content.argmax(axis=1)
    poses, change = (
        np.zeros((len(ids), NUMBERS), np.float32),
        np.zeros((len(ids), images[0].size), np.float32),
    )
    expected = expected_geometry(images, ids, SIZES)
    assert hand_share(images, poses, poses, change, nearest, expected) > 0
    own = np.arange(len(ids))  # made from themselves, they have their own already
    assert hand_share(images, poses, poses, change, own, expected) == 0
