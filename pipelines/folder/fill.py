"""How full a grid is: which cells have a picture, which values are hardly seen, and which parts have nothing in common."""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gcn_tf.grid.factors import FactorSpace

MOST_NAMED = 5  # values or blocks in a line
MOST_CELLS = 3  # in a line
MOST_PAIRS = 10  # of factors in a line


@dataclass(frozen=True)
class Fill:
    """How full a grid is.

    Args:
        space: the factors.
        cells: int64 (C, M). Value ids of the cells that have a picture, each once.
        pairs: share of the pairs of values that have a picture, by the numbers of two factors.
        once: (factor, value) numbers of the values that one cell alone shows.
        blocks: int64 (C,). Number of the block of every cell: cells of different blocks have no value in common, not even
            by way of others. The largest block is 0.
    """

    space: FactorSpace
    cells: np.ndarray
    pairs: dict[tuple[int, int], float]
    once: tuple[tuple[int, int], ...]
    blocks: np.ndarray

    @classmethod
    def of(cls, ids: np.ndarray, space: FactorSpace) -> "Fill":
        """Of pictures' value ids, int (P, M).

        Example:

        >>> import numpy as np
        >>> from gcn_tf.grid.factors import Factor, FactorSpace
        >>> from gcn_tf.pipelines.folder.fill import Fill
        >>> space = FactorSpace((Factor("digit", ("3", "7")), Factor("color", ("red", "green"))))
        >>> fill = Fill.of(np.array([[0, 0], [1, 1], [1, 1]]), space)
        >>> fill.pairs[0, 1], fill.blocks.tolist()
        (0.5, [0, 1])
        """
        cells = np.unique(ids, axis=0).astype(np.int64)
        sizes = list(space.sizes.values())
        pairs = {
            (a, b): len(np.unique(cells[:, a] * sizes[b] + cells[:, b])) / (sizes[a] * sizes[b])
            for a, b in itertools.combinations(range(len(sizes)), 2)
        }
        counts = [np.bincount(column, minlength=size) for column, size in zip(cells.T, sizes, strict=True)]
        once = tuple((m, int(i)) for m, count in enumerate(counts) for i in np.flatnonzero(count == 1))
        return cls(space, cells, pairs, once, _blocks(cells, sizes))

    @property
    def missing(self) -> int:
        """How many cells have no picture."""
        return self.space.cell_count - len(self.cells)

    def lines(self) -> list[str]:
        """Lines for people: which cells have a picture, and how many of every two factors' pairs of values."""
        total, there = self.space.cell_count, len(self.cells)
        if not self.missing:
            return [f"all {total:,} cells have a picture"]
        examples = ", ".join(self._cell(cell) for cell in self._missing_cells())
        lines = [
            f"{there:,} of {total:,} cells ({_percent(there / total)}) have a picture; {self.missing:,} have none, such as "
            f"{examples}"
        ]
        names = self.space.names
        if len(names) > 2:
            emptiest = sorted(self.pairs, key=lambda pair: self.pairs[pair])
            shown = [
                f"{names[a]} x {names[b]} {_percent(self.pairs[a, b])}" for a, b in emptiest[:MOST_PAIRS]
            ]
            lines.append(
                f"pairs of values with a picture: {', '.join(shown)}{_more(len(emptiest), MOST_PAIRS)}"
            )
        return lines

    def warnings(self) -> list[str]:
        """Lines about what cannot be learned from these cells: values that one cell shows, and separate blocks."""
        if len(self.space.factors) < 2:  # every value has one cell, and nothing carries over
            return []
        lines = []
        if self.once:
            total = sum(self.space.sizes.values())
            some = [f"{self.space.names[m]}={self.space.factors[m].values[i]}" for m, i in self.once]
            lines.append(
                f"seen in one cell only, which does not tell what is theirs: {len(some):,} of {total:,} values, "
                f"{', '.join(some[:MOST_NAMED])}{_more(len(some), MOST_NAMED)}"
            )
        sizes = np.bincount(self.blocks)
        if len(sizes) > 1:
            firsts = np.unique(self.blocks, return_index=True)[1][:MOST_NAMED]
            some = [
                f"{size:,} with {self._cell(self.cells[n])}" for size, n in zip(sizes, firsts, strict=False)
            ]
            lines.append(
                f"the seen cells make {len(sizes):,} blocks that share no value, so nothing carries over between them: "
                f"{'; '.join(some)}{_more(len(sizes), MOST_NAMED)}"
            )
        return lines

    def _missing_cells(self) -> np.ndarray:
        """The first cells without a picture: int64 (n, M)."""
        shape = tuple(self.space.sizes.values())
        there = np.ravel_multi_index(tuple(self.cells.T), shape)
        candidates = np.arange(min(self.space.cell_count, len(there) + MOST_CELLS))
        first = np.setdiff1d(candidates, there)[:MOST_CELLS]
        return np.stack(np.unravel_index(first, shape), axis=1)

    def _cell(self, cell: np.ndarray) -> str:
        return " ".join(f"{f.name}={f.values[i]}" for f, i in zip(self.space, cell, strict=True))


def _blocks(cells: np.ndarray, sizes: list[int]) -> np.ndarray:
    """Number of the block of every cell, the largest first: connected parts of the graph of cells and their values."""
    count, factors = cells.shape
    values = cells + np.cumsum([0, *sizes[:-1]])  # a number for every value of every factor
    rows = np.repeat(np.arange(count), factors)
    graph = coo_array(
        (np.ones(cells.size, np.int8), (rows, count + values.ravel())), shape=(count + sum(sizes),) * 2
    )
    found = connected_components(graph, directed=False)[1][:count]
    _, found, counts = np.unique(found, return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank[found]


def _percent(share: float) -> str:
    """A share in per cent; never 0 % or 100 % for what is not."""
    if 0 < share < 0.01:
        return "under 1 %"
    return f"{np.floor(100 * share):.0f} %"


def _more(count: int, shown: int) -> str:
    return f" and {count - shown:,} more" if count > shown else ""
