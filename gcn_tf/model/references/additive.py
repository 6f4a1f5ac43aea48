"""What the values of the factors add: ridge regression of numbers on one-hot codes, each row predicted without itself."""

from dataclasses import dataclass, replace

import numpy as np

STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # of the penalty, beside the squared effects


@dataclass(frozen=True)
class Additive:
    """A mean and an effect of every value.

    Args:
        mean: float32 (d,). What the effects are added to.
        effects: float32 (sum of K_f, d), factor after factor.
        left_out: float32 (N, d). What the others say of each row that it was fitted on.
        strength: float. Of the penalty that was chosen.
    """

    mean: np.ndarray
    effects: np.ndarray
    left_out: np.ndarray
    strength: float

    def predict(self, ids: np.ndarray, sizes: dict[str, int]) -> np.ndarray:
        """Numbers of cells: int (P, M) -> float32 (P, d)."""
        starts = np.cumsum([0, *list(sizes.values())[:-1]])
        return np.asarray(self.mean + self.effects[ids + starts].sum(axis=1), np.float32)

    def with_newcomers(self, values: np.ndarray, ids: np.ndarray, sizes: dict[str, int]) -> "Additive":
        """The same with effects of values that no row had which it was fitted on; all others stay as they are.

        Args:
            values: float (P, d). Numbers of cells with such values, from which these effects are fitted, with the same penalty.
            ids: int (P, M), of the cells.
        """
        codes = one_hot(ids, sizes)
        unknown = codes.any(axis=0) & ~self.effects.any(axis=1)
        missed = values - self.predict(ids, sizes)
        codes = codes[:, unknown]
        inverse = np.linalg.inv(codes.T @ codes + self.strength * np.eye(codes.shape[1]))
        effects = self.effects.copy()
        effects[unknown] = inverse @ codes.T @ missed
        return replace(self, effects=effects)


def one_hot(ids: np.ndarray, sizes: dict[str, int]) -> np.ndarray:
    """Codes of all factors side by side: int (N, M) -> float32 (N, sum of K_f)."""
    return np.hstack([np.eye(size, dtype=np.float32)[ids[:, m]] for m, size in enumerate(sizes.values())])


def fit_additive(values: np.ndarray, ids: np.ndarray, sizes: dict[str, int]) -> Additive:
    """Fit numbers of cells, with the strength that predicts each row best from all others.

    Args:
        values: float (N, d).
        ids: int (N, M), the cells' value ids in the order of `sizes`.

    >>> ids = np.array([[a, b] for a in range(4) for b in range(4)])
    >>> values = ids.sum(axis=1, keepdims=True).astype(float)
    >>> model = fit_additive(values[:-1], ids[:-1], {"a": 4, "b": 4})
    >>> bool(abs(model.predict(ids[-1:], {"a": 4, "b": 4}) - 6) < 0.5)
    True
    """
    codes = one_hot(ids, sizes)
    usual = codes.mean(axis=0)
    codes = codes - usual  # the mean is free of the penalty, so that leaving a row out is exact
    mean = values.mean(axis=0, dtype=np.float64).astype(np.float32)
    varied = (values - mean).astype(np.float32)
    shared, products = codes.T @ codes, codes.T @ varied
    best = None
    for strength in STRENGTHS:
        inverse = np.linalg.inv(shared.astype(np.float64) + strength * np.eye(len(shared))).astype(np.float32)
        effects = inverse @ products
        leverage = np.einsum("ij,jk,ik->i", codes, inverse, codes, optimize=True) + 1 / len(values)
        missed = (varied - codes @ effects) / np.maximum(1 - leverage, 1e-3)[:, None]
        error = float(np.square(missed, dtype=np.float64).mean())
        if best is None or error < best[0]:
            best = error, effects, missed, strength
    assert best is not None
    return Additive(mean - usual @ best[1], best[1], values.astype(np.float32) - best[2], best[3])
