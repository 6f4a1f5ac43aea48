import numpy as np
from scipy.special import softmax

from gcn_tf.metrics.calibration import expected_calibration_error, fitted_temperature


def sure_classifier(count=2000):
    """Logits three times as large as the probabilities that the true values were sampled with: float (B, 4), int (B,)."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 1.5, (count, 4))
    ids = np.array([random.choice(4, p=row) for row in softmax(logits, axis=1)])
    return 3 * logits, ids


def test_the_temperature_undoes_what_made_the_classifier_too_sure():
    logits, ids = sure_classifier()
    temperature = fitted_temperature(logits, ids)
    assert 2.7 < temperature < 3.3
    before, after = (
        expected_calibration_error(softmax(z, axis=1), ids) for z in (logits, logits / temperature)
    )
    assert before > 0.15
    assert after < 0.03
    np.testing.assert_array_equal(logits.argmax(axis=1), (logits / temperature).argmax(axis=1))


def test_weights_count_pictures_more_or_less():
    logits = np.array([[4.0, 0.0], [4.0, 0.0]])
    ids = np.array([0, 1])
    weights = np.array([3.0, 1.0])
    np.testing.assert_allclose(fitted_temperature(logits, ids, weights), 4 / np.log(3), rtol=1e-3)
