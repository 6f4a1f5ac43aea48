"""What the generator draws once it has learned: seen cells, unseen ones, blends, and factors that operators explain."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from figure_grids import SIZES, drawn, posed_grid, strokes

from gcn_tf.model.references.generator import LAYER, References
from gcn_tf.model.references.poses import AFFINE


def codes(ids, sizes=SIZES):
    return {
        name: np.eye(size, dtype=np.float32)[np.asarray(ids)[:, m]]
        for m, (name, size) in enumerate(sizes.items())
    }


def taught(images, ids, sizes, **settings):
    """A generator that has learned of pictures, before the first step."""
    keras.utils.set_random_seed(0)
    config = References(**settings).resolved(len(images), len(images))
    network = config.build(sizes, images.shape[1:], "float32")
    config.learn_before_training(network, images, ids, sizes)
    return network


def unsettled(network):
    """Gives the layers that learn weights as after a training: before, they do nothing."""
    finish = network.get_layer(LAYER).finish
    for number, variable in enumerate(finish.trainable_variables):
        noise = np.random.default_rng(number).normal(size=variable.shape)
        variable.assign(variable + 0.1 * noise.astype(np.float32))
    return network


@pytest.fixture(scope="module")
def grid():
    return posed_grid()


@pytest.fixture(scope="module")
def fresh(grid):
    """Before the first step."""
    return taught(grid.images[grid.seen], grid.ids[grid.seen], SIZES, operators=False)


@pytest.fixture(scope="module")
def network(fresh):
    """The same with layers that have learned something."""
    copy = keras.Model.from_config(fresh.get_config())
    copy.set_weights(fresh.get_weights())
    return unsettled(copy)


def pictures(network, ids, sizes=SIZES):
    return network(codes(ids, sizes)).numpy()


def test_a_seen_cell_is_its_own_picture_whatever_the_layers_have_learned(grid, network):
    made = pictures(network, grid.ids[grid.seen])
    np.testing.assert_allclose(made * 255, grid.images[grid.seen], atol=0.5)


def test_the_layers_move_unseen_cells(grid, fresh, network):
    cells = grid.ids[grid.unseen]
    assert np.abs(pictures(fresh, cells) - pictures(network, cells)).max() > 0.05


def test_unseen_cells_are_drawn_better_than_the_nearest_picture(grid, fresh):
    """And better than any other picture of their content, in another pose."""
    made = pictures(fresh, grid.ids[grid.unseen])
    true = grid.images[grid.unseen] / 255
    error = np.square(made.clip(0, 1) - true).mean(axis=(1, 2, 3))
    layer = fresh.get_layer(LAYER)
    cells = np.ravel_multi_index(tuple(grid.ids[grid.unseen].T), tuple(SIZES.values()))
    nearest = grid.images[grid.seen][layer.sources.numpy()[cells, 0]] / 255
    raw = np.square(nearest - true).mean(axis=(1, 2, 3))
    best = [
        np.square(grid.images[grid.seen][grid.ids[grid.seen, 0] == content] / 255 - picture)
        .mean(axis=(1, 2, 3))
        .min()
        for content, picture in zip(grid.ids[grid.unseen, 0], true, strict=True)
    ]
    assert error.mean() < 0.5 * raw.mean()
    assert error.mean() < 0.6 * np.mean(best)


def centre(picture):
    weights = picture[..., 0].clip(0)
    y, x = np.indices(weights.shape)
    return np.array([(weights * y).sum(), (weights * x).sum()]) / weights.sum()


def test_a_blend_of_two_seen_cells_stands_in_the_middle(fresh):
    ends = pictures(fresh, [[0, 1], [0, 2]])
    style = np.array([[0, 0.5, 0.5, 0, 0, 0]], np.float32)
    between = fresh({"content": np.eye(6, dtype=np.float32)[:1], "style": style}).numpy()[0]
    apart = np.linalg.norm(centre(ends[0]) - centre(ends[1]))
    middle = (centre(ends[0]) + centre(ends[1])) / 2
    assert apart > 3
    assert np.linalg.norm(centre(between) - middle) < 0.15 * apart
    crossfade = ends.mean(axis=0)  # two figures, each at half its light
    assert (between**2).sum() > 1.25 * (crossfade**2).sum()


def test_a_blend_goes_from_one_end_to_the_other(grid, network):
    shares = np.linspace(0, 1, 5, dtype=np.float32)
    style = np.zeros((5, 6), np.float32)
    style[:, 1], style[:, 2] = 1 - shares, shares
    made = network({"content": np.eye(6, dtype=np.float32)[np.zeros(5, int)], "style": style}).numpy()
    np.testing.assert_allclose(made[[0, -1]], pictures(network, [[0, 1], [0, 2]]), atol=1e-5)
    places = np.array([centre(picture) for picture in made])
    along = (places - places[0]) @ (places[-1] - places[0])
    assert (np.diff(along) > 0).all()


BATCH = 32  # as many as users' pictures are drawn at once (gcn_tf.synthesis.draw)


def mixed_batch(grid):
    """Cells, seen and unseen, between blends of two, many and all values, and rows of padding."""
    rng = np.random.default_rng(0)
    made = codes(grid.ids[rng.permutation(36)[:BATCH]])
    for rows in made.values():
        rows[3] = 0
        rows[5] = [0.25, 0, 0.75, 0, 0, 0]
        rows[7] = 1 / 6
        rows[9] = rng.dirichlet(np.ones(6))
        rows[11] = 0
    return made


def test_a_picture_does_not_depend_on_its_batch(grid, network):
    drawing = tf.function(lambda batch: network(batch), autograph=False)  # in a graph, as users get it
    batch = mixed_batch(grid)
    whole = drawing(batch).numpy()
    assert np.isfinite(whole).all()
    blends = [5, 7, 9]
    cells = np.setdiff1d(np.arange(BATCH), blends)
    padded = {name: rows.copy() for name, rows in batch.items()}
    for rows in padded.values():
        rows[blends] = 0
    np.testing.assert_array_equal(drawing(padded).numpy()[cells], whole[cells])  # no blend among them
    turned = drawing({name: rows[::-1].copy() for name, rows in batch.items()}).numpy()
    np.testing.assert_array_equal(turned[::-1], whole)


def test_rows_of_zeros_do_no_harm(grid, network):
    batch = mixed_batch(grid)
    made = network({name: rows[[3, 11, 0]] for name, rows in batch.items()}).numpy()
    np.testing.assert_array_equal(made[:2], 0)
    assert made[2].max() > 0.5


def test_equal_weights_of_all_values_give_a_picture(grid, network):
    made = network({name: np.full((1, 6), 1 / 6, np.float32) for name in SIZES}).numpy()
    assert 0.1 < made.max() < 1.2
    assert made.min() > -0.2


def test_a_step_draws_seen_cells_from_neighbours_and_finds_a_gradient(grid, network):
    cells = grid.ids[grid.seen][:8]
    with tf.GradientTape() as tape:
        made = network(codes(cells), training=True)
        loss = tf.reduce_mean(tf.square(made - grid.images[grid.seen][:8].astype(np.float32) / 255))
    own = grid.images[grid.seen][:8] / 255
    assert (np.abs(made - own).max(axis=(1, 2, 3)) > 0.02).all()
    gradients = tape.gradient(loss, network.trainable_variables)
    assert all(gradient is not None for gradient in gradients)
    assert sum(float(tf.reduce_max(tf.abs(gradient))) for gradient in gradients) > 0


def test_the_pose_of_a_seen_cell_is_measured_and_that_of_an_unseen_one_predicted(grid, network):
    poses = network.get_layer(LAYER).poses.numpy()[:, :AFFINE]
    assert np.abs(poses[grid.unseen]).max() > 0.05
    assert len(np.unique(poses.round(6), axis=0)) == 36


INKS = np.array([[1, 1, 1], [1, 0.25, 0.25], [0.2, 0.5, 1]])
COLORED = {"content": 4, "style": 3, "color": 3}


@pytest.fixture(scope="module")
def colored():
    """Figures in three colors, and rows that are unseen: a color of a figure, and a whole figure."""
    ids = np.indices(tuple(COLORED.values())).reshape(3, -1).T
    styles = posed_grid().poses[:3]
    figures = np.stack([drawn(strokes(content), styles[style], 28, 28) for content, style, _ in ids])
    images = np.rint(255 * figures[..., None] * INKS[ids[:, 2]][:, None, None]).astype(np.uint8)
    lone = np.flatnonzero((ids == [1, 1, 2]).all(axis=1))
    whole = np.flatnonzero((ids[:, :2] == [2, 0]).all(axis=1))
    seen = np.setdiff1d(np.arange(len(ids)), [*lone, *whole])
    return images, ids, seen, lone, whole, taught(images[seen], ids[seen], COLORED)


def test_an_unseen_color_of_a_seen_figure_is_exact(colored):
    images, ids, seen, lone, _, network = colored
    np.testing.assert_allclose(pictures(network, ids[lone], COLORED) * 255, images[lone], atol=1.5)
    np.testing.assert_allclose(pictures(network, ids[seen], COLORED) * 255, images[seen], atol=1.5)


def test_a_figure_is_kept_once_whatever_its_colors(colored):
    layer = colored[-1].get_layer(LAYER)
    assert layer.hidden.numpy().tolist() == [0, 0, 1]
    kept = layer.pictures.numpy()
    assert (kept[:11].max(axis=(1, 2, 3)) > 0).all()
    assert (kept[11:] == 0).all()


def test_an_unseen_figure_has_the_same_form_in_every_color(colored):
    _, ids, *_, whole, network = colored
    made = pictures(network, ids[whole], COLORED)
    np.testing.assert_allclose(made[1], made[0] * INKS[1], atol=0.02)
    np.testing.assert_allclose(made[2], made[0] * INKS[2], atol=0.02)
