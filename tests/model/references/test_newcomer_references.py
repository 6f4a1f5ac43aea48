"""Newcomers of a generator that looks at seen pictures: their geometry is known, so what is carried over can be measured."""

import numpy as np
import pytest
from figure_grids import SIZES, STYLES, drawn, posed_grid, strokes

from gcn_tf.model.references import registration
from gcn_tf.model.references.additive import fit_additive
from gcn_tf.model.references.generator import LAYER, References
from gcn_tf.model.references.poses import AFFINE, NUMBERS
from gcn_tf.model.references.registration import Known, register

OLD = {"content": 6, "style": 5}
KIND = References(filters=(4, 6), operators=False)
GIVEN = np.array([0, 2, 4])  # contents that the newcomer shows
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module", autouse=True)
def few_rounds():
    """Registration at half the side and in half the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registration, "STAGES", (registration.Stage(14, 8, 4, 0.1),))
        yield


@pytest.fixture(scope="module")
def grid():
    return posed_grid()


def codes(ids, sizes):
    return {
        name: np.eye(size, dtype=np.float32)[np.asarray(ids)[:, m]]
        for m, (name, size) in enumerate(sizes.items())
    }


def extended(old, kind, images, ids, sizes, old_sizes):
    """A network of the larger grid that knows what the old one does, and newcomers."""
    from gcn_tf.model.grow import grown

    kind = kind.with_newcomers(len(images))
    network = kind.build(sizes, images.shape[1:], "float32")
    for variable, known in zip(network.variables, old.variables, strict=True):
        variable.assign(grown(variable.path, np.asarray(known), np.asarray(variable), sizes, old_sizes))
    kind.learn_newcomers(network, images, ids, sizes, old_sizes)
    return kind, network


@pytest.fixture(scope="module")
def old(grid):
    """Learned from all pictures of five styles; the layers that move points do so at random."""
    known = grid.ids[:, 1] < 5
    kind = KIND.resolved(int(known.sum()), int(known.sum()))
    network = kind.build(OLD, grid.images.shape[1:], "float32")
    kind.learn_before_training(network, grid.images[known], grid.ids[known], OLD)
    for weight in network.get_layer(LAYER).finish.trainable_variables:
        weight.assign(np.random.default_rng(0).normal(scale=0.1, size=weight.shape))
    return kind, network


STYLE = STYLES[[0, 2]].sum(axis=0)  # of the newcomer: no known style, and no mean of them


@pytest.fixture(scope="module")
def true():
    """All contents in the newcomer's style: uint8 (6, 28, 28, 1)."""
    pictures = [drawn(strokes(content), STYLE, 28, 28) for content in range(6)]
    return np.rint(255 * np.stack(pictures))[..., None].astype(np.uint8)


@pytest.fixture(scope="module")
def new(old, true):
    ids = np.stack([GIVEN, np.full(3, 5)], axis=1)
    return extended(old[1], old[0], true[GIVEN], ids, SIZES, OLD)[1]


def test_old_cells_and_blends_are_the_same_bits(old, new, grid):
    ids = grid.ids[grid.ids[:, 1] < 5]
    before, after = codes(ids, OLD), codes(ids, SIZES)
    blends = RNG.dirichlet(np.ones(5), 30).astype(np.float32)
    blends[:10, 2:] = 0
    blends /= blends.sum(axis=1, keepdims=True)
    for some, width in ((before, 5), (after, 6)):
        some["style"] = np.concatenate([some["style"], np.zeros((30, width), np.float32)])
        some["style"][-30:, :5] = blends
        some["content"] = np.concatenate([some["content"], some["content"]])
    one, other = old[1](before).numpy(), new(after).numpy()
    assert np.ptp(one) > 0.5
    np.testing.assert_array_equal(other, one)


def test_the_newcomers_own_cells_are_its_pictures_exactly(new, true):
    made = new(codes([[content, 5] for content in GIVEN], SIZES)).numpy()
    np.testing.assert_array_equal(np.rint(255 * made), true[GIVEN])


def test_seen_cells_stay_their_own_pictures_exactly(new, grid):
    """Though every cell of the smaller grid was seen, so that there were as many pictures as cells."""
    known = grid.ids[:, 1] < 5
    made = new(codes(grid.ids[known], SIZES)).numpy()
    np.testing.assert_array_equal(np.rint(255 * made), grid.images[known])


def test_the_newcomers_pose_is_carried_to_other_contents(new, old, grid):
    """Measured beside the same content in other styles, whose own pose is a convention."""
    layer = new.get_layer(LAYER)
    poses = layer.poses.numpy()[:, :AFFINE].reshape(6, 6, AFFINE)
    others = np.setdiff1d(np.arange(6), GIVEN)
    found = (poses[:, 5] - poses[:, :5].mean(axis=1))[others]
    truth = np.tile(STYLE - STYLES[:5].mean(axis=0), (3, 1))
    assert np.corrcoef(found.ravel(), truth.ravel())[0, 1] > 0.6
    assert np.square(found - truth).mean() < 0.7 * np.square(truth).mean()  # that of the mean style


def test_cells_that_the_newcomer_did_not_show_are_drawn_better_than_known_styles(new, true, grid):
    layer = new.get_layer(LAYER)
    others = np.setdiff1d(np.arange(6), GIVEN)
    moves = [weight.numpy() for weight in layer.finish.trainable_variables]
    for weight in layer.finish.trainable_variables:  # which move points at random
        weight.assign(np.zeros(weight.shape))
    made = new(codes([[content, 5] for content in others], SIZES)).numpy()
    for weight, before in zip(layer.finish.trainable_variables, moves, strict=True):
        weight.assign(before)
    error = np.square(made - true[others] / 255).mean()
    known = grid.images.reshape(6, 6, 28, 28, 1)[others, :5] / 255
    nearest = np.square(known - true[others][:, None] / 255).mean(axis=(2, 3, 4)).min(axis=1).mean()
    mean = np.square(known.mean(axis=1) - true[others] / 255).mean()
    assert error < 0.6 * nearest
    assert error < 0.8 * mean


def test_the_network_remembers_of_new_values_what_it_does_of_old_ones(new, old):
    layer, before = new.get_layer(LAYER), old[1].get_layer(LAYER)
    memory, known = layer.memory(), before.memory()
    assert len(memory.pictures) == len(known.pictures) + 3 == layer.references
    assert (memory.pose_share, memory.light_sides) == (known.pose_share, known.light_sides)
    np.testing.assert_array_equal(memory.pictures[:30], known.pictures)
    np.testing.assert_array_equal(
        memory.poses.reshape(6, 6, NUMBERS)[:, :5], known.poses.reshape(6, 5, NUMBERS)
    )
    np.testing.assert_array_equal(memory.sources.reshape(6, 6, -1)[:, :5], known.sources.reshape(6, 5, -1))
    assert (memory.sources < len(memory.pictures)).all()
    assert (memory.cells[memory.sources[:, 1:]] != np.arange(36)[:, None])[memory.cells].all()
    np.testing.assert_array_equal(memory.light[:11], known.light)
    assert (memory.light[11] != 0).any() == (known.light_sides[1] > 0)


def test_a_second_newcomer_changes_nothing_of_the_first(new, old, true):
    kind = old[0].with_newcomers(3)
    sizes = {"content": 6, "style": 7}
    later = extended(new, kind, true[3:4, ::-1].copy(), np.array([[3, 6]]), sizes, SIZES)[1]
    ids = np.indices((6, 6)).reshape(2, -1).T
    np.testing.assert_array_equal(later(codes(ids, sizes)).numpy(), new(codes(ids, SIZES)).numpy())
    made = later(codes([[3, 6]], sizes)).numpy()
    np.testing.assert_array_equal(np.rint(255 * made), true[3:4, ::-1])


def test_a_new_content_grows_before_other_codes(old, grid):
    """Values of the first factor lie among all others where codes and cells stand side by side."""
    sizes = {"content": 7, "style": 5}
    picture = np.rint(255 * drawn(strokes(9), STYLES[1], 28, 28))[None, ..., None].astype(np.uint8)
    made = extended(old[1], old[0], picture, np.array([[6, 1]]), sizes, OLD)[1]
    ids = grid.ids[grid.ids[:, 1] < 5]
    np.testing.assert_array_equal(made(codes(ids, sizes)).numpy(), old[1](codes(ids, OLD)).numpy())
    np.testing.assert_array_equal(np.rint(255 * made(codes([[6, 1]], sizes)).numpy()), picture)


def test_poses_of_known_pictures_help_to_find_those_of_newcomers(grid):
    """One picture of a known content in a new style, against its true pose beside the known ones."""
    known = grid.ids[:, 1] < 5
    before = register(grid.images[known], grid.ids[known], SIZES)
    others = Known(grid.images[known], grid.ids[known], before)
    new = grid.ids[:, 1] == 5
    found = register(grid.images[new], grid.ids[new], SIZES, others)
    assert found.shape == (6, NUMBERS)
    beside = np.stack([before[grid.ids[known, 0] == c].mean(axis=0) for c in range(6)])[:, :AFFINE]
    truth = STYLES[5] - STYLES[:5].mean(axis=0)
    assert np.corrcoef((found[:, :AFFINE] - beside).mean(axis=0), truth)[0, 1] > 0.7
    again = register(grid.images[new], grid.ids[new], SIZES, others)
    np.testing.assert_array_equal(again, found)


def test_effects_of_newcomers_are_fitted_and_shrunk_and_no_other_moves():
    ids = np.indices((5, 4)).reshape(2, -1).T
    sizes = {"content": 5, "style": 5}
    effects = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3))
    table = 3 + effects[0][ids[:, 0]] + effects[1][ids[:, 1]]
    model = fit_additive(table, ids, sizes)
    new = np.stack([[0, 2, 4], [4, 4, 4]], axis=1)
    values = 3 + effects[0][new[:, 0]] + effects[1][4]
    grown = model.with_newcomers(values, new, sizes)
    np.testing.assert_array_equal(grown.effects[:9], model.effects[:9])
    np.testing.assert_array_equal(grown.predict(ids, sizes), model.predict(ids, sizes))
    missed = (values - model.predict(new, sizes)).sum(axis=0)
    np.testing.assert_allclose(grown.effects[9], missed / (3 + model.strength), rtol=1e-4)
    unshown = np.array([[1, 4], [3, 4]])
    truth = 3 + effects[0][[1, 3]] + effects[1][4]
    assert np.abs(grown.predict(unshown, sizes) - truth).max() < 0.4
    assert np.abs(model.predict(unshown, sizes) - truth).max() > 0.5


def test_two_new_values_have_effects_of_their_own():
    """A new content and a new style: each has pictures with known values, one has both."""
    sizes = {"content": 5, "style": 5}
    ids = np.indices((4, 4)).reshape(2, -1).T
    effects = np.arange(5.0)[:, None] ** 2, 3.0 * np.arange(5.0)[:, None]
    table = effects[0][ids[:, 0]] + effects[1][ids[:, 1]]
    new = np.array([[4, 0], [4, 2], [4, 3], [0, 4], [1, 4], [3, 4], [4, 4]])
    values = effects[0][new[:, 0]] + effects[1][new[:, 1]]
    model = fit_additive(table, ids, sizes).with_newcomers(values, new, sizes)
    unshown = np.array([[4, 1], [2, 4]])
    np.testing.assert_allclose(model.predict(unshown, sizes)[:, 0], [19, 16], atol=1.5)
