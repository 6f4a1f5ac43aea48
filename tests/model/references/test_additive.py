"""The additive model, and what it says of a row that it leaves out."""

import numpy as np

from gcn_tf.model.references.additive import STRENGTHS, fit_additive

SIZES = {"content": 5, "style": 4}
IDS = np.indices(tuple(SIZES.values())).reshape(2, -1).T
RNG = np.random.default_rng(0)
EFFECTS = RNG.normal(size=(5, 2)), RNG.normal(size=(4, 2))
TABLE = 3 + EFFECTS[0][IDS[:, 0]] + EFFECTS[1][IDS[:, 1]]


def ridge(values, ids, strength):
    """Mean and effects by the textbook: the ridge penalises the effects and not the mean."""
    codes = np.hstack([np.ones((len(ids), 1)), *(np.eye(k)[ids[:, m]] for m, k in enumerate(SIZES.values()))])
    penalty = strength * np.eye(codes.shape[1])
    penalty[0, 0] = 0
    found = np.linalg.solve(codes.T @ codes + penalty, codes.T @ values)
    return found[0], found[1:]


def test_left_out_is_what_a_fit_without_the_row_says(monkeypatch):
    monkeypatch.setattr("gcn_tf.model.references.additive.STRENGTHS", (0.3,))
    kept = IDS.sum(axis=1) % 4 != 1  # values that were seen more and less often
    cells, values = IDS[kept], (TABLE + 0.5 * RNG.normal(size=TABLE.shape))[kept]
    left_out = fit_additive(values, cells, SIZES).left_out
    for row, ids in enumerate(cells):
        others = np.arange(len(cells)) != row
        mean, effects = ridge(values[others], cells[others], 0.3)
        refitted = mean + effects[ids[0]] + effects[5 + ids[1]]
        np.testing.assert_allclose(left_out[row], refitted, atol=1e-4)
        assert np.abs(left_out[row] - values[row]).max() > 0.05


def test_an_additive_table_is_predicted():
    kept = (IDS.sum(axis=1) % 4) != 1
    model = fit_additive(TABLE[kept], IDS[kept], SIZES)
    np.testing.assert_allclose(model.predict(IDS, SIZES), TABLE, atol=0.15)
    assert np.abs(TABLE - TABLE.mean(axis=0)).max() > 1


def test_a_prediction_does_not_depend_on_what_else_is_asked_for():
    model = fit_additive(TABLE, IDS, SIZES)
    np.testing.assert_array_equal(model.predict(IDS[3:4], SIZES), model.predict(IDS, SIZES)[3:4])


def test_noise_is_shrunk_and_effects_are_not():
    exact = fit_additive(TABLE, IDS, SIZES).effects
    np.testing.assert_allclose(exact, ridge(TABLE, IDS, STRENGTHS[0])[1], atol=1e-4)
    noise = np.random.default_rng(3).normal(size=TABLE.shape)
    shrunk, least = fit_additive(noise, IDS, SIZES).effects, ridge(noise, IDS, STRENGTHS[0])[1]
    assert np.abs(shrunk).max() < 0.4 * np.abs(least).max()


def test_a_value_that_was_never_seen_has_no_effect():
    kept = IDS[:, 1] < 3
    model = fit_additive(TABLE[kept], IDS[kept], SIZES)
    np.testing.assert_allclose(model.effects[-1], 0, atol=1e-6)
