"""95 % intervals by bootstrap: how much a mean would move with other cells, and with other seeds.

Cells that share a base image (a digit of a writer in twelve colours and rotations) rise and fall together, so they
are resampled together: an interval that treated them as independent would be too narrow.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

RESAMPLES = 2000
PIECES = 10  # of a set, for the jackknife
LEVEL = (2.5, 97.5)  # percentiles
NORMAL = 1.96
MOST_UNDEFINED = 0.05  # share of resamples


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval; both ends are NaN if there are too few data.

    >>> Estimate(34.02, 33.14, 34.8).text(1)
    '34.0 (33.1 to 34.8)'
    """

    value: float
    low: float
    high: float

    def text(self, decimals: int) -> str:
        """`"34.0 (33.1 to 34.8)"`."""
        if np.isnan(self.low):
            return f"{self.value:.{decimals}f}"
        return f"{self.value:.{decimals}f} ({self.low:.{decimals}f} to {self.high:.{decimals}f})"

    def to_json(self) -> dict[str, float | None]:
        return {name: None if np.isnan(value) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, numbers: dict[str, float | None]) -> "Estimate":
        return cls(**{name: np.nan if value is None else value for name, value in numbers.items()})


def bootstrap_mean(
    runs: Sequence[tuple[np.ndarray, np.ndarray]],
    share: bool = False,
    seed: int = 0,
    same_cells: bool = False,
) -> Estimate:
    """Mean of one value per cell, with a percentile bootstrap over base images and, with several runs, over runs.

    Args:
        runs: one (values (N,), base image numbers (N,)) per run. Several runs are resampled with replacement first,
            then the base images within each. Every run has the same weight.
        share: whether the values are 0 or 1 for each cell. If all are 1 (or all 0), a bootstrap interval would have no
            width; its other end is then the exact binomial one (Clopper and Pearson 1934), with as many trials as
            there are base images.
        same_cells: whether all runs have the same cells. Then the same base images are resampled in all of them: a hard
            cell is hard in every run, so more runs do not make more cells.

    Returns:
        The mean with its interval, which is NaN for a single base image in a single run.

    >>> found = bootstrap_mean([(np.array([30.0, 32.0, 34.0, 36.0]), np.array([0, 0, 1, 1]))])
    >>> found.value, found.low, found.high
    (33.0, 31.0, 35.0)
    >>> bootstrap_mean([(np.ones(10), np.arange(10))], share=True).text(2)
    '1.00 (0.69 to 1.00)'
    """
    rng = np.random.default_rng(seed)
    resampled = [
        _resampled_means(
            np.asarray(values, float), clusters, np.random.default_rng([seed, 1]) if same_cells else rng
        )
        for values, clusters in runs
    ]
    value = float(np.mean([np.mean(values) for values, _ in runs]))
    if len(runs) == 1 and len(np.unique(runs[0][1])) == 1:
        return Estimate(value, np.nan, np.nan)
    if share and value in (0.0, 1.0):
        counts = [len(np.unique(clusters)) for _, clusters in runs]
        trials = counts[0] if same_cells else sum(counts)
        end = (LEVEL[0] / 100) ** (1 / trials)
        return Estimate(value, end, 1.0) if value else Estimate(value, 0.0, 1 - end)
    picks = rng.integers(0, len(runs), (RESAMPLES, len(runs)))
    means = np.stack(resampled)[picks, np.arange(RESAMPLES)[:, None]].mean(axis=1)  # (RESAMPLES,)
    return Estimate(value, *map(float, np.percentile(means, LEVEL)))


def paired_difference(
    first: np.ndarray, second: np.ndarray, clusters: np.ndarray, share: bool = False
) -> Estimate:
    """The mean of second - first over the same cells, with a percentile bootstrap over base images.

    What makes a cell hard for both cancels, so the interval is narrower than those of the two means.

    Args:
        first, second: float (N,), one value per cell.
        clusters: int (N,). Base image numbers; cells that share one are resampled together.
        share: whether the values are 0 or 1 for each cell. If none differs, or all do alike, the interval has the exact binomial
            end, as in `bootstrap_mean`.

    >>> paired_difference(np.array([30.0, 20.0, 10.0]), np.array([31.0, 21.0, 11.0]), np.arange(3))
    Estimate(value=1.0, low=1.0, high=1.0)
    >>> paired_difference(np.ones(20), np.ones(20), np.arange(20), share=True).text(2)
    '0.00 (-0.17 to 0.17)'
    """
    differences = np.asarray(second, float) - np.asarray(first, float)
    trials = len(np.unique(clusters))
    if not share or trials == 1 or (differences != differences[0]).any():
        return bootstrap_mean([(differences, clusters)])
    value = float(differences[0])
    margin = 1 - (LEVEL[0] / 100) ** (1 / trials)
    return Estimate(value, max(value - margin, -1.0), min(value + margin, 1.0))


def bootstrap_of_means(
    statistic: Callable[[np.ndarray], np.ndarray],
    runs: Sequence[tuple[np.ndarray, np.ndarray]],
    seed: int = 0,
) -> Estimate:
    """A figure that is a function of means, such as a correlation, with a bootstrap over base images and, with several runs, over runs.

    Args:
        statistic: of means float64 (R, k) -> (R,), NaN where it is not defined.
        runs: one (values float (N, k), base image numbers int (N,)) per run, resampled as by `bootstrap_mean`; cells that share a
            base image are resampled together, and every run has the same weight.

    Returns:
        The figure with its interval, which is NaN for a single base image in a single run, and if the figure is not defined in more
        than a twentieth of the resamples.

    >>> values = np.array([[1.0, 2.0], [3.0, 6.0], [5.0, 10.0]])
    >>> bootstrap_of_means(lambda means: means[:, 1] / means[:, 0], [(values, np.arange(3))])
    Estimate(value=2.0, low=2.0, high=2.0)
    """
    value = float(statistic(np.mean([values.mean(axis=0) for values, _ in runs], axis=0)[None])[0])
    if len(runs) == 1 and len(np.unique(runs[0][1])) == 1:
        return Estimate(value, np.nan, np.nan)
    rng = np.random.default_rng(seed)
    resampled = np.stack([_resampled_means(np.asarray(values, float), which, rng) for values, which in runs])
    picks = rng.integers(0, len(runs), (RESAMPLES, len(runs)))
    found = statistic(resampled[picks, np.arange(RESAMPLES)[:, None]].mean(axis=1))
    if np.isnan(found).mean() > MOST_UNDEFINED:
        return Estimate(value, np.nan, np.nan)
    return Estimate(value, *map(float, np.nanpercentile(found, LEVEL)))


def _resampled_means(values: np.ndarray, clusters: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Means of `RESAMPLES` resamples of whole clusters: values (N,) or (N, k) -> float64 (RESAMPLES,) or (RESAMPLES, k)."""
    _, position = np.unique(clusters, return_inverse=True)
    counts = np.bincount(position)
    sums = np.zeros((len(counts), *values.shape[1:]))
    np.add.at(sums, position, values)
    times = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), RESAMPLES)
    total = times @ counts
    return np.asarray((times @ sums) / (total if values.ndim == 1 else total[:, None]))


def jackknife(
    statistic: Callable[[np.ndarray, np.ndarray], float],
    first: np.ndarray,
    second: np.ndarray,
    clusters: np.ndarray,
) -> Estimate:
    """A figure of two paired sets, such as FID, with an interval by leaving out one piece of the sets at a time.

    A bootstrap would repeat images, which such figures mistake for a difference.

    Args:
        statistic: of (N, d) and (N, d).
        first, second: (N, d), row by row of the same cells.
        clusters: int (N,). Base image numbers; cells that share one are left out together.

    >>> first = np.arange(20.0)[:, None]
    >>> found = jackknife(lambda a, b: float(np.mean(b - a)), first, first + 2, np.arange(20))
    >>> found.value, found.low, found.high
    (2.0, 2.0, 2.0)
    """
    piece = pieces_of(clusters)
    value = statistic(first, second)
    if piece is None:
        return Estimate(value, np.nan, np.nan)
    without = [piece != number for number in range(piece.max() + 1)]
    return jackknife_estimate(value, [statistic(first[kept], second[kept]) for kept in without])


def pieces_of(clusters: np.ndarray) -> np.ndarray | None:
    """Up to ten pieces for the jackknife, none of which parts a cluster: int (N,) -> int (N,); None for fewer than three clusters.

    >>> pieces_of(np.array([4, 7, 4, 9])).tolist(), pieces_of(np.array([4, 7]))
    ([0, 1, 0, 2], None)
    """
    names, position = np.unique(clusters, return_inverse=True)
    pieces = min(PIECES, len(names))
    return None if pieces < 3 else np.asarray(position.ravel() % pieces)


def jackknife_estimate(value: float, left: Sequence[float] | np.ndarray) -> Estimate:
    """A figure with its interval, from what it is without each of several pieces.

    >>> jackknife_estimate(2.0, [2.0, 2.0, 2.0]).high
    2.0
    """
    without, pieces = np.asarray(left), len(left)
    error = np.sqrt((pieces - 1) / pieces * ((without - without.mean()) ** 2).sum())
    return Estimate(value, float(value - NORMAL * error), float(value + NORMAL * error))
