"""What a page shows: a value or blend of every factor, and how the grid and the strip lie; as words, as a link, as code."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import numpy as np

from gcn_tf.errors import UserError
from gcn_tf.grid.factors import MOST_VALUES, Factor, FactorSpace, finite_number

LIMITS = {"count": (2, 16), "top": (0, MOST_VALUES)}  # of the numbers of a selection
# Keys of a link that are no factors: a hyphen stands in no factor's name.
KEYS = {
    "rows": "grid-rows",
    "columns": "grid-columns",
    "top": "grid-from",
    "strip": "strip-of",
    "start": "strip-from",
    "end": "strip-to",
    "count": "strip-pictures",
}


@dataclass(frozen=True)
class Selection:
    """What is chosen on the page.

    Args:
        values: a value ("3"), number ("45") or blend ("3:0.5+8:0.5") by factor name.
        rows, columns: factors that run down and across the grid.
        strip, start, end, count: the factor of the strip, its first and last value, and how many pictures it has.
        top: the first row of a grid that is too large to be shown at once.
    """

    values: dict[str, str]
    rows: str
    columns: str
    strip: str
    start: str
    end: str
    count: int = 7
    top: int = 0

    @classmethod
    def first(cls, space: FactorSpace) -> "Selection":
        """What the page shows at first: the first cell, the two factors with the most values, a strip over the first factor of two values or more.

        >>> color, digit = Factor("color", ("red", "blue")), Factor("digit", ("1", "2", "3"))
        >>> Selection.first(FactorSpace((color, digit))).rows
        'digit'
        """
        largest = sorted(space, key=len, reverse=True)
        rows, columns = (largest * 2)[:2]
        long = next((factor for factor in space if len(factor) > 1), space.factors[0])
        return cls(
            {factor.name: factor.values[0] for factor in space},
            *(rows.name, columns.name, long.name, long.values[0], long.values[-1]),
        )

    @classmethod
    def of_link(cls, space: FactorSpace, query: str) -> tuple["Selection", list[str]]:
        """What a link's query asks for; what it has wrongly keeps its first value, with a line for each.

        >>> space = FactorSpace((Factor("digit", ("3", "7")),))
        >>> chosen, wrong = Selection.of_link(space, "digit=7&grid-rows=colour")
        >>> chosen.values, wrong
        ({'digit': '7'}, ["no factor 'colour'; known: digit"])
        """
        given = dict(parse_qsl(query))
        chosen, wrong = cls.first(space), []
        names = {key: name for name, key in KEYS.items()}
        for key, text in given.items():
            try:
                if key in names:
                    chosen = chosen._with(space, names[key], text)
                elif key in space.names:
                    space[key].code(text)
                    chosen = replace(chosen, values={**chosen.values, key: text})
            except UserError as error:
                wrong.append(str(error))
        try:
            chosen.strip_pictures(space)
        except UserError:
            factor = space[chosen.strip]
            chosen = replace(chosen, start=factor.values[0], end=factor.values[-1])
        return chosen, wrong

    def _with(self, space: FactorSpace, name: str, text: str) -> "Selection":
        """The same with one thing of the page as a link has it."""
        value: Any = space[text].name if name in ("rows", "columns", "strip") else text
        if name in LIMITS:
            low, high = LIMITS[name]
            value = int(min(max(finite_number(text) or 0, low), high))
        return replace(self, **{name: value})

    @property
    def link(self) -> str:
        """The query of a link that shows the same."""
        page = {KEYS[f.name]: str(getattr(self, f.name)) for f in fields(self) if f.name in KEYS}
        return urlencode(self.values | page, safe=":")

    def grid_sides(self, space: FactorSpace) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The values of the grid's rows and columns; ("",) for the rows if one factor is both."""
        return space[self.rows].values if self.rows != self.columns else ("",), space[self.columns].values

    def grid_pictures(
        self, space: FactorSpace, some_rows: slice = slice(None), some_columns: slice = slice(None)
    ) -> list[dict[str, str]]:
        """The cells of the grid, or of a part of it, row by row."""
        rows, columns = self.grid_sides(space)
        return [
            self.values | ({self.rows: row} if self.rows != self.columns else {}) | {self.columns: column}
            for row in rows[some_rows]
            for column in columns[some_columns]
        ]

    def strip_pictures(self, space: FactorSpace) -> list[dict[str, str]]:
        """The pictures of the strip: blends from its first to its last value, or the numbers between those of an ordered factor.

        Raises:
            FactorError: the first or the last value is unknown.
        """
        factor = space[self.strip]
        return [
            self.values | {self.strip: text} for text in between(factor, self.start, self.end, self.count)
        ]


def between(factor: Factor, start: str, end: str, count: int) -> list[str]:
    """`count` values from one to another: blends, or numbers of an ordered factor.

    >>> between(Factor("writer", ("3", "8")), "3", "8", 3)
    ['3', '3:0.5+8:0.5', '8']
    >>> between(Factor("angle", ("0", "90"), (0, 90)), "0", "45", 4)
    ['0', '15', '30', '45']
    """
    factor.code(start), factor.code(end)
    shares = np.linspace(0, 1, count)
    ends = [finite_number(text) if factor.numbers else None for text in (start, end)]
    if ends[0] is not None and ends[1] is not None:
        return [start, *(f"{ends[0] + share * (ends[1] - ends[0]):.6g}" for share in shares[1:-1]), end]
    if start == end or not {start, end} <= set(factor.values):
        return [start, *(start if share < 0.5 else end for share in shares[1:-1]), end]
    return [start, *(blend({start: 1 - share, end: share}) for share in shares[1:-1]), end]


def blend(weights: Mapping[str, float]) -> str:
    """Weights of values as a blend whose weights sum to 1 in three decimals.

    >>> blend({"3": 1, "8": 1, "9": 1})
    '3:0.334+8:0.333+9:0.333'
    >>> blend({"3": 0.2})
    '3'
    """
    total = sum(weights.values())
    kept = (
        {value: round(weight / total, 3) for value, weight in weights.items() if weight > 0}
        if total > 0
        else {}
    )
    kept = {value: weight for value, weight in kept.items() if weight > 0}
    if len(kept) < 2:
        return next(iter(kept), next(iter(weights)))
    largest = max(kept, key=kept.__getitem__)
    kept[largest] = round(kept[largest] + 1 - sum(kept.values()), 3)
    return "+".join(f"{value}:{weight:g}" for value, weight in kept.items())


def words_of(pictures: Sequence[Mapping[str, str]]) -> list[str]:
    """Pictures as words of `gcn-tf generate`: each factor with the values that it has in any of them, in order.

    >>> words_of([{"digit": "3", "color": "red"}, {"digit": "7", "color": "red"}])
    ['digit=3,7', 'color=red']
    """
    return [
        f"{name}={','.join(dict.fromkeys(picture[name] for picture in pictures))}" for name in pictures[0]
    ]


def command_line(place: Path, words: Sequence[str]) -> str:
    """The line of the command line that makes the same.

    >>> command_line(Path("runs/demo"), ["digit=7", "color=red"])
    'gcn-tf generate runs/demo digit=7 color=red'
    """
    best = place.name == "best.npz"
    run = place.parent.parent if place.suffix == ".npz" else place
    return shlex.join(["gcn-tf", "generate", str(run), *words, *(["--checkpoint", "best"] if best else [])])


def python_lines(place: Path, values: Mapping[str, str]) -> str:
    """Five lines of Python that make the same.

    >>> print(python_lines(Path("runs/demo"), {"digit": "7"}))
    import gcn_tf
    from PIL import Image
    run = gcn_tf.open_run('runs/demo')
    picture = run.generate(digit='7')
    Image.fromarray(picture.squeeze()).save("picture.png")
    """
    best = ", 'best'" if place.name == "best.npz" else ""
    run = place.parent.parent if place.suffix == ".npz" else place
    chosen = ", ".join(f"{name}={value!r}" for name, value in values.items())
    return "\n".join(
        [
            "import gcn_tf",
            "from PIL import Image",
            f"run = gcn_tf.open_run({str(run)!r}{best})",
            f"picture = run.generate({chosen})",
            'Image.fromarray(picture.squeeze()).save("picture.png")',
        ]
    )
