"""How well a classifier's probabilities agree with how often it is right."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

BINS = 15  # of confidence, as in Guo et al. 2017
TEMPERATURES = (0.1, 20.0)  # lowest and highest


def expected_calibration_error(probabilities: np.ndarray, ids: np.ndarray) -> float:
    """Mean difference of confidence and accuracy over bins of confidence, weighted by their pictures (Naeini et al. 2015).

    Args:
        probabilities: float (B, K), rows that sum to 1.
        ids: int (B,), the true values.

    >>> probabilities = np.array([[0.75, 0.25], [0.75, 0.25], [0.75, 0.25], [0.75, 0.25]])
    >>> expected_calibration_error(probabilities, np.array([0, 0, 0, 1]))
    0.0
    >>> expected_calibration_error(probabilities, np.array([0, 0, 1, 1]))
    0.25
    """
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == ids
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(place, weights=correct - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(ids))


def fitted_temperature(logits: np.ndarray, ids: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The temperature that logits are divided by for the lowest cross entropy (Guo et al. 2017).

    Args:
        logits: float (B, K).
        ids: int (B,), the true values.
        weights: float (B,). How much each of them counts; by default all the same.

    >>> from scipy.special import softmax
    >>> logits = np.array([[4.0, 0.0]] * 4)
    >>> temperature = fitted_temperature(logits, np.array([0, 0, 0, 1]))
    >>> softmax(logits[0] / temperature).round(2).tolist()
    [0.75, 0.25]
    """
    scaled = np.asarray(logits, np.float64)

    def cross_entropy(exponent: float) -> float:
        likely = log_softmax(scaled / np.exp(exponent), axis=1)[np.arange(len(ids)), ids]
        return float(-np.average(likely, weights=weights))

    lowest, highest = np.log(TEMPERATURES)
    return float(np.exp(minimize_scalar(cross_entropy, bounds=(lowest, highest), method="bounded").x))
