import numpy as np

from gcn_tf.model.objective import (
    clip_image,
    cross_entropies,
    imagined_entropies,
    sum_of_squares,
    weighted_sum,
)

RNG = np.random.default_rng(0)


def test_sum_of_squares_is_the_squared_distance_of_every_example():
    real, generated = RNG.random((2, 5, 4, 4, 3), np.float32)
    expected = [np.linalg.norm((r - g).ravel()) ** 2 for r, g in zip(real, generated, strict=True)]
    np.testing.assert_allclose(sum_of_squares(real, generated), expected, rtol=1e-5)


def test_cross_entropies_follow_equation_1_for_cells_and_blends():
    logits = RNG.normal(size=(4, 3)).astype(np.float32)
    codes = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0]], np.float32)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -(codes * np.log(probabilities)).sum(axis=1)
    terms = cross_entropies({"digit": logits}, {"digit": codes})
    np.testing.assert_allclose(terms["digit"], expected, rtol=1e-5)


def test_a_class_that_no_code_wants_takes_its_share_of_the_softmax():
    logits = RNG.normal(size=(4, 4)).astype(np.float32)  # three values and "imagined"
    codes = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    terms = cross_entropies({"digit": logits}, {"digit": codes})
    np.testing.assert_allclose(terms["digit"], -np.log(shares[np.arange(4), [0, 1, 2, 0]]), rtol=1e-5)
    np.testing.assert_allclose(
        imagined_entropies({"digit": logits})["digit"], -np.log(shares[:, 3]), rtol=1e-5
    )


def test_cross_entropies_stay_finite_for_sure_and_wrong_logits():
    terms = cross_entropies(
        {"digit": np.array([[1e4, -1e4]], np.float32)}, {"digit": np.eye(2, dtype=np.float32)[1:]}
    )
    assert np.isfinite(terms["digit"]).all()


def test_weights_multiply_their_own_factor():
    terms = {"digit": np.array([1.0, 2.0], np.float32), "writer": np.array([10.0, 20.0], np.float32)}
    np.testing.assert_allclose(weighted_sum(terms, {"digit": 3.0, "writer": 0.5}), [8, 16])


def test_clip_image_cuts_to_what_a_picture_can_hold():
    np.testing.assert_array_equal(clip_image(np.array([-1.0, 0.25, 2.0], np.float32)), [0, 0.25, 1])
