import numpy as np
import pytest

from gcn_tf.evaluation.discriminant import AdditiveDiscriminant, fit_discriminant
from gcn_tf.grid.factors import Factor, FactorSpace


def space_of(**sizes):
    return FactorSpace(tuple(Factor(name, tuple(map(str, range(size)))) for name, size in sizes.items()))


def grid_features(space, seed, strength=1.0, noise=0.5, dimensions=30):
    """One feature vector of every cell: additive effects and noise."""
    rng = np.random.default_rng(seed)
    ids = np.indices(tuple(space.sizes.values())).reshape(len(space.names), -1).T
    effects = [rng.normal(0, strength, (size, dimensions)) for size in space.sizes.values()]
    clear = sum(effect[column] for effect, column in zip(effects, ids.T, strict=True))
    return clear + rng.normal(0, noise, clear.shape), ids


def test_values_are_classified_in_cells_that_were_never_seen():
    space = space_of(letter=12, hand=10)
    features, ids = grid_features(space, 0)
    held = np.random.default_rng(1).random(len(ids)) < 0.2
    fitted = fit_discriminant(features[~held], ids[~held], space)
    assert np.mean(fitted.classify(features[held]) == ids[held]) > 0.95


@pytest.mark.parametrize("sizes", [{"letter": 12, "hand": 10}, {"person": 10, "pose": 4, "sunglasses": 2}])
def test_cells_are_not_recognised_by_being_unknown(sizes):
    """Of a letter that is known for sure, few cells are unknown: to choose among them would look like knowing the hand."""
    space = space_of(**sizes)
    shares = []
    for seed in range(15):
        features, ids = grid_features(space, seed, strength=0, dimensions=300)
        features[:, :10] += 5 * np.random.default_rng(seed).normal(0, 1, (len(ids), 10))[ids[:, 0]]
        held = np.random.default_rng(seed + 100).random(len(ids)) < 0.2
        fitted = fit_discriminant(features[~held], ids[~held], space)
        shares.append((fitted.classify(features[held]) == ids[held]).mean(axis=0))
    known, *others = np.mean(shares, axis=0)
    assert known > 0.95
    assert np.all(others < 1 / np.array(list(sizes.values())[1:]) + 0.05)


def test_an_effect_of_two_values_together_is_learned_where_there_are_three_factors():
    """A turn moves every letter its own way: letter and turn are what they are only together."""
    space = space_of(letter=4, turn=3, hand=12)
    rng = np.random.default_rng(0)
    _, ids = grid_features(space, 0)
    together = rng.normal(0, 1, (4, 3, 20))
    features = together[ids[:, 0], ids[:, 1]] + rng.normal(0, 0.3, (len(ids), 20))
    held = rng.random(len(ids)) < 0.2
    fitted = fit_discriminant(features[~held], ids[~held], space)
    assert np.mean(fitted.classify(features[held])[:, :2] == ids[held][:, :2]) > 0.97


def test_more_features_than_pictures_and_features_without_variance_are_taken():
    space = space_of(letter=3, hand=4)
    features, ids = grid_features(space, 0, noise=0.1, dimensions=50)
    features[:, 7] = 3.0
    fitted = fit_discriminant(features, ids, space)
    np.testing.assert_array_equal(fitted.classify(features), ids)
    flat = fit_discriminant(np.ones((12, 5)), ids, space)
    assert flat.classify(np.ones((2, 5))).shape == (2, 2)


def test_a_large_common_offset_does_not_change_what_is_classified():
    space = space_of(letter=5, hand=6)
    features, ids = grid_features(space, 4)
    near, far = (fit_discriminant(features + offset, ids, space) for offset in (0, 100))
    np.testing.assert_array_equal(near.classify(features), far.classify(features + 100))


def test_the_same_pictures_give_the_same_discriminant():
    space = space_of(letter=5, hand=6)
    features, ids = grid_features(space, 4)
    one, other = (fit_discriminant(features, ids, space) for _ in range(2))
    np.testing.assert_array_equal(one.projection, other.projection)
    np.testing.assert_array_equal(one.cells, other.cells)


@pytest.mark.parametrize(
    ("projection", "cells"),
    [
        (np.zeros((9, 4)), np.zeros((5, 4))),
        (np.zeros((9, 3)), np.zeros((6, 4))),
        (np.zeros(4), np.zeros((6, 4))),
        (np.full((9, 4), np.nan), np.zeros((6, 4))),
        (np.zeros((9, 4)), np.full((6, 4), np.inf)),
    ],
)
def test_arrays_that_do_not_fit_are_refused(projection, cells):
    with pytest.raises(ValueError, match="means"):
        AdditiveDiscriminant(projection, cells, (2, 3))
