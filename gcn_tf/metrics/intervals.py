"""95 % intervals by bootstrap: how much a mean would move with other cells, and with other seeds.

Cells that share a base image (a digit of a writer in twelve colours and rotations) rise and fall together, so they
are drawn together: an interval that took them one by one would be too narrow.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

RESAMPLES = 2000


PIECES = 10  # of a set, for the jackknife


LEVEL = (2.5, 97.5)  # percentiles


NORMAL = 1.96


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval; both ends are NaN where there is too little to tell."""

    value: float
    low: float
    high: float

    def text(self, digits: int) -> str:
        """`"34.0 (33.1 to 34.8)"`."""
        if np.isnan(self.low):
            return f"{self.value:.{digits}f}"
        return f"{self.value:.{digits}f} ({self.low:.{digits}f} to {self.high:.{digits}f})"

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
    """Mean of one value per cell, with a percentile bootstrap over base images and, of several runs, over runs.

    Args:
        runs: one (values (N,), base image numbers (N,)) per run. Several are drawn with replacement first, then the
            base images within each. Every run weighs the same.
        share: whether the values are 0 or 1 for each cell. A bootstrap of nothing but ones would call 1 certain; then
            (and with nothing but zeros) the end is the exact binomial one (Clopper and Pearson 1934) of as many
            trials as there are base images.
        same_cells: whether all runs have the same cells: then the same base images are drawn in all of them, for a hard
            cell is hard in every run, and so many runs do not make more cells.

    Returns:
        The interval is NaN with a single base image in a single run.
    """
    rng = np.random.default_rng(seed)
    drawn = [
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
    means = np.stack(drawn)[picks, np.arange(RESAMPLES)[:, None]].mean(axis=1)  # (RESAMPLES,)
    return Estimate(value, *map(float, np.percentile(means, LEVEL)))


def _resampled_means(values: np.ndarray, clusters: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Means of `RESAMPLES` draws of whole clusters: float64 (RESAMPLES,)."""
    _, position = np.unique(clusters, return_inverse=True)
    sums, counts = np.bincount(position, values), np.bincount(position)
    times = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), RESAMPLES)
    return np.asarray((times @ sums) / (times @ counts))


def jackknife(
    statistic: Callable[[np.ndarray, np.ndarray], float],
    first: np.ndarray,
    second: np.ndarray,
    clusters: np.ndarray,
) -> Estimate:
    """A figure of two paired sets, such as FID, with an interval by leaving out one piece of the sets at a time.

    A bootstrap would repeat images, which such figures take for a sign of difference.

    Args:
        statistic: of (N, d) and (N, d).
        first, second: (N, d), row by row of the same cells.
        clusters: int (N,). Base image numbers; cells of one are left out together.
    """
    value = statistic(first, second)
    names, position = np.unique(clusters, return_inverse=True)
    pieces = min(PIECES, len(names))
    if pieces < 3:
        return Estimate(value, np.nan, np.nan)
    without = [position % pieces != piece for piece in range(pieces)]
    left = np.array([statistic(first[kept], second[kept]) for kept in without])
    error = np.sqrt((pieces - 1) / pieces * ((left - left.mean()) ** 2).sum())
    return Estimate(value, float(value - NORMAL * error), float(value + NORMAL * error))
