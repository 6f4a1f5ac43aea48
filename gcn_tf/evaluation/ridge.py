"""Ridge regression of pixels on factor values, in closed form: what effects of values, alone or in pairs, explain.

The features of a cell are a one, the one-hot codes of its factors and, with interactions, the products of several of them. The
scalar product of two cells' features depends on the number of values that they share alone.
"""

from itertools import combinations

import numpy as np
from scipy.special import comb

STRENGTHS = np.geomspace(1e-3, 1e3, 19)  # of the penalty, beside the squared effects
LARGEST_MATRIX = 2_000  # rows of what is decomposed, about 5 s on two cores
PIXELS_AT_ONCE = 4_096


def predict_pictures(
    known: np.ndarray, images: np.ndarray, wanted: np.ndarray, order: int
) -> np.ndarray | None:
    """Pictures of cells as the mean picture plus effects of their values, and of combinations of values.

    The penalty on the effects is the one of `STRENGTHS` that generalised cross-validation on the known cells finds best.

    Args:
        known: int (N, M), value ids of known cells.
        images: uint8 (N, H, W, C), theirs.
        wanted: int (P, M), cells to predict.
        order: how many values a combination has at most: 1 is an additive model, 2 a pairwise one.

    Returns:
        uint8 (P, H, W, C); None where there are more than `LARGEST_MATRIX` cells and as many effects.

    >>> known = np.array([[0, 0], [0, 1], [1, 0]])
    >>> images = np.array([100, 120, 140], np.uint8).reshape(3, 1, 1, 1)
    >>> predict_pictures(known, images, np.array([[1, 1]]), 1).ravel().tolist()
    [160]
    """
    positions = [
        np.unique(known[:, chosen], axis=0, return_inverse=True)[1].ravel()
        for size in range(1, order + 1)
        for chosen in combinations(range(known.shape[1]), size)
    ]  # of the columns that are 1
    width = 1 + sum(1 + int(place.max()) for place in positions)
    if min(width, len(known)) > LARGEST_MATRIX:
        return None
    if width < len(known):
        one_hot = [np.eye(1 + place.max())[place] for place in positions]
        features = np.hstack([np.ones((len(known), 1)), *one_hot])  # (N, width)
        powers, directions = _decomposed(features.T @ features)
        basis = features @ directions / np.sqrt(powers)
    else:
        powers, basis = _decomposed(_kernel(known, known, order))
    return _predict(_kernel(wanted, known, order), powers, basis, images)


def _kernel(cells: np.ndarray, others: np.ndarray, order: int) -> np.ndarray:
    """Scalar products of features, the numbers of combinations that two cells share: (P, M) and (N, M) -> float64 (P, N)."""
    shared = np.zeros((len(cells), len(others)))
    for m in range(cells.shape[1]):
        shared += cells[:, m, None] == others[:, m]
    return np.asarray(sum(comb(shared, size) for size in range(order + 1)))


def _decomposed(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues above 0, float64 (r,), and their eigenvectors, (n, r), of a positive semidefinite matrix (n, n)."""
    powers, directions = np.linalg.eigh(matrix)
    kept = powers > 1e-9 * powers[-1]
    return powers[kept], directions[:, kept]


def _predict(kernel: np.ndarray, powers: np.ndarray, basis: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Predict pictures with the penalty that generalised cross-validation finds best.

    Args:
        kernel: float64 (P, N), of the wanted cells with the known ones.
        powers, basis: float64 (r,) and (N, r), what the kernel of the known cells with each other consists of.
        images: uint8 (N, H, W, C) of the known cells.

    Returns:
        uint8 (P, H, W, C).
    """
    flat = images.reshape(len(images), -1)
    parts = [slice(start, start + PIXELS_AT_ONCE) for start in range(0, flat.shape[1], PIXELS_AT_ONCE)]
    narrow, total, explained = basis.astype(np.float32), 0.0, np.zeros(len(powers))
    for part in parts:
        _, varied = _centred(flat[:, part])
        total += float(np.square(varied, dtype=np.float64).sum())
        explained += np.square(narrow.T @ varied, dtype=np.float64).sum(axis=1)
    strength = _best_strength(powers, explained, total, len(images))
    weights = (kernel @ basis / (powers + strength) @ basis.T).astype(np.float32)  # (P, N)
    predicted = np.empty((len(kernel), flat.shape[1]), np.uint8)
    for part in parts:
        mean, varied = _centred(flat[:, part])
        predicted[:, part] = np.rint(np.clip(mean + weights @ varied, 0, 255))
    return predicted.reshape(-1, *images.shape[1:])


def _centred(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean picture, float32 (n,), and what the pictures have besides it, (N, n)."""
    mean = pixels.mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean, pixels - mean


def _best_strength(powers: np.ndarray, explained: np.ndarray, total: float, count: int) -> float:
    """The strength of the penalty by generalised cross-validation (Golub, Heath and Wahba 1979).

    Args:
        powers: eigenvalues of the kernel, (r,); explained: sum of squares in the direction of each, (r,).
        total: sum of all squares of `count` pictures.
    """
    beside = max(total - explained.sum(), 0.0)
    errors = []
    for strength in STRENGTHS:
        left = strength / (powers + strength)
        errors.append((beside + (left**2 * explained).sum()) / (count - (1 - left).sum()) ** 2)
    return float(STRENGTHS[np.argmin(errors)])
