"""A classifier for grids whose cells have one picture each: additive effects of the factors and Gaussian noise.

What knows cells instead of factors has no way to classify a picture of a cell that it does not know: the nearest known
picture is, by construction, of another cell. Here a cell is the sum of what its values do to the features wherever
else they occur.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.sparse import csr_array

from gcn_tf.grid.factors import FactorSpace

DIMENSIONS = 200  # principal components of the features


MAIN_PRIOR = 1.0  # pictures without effect that the mean of a value is shrunk by


PAIR_PRIOR = 5.0  # the same for a combination of values


SHRINKAGE = 0.2  # of the covariance towards a multiple of the identity


SWEEPS = 6  # of fitting every effect to what the others leave


ROWS = 256  # pictures compared with all cells at a time


@dataclass(frozen=True)
class AdditiveDiscriminant:
    """Linear discriminant analysis whose class means are sums of effects, one class per cell.

    Args:
        projection: float32 (d, k). From features to axes in which noise has unit variance.
        cells: float32 (n, k). Mean of every cell of the grid there, the last factor's value fastest.
        sizes: number of values of each factor; their product is n.

    Raises:
        ValueError: arrays that do not fit each other or the factors, or that are not finite.

    Example, a factor along each axis and one cell that is never seen:

    >>> from gcn_tf.grid.factors import Factor, FactorSpace
    >>> space = FactorSpace((Factor("letter", ("a", "b")), Factor("hand", ("left", "right"))))
    >>> ids = np.tile([[0, 0], [0, 1], [1, 0]], (5, 1))
    >>> noise = np.random.default_rng(0).normal(0, 0.1, (15, 2))
    >>> fitted = fit_discriminant(ids + noise, ids, space)
    >>> fitted.classify(np.array([[1.0, 1.0]])).tolist()
    [[1, 1]]
    """

    projection: np.ndarray
    cells: np.ndarray
    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.projection.ndim != 2 or self.cells.shape != (np.prod(self.sizes), self.projection.shape[1]):
            raise ValueError(f"no means of {self.sizes} cells: {self.projection.shape}, {self.cells.shape}")
        if not (np.isfinite(self.projection).all() and np.isfinite(self.cells).all()):
            raise ValueError("means or axes that are not finite")

    def classify(self, features: np.ndarray) -> np.ndarray:
        """Most probable value of every factor, whatever the others are: float (B, d) -> int (B, M)."""
        parts = [features[start : start + ROWS] for start in range(0, len(features), ROWS)]
        return np.concatenate([self._classify(part) for part in parts])

    def _classify(self, features: np.ndarray) -> np.ndarray:
        at = features.astype(np.float32) @ self.projection  # (B, d) -> (B, k)
        log_likelihood = at @ self.cells.T - 0.5 * (self.cells**2).sum(
            axis=1
        )  # (B, n), less what all cells share
        likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
        grid = likelihood.reshape(-1, *self.sizes)
        axes = range(1, grid.ndim)
        return np.stack(
            [grid.sum(axis=tuple(a for a in axes if a != axis)).argmax(axis=1) for axis in axes], axis=1
        )


def fit_discriminant(features: np.ndarray, ids: np.ndarray, space: FactorSpace) -> AdditiveDiscriminant:
    """Fit effects of values, and of combinations of fewer values than make a cell, and the covariance of what they leave.

    No effect belongs to a single cell. It would make known cells differ from unknown ones by what known pictures have
    of chance, and a picture that was held out would be recognised by being in none of the known cells.

    Args:
        features: float (N, d).
        ids: int (N, M), value ids.
    """
    mean, axes = _principal_axes(features.astype(np.float32))
    rest = (features.astype(np.float32) - mean) @ axes  # (N, d) -> (N, k)
    sizes = tuple(space.sizes.values())
    whole = np.indices(sizes).reshape(len(sizes), -1).T
    cells = np.zeros((len(whole), rest.shape[1]), np.float32)
    for factors, effect in _effects(rest, ids, sizes).items():
        chosen, shape = list(factors), [sizes[m] for m in factors]
        cells += effect[np.ravel_multi_index(list(whole[:, chosen].T), shape)]
        rest -= effect[np.ravel_multi_index(list(ids[:, chosen].T), shape)]
    free = max(len(rest) - sum(sizes), len(rest) / 5)
    covariance = rest.T.astype(np.float64) @ rest / free
    typical = max(float(np.trace(covariance)) / len(covariance), 1e-12)
    covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * typical * np.eye(len(covariance))
    variances, directions = np.linalg.eigh(covariance)
    whitening = directions / np.sqrt(variances)
    projection = axes @ whitening
    moved = mean @ projection  # classify() does not center: the cells carry the mean
    return AdditiveDiscriminant(
        projection.astype(np.float32), (cells @ whitening + moved).astype(np.float32), sizes
    )


def _principal_axes(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,) and the first axes (d, k) by variance, at most `DIMENSIONS`."""
    mean = features.mean(axis=0)
    centered = features - mean
    count = max(1, min(DIMENSIONS, len(centered) - 1, centered.shape[1]))
    if len(centered) < centered.shape[1]:
        variances, weights = np.linalg.eigh(centered @ centered.T)
        scale = np.sqrt(np.maximum(variances[-count:], 1e-6))
        return mean, centered.T @ (weights[:, -count:] / scale)
    return mean, np.linalg.eigh(centered.T @ centered)[1][:, -count:]


def _effects(
    centered: np.ndarray, ids: np.ndarray, sizes: tuple[int, ...]
) -> dict[tuple[int, ...], np.ndarray]:
    """Shrunk means by values of some factors, float32 (product of their sizes, k): fitted in turn to what the others leave."""
    orders = range(1, max(2, len(sizes)))
    members = {
        factors: _membership(ids[:, list(factors)], [sizes[m] for m in factors])
        for order in orders
        for factors in combinations(range(len(sizes)), order)
    }
    effects = {
        factors: np.zeros((one.shape[1], centered.shape[1]), np.float32) for factors, one in members.items()
    }
    rest = centered.copy()
    for _ in range(SWEEPS):
        for factors, one in members.items():
            rest += one @ effects[factors]
            pictures = one.sum(axis=0)[:, None] + (MAIN_PRIOR if len(factors) == 1 else PAIR_PRIOR)
            effects[factors] = (one.T @ rest) / pictures
            rest -= one @ effects[factors]
    return effects


def _membership(ids: np.ndarray, sizes: list[int]) -> csr_array:
    """Which combination of values every picture has: float32 (N, product of sizes), one 1 in each row."""
    rows = np.arange(len(ids))
    columns = np.ravel_multi_index(list(ids.T), sizes)
    ones = np.ones(len(ids), np.float32)
    return csr_array((ones, (rows, columns)), shape=(len(ids), int(np.prod(sizes))))
