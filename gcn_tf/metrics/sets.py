"""Distances of two sets of pictures, from their features."""

import numpy as np

ROWS_AT_ONCE = 1_000  # of a kernel's matrix


def kid(real: np.ndarray, generated: np.ndarray) -> float:
    """Kernel distance of two sets of features, unbiased: the MMD^2 of KID (Binkowski et al. 2018).

    The kernel is `(a.b / d + 1)^3`, the estimator the one for pairs (Gretton et al. 2012, eq. 3): an image is never
    compared with its own counterpart, so perfect copies have 0. The published KID takes Inception's features; these are
    whatever is given.

    Args:
        real, generated: float (N, d), N at least 2, row by row of the same cells.

    >>> features = np.random.default_rng(0).normal(size=(50, 8))
    >>> abs(kid(features, features)) < 1e-9, kid(features, features + 3) > 1
    (True, True)
    """
    return float(kid_of_parts(real, generated, np.zeros(len(real), int))[0])


def kid_of_parts(real: np.ndarray, generated: np.ndarray, piece: np.ndarray) -> np.ndarray:
    """`kid` of all, then without each piece, of kernels that are computed once: float (N, d) twice, int (N,) -> float64 (1 + pieces,).

    >>> features = np.random.default_rng(0).normal(size=(6, 8))
    >>> found = kid_of_parts(features, features + 3, np.arange(6) % 2)
    >>> bool(np.isclose(found[2], kid(features[::2], features[::2] + 3)))
    True
    """
    a, b = np.asarray(real, np.float64), np.asarray(generated, np.float64)
    member = np.eye(piece.max() + 1)[piece]  # (N, pieces)

    def between_others(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        sums, own = np.zeros((member.shape[1], member.shape[1])), np.zeros(member.shape[1])
        for start in range(0, len(a), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            values = a[rows] @ b.T / a.shape[1] + 1
            values *= values * values
            sums += member[rows].T @ (values @ member)
            own += np.diagonal(values, start) @ member[rows]
        counts = member.sum(axis=0)
        left = np.append(len(a), len(a) - counts)
        without = sums.sum() - sums.sum(axis=0) - sums.sum(axis=1) + np.diagonal(sums) - own.sum() + own
        with np.errstate(invalid="ignore"):  # of one piece, nothing is left without it
            return np.append(sums.sum() - own.sum(), without) / (left * (left - 1))

    return np.asarray(between_others(a, a) + between_others(b, b) - 2 * between_others(a, b))


def fid(real: np.ndarray, generated: np.ndarray) -> float:
    """Frechet distance of two sets of features as Gaussians: FID's formula (Heusel et al. 2017, eq. 6).

    `|m - n|^2 + tr(S + T - 2 (S T)^(1/2))`. Biased upwards for small sets: compare sets of one size only.

    Args:
        real, generated: float (N, d) and (M, d), N and M at least 2.

    >>> features = np.random.default_rng(0).normal(size=(50, 8))
    >>> float(round(fid(features, features), 6)) + 0.0, float(round(fid(features, features + 3), 3))
    (0.0, 72.0)
    """
    a, b = np.asarray(real, np.float64), np.asarray(generated, np.float64)
    shift = a.mean(axis=0) - b.mean(axis=0)
    a = (a - a.mean(axis=0)) / np.sqrt(len(a) - 1)  # a.T @ a is the covariance
    b = (b - b.mean(axis=0)) / np.sqrt(len(b) - 1)
    # tr (S T)^(1/2) is the sum of the singular values of a b^T, and of those of the triangles of their QR
    # decompositions, which are no larger than d x d.
    shared = np.linalg.svd(_triangle(a) @ _triangle(b).T, compute_uv=False).sum()
    return float((shift**2).sum() + (a**2).sum() + (b**2).sum() - 2 * shared)


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.qr(x, mode="r")) if len(x) > x.shape[1] else x
