"""Rivals that need a picture to start from keep the seen ones and find the right one."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gcn_tf.rivals.pix2pix import Pix2Pix
from gcn_tf.rivals.rival import Grid
from gcn_tf.rivals.seen_pictures import NearestSeen

SIZES = {"digit": 3, "writer": 4, "color": 2}
CELLS = np.stack(np.meshgrid(*(range(size) for size in SIZES.values()), indexing="ij"), -1).reshape(-1, 3)
SEEN = CELLS[np.random.default_rng(3).permutation(len(CELLS))[:9]]
PICTURES = np.random.default_rng(0).integers(0, 256, (len(SEEN), 2, 2, 1), np.uint8)


def layer(pictures=9):
    found = NearestSeen(SIZES, (2, 2, 1), pictures)
    found.assign(PICTURES, SEEN)
    return found


def codes(cells):
    return {name: tf.one_hot(cells[:, m], size) for m, (name, size) in enumerate(SIZES.items())}


def numbers(images):
    """Which of the pictures these are."""
    found = np.rint(255 * np.asarray(images)).astype(np.uint8)
    return np.array([np.flatnonzero((one == PICTURES).all(axis=(1, 2, 3)))[0] for one in found])


def nearest_cells(wanted):
    """By differing values first; of equals those that differ late; of equals the first one."""
    chosen = []
    for cell in wanted:
        differs = cell != SEEN
        chosen.append(np.lexsort((-(differs @ [1, 2, 3]), differs.sum(axis=1)))[0])
    return np.array(chosen)


def test_every_cell_seen_or_not_starts_at_the_nearest_picture_whatever_its_batch():
    nearest = layer()
    np.testing.assert_array_equal(numbers(nearest(codes(CELLS))), nearest_cells(CELLS))
    np.testing.assert_array_equal(numbers(nearest(codes(CELLS[5:7]))), nearest_cells(CELLS[5:7]))


def test_a_blend_starts_where_its_heaviest_values_do():
    blend = {"digit": [[0.3, 0.6, 0.1]], "writer": [[0.1, 0.2, 0.3, 0.4]], "color": [[0.7, 0.3]]}
    found = layer()({name: tf.constant(code) for name, code in blend.items()})
    np.testing.assert_array_equal(found, layer()(codes(np.array([[1, 3, 0]]))))


@pytest.mark.parametrize("seed", range(5))
def test_a_partner_is_of_another_cell_and_shares_most_values(seed):
    partners = numbers(layer().partners(codes(SEEN), tf.constant([0, seed], tf.int64)))
    differing = (SEEN[:, None] != SEEN[None]).sum(axis=-1)
    np.fill_diagonal(differing, 99)
    np.testing.assert_array_equal(differing[np.arange(len(SEEN)), partners], differing.min(axis=1))


def test_partners_change_with_the_seed_alone():
    one, again, other = (
        np.asarray(layer().partners(codes(SEEN), tf.constant([0, seed], tf.int64))) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_fewer_pictures_are_evenly_chosen_and_more_room_stays_without_black_ones():
    np.testing.assert_array_equal(layer(3).ids.numpy(), SEEN[[0, 4, 8]])
    assert set(map(tuple, layer(12).ids.numpy())) == set(map(tuple, SEEN))


def test_the_pictures_survive_the_keras_file(tmp_path):
    inputs = {name: keras.Input((size,), name=name) for name, size in SIZES.items()}
    network = keras.Model(inputs, layer()(inputs))
    network.save(tmp_path / "nearest.keras")
    again = keras.saving.load_model(tmp_path / "nearest.keras")
    np.testing.assert_array_equal(again(codes(CELLS)), network(codes(CELLS)))


def test_pictures_that_are_kept_make_the_network_no_narrower():
    grid = Grid(SIZES, (16, 16, 3))
    kind = Pix2Pix(parameters=200_000)
    many = kind.resolved(4, 20_000)
    assert many.pictures == 8192
    assert many.width(grid) == kind.width(grid)
    assert many.count_weights(SIZES, (16, 16, 3)) > kind.count_weights(SIZES, (16, 16, 3))
