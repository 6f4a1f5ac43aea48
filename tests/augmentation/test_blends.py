import itertools
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

from gcn_tf.augmentation.blends import blends_of, missing_cells, pair, shuffled
from gcn_tf.augmentation.ratios import Ratio, uniform
from gcn_tf.errors import UserError
from gcn_tf.grid.factors import Factor, FactorSpace

SPACE = FactorSpace(
    (
        Factor("digit", ("0", "1", "2", "3")),
        Factor("writer", ("a", "b", "c")),
        Factor("color", ("red", "blue")),
    )
)


def texts(source, numbers=None):
    """Every picture as a tuple of texts, one per factor."""
    codes = source.codes(np.arange(source.count) if numbers is None else numbers)
    columns = [[SPACE[name].text(code) for code in codes[name]] for name in SPACE.names]
    return list(zip(*columns, strict=True))


def test_one_factor_gives_every_pair_once_with_every_choice_of_the_others():
    blends = blends_of(SPACE, ["writer"], "0.5", ["digit=1,3"])
    pairs = ["+".join(f"{w}:0.5" for w in two) for two in itertools.combinations("abc", 2)]
    assert blends.count == 3 * 2 * 2
    assert sorted(texts(blends)) == sorted(itertools.product("13", pairs, ["red", "blue"]))


def test_a_mix_pairs_the_combinations_of_values():
    blends = blends_of(SPACE, ["writer", "color"], "0.5", ["digit=0"])
    combinations = list(itertools.product(range(3), range(2)))
    wanted = Counter()
    for first, second in itertools.combinations(combinations, 2):
        codes = [(np.eye(k)[i] + np.eye(k)[j]) / 2 for k, i, j in zip((3, 2), first, second, strict=True)]
        wanted["0", SPACE["writer"].text(codes[0]), SPACE["color"].text(codes[1])] += 1
    assert blends.count == 15
    assert Counter(texts(blends)) == wanted


def test_an_uneven_ratio_is_taken_both_ways_round_and_a_half_once():
    blends = blends_of(SPACE, ["writer"], "0.25,0.5", ["digit=0", "color=red", "writer=a,b"])
    assert sorted(w for _, w, _ in texts(blends)) == ["a:0.25+b:0.75", "a:0.5+b:0.5", "a:0.75+b:0.25"]
    assert Ratio.parse("0.25,0.75") == Ratio.parse("0.25")
    assert Ratio.parse("0.3,0.7").weights == (0.3, 0.7)


def test_a_picture_depends_on_its_number_alone():
    blends = blends_of(SPACE, ["writer"], "beta:2,5", copies=3, seed=4)
    whole = blends.codes(np.arange(blends.count))
    some = blends.codes(np.array([50, 3, 17]))
    for name in SPACE.names:
        np.testing.assert_array_equal(some[name], whole[name][[50, 3, 17]])
        assert some[name].dtype == np.float32


def test_the_first_numbers_are_different_pictures_sampled_by_seed_with_even_classes():
    sampled = [texts(blends_of(SPACE, ["writer"], "0.5", seed=s), np.arange(8)) for s in (0, 0, 1)]
    assert sampled[0] == sampled[1]
    assert set(sampled[0]) != set(sampled[2])
    assert len(set(sampled[0])) == 8
    assert Counter(digit for digit, _, _ in sampled[0]) == dict.fromkeys("0123", 2)


def test_sampled_ratios_follow_the_beta_distribution():
    blends = blends_of(SPACE, ["writer"], "beta:2,5", ["writer=a,b"], copies=500)
    weights = blends.codes(np.arange(blends.count))["writer"]
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)
    assert len(np.unique(weights[:, 0])) > 0.99 * blends.count
    smaller = weights[:, 0] < weights[:, 1]  # Beta(2, 5) one way round, Beta(5, 2) the other
    assert smaller.mean() == pytest.approx(0.5, abs=0.03)
    assert weights[:, 0].mean() == pytest.approx(0.5, abs=0.02)
    assert np.minimum(weights[:, 0], weights[:, 1]).mean() == pytest.approx(0.266, abs=0.01)


def test_ten_thousand_million_pictures_are_not_listed():
    space = FactorSpace(tuple(Factor(name, tuple(map(str, range(300)))) for name in ("digit", "writer")))
    blends = blends_of(space, ["writer"], "beta:0.4", copies=1000)
    assert blends.count == 300 * (300 * 299 // 2) * 1000
    codes = blends.codes(np.array([blends.count - 1]))
    assert codes["writer"].shape == (1, 300)
    assert (codes["writer"] > 0).sum() <= 2


def test_pairs_are_numbered_without_gaps():
    first, second = pair(np.arange(45))
    assert set(zip(first, second, strict=True)) == set(itertools.combinations(range(10), 2))
    last = 10**9 * (10**9 - 1) // 2 - 1
    assert [int(n[0]) for n in pair(np.array([last]))] == [10**9 - 2, 10**9 - 1]


def test_a_shuffle_is_a_permutation_of_its_own_per_stream():
    places = np.arange(37)
    one, other = shuffled(places, 37, 5), shuffled(places, 37, 5, np.ones(37, np.int64))
    assert sorted(one) == sorted(other) == list(range(37))
    assert list(one) != list(other)
    np.testing.assert_array_equal(uniform(places, 3)[5:6], uniform(np.array([5]), 3))
    assert uniform(np.arange(10_000), 0).mean() == pytest.approx(0.5, abs=0.02)


def test_random_codes_are_blends_of_different_values():
    blends = blends_of(SPACE, ["writer", "color"], "0.25", ["digit=1,3"])
    codes = {n: c.numpy() for n, c in blends.random_codes(500, tf.constant(7, tf.int64)).items()}
    assert set(codes["digit"].argmax(axis=1)) == {1, 3}
    pure = (codes["writer"].max(axis=1) == 1) & (codes["color"].max(axis=1) == 1)
    assert not pure.any()
    assert set(codes["writer"].max(axis=1)) == {0.75, 1.0}
    assert blends.random_codes(0, tf.constant(7, tf.int64))["color"].shape == (0, 2)


def test_missing_cells_are_those_that_are_not_seen():
    cells = SPACE.cells()
    held = np.array([3, 11, 12])
    missing = missing_cells(SPACE, np.delete(cells, held, axis=0))
    found = missing.codes(np.arange(missing.count))
    ids = np.stack([found[name].argmax(axis=1) for name in SPACE.names], axis=1)
    assert sorted(map(tuple, ids)) == sorted(map(tuple, cells[held]))
    assert missing_cells(SPACE, np.delete(cells, held, axis=0), ["digit=0"]).count == 1


def test_a_factor_given_as_a_blend_is_soft_and_no_label():
    blends = blends_of(SPACE, ["color"], "0.5", ["digit=1:0.5+3:0.5"])
    assert blends.soft == ("digit", "color")
    assert blends.label == "writer"


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((["wrter"], "0.5"), "did you mean writer"),
        ((["writer", "writer"], "0.5"), "names a factor twice"),
        ((["writer"], "0.5", ["writer=b"]), "writer has one value here"),
        ((["writer"], "0.5", ["writer=a:0.5+b:0.5,c"]), "writer is blended, give plain values"),
        ((["writer"], "0.5", ["color=rad"]), "did you mean red"),
        ((["writer"], "0.5", [], "writer"), "label writer is blended: take one that is not .digit, color"),
        ((["writer"], "1.5"), "ratio '1.5'"),
        ((["writer"], "half"), "ratio 'half'"),
        ((["writer"], "beta:0"), "ratio 'beta:0'"),
        ((["writer"], "beta:1,2,3"), "ratio 'beta:1,2,3'"),
        ((["writer"], "nan"), "ratio 'nan'"),
    ],
)
def test_what_cannot_be_blended_is_named(arguments, message):
    with pytest.raises(UserError, match=message):
        blends_of(SPACE, *arguments)


def test_no_missing_cell_is_named():
    with pytest.raises(UserError, match=r"no unseen cell with digit=2: .* --holdout"):
        missing_cells(SPACE, SPACE.cells(), ["digit=2"])
