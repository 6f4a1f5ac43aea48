import numpy as np
import pytest

from gcn_tf.metrics.intervals import Estimate, bootstrap_mean, bootstrap_of_means, jackknife

RNG = np.random.default_rng(0)


def covered(draw, truth, trials=100):
    """Share of trials whose interval holds the truth."""
    hits = [e.low <= truth <= e.high for e in (draw(np.random.default_rng(s)) for s in range(trials))]
    return np.mean(hits)


def test_the_value_is_the_mean_and_the_interval_holds_it():
    values = RNG.normal(5, 2, 300)
    estimate = bootstrap_mean([(values, np.arange(300))])
    assert estimate.value == pytest.approx(values.mean())
    width = 2 * 1.96 * values.std() / np.sqrt(300)
    assert estimate.high - estimate.low == pytest.approx(width, rel=0.1)


def test_intervals_of_independent_cells_cover_the_truth():
    assert covered(lambda rng: bootstrap_mean([(rng.normal(size=60), np.arange(60))]), 0) > 0.9


def test_cells_of_one_base_image_are_drawn_together():
    """Twelve copies of one value are one piece of evidence, not twelve."""
    base = np.repeat(np.arange(20), 12)

    def draw(rng, clusters):
        return bootstrap_mean([(np.repeat(rng.normal(size=20), 12), clusters)])

    assert covered(lambda rng: draw(rng, base), 0) > 0.85
    assert covered(lambda rng: draw(rng, np.arange(240)), 0) < 0.6


def test_several_runs_widen_the_interval_by_their_spread():
    cells = np.arange(50)
    alike = [(RNG.normal(0, 1, 50), cells) for _ in range(3)]
    apart = [(values + shift, cells) for (values, _), shift in zip(alike, (-3, 0, 3), strict=True)]
    narrow, wide = bootstrap_mean(alike), bootstrap_mean(apart)
    assert wide.value == pytest.approx(narrow.value)
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_one_base_image_has_no_interval():
    estimate = bootstrap_mean([(np.ones(12), np.zeros(12))])
    assert estimate.value == 1
    assert np.isnan([estimate.low, estimate.high]).all()
    assert estimate.text(2) == "1.00"


def test_all_right_is_not_called_certain():
    """0 mistakes in 48 leaves 0.926 possible, the exact binomial end."""
    base = np.repeat(np.arange(48), 3)
    estimate = bootstrap_mean([(np.ones(144), base)], share=True)
    assert (estimate.value, estimate.high) == (1, 1)
    assert estimate.low == pytest.approx(0.9260, abs=1e-4)
    none = bootstrap_mean([(np.zeros(144), base)], share=True)
    assert (none.value, none.low) == (0, 0)
    assert none.high == pytest.approx(0.0740, abs=1e-4)
    three = bootstrap_mean([(np.ones(144), base)] * 3, share=True)
    assert three.low > 0.97
    assert bootstrap_mean([(np.zeros(144), base)]).high == 0, "no share: nothing is assumed"


def test_the_jackknife_of_a_mean_difference_is_its_standard_error():
    first, second = RNG.normal(size=(400, 1)), RNG.normal(1, 2, (400, 1))
    estimate = jackknife(lambda a, b: float(a.mean() - b.mean()), first, second, np.arange(400))
    error = np.sqrt((first - second).var() / 400)
    assert estimate.value == pytest.approx((first - second).mean())
    assert (estimate.high - estimate.low) / 2 == pytest.approx(1.96 * error, rel=0.5)


def test_a_function_of_means_has_the_interval_of_its_base_images():
    values, base = RNG.normal(5, 2, (300, 2)), np.repeat(np.arange(100), 3)
    values += np.repeat(RNG.normal(0, 2, (100, 2)), 3, axis=0)
    first = bootstrap_of_means(lambda means: means[:, 0], [(values, base)])
    same = bootstrap_mean([(values[:, 0], base)])
    assert [first.value, first.low, first.high] == pytest.approx([same.value, same.low, same.high])
    assert first.low < first.value < first.high
    ratio = bootstrap_of_means(lambda means: means[:, 0] / means[:, 1], [(values, base)])
    assert ratio.value == pytest.approx(values[:, 0].mean() / values[:, 1].mean())
    one = bootstrap_of_means(lambda means: means[:, 0], [(values, np.zeros(300))])
    assert np.isnan([one.low, one.high]).all()


def test_a_function_of_means_counts_every_run_once_and_tells_how_runs_differ():
    one, other = RNG.normal(1, 0.1, (200, 2)), RNG.normal(3, 0.1, (50, 2))
    runs = [(one, np.arange(200)), (other, np.arange(50))]
    found = bootstrap_of_means(lambda means: means[:, 0], runs)
    assert found.value == pytest.approx(2, abs=0.1)
    assert found.low < 1.1
    assert found.high > 2.9
    same = bootstrap_mean([(values[:, 0], base) for values, base in runs])
    assert [found.value, found.low, found.high] == pytest.approx([same.value, same.low, same.high])


def test_estimates_survive_json():
    for estimate in (Estimate(0.5, 0.25, 0.75), Estimate(0.5, np.nan, np.nan)):
        again = Estimate.from_json(estimate.to_json())
        assert str(again) == str(estimate)
    assert Estimate(34.04, 33.1, 34.8).text(1) == "34.0 (33.1 to 34.8)"


def test_the_same_cells_in_many_runs_are_no_more_cells():
    """Runs differ little, cells much: the interval is that of one run, unless every run had cells of its own."""
    rng = np.random.default_rng(0)
    hard = rng.normal(0, 1, 20)
    runs = [(hard + rng.normal(0, 0.01, 20), np.arange(20)) for _ in range(5)]
    one, same, apart = bootstrap_mean(runs[:1]), bootstrap_mean(runs, same_cells=True), bootstrap_mean(runs)
    assert same.high - same.low == pytest.approx(one.high - one.low, rel=0.1)
    assert apart.high - apart.low < 0.75 * (one.high - one.low)
    right = [(np.ones(20), np.arange(20))] * 5
    assert bootstrap_mean(right, True, same_cells=True) == bootstrap_mean(right[:1], True)
    assert bootstrap_mean(right, True).low > bootstrap_mean(right, True, same_cells=True).low


def test_a_figure_that_is_often_undefined_has_no_interval():
    values = np.array([[0.0], [0.0], [1.0]])
    found = bootstrap_of_means(
        lambda means: np.where(means[:, 0] > 0, means[:, 0], np.nan), [(values, np.arange(3))]
    )
    assert found.value == pytest.approx(1 / 3)
    assert np.isnan([found.low, found.high]).all()
