"""From columns of labels to factors: which columns serve, in which order their values are, and by which names."""

import keyword
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gcn_tf.errors import ConfigError, UserError, shown_text, suggest
from gcn_tf.grid.factors import finite_number

FREE_TEXT = 64  # characters: no value of a factor is longer
SPLIT = "split"  # a column of this name tells which rows are held out
SEPARATORS = r"[\s,:=+*/\\]+"  # mean something else on the command line, or to folders
TRAINING = ("train", "training", "")  # its values that are not


@dataclass(frozen=True)
class Column:
    """A column that became a factor.

    Args:
        name: as the factor is called; original: as the labels call it.
        values: of the factor, in code order; originals: as the labels write them.
        numbers: that the values are, in numeric order; empty unless all are different numbers.
    """

    name: str
    original: str
    values: tuple[str, ...]
    originals: tuple[str, ...]
    numbers: tuple[float, ...]


@dataclass(frozen=True)
class Grid:
    """Labels as a grid.

    Args:
        columns: the factors.
        rows: int64 (N,). Numbers of the rows that have all labels.
        ids: int32 (N, M). Value ids of these rows.
        held_out: bool (N,). What a column "split" keeps from training.
        notes: lines for the user: what was left out, and what was renamed.
    """

    columns: tuple[Column, ...]
    rows: np.ndarray
    ids: np.ndarray
    held_out: np.ndarray
    notes: tuple[str, ...]


def grid_of(columns: Mapping[str, Sequence[str | None]], wanted: Sequence[str] = ()) -> Grid:
    """Choose the factors among columns of labels, None where a label is missing.

    Constant columns, columns of which every value is another one, free text, and columns that say the same as one before
    them are left out unless `wanted` names them; a column "split" is a hold-out, no factor.

    Raises:
        ConfigError: `wanted` names a column that is not there.
        UserError: no column serves.
    """
    for name in wanted:
        if name not in columns:
            hint = suggest(name, list(columns)) or ";"
            raise ConfigError(
                f"--factors {shown_text(name)}: no such column{hint} there are: {_list(columns)}"
            )
    candidates = wanted or [name for name in columns if name.lower() != SPLIT]
    left_out = {} if wanted else _left_out(columns, candidates)
    chosen = [name for name in candidates if name not in left_out]
    notes = [f"no factor: {shown_text(name)} ({why})" for name, why in left_out.items()]
    if not chosen:
        reasons = "; ".join(f"{shown_text(name)} is {why}" for name, why in left_out.items())
        raise UserError(
            f"no column of the labels serves as a factor ({reasons or 'there is none'}): name some with --factors"
        )
    whole = np.array([*map(all, zip(*(columns[name] for name in chosen), strict=True))], bool)
    rows = np.flatnonzero(whole)
    if missing := len(whole) - len(rows):
        notes.append(f"{missing} pictures lack a label of {', '.join(map(shown_text, chosen))}: left out")
    if not len(rows):
        raise UserError(f"no picture has a label of {', '.join(map(shown_text, chosen))}")
    names = _unlike([plain_name(name) for name in chosen])
    labels = {name: [columns[name][n] or "" for n in rows.tolist()] for name in chosen}
    found = tuple(
        _column(name, original, labels[original]) for name, original in zip(names, chosen, strict=True)
    )
    ids = np.stack([_ids(column, labels[column.original]) for column in found], axis=1)
    notes += [line for column in found for line in _renamed(column)]
    return Grid(found, rows, ids, _held_out(columns, rows), tuple(notes))


def limited(grid: Grid, limits: Mapping[str, int]) -> Grid:
    """The grid with the first so many values of some factors; raises ConfigError for an unknown one."""
    for name, count in limits.items():
        known = [column.name for column in grid.columns]
        if name not in known:
            hint = suggest(name, known) or ";"
            raise ConfigError(
                f"--limit {shown_text(name)}={count}: no such factor{hint} known: {', '.join(known)}"
            )
        place = known.index(name)
        column = grid.columns[place]
        kept = grid.ids[:, place] < count
        shorter = replace(
            column,
            values=column.values[:count],
            originals=column.originals[:count],
            numbers=column.numbers[:count],
        )
        columns = (*grid.columns[:place], shorter, *grid.columns[place + 1 :])
        grid = Grid(columns, grid.rows[kept], grid.ids[kept], grid.held_out[kept], grid.notes)
    return grid


def first_of_cells_first(grid: Grid) -> Grid:
    """The grid with its rows in another order: the first of every cell, then all others."""
    _, first = np.unique(grid.ids, axis=0, return_index=True)
    order = np.argsort(~np.isin(np.arange(len(grid.ids)), first), kind="stable")
    return replace(grid, rows=grid.rows[order], ids=grid.ids[order], held_out=grid.held_out[order])


def _list(columns: Mapping[str, Sequence[str | None]]) -> str:
    return ", ".join(map(shown_text, columns))


def _left_out(columns: Mapping[str, Sequence[str | None]], candidates: Sequence[str]) -> dict[str, str]:
    """Why columns are no factors, in words, by their names."""
    found: dict[str, str] = {}
    kept: dict[str, int] = {}  # number of different values
    for name in candidates:
        values = columns[name]
        count = len(set(values))
        alike = (
            other for other, size in kept.items() if size == count and _same(values, columns[other], count)
        )
        if why := _unfit(values):
            found[name] = why
        elif other := next(alike, ""):
            found[name] = f"it says the same as {shown_text(other)}"
        else:
            kept[name] = count
    return found


def _same(values: Sequence[str | None], others: Sequence[str | None], count: int) -> bool:
    """Whether every one of `count` values always comes with the same one of another column, and that one with it."""
    return len(set(zip(values, others, strict=True))) == count


def _unfit(values: Sequence[str | None]) -> str:
    """Why a column is no factor, in words; "" if it is one."""
    there = [value for value in values if value]
    different = set(there)
    count = len(different)
    if count < 2:
        return "constant" if count else "empty"
    if max(map(len, different)) > FREE_TEXT or any("\n" in value for value in different):
        return "free text"
    if count == len(there):
        return "another value for every picture"
    return ""


def _column(name: str, original: str, values: Sequence[str]) -> Column:
    numbers = {value: finite_number(value) for value in dict.fromkeys(values)}
    measured = {value: number for value, number in numbers.items() if number is not None}
    if len(set(measured.values())) == len(numbers):
        originals = sorted(measured, key=lambda value: measured[value])
        ascending = tuple(measured[value] for value in originals)
    else:
        originals, ascending = sorted(numbers, key=natural_order), ()
    return Column(name, original, tuple(_unlike(map(plain_value, originals))), tuple(originals), ascending)


def natural_order(text: str) -> list[tuple[int, int | str]]:
    """A key that sorts "IMG 10" after "IMG 9"."""
    return [
        (0, int(part)) if part.isdecimal() and len(part) < 19 else (1, part.casefold())
        for part in re.split(r"(\d+)", text)
    ]


def _ids(column: Column, values: Sequence[str]) -> np.ndarray:
    number = {value: n for n, value in enumerate(column.originals)}
    return np.fromiter(map(number.__getitem__, values), np.int32, len(values))


def plain_name(name: str) -> str:
    """A column's name as the name of a factor: "hair colour" is hair_colour."""
    plain = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", name.strip()).lower()).strip("_")
    if not plain or plain[0].isdigit() or keyword.iskeyword(plain):
        plain = f"factor_{plain}".rstrip("_")
    return plain if plain.isidentifier() else "factor"


def plain_value(value: str) -> str:
    """A value as words of the command line can take it: without spaces, commas, colons and the like."""
    plain = re.sub(rf"^{SEPARATORS}|{SEPARATORS}$", "", unicodedata.normalize("NFC", value))
    plain = re.sub(SEPARATORS, "-", plain)
    plain = "".join(letter if letter.isprintable() else "-" for letter in plain)
    return plain if plain not in ("", ".", "..") else "value"


def _unlike(names: "Sequence[str] | map[str]") -> list[str]:
    """The same names, numbered where one comes again."""
    taken: set[str] = set()
    unlike = []
    for name in names:
        number, candidate = 1, name
        while candidate in taken:
            number += 1
            candidate = f"{name}_{number}"
        taken.add(candidate)
        unlike.append(candidate)
    return unlike


def _renamed(column: Column) -> list[str]:
    """Lines about names that the labels write in another way."""
    lines = []
    if column.name != column.original:
        lines.append(f"factor {column.name}: the column {shown_text(column.original)}")
    renamed = [(new, old) for new, old in zip(column.values, column.originals, strict=True) if new != old]
    if renamed:
        some = ", ".join(f"{new} for {shown_text(old)}" for new, old in renamed[:5])
        more = f" and {len(renamed) - 5} more" if len(renamed) > 5 else ""
        lines.append(f"{column.name}: {some}{more}")
    return lines


def _held_out(columns: Mapping[str, Sequence[str | None]], rows: np.ndarray) -> np.ndarray:
    name = next((name for name in columns if name.lower() == SPLIT), None)
    if name is None:
        return np.zeros(len(rows), bool)
    return np.array([(columns[name][n] or "").lower() not in TRAINING for n in rows.tolist()], bool)
