"""Factors of an image and the codes that name a picture: names, values, one-hot codes, blends.

A *factor* is a named property with a fixed list of values (digit 0-9, colour red, green, blue). A *cell* is
one value of every factor. A *code* is one weight vector per factor: one-hot for a cell, any convex weights
for a blend between cells. Nothing here needs TensorFlow.
"""

import itertools
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from gcn_tf.errors import UserError, listed, suggest
from gcn_tf.files import read_small

MOST_FACTORS, MOST_VALUES, MOST_CELLS = 16, 50_000, 10_000_000
MOST_ORDERED_VALUES = 1_000  # every one of them is compared with every other
LARGEST_FILE = 10_000_000  # bytes


class FactorError(UserError):
    """An unknown factor or value, or weights that are not a blend. The message is one line with the remedy.

    >>> Factor("color", ("red", "green")).code("red:0.5+green:0.1")
    Traceback (most recent call last):
    gcn_tf.grid.factors.FactorError: color=red:0.5+green:0.1: the weights sum to 0.6, not 1; write a blend as ...
    """


@dataclass(frozen=True)
class Factor:
    """One named property of an image.

    Args:
        name: str. Lower-case identifier, e.g. "digit". It names the network's inputs and outputs.
        values: tuple of str. The values in code order: value i has the one-hot code with a 1 at i.
        numbers: tuple of float. What the values of an ordered factor measure, ascending; empty if it is not ordered.
        period: float. Where an ordered factor begins again, 360 for an angle in degrees; 0 if it does not.

    >>> color = Factor("color", ("red", "green", "blue"))
    >>> color.index("green"), color.code("red:0.25+blue:0.75").tolist()
    (1, [0.25, 0.0, 0.75])
    >>> color.code("gren")
    Traceback (most recent call last):
    gcn_tf.grid.factors.FactorError: color has no value 'gren', did you mean green? known: red, green, blue

    A number between the values of an ordered factor is the blend of its neighbours:

    >>> angle = Factor("angle", ("0", "90", "180", "270"), (0, 90, 180, 270), period=360)
    >>> angle.code("45").tolist(), angle.code("337.5").tolist()
    ([0.5, 0.5, 0.0, 0.0], [0.75, 0.0, 0.0, 0.25])
    """

    name: str
    values: tuple[str, ...]
    numbers: tuple[float, ...] = ()
    period: float = 0

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise FactorError(f"factor name {self.name!r} must be an identifier such as 'digit'")
        if not self.values:
            raise FactorError(f"factor {self.name} has no values")
        if len(set(self.values)) != len(self.values):
            twice = Counter(self.values).most_common(1)[0][0]
            raise FactorError(f"factor {self.name} names the value {twice!r} twice")
        if len(self.values) > MOST_VALUES:
            raise FactorError(f"factor {self.name} has {len(self.values):,} values: {MOST_VALUES:,} at most")
        for value in self.values:
            if not _names_a_folder(value):
                raise FactorError(
                    f"factor {self.name} has the value {value!r}: give one that can name a folder"
                )
        self._check_order()

    def _check_order(self) -> None:
        """Raise FactorError unless the numbers ascend, one for every value, and end before the period does."""
        numbers = self.numbers
        if not numbers:
            if self.period:
                raise FactorError(f"factor {self.name} has a period, {self.period:g}, but no numbers")
            return
        if len(numbers) != len(self.values) or not 2 <= len(numbers) <= MOST_ORDERED_VALUES:
            raise FactorError(
                f"factor {self.name} has {len(self.values):,} values and {len(numbers):,} numbers: an ordered factor has "
                f"as many of both, from 2 to {MOST_ORDERED_VALUES:,}"
            )
        if not math.isfinite(numbers[-1] - numbers[0]) or any(
            not one < other for one, other in itertools.pairwise(numbers)
        ):
            raise FactorError(f"factor {self.name} is ordered, but its numbers do not ascend")
        if self.period and not numbers[-1] < numbers[0] + self.period < math.inf:
            raise FactorError(
                f"factor {self.name} has values from {self.values[0]} to {self.values[-1]}: its period, "
                f"{self.period:g}, must be longer"
            )

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {value: place for place, value in enumerate(self.values)}

    def index(self, value: str) -> int:
        """Position of `value`; raises FactorError with the list of values and the nearest spelling."""
        place = self._places.get(str(value))
        if place is None:
            hint = suggest(str(value), self.values)
            raise FactorError(
                f"{self.name} has no value {str(value)!r}{hint or ';'} known: {listed(self.values)}"
            )
        return place

    def code(self, text: str) -> np.ndarray:
        """Code of a value ("3"), of a number between those of an ordered factor ("45"), or of a blend ("3:0.5+8:0.5").

        Returns:
            float32 (K,), weights in [0, 1] that sum to 1.

        Raises:
            FactorError: unknown value, a weight that is not a number in [0, 1], or weights that do not sum to 1.
        """
        if text in self._places:
            return self._code_of_value(text)
        code = np.zeros(len(self), np.float32)
        for part in text.split("+"):
            value, colon, weight = part.rpartition(":")
            if not colon:
                value, weight = part, "1"
            code += _weight(weight, f"{self.name}={text}") * self._code_of_value(value)
        if abs(code.sum() - 1) > 1e-3:
            raise FactorError(
                f"{self.name}={text}: the weights sum to {code.sum():g}, not 1; "
                f"write a blend as {self.values[0]}:0.5+{self.values[-1]}:0.5"
            )
        return code / code.sum()

    def _code_of_value(self, text: str) -> np.ndarray:
        """One-hot, or for a number between two values of an ordered factor their weights by distance."""
        number = finite_number(text) if self.numbers and text not in self._places else None
        if number is None:
            return np.eye(1, len(self), self.index(text), np.float32)[0]
        nodes = np.array((*self.numbers, self.numbers[0] + self.period) if self.period else self.numbers)
        if self.period:
            number = nodes[0] + (number - nodes[0]) % self.period
        if not nodes[0] <= number <= nodes[-1]:
            raise FactorError(
                f"{self.name}={text} is out of range: give a number from {self.values[0]} to {self.values[-1]}"
            )
        right = max(int(np.searchsorted(nodes, number)), 1)
        share = (number - nodes[right - 1]) / (nodes[right] - nodes[right - 1])
        code = np.zeros(len(self), np.float32)
        code[right - 1] = 1 - share
        code[right % len(self)] += share
        return code

    def distances(self) -> np.ndarray:
        """How far apart the values of an ordered factor are, the shorter way round a cyclic one: float64 (K, K)."""
        numbers = np.array(self.numbers, np.float64)
        apart = np.abs(numbers[:, None] - numbers)
        return np.minimum(apart, self.period - apart) if self.period else apart

    def text(self, code: np.ndarray) -> str:
        """Write a code as text: float32 (K,) -> "3", or "3:0.5+8:0.5" for a blend."""
        used = np.flatnonzero(code)
        if len(used) == 1:
            return self.values[used[0]]
        return "+".join(f"{self.values[i]}:{code[i]!s}" for i in used)


def _names_a_folder(value: str) -> bool:
    """Whether a value can name a folder: pictures are sorted into folders by value, which must not lead elsewhere."""
    path = PurePath(value)
    return bool(value) and value.isprintable() and not path.is_absolute() and ".." not in path.parts


def finite_number(text: str) -> float | None:
    """A text as a number; None if it is none, or not finite.

    >>> finite_number("-1.5"), finite_number("7a"), finite_number("nan")
    (-1.5, None, None)
    """
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _weight(text: str, place: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = float("nan")
    if not 0 <= weight <= 1:
        raise FactorError(f"{place}: weight {text!r} is not a number from 0 to 1")
    return weight


@dataclass(frozen=True)
class FactorSpace:
    """The factors of a dataset in order, and the grid of cells that they span.

    >>> space = FactorSpace((Factor("digit", ("3", "7")), Factor("color", ("red", "green", "blue"))))
    >>> space.cell_count, space.sizes
    (6, {'digit': 2, 'color': 3})
    >>> space.select(["digit=7", "color=red,blue"])
    [{'digit': '7', 'color': 'red'}, {'digit': '7', 'color': 'blue'}]
    """

    factors: tuple[Factor, ...]

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.factors):
            raise FactorError(f"factor names must differ: {', '.join(self.names)}")
        if len(self.factors) > MOST_FACTORS or self.cell_count > MOST_CELLS:
            raise FactorError(
                f"{len(self.factors)} factors make {self.cell_count:.3g} cells: {MOST_FACTORS} factors and "
                f"{MOST_CELLS:,} cells at most, use fewer values"
            )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(factor.name for factor in self.factors)

    @property
    def sizes(self) -> dict[str, int]:
        """Number of values by factor name, in order."""
        return {factor.name: len(factor) for factor in self.factors}

    @property
    def cell_count(self) -> int:
        return math.prod(len(factor) for factor in self.factors)

    def __getitem__(self, name: str) -> Factor:
        for factor in self.factors:
            if factor.name == name:
                return factor
        hint = suggest(name, self.names)
        raise FactorError(f"no factor {name!r}{hint or ';'} known: {', '.join(self.names)}")

    def __iter__(self) -> Iterator[Factor]:
        return iter(self.factors)

    def cells(self) -> np.ndarray:
        """All cells, the last factor varying fastest: int32 (cell_count, M)."""
        grids = np.indices([len(factor) for factor in self.factors], np.int32)
        return np.ascontiguousarray(grids.reshape(len(self.factors), -1).T)

    def describe(self, cell: Sequence[int]) -> str:
        """`"digit=7 writer=115 color=red rotation=90"` of the ids of one cell."""
        return " ".join(f"{f.name}={f.values[i]}" for f, i in zip(self.factors, cell, strict=True))

    def parse_assignments(self, words: Sequence[str]) -> dict[str, str]:
        """Parse `["digit=7", "color=red"]` into a dict; raise FactorError for unknown or repeated factor names."""
        assignments: dict[str, str] = {}
        for word in words:
            name, equals, value = word.partition("=")
            if not equals or not value:
                example = f"{self.factors[0].name}={self.factors[0].values[0]}"
                raise FactorError(f"{word!r} is not of the form factor=value, e.g. {example}")
            if self[name].name in assignments:
                raise FactorError(f"{name} is given twice: {name}={assignments[name]} and {word}")
            assignments[name] = value
        return assignments

    def select(self, words: Sequence[str]) -> list[dict[str, str]]:
        """Every combination that `factor=value` words select; `'*'` selects all values of a factor.

        Args:
            words: one word per factor: a value, a blend, several values "3,8" or "*".

        Returns:
            One dict factor -> value or blend per picture, the last factor varying fastest.

        Raises:
            FactorError: a factor is missing, unknown or given twice; a value is unknown.
        """
        assignments = self.parse_assignments(words)
        missing = [name for name in self.names if name not in assignments]
        if missing:
            first = self[missing[0]]
            raise FactorError(
                f"{', '.join(missing)} not given: add e.g. {first.name}={first.values[0]}, "
                f"or {first.name}='*' for all of {listed(first.values)}"
            )
        choices = [_choices(factor, assignments[factor.name]) for factor in self.factors]
        return [dict(zip(self.names, picked, strict=True)) for picked in itertools.product(*choices)]

    def choices(self, words: Sequence[str]) -> dict[str, list[str]]:
        """Values and blends that `factor=value` words allow, by factor name, without repeats.

        Words are as in `select`; a factor that they do not name keeps all its values.
        """
        assignments = self.parse_assignments(words)
        choices = {factor.name: _choices(factor, assignments.get(factor.name, "*")) for factor in self}
        return {name: list(dict.fromkeys(values)) for name, values in choices.items()}

    def codes_of(self, name: str, texts: Sequence[str]) -> np.ndarray:
        """Codes of values and blends of one factor: float32 (len(texts), K_f)."""
        return np.stack([self[name].code(text) for text in texts])

    def codes(self, pictures: Sequence[Mapping[str, str]]) -> dict[str, np.ndarray]:
        """Codes of the pictures that `select` returns: float32 (N, K_f) by factor name."""
        return {f.name: np.stack([f.code(picture[f.name]) for picture in pictures]) for f in self.factors}

    def one_hot(self, ids: np.ndarray) -> dict[str, np.ndarray]:
        """One-hot codes of cells: int (N, M) -> float32 (N, K_f) by factor name."""
        codes = {f.name: np.zeros((len(ids), len(f)), np.float32) for f in self.factors}
        for m, code in enumerate(codes.values()):
            code[np.arange(len(ids)), ids[:, m]] = 1
        return codes

    def by_name(self, ids: np.ndarray) -> dict[str, np.ndarray]:
        """Ids of cells by factor name: int (N, M) -> int32 (N,) each."""
        return {name: np.asarray(ids[:, m], np.int32) for m, name in enumerate(self.names)}

    def to_json(self) -> str:
        return json.dumps([_stored(factor) for factor in self.factors], indent=1)

    @classmethod
    def from_json(cls, text: str) -> "FactorSpace":
        return cls(tuple(_stored_factor(stored) for stored in json.loads(text)))

    @classmethod
    def read(cls, path: Path) -> "FactorSpace":
        """Read `factors.json`; raise FactorError naming the file if it is missing or damaged."""
        try:
            space = cls.from_json(read_small(path, LARGEST_FILE).decode())
            if not space.factors:
                raise ValueError("it is empty")
            return space
        except FileNotFoundError:
            raise FactorError(
                f"{path} is missing: put it back, or gcn-tf train --resume {path.parent} writes it again"
            ) from None
        except (OSError, ValueError, TypeError, RecursionError) as error:
            reason = " ".join(str(error).split())[:300]
            raise FactorError(f"{path} is not a factor list ({reason}): train the run again") from None


def _stored(factor: Factor) -> dict[str, Any]:
    stored = {"name": factor.name, "values": list(factor.values)}
    return stored | (
        {"numbers": [*map(float, factor.numbers)], "period": float(factor.period)} if factor.numbers else {}
    )


def _stored_factor(stored: Any) -> Factor:
    match stored:
        case {"name": str(name), "values": [*values]} if all(isinstance(value, str) for value in values):
            return Factor(name, tuple(values), *_stored_order(stored))
    raise TypeError("a factor has a name and a list of values, all of them text")


def _stored_order(stored: dict[str, Any]) -> tuple[tuple[float, ...], float]:
    match stored.get("numbers", []), stored.get("period", 0.0):
        case [*numbers], float(period) if all(isinstance(number, float) for number in numbers):
            return tuple(numbers), period
    raise TypeError("an ordered factor has a list of numbers and a period, all of them with a decimal point")


def _choices(factor: Factor, text: str) -> list[str]:
    words = list(factor.values) if text == "*" else text.split(",")
    for word in words:
        factor.code(word)
    return words
