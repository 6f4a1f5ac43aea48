"""Widths of layers: the number of weights that they need, and how they are scaled."""

import itertools
from collections.abc import Sequence


def chain(widths: Sequence[int]) -> int:
    """Weights of dense layers in a row."""
    return sum(a * b for a, b in itertools.pairwise(widths))


def scaled_width(units: int, factor: float) -> int:
    """Scale a width and round it to a multiple of 4; unchanged if the factor is 1."""
    return units if factor == 1 else max(4, 4 * round(units * factor / 4))
