"""Which columns of numbers are ordered factors: by the user's word, by how the values are written, or by the pictures."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gcn_tf.errors import ConfigError, shown_text, suggest
from gcn_tf.grid.factors import MOST_ORDERED_VALUES, Factor, FactorSpace
from gcn_tf.pipelines.folder.factors import Column

FULL_TURN = 360  # degrees
FEWEST_VALUES = 3  # with fewer there is nothing between that would not lie between any two values
MOST_PICTURES, SIDE = 20_000, 16  # compared, and the side that they are shrunk to
ORDERS = 2_000  # compared with that of the numbers; all of them if there are no more
BETTER_ORDERS = (
    0.05  # share of orders that may put pictures side by side that are as similar as those of the numbers
)


@dataclass(frozen=True)
class Asked:
    """What the user says about order.

    Args:
        ordered, unordered: names of factors.
        periods: of the cyclic factors, by name.
    """

    ordered: tuple[str, ...] = ()
    unordered: tuple[str, ...] = ()
    periods: Mapping[str, float] | None = None

    @classmethod
    def of(cls, ordered: Sequence[str], cyclic: Sequence[str], unordered: Sequence[str]) -> "Asked":
        """From the words of --ordered, --cyclic and --unordered.

        Raises:
            ConfigError: a period that is not above 0, or a factor that is said to be both ordered and unordered.
        """
        periods = dict(_period(word) for word in cyclic)
        for name in unordered:
            if name in ordered or name in periods:
                flag = "ordered" if name in ordered else "cyclic"
                raise ConfigError(f"--unordered {shown_text(name)} contradicts --{flag}: give one of them")
        return cls(tuple(ordered), tuple(unordered), periods)

    def flag(self, name: str) -> str:
        """The flag that names a factor; "" if none does."""
        flags = {"ordered": self.ordered, "cyclic": self.periods or {}, "unordered": self.unordered}
        return next((flag for flag, names in flags.items() if name in names), "")


def _period(word: str) -> tuple[str, float]:
    name, _, text = word.partition("=")
    try:
        period = float(text)
    except ValueError:
        period = math.nan
    if not name or not 0 < period < math.inf:
        raise ConfigError(f"--cyclic {shown_text(word)}: write factor=period, such as angle=360")
    return name, period


def ordered_space(
    columns: Sequence[Column], asked: Asked, images: np.ndarray, ids: np.ndarray
) -> tuple[FactorSpace, tuple[str, ...]]:
    """The factors of columns, those ordered that are, and a line for the user about each column of numbers.

    Args:
        images: uint8 (N, H, W, C). Pictures that show whether numbers measure something.
        ids: int (N, M). Their value ids, in the order of the columns.

    Raises:
        ConfigError: a flag names no factor, or one whose values are not different numbers.
    """
    known = [column.name for column in columns]
    for name in (*asked.ordered, *(asked.periods or {}), *asked.unordered):
        if name not in known:
            hint = suggest(name, known) or ";"
            raise ConfigError(
                f"--{asked.flag(name)} {shown_text(name)}: no such factor{hint} known: {', '.join(known)}"
            )
    factors, notes = [], []
    for place, column in enumerate(columns):
        factor = Factor(column.name, column.values)
        ordered, why = _decision(column, asked, images, ids, place)
        if ordered:
            factor = _in_order(column, factor, asked)
        if why:
            notes.append(f"{column.name}: {'' if ordered else 'not '}ordered ({why})")
        factors.append(factor)
    return FactorSpace(tuple(factors)), tuple(notes)


def _in_order(column: Column, factor: Factor, asked: Asked) -> Factor:
    flag = asked.flag(column.name)
    if not column.numbers or len(factor) < 2:
        raise ConfigError(
            f"--{flag} {column.name}: its values are not several different numbers: "
            f"{', '.join(column.values[:5])}{', ...' if len(factor) > 5 else ''}"
        )
    return replace(factor, numbers=column.numbers, period=(asked.periods or {}).get(column.name, 0.0))


def _decision(
    column: Column, asked: Asked, images: np.ndarray, ids: np.ndarray, place: int
) -> tuple[bool, str]:
    """Whether a column is ordered, and why in words; "" if it is not one of numbers."""
    if flag := asked.flag(column.name):
        return flag != "unordered", f"--{flag}"
    numbers = column.numbers
    if not numbers:
        return False, ""
    if not FEWEST_VALUES <= len(numbers) <= MOST_ORDERED_VALUES:
        return False, f"{len(numbers)} values; --ordered {column.name} if they measure something"
    if _are_names(column):
        return False, f"numbered like names; --ordered {column.name} if the numbers measure something"
    if share_of_better_orders(differences(images, ids, place, len(numbers))) >= BETTER_ORDERS:
        return (
            False,
            f"neighbours look no more alike than others; --ordered {column.name} if they are in order",
        )
    turn = numbers[-1] + numbers[1] - 2 * numbers[0] == FULL_TURN
    cyclic = f", --cyclic {column.name}={FULL_TURN} if they come round" if turn else ""
    return True, f"neighbours look alike; --unordered {column.name} if they are names{cyclic}"


def _are_names(column: Column) -> bool:
    """Whether numbers only count: written with leading zeros, or one after the other from 0 or 1."""
    zeros = any(len(text) > 1 and text[0] == "0" and text.isdecimal() for text in column.originals)
    first = column.numbers[0]
    return zeros or (
        first in (0, 1) and column.numbers == tuple(first + n for n in range(len(column.numbers)))
    )


def differences(images: np.ndarray, ids: np.ndarray, place: int, size: int) -> np.ndarray:
    """How much pictures differ that differ in one factor alone, by its values: float64 (K, K) of mean distances.

    Pairs of values that no two pictures show have the mean of the others.

    Args:
        images: uint8 (N, H, W, C).
        ids: int (N, M).
        place: of the factor among the M.
        size: K.
    """
    _, cells = np.unique(ids, axis=0, return_index=True)
    picked = cells[np.linspace(0, len(cells) - 1, min(len(cells), MOST_PICTURES)).astype(int)]
    small, values = _shrunk(images, picked), ids[picked, place]
    _, group = np.unique(np.delete(ids[picked], place, axis=1), axis=0, return_inverse=True)
    sums, counts = np.zeros((size, size)), np.zeros((size, size))
    for rows in np.split(np.argsort(group, kind="stable"), np.cumsum(np.bincount(group))[:-1]):
        squares = np.square(small[rows]).sum(axis=1)
        apart = np.sqrt(np.maximum(squares[:, None] + squares - 2 * small[rows] @ small[rows].T, 0))
        pairs = np.ix_(values[rows], values[rows])
        sums[pairs] += apart
        counts[pairs] += 1
    compared = (counts > 0) & ~np.eye(size, dtype=bool)
    known = sums[compared] / counts[compared]
    found = np.full((size, size), known.mean() if len(known) else 0.0)
    found[compared] = known
    return found


def _shrunk(images: np.ndarray, picked: np.ndarray) -> np.ndarray:
    """Pictures as means of blocks: uint8 (N, H, W, C) -> float64 (n, at most 16 * 16 * C)."""
    rows, columns = (np.unique(np.linspace(0, n, SIDE + 1).astype(int)[:-1]) for n in images.shape[1:3])
    counts = np.outer(np.diff([*rows, images.shape[1]]), np.diff([*columns, images.shape[2]]))
    small = []
    for picture in picked:
        sums = np.add.reduceat(np.add.reduceat(images[picture].astype(np.float32), rows), columns, axis=1)
        small.append((sums / counts[..., None]).ravel())
    return np.array(small, np.float64)


def share_of_better_orders(differences: np.ndarray, seed: int = 0) -> float:
    """The share of orders of the values whose neighbours differ no more in sum than those of the given order.

    If values are names, every order is as good as another one, and the share is as likely to be high as low.

    Args:
        differences: float (K, K), symmetric.
        seed: of the orders, where there are too many to try all.
    """
    given = np.arange(len(differences))
    if math.factorial(min(len(given), 20)) <= ORDERS:
        orders = np.array(list(itertools.permutations(given)))
    else:
        rng = np.random.default_rng(seed)
        orders = np.stack([rng.permutation(given) for _ in range(ORDERS)])
    other = (orders != given).any(axis=1) & (orders != given[::-1]).any(axis=1)
    lengths = differences[orders[:, :-1], orders[:, 1:]].sum(axis=1)
    length = differences[given[:-1], given[1:]].sum()
    return float(np.mean((lengths <= length * (1 + 1e-9)) & other))
