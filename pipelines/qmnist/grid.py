"""From handwritten digits to the base images of a grid: one per digit, writer and exemplar, or per style."""

from collections.abc import Sequence

import numpy as np

from gcn_tf.errors import UserError
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.pipelines.qmnist.digits import Digits

DIGITS = tuple(str(digit) for digit in range(10))

Grid = tuple[FactorSpace, np.ndarray, np.ndarray]


class HandwritingError(UserError):
    """The digits cannot fill the requested grid. The message is one line with the remedy."""


def writer_grid(digits: Digits, writers: int | Sequence[int] = 10, exemplars: int = 1) -> Grid:
    """Build a grid with the factors digit and writer, and exemplar if there are several.

    Args:
        digits: Digits. In file order.
        writers: int or sequence of int. Number of writers, or NIST's ids in the desired order. A number selects, among
            the writers with `exemplars` of every digit, those who wrote most in total, most first; ties go to the
            lower id.
        exemplars: int. Pictures per digit and writer: exemplar k is the k-th in file order. Defaults to 1.

    Returns:
        The factor space; images uint8 (N, 28, 28), one per cell; ids int32 (N, M), the cells in order.

    Raises:
        HandwritingError: too few writers qualify; an id is unknown, given twice or lacks digits; number < 1.
    """
    if exemplars < 1:
        raise HandwritingError(f"--exemplars {exemplars}: give at least 1")
    known, counts = _count_by_writer(digits)
    if isinstance(writers, int | np.integer):
        chosen = _most_productive(known, counts, int(writers), exemplars)
    else:
        chosen = _named_writers(known, counts, writers, exemplars)
    factors = [Factor("digit", DIGITS), Factor("writer", tuple(str(writer) for writer in chosen))]
    if exemplars > 1:
        factors.append(Factor("exemplar", _numbered(exemplars)))
    rows = np.array(
        [
            np.flatnonzero((digits.digit == digit) & (digits.writer == writer))[:exemplars]
            for digit in range(10)
            for writer in chosen
        ]
    )  # (10 * writers, exemplars)
    return _grid(digits, factors, rows)


def style_grid(digits: Digits, styles: int = 10) -> Grid:
    """Build a grid with the factors digit and style, as the authors do: style n is the n-th sample of a digit.

    Args:
        digits: Digits. In file order.
        styles: int. Samples per digit. Defaults to 10.

    Returns:
        The factor space; images uint8 (N, 28, 28), one per cell; ids int32 (N, 2), the cells in order.

    Raises:
        HandwritingError: fewer than `styles` samples of a digit, or `styles` < 1.
    """
    if styles < 1:
        raise HandwritingError(f"{styles} styles: give at least 1 (--writers)")
    counts = np.bincount(digits.digit, minlength=10)
    if styles > counts.min():
        raise HandwritingError(
            f"{styles} styles: there are only {counts.min()} samples of digit {counts.argmin()}, "
            f"give at most {counts.min()} (--writers)"
        )
    rows = np.array([np.flatnonzero(digits.digit == digit)[:styles] for digit in range(10)])  # (10, styles)
    return _grid(digits, [Factor("digit", DIGITS), Factor("style", _numbered(styles))], rows)


def writer_repeats(digits: Digits, space: FactorSpace, limit: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Further pictures by the same writers for every cell of a `writer_grid` with one exemplar.

    Args:
        digits: Digits. In file order.
        space: factor space of the grid, digit and writer.
        limit: int. Pictures per digit and writer, at most, in file order. Defaults to 12.

    Returns:
        Images uint8 (R, 28, 28) and their value ids int32 (R, 2), sorted by cell.
    """
    rows = [
        np.flatnonzero((digits.digit == digit) & (digits.writer == int(writer)))[1 : limit + 1]
        for digit in range(10)
        for writer in space["writer"].values
    ]
    return digits.images[np.concatenate(rows)], np.repeat(space.cells(), [len(r) for r in rows], axis=0)


def _grid(digits: Digits, factors: Sequence[Factor], rows: np.ndarray) -> Grid:
    space = FactorSpace(tuple(factors))
    return space, digits.images[rows.ravel()], space.cells()


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(str(number) for number in range(1, count + 1))


def _count_by_writer(digits: Digits) -> tuple[np.ndarray, np.ndarray]:
    """Ids of the writers (W,), ascending, and how often each wrote each digit (W, 10)."""
    known, position = np.unique(digits.writer, return_inverse=True)
    counts = np.zeros((len(known), 10), np.int64)
    np.add.at(counts, (position, digits.digit), 1)
    return known, counts


def _most_productive(known: np.ndarray, counts: np.ndarray, number: int, exemplars: int) -> list[int]:
    if number < 1:
        raise HandwritingError(f"--writers {number}: give at least 1")
    qualified = np.flatnonzero((counts >= exemplars).all(axis=1))
    if number > len(qualified):
        raise HandwritingError(
            f"--writers {number}: only {len(qualified)} of {len(known)} writers have {exemplars} "
            f"or more pictures of every digit: give fewer writers{' or --exemplars' * (exemplars > 1)}"
        )
    order = np.argsort(-counts[qualified].sum(axis=1), kind="stable")
    return known[qualified[order[:number]]].tolist()


def _named_writers(
    known: np.ndarray, counts: np.ndarray, writers: Sequence[int], exemplars: int
) -> list[int]:
    if not len(writers):
        raise HandwritingError("--writers is empty: give a number, or ids such as 115,203")
    position = {int(writer): place for place, writer in enumerate(known)}
    chosen: list[int] = []
    for writer in map(int, writers):
        if writer in chosen:
            raise HandwritingError(f"--writers names writer {writer} twice: name each writer once")
        if writer not in position:
            nearest = known[np.argsort(np.abs(known - writer), kind="stable")[:3]]
            raise HandwritingError(
                f"--writers: no digits by writer {writer}; the nearest of {len(known)} ids are "
                f"{', '.join(str(near) for near in sorted(nearest))}"
            )
        written = counts[position[writer]]
        if written.min() < exemplars:
            raise HandwritingError(
                f"--writers: {writer} has {written.min()} pictures of digit {written.argmin()}, {exemplars} "
                f"needed: choose another{' or lower --exemplars' * (exemplars > 1)}"
            )
        chosen.append(writer)
    return chosen
