"""How often a wanted value was classified as another: only pairs that occurred are kept, however many values there are."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

MOST_CHARTED = 20  # values of a factor that a chart has room for
MOST_TABULATED = 100  # values of a factor whose counts a report holds as a table
MOST_MISTAKES = 1_000  # pairs that it holds of factors with more
MOST_LINES = 12  # of a table of mistakes
ENDS = 4  # values with the worst pictures, and as many with the best


@dataclass(frozen=True)
class Confusion:
    """Counts of wanted and classified values.

    Args:
        size: number of values K.
        pairs: int (n, 2). Wanted and classified value of every pair that occurred, in order.
        counts: int (n,). How often.

    >>> found = Confusion.of(np.array([0, 0, 0, 2]), np.array([0, 1, 1, 2]), 3)
    >>> found.table().tolist(), found.mistakes.tolist()
    ([[1, 2, 0], [0, 0, 0], [0, 0, 1]], [[0, 1, 2]])
    """

    size: int
    pairs: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, wanted: np.ndarray, classified: np.ndarray, size: int) -> "Confusion":
        """Of value ids, int (P,) each."""
        pairs, counts = np.unique(np.stack([wanted, classified], axis=1), axis=0, return_counts=True)
        return cls(size, pairs, counts)

    @property
    def wanted(self) -> np.ndarray:
        """How often every value was wanted: int (K,)."""
        return self._sums(np.ones(len(self.pairs), bool))

    @property
    def correct(self) -> np.ndarray:
        """How often every value was wanted and classified correctly: int (K,)."""
        return self._sums(self.pairs[:, 0] == self.pairs[:, 1])

    def _sums(self, chosen: np.ndarray) -> np.ndarray:
        sums = np.zeros(self.size, int)
        np.add.at(sums, self.pairs[chosen, 0], self.counts[chosen])
        return sums

    @property
    def mistakes(self) -> np.ndarray:
        """Wanted value, classified value and count of every mistake, the most frequent first: int (n, 3)."""
        wrong = self.pairs[:, 0] != self.pairs[:, 1]
        found = np.column_stack([self.pairs, self.counts])[wrong]
        return found[np.argsort(-found[:, 2], kind="stable")]

    def most_confused(self, count: int) -> np.ndarray:
        """Values that stand for one another most often: int (min(K, count),), in order.

        Where fewer were confused, the values with most pictures fill the rest.
        """
        if self.size <= count:
            return np.arange(self.size)
        candidates = [
            *self.mistakes[:, :2].ravel().tolist(),
            *np.argsort(-self.wanted, kind="stable").tolist(),
        ]
        return np.sort(list(dict.fromkeys(candidates))[:count])

    def table(self, values: np.ndarray | None = None) -> np.ndarray:
        """Counts among some values, wanted by classified; by default among all: int (k, k)."""
        values = np.arange(self.size) if values is None else values
        place = np.full(self.size, -1)
        place[values] = np.arange(len(values))
        at = place[self.pairs]
        inside = (at >= 0).all(axis=1)
        table = np.zeros((len(values), len(values)), int)
        table[tuple(at[inside].T)] = self.counts[inside]
        return table

    def to_json(self) -> list[list[int]] | dict[str, Any]:
        """The table; of many values the most frequent mistakes, and how many pictures there are and are classified correctly."""
        if self.size <= MOST_TABULATED:
            found: list[list[int]] = self.table().tolist()
            return found
        return {
            "values": self.size,
            "pictures": int(self.counts.sum()),
            "correct": int(self.correct.sum()),
            "mistakes": self.mistakes[:MOST_MISTAKES].tolist(),
        }


@dataclass(frozen=True)
class ValuePictures:
    """What was measured of the pictures of one value.

    Args:
        value: its name.
        pictures: how many there are.
        psnr_db: their mean.
        correct: how many of them are classified correctly, by judge.
    """

    value: str
    pictures: int
    psnr_db: float
    correct: dict[str, int]


@dataclass(frozen=True)
class ManyValues:
    """What a reader can take in of a factor with many values.

    Args:
        mistakes: by judge, names of the wanted and of the classified value, and how often, the most frequent first; `MOST_LINES` of
            all judges together.
        worst, best: the values whose pictures have the lowest and highest PSNR, in this order; none in both.
        values: how many values have a picture.
    """

    mistakes: dict[str, list[tuple[str, str, int]]]
    worst: list[ValuePictures]
    best: list[ValuePictures]
    values: int

    @classmethod
    def of(
        cls, names: Sequence[str], ids: np.ndarray, psnr_db: np.ndarray, found: Mapping[str, Confusion]
    ) -> "ManyValues":
        """Of pictures with value ids and PSNR, (P,) each.

        Args:
            found: by judge.
        """
        lines = MOST_LINES // max(len(found), 1)
        mistakes = {
            judge: [(names[a], names[b], int(count)) for a, b, count in one.mistakes[:lines]]
            for judge, one in found.items()
        }
        there, number, counts = np.unique(ids, return_inverse=True, return_counts=True)
        means = np.bincount(number.ravel(), psnr_db) / counts
        order = np.argsort(means, kind="stable")
        correct = {judge: one.correct for judge, one in found.items()}

        def told(places: np.ndarray) -> list[ValuePictures]:
            return [
                ValuePictures(
                    names[there[n]],
                    int(counts[n]),
                    float(means[n]),
                    {judge: int(of[there[n]]) for judge, of in correct.items()},
                )
                for n in places
            ]

        best = order[max(ENDS, len(order) - ENDS) :][::-1]
        return cls(mistakes, told(order[:ENDS]), told(best), len(there))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
