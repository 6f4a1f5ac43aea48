"""Which seen picture is the nearest to a cell."""

import numpy as np
import pytest

from gcn_tf.model.references.nearest import (
    enlarged,
    enlarging,
    large_parts,
    nearest_pictures,
    value_distances,
)

RNG = np.random.default_rng(0)
SIZES = {"content": 5, "style": 3}
IDS = np.indices(tuple(SIZES.values())).reshape(2, -1).T
CONTENTS, STYLES = RNG.random((5, 16, 16, 1)), RNG.random((3, 16, 16, 1))
STYLES[1] = STYLES[0] + 0.1 * RNG.random((16, 16, 1))  # near the first; the third is far
PICTURES = (CONTENTS[IDS[:, 0]] + STYLES[IDS[:, 1]]).astype(np.float32)
UNSEEN = np.flatnonzero((IDS == [2, 0]).all(axis=1))
SEEN = np.delete(np.arange(len(IDS)), UNSEEN)


def test_two_near_styles_are_told_from_a_far_one():
    _, distances = value_distances(PICTURES[SEEN], IDS[SEEN], SIZES)
    np.testing.assert_allclose(distances, distances.T)
    np.testing.assert_array_equal(np.diag(distances), 0)
    assert distances[0, 1] < 0.6 * distances[0, 2]
    assert distances[0, 1] < 0.6 * distances[1, 2]


def test_values_without_a_common_pair_are_as_far_as_usual():
    kept = (IDS[:, 1] != 2) | (IDS[:, 0] == 4)
    kept &= (IDS[:, 0] != 4) | (IDS[:, 1] == 2)
    _, distances = value_distances(PICTURES[kept], IDS[kept], SIZES)
    assert distances[0, 2] == pytest.approx(distances[1, 2], rel=0.05)  # their effects differ a little
    assert distances[0, 2] > 0


def test_light_counts_less_than_form():
    ids = np.indices((4, 3)).reshape(2, -1).T
    base = RNG.random((4, 16, 16, 1)).astype(np.float32)
    checks = np.indices((16, 16)).sum(axis=0)[..., None] % 2 - 0.5
    change = [0 * checks, 0.4 * checks, 0 * checks + 0.2]  # form and light that change as many squares
    pictures = np.stack([base[c] + change[s] for c, s in ids]).astype(np.float32)
    _, distances = value_distances(pictures, ids, {"content": 4, "style": 3})
    assert distances[0, 2] < 0.7 * distances[0, 1]


def distances():
    return value_distances(PICTURES[SEEN], IDS[SEEN], SIZES)


def test_an_unseen_cell_gets_the_nearest_style_of_its_content():
    found = nearest_pictures(distances(), IDS[UNSEEN], IDS[SEEN], 3)
    assert IDS[SEEN][found[0, 0]].tolist() == [2, 1]
    assert found.dtype == np.int32


def test_no_cell_gets_its_own_picture():
    found = nearest_pictures(distances(), IDS, IDS[SEEN], 6)
    assert found.shape == (15, 6)
    assert (IDS[SEEN][found] != IDS[:, None]).any(axis=2).all()
    assert all(len(set(row)) == 6 for row in found.tolist())


def test_candidates_are_in_the_order_of_their_distance():
    by_factor = distances()
    found = IDS[SEEN][nearest_pictures(by_factor, IDS, IDS[SEEN], 6)]
    cost = sum(by_factor[m][IDS[:, None, m], found[..., m]] for m in range(2))
    assert (np.diff(cost, axis=1) >= 0).all()


def test_fewer_pictures_than_candidates_are_repeated():
    few = np.array([[0, 0], [1, 1]])
    found = nearest_pictures(distances(), IDS[:4], few, 6)
    assert found.shape == (4, 6)
    assert set(found.ravel()) <= {0, 1}
    assert found[3, 0] == 0 or found[3, 0] == 1


def test_cells_are_looked_for_in_parts(monkeypatch):
    whole = nearest_pictures(distances(), IDS, IDS[SEEN], 4)
    monkeypatch.setattr("gcn_tf.model.references.nearest.CELLS_AT_ONCE", 4)
    np.testing.assert_array_equal(nearest_pictures(distances(), IDS, IDS[SEEN], 4), whole)


def test_grids_of_three_factors():
    sizes = {"content": 4, "style": 3, "light": 2}
    ids = np.indices(tuple(sizes.values())).reshape(3, -1).T
    pictures = CONTENTS[ids[:, 0]] + STYLES[ids[:, 1]] + 0.05 * ids[:, 2, None, None, None]
    found = value_distances(pictures.astype(np.float32), ids, sizes)
    assert [distance.shape for distance in found] == [(4, 4), (3, 3), (2, 2)]
    assert found[2][0, 1] < found[1][0, 1] < found[1][0, 2]
    nearest = nearest_pictures(found, ids[:1], ids, 2)
    assert ids[nearest[0]].tolist() == [[0, 0, 1], [0, 1, 0]]


@pytest.mark.parametrize("side", [8, 28, 30, 33])
def test_large_parts_are_means_and_come_back_as_straight_lines(side):
    flat = np.full((1, side, 24, 2), 0.3, np.float32)
    parts = large_parts(flat)
    assert parts.shape == (1, -(-side // 8), 3, 2)
    np.testing.assert_allclose(parts, 0.3, rtol=1e-5)
    np.testing.assert_allclose(enlarged(parts, side, 24), flat, rtol=1e-5)
    np.testing.assert_allclose(enlarging(side).sum(axis=1), 1, rtol=1e-6)
    slope = np.repeat(np.arange(24, dtype=np.float32)[None, None, :, None], 8, axis=1)
    np.testing.assert_allclose(
        enlarged(large_parts(slope), 8, 24)[0, 0, 4:20, 0], np.arange(4, 20), rtol=1e-5
    )
