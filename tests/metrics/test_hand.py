import numpy as np
import pytest

from gcn_tf.metrics.hand import content_means, hand_correlation, pooled_hand_correlation, usual_hand

CONTENTS, HANDS = 24, 20
IDS = np.indices((CONTENTS, HANDS)).reshape(2, -1).T  # content, hand


@pytest.fixture(scope="module")
def grid():
    """One number per cell: that of the content, that of the hand, and what is only this cell's."""
    rng = np.random.default_rng(0)
    content, hand = rng.normal(0, 1, CONTENTS), rng.normal(0, 0.3, HANDS)
    values = content[IDS[:, 0]] + hand[IDS[:, 1]] + rng.normal(0, 0.3, len(IDS))
    unseen = rng.random(len(IDS)) < 0.3
    return values, hand, unseen


def correlation(grid, generated):
    """The hand correlation of what is generated for the unseen cells."""
    values, _, unseen = grid
    content = content_means(values[~unseen, None], IDS[~unseen], IDS[unseen], factor=1)[:, 0]
    return hand_correlation(values[unseen], generated(content), content, np.flatnonzero(unseen))


def test_the_mean_of_a_content_is_of_known_cells_of_that_content_alone():
    ids = np.array([[0, 0, 0], [0, 1, 0], [0, 2, 1], [1, 0, 0]])
    known = np.array([[1.0, 10], [3, np.nan], [7, 7], [9, 9]])
    means = content_means(known, ids, np.array([[0, 3, 0], [1, 1, 0], [1, 0, 1]]), factor=1)
    np.testing.assert_array_equal(means, [[2, 10], [9, 9], [np.nan, np.nan]])
    np.testing.assert_array_equal(content_means(known, ids, ids[:1], factor=2), [[1, 10]])


def test_copies_have_the_hand_and_the_usual_content_has_none(grid):
    values, _, unseen = grid
    assert correlation(grid, lambda content: values[unseen]).value == pytest.approx(1)
    assert correlation(grid, lambda content: content).value == 0
    assert correlation(grid, lambda content: 0.5 * content + 3).value == 0, (
        "a content drawn smaller is no hand"
    )
    assert correlation(grid, lambda content: 2 * content - values[unseen]).value == pytest.approx(-1)
    rng = np.random.default_rng(1)
    found = correlation(grid, lambda content: content + rng.normal(0, 0.3, len(content)))
    assert abs(found.value) < 0.2
    assert found.low < 0 < found.high


def test_a_pattern_of_the_content_that_everybody_shares_is_no_hand(grid):
    """The plain correlation would call it one: contents differ three times as much as hands."""
    values, _, unseen = grid
    rng = np.random.default_rng(2)
    content = content_means(values[~unseen, None], IDS[~unseen], IDS[unseen], factor=1)[:, 0]
    generated = content + rng.normal(0, 0.1, len(content))
    assert np.corrcoef(values[unseen], generated)[0, 1] > 0.8
    assert abs(correlation(grid, lambda content: generated).value) < 0.2


def test_the_partial_correlation_is_that_of_residuals(grid):
    values, hand, unseen = grid
    rng = np.random.default_rng(3)
    content = content_means(values[~unseen, None], IDS[~unseen], IDS[unseen], factor=1)[:, 0]
    real, generated = values[unseen], content + hand[IDS[unseen, 1]] + rng.normal(0, 0.2, unseen.sum())
    left = [y - np.polyval(np.polyfit(content, y, 1), content) for y in (real, generated)]
    found = hand_correlation(real, generated, content, np.flatnonzero(unseen))
    assert found.value == pytest.approx(np.corrcoef(*left)[0, 1])
    error = (1 - found.value**2) / np.sqrt(unseen.sum())
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.3)


def test_the_usual_hand_is_the_mean_deviation_of_the_others_of_the_same_hand(grid):
    values, hand, unseen = grid
    predicted = usual_hand(values[~unseen, None], IDS[~unseen], IDS[unseen], factor=1)[:, 0]
    content = content_means(values[~unseen, None], IDS[~unseen], IDS[unseen], factor=1)[:, 0]
    found = hand_correlation(values[unseen], predicted, content, np.flatnonzero(unseen))
    assert 0.5 < found.value < 0.9
    np.testing.assert_allclose(predicted - content, (hand - hand.mean())[IDS[unseen, 1]], atol=0.3)


def test_a_hand_may_be_another_one_in_turned_pictures():
    """Turned by half, what leaned to the right leans to the left: together it would be no slant at all."""
    ids = np.array([[c, h, t] for c in range(3) for h in range(2) for t in range(2)])
    slant = np.where(ids[:, 1] == 1, 0.4, 0.0) * np.where(ids[:, 2] == 1, -1, 1)
    wanted = np.array([[2, 1, 1]])
    seen = (ids != wanted).any(axis=1)
    kept = slant[seen, None], ids[seen], wanted, 1
    assert usual_hand(*kept, within=[2])[0, 0] == pytest.approx(-0.2)  # nobody else's 2 but one, who has 0
    assert usual_hand(*kept)[0, 0] > 0


def test_where_it_is_not_defined_there_is_none(grid):
    values, _, unseen = grid
    chosen = np.flatnonzero(unseen)
    content = content_means(values[~unseen, None], IDS[~unseen], IDS[unseen], factor=1)[:, 0]
    real = values[chosen]
    few = np.arange(7)
    assert hand_correlation(real[few], real[few], content[few], few) is None, "seven cells"
    assert hand_correlation(real, real, content, chosen % 7) is None, "seven base images"
    assert hand_correlation(real, real, np.full(len(real), np.nan), chosen) is None, "no content was seen"
    assert hand_correlation(2 * content, real, content, chosen) is None, "the content tells everything"
    constant = np.full(len(real), 0.5)
    assert hand_correlation(constant, real, constant, chosen) is None, "nobody's geometry differs"


def test_a_generated_picture_without_a_figure_has_nobodys_hand(grid):
    values, _, unseen = grid
    half = np.arange(unseen.sum()) % 2 == 0
    found = correlation(grid, lambda content: np.where(half, np.nan, values[unseen]))
    assert 0.4 < found.value < 0.9, "leaving them out would give 1"


def test_runs_are_pooled_by_their_deviations_and_together_have_base_images_enough():
    rng = np.random.default_rng(0)
    content, hand, noise = rng.normal(size=(3, 6, 5))
    three = np.stack([content + hand, content + hand + 0.3 * noise, content], axis=-1)
    runs = [(part + 10 * n, np.arange(5)) for n, part in enumerate(three)]
    assert pooled_hand_correlation(runs[:1]) is None, "five base images are too few"
    found = pooled_hand_correlation(runs)
    assert found.value > 0.8, "what lies between runs is no hand"
    assert found.low < found.value <= found.high
    nothing = (np.full((5, 3), np.nan), np.arange(5))
    assert pooled_hand_correlation([nothing, nothing]) is None
    assert pooled_hand_correlation([*runs, nothing]).value == pytest.approx(found.value)
