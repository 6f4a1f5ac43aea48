import numpy as np
import pytest

from gcn_tf.evaluation.ridge import STRENGTHS, predict_pictures

SHAPE = (4, 6, 1)


@pytest.fixture(scope="module")
def cells():
    """Cells of 6 x 5 x 4 values in random order, the last 20 of them to be predicted."""
    return np.random.default_rng(0).permutation(np.indices((6, 5, 4)).reshape(3, -1).T)


def pictures(cells, interactions, noise=0.0):
    rng = np.random.default_rng(1)
    effects = [rng.normal(0, 20, (k, *SHAPE)) for k in (6, 5, 4)]
    pair = rng.normal(0, 20, (6, 5, *SHAPE)) * interactions
    made = 128 + sum(effect[cells[:, m]] for m, effect in enumerate(effects)) + pair[cells[:, 0], cells[:, 1]]
    return np.rint(np.clip(made + rng.normal(0, noise, made.shape), 0, 255)).astype(np.uint8)


def error(images, cells, order):
    predicted = predict_pictures(cells[:-20], images[:-20], cells[-20:], order)
    return np.abs(predicted.astype(int) - images[-20:]).mean()


def test_an_additive_model_finds_effects_of_values_and_a_pairwise_one_those_of_pairs(cells):
    additive, pairwise = pictures(cells, 0), pictures(cells, 1)
    assert error(additive, cells, 1) < 2
    assert error(pairwise, cells, 1) > 10
    assert error(pairwise, cells, 2) < 4


def test_both_ways_to_decompose_give_the_same_pictures(cells):
    """The kernel of 28 cells against the features of 100: with every cell four times, the smaller one is the other."""
    images = pictures(cells, 1)[:28]
    few = predict_pictures(cells[:28], images, cells[28:], 2)
    slow = dual(cells[:28], images, cells[28:])
    assert np.abs(few.astype(int) - slow).max() <= 1
    many, again = np.tile(cells[:28], (4, 1)), np.tile(images, (4, 1, 1, 1))
    assert (
        np.abs(predict_pictures(many, again, cells[28:], 2).astype(int) - dual(many, again, cells[28:])).max()
        <= 1
    )


def dual(known, images, wanted):
    """The textbook's formula, with explicit features, and errors from the whole hat matrix."""

    def features(ids):
        one = [np.eye(6)[ids[:, 0]], np.eye(5)[ids[:, 1]], np.eye(4)[ids[:, 2]]]
        pairs = [(a[:, :, None] * b[:, None]).reshape(len(ids), -1) for a, b in (one[:2], one[1:], one[::2])]
        return np.hstack([np.ones((len(ids), 1)), *one, *pairs])

    x, y = features(known), images.reshape(len(images), -1).astype(float)
    mean = y.mean(axis=0)
    best = []
    for strength in STRENGTHS:
        inverse = np.linalg.inv(x.T @ x + strength * np.eye(x.shape[1]))
        beside = np.eye(len(x)) - x @ inverse @ x.T
        score = np.square(beside @ (y - mean)).sum() / np.trace(beside) ** 2
        best.append((score, mean + features(wanted) @ inverse @ x.T @ (y - mean)))
    return np.rint(np.clip(min(best, key=lambda entry: entry[0])[1], 0, 255)).reshape(-1, *SHAPE)


def test_noise_is_not_learned(cells):
    """With more noise than effects an unpenalised regression would be worse than the penalised one."""
    noisy, clean = pictures(cells, 0, noise=40), pictures(cells, 0)
    predicted = predict_pictures(cells[:-20], noisy[:-20], cells[-20:], 1).astype(float)
    features = np.hstack([np.eye(k)[cells[:, m]] for m, k in enumerate((6, 5, 4))])
    flat = noisy.reshape(len(noisy), -1)
    free = features[-20:] @ np.linalg.lstsq(features[:-20], flat[:-20], rcond=None)[0]
    true = clean[-20:].reshape(20, -1)
    assert np.abs(predicted.reshape(20, -1) - true).mean() < np.abs(free - true).mean()


def test_pictures_are_predicted_in_parts(cells, monkeypatch):
    images = pictures(cells, 1)
    whole = predict_pictures(cells[:-20], images[:-20], cells[-20:], 2)
    monkeypatch.setattr("gcn_tf.evaluation.ridge.PIXELS_AT_ONCE", 5)
    np.testing.assert_array_equal(predict_pictures(cells[:-20], images[:-20], cells[-20:], 2), whole)


def test_too_many_cells_with_too_many_effects_are_not_decomposed(cells, monkeypatch):
    monkeypatch.setattr("gcn_tf.evaluation.ridge.LARGEST_MATRIX", 20)
    images = pictures(cells, 1)
    assert predict_pictures(cells[:-20], images[:-20], cells[-20:], 2) is None
    assert predict_pictures(cells[:-20], images[:-20], cells[-20:], 1) is not None  # 16 effects
    assert predict_pictures(cells[:20], images[:20], cells[-20:], 2) is not None
