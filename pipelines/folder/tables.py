"""Tables of labels, whatever their format: the columns as text, the limits, and which column names the files."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gcn_tf.errors import UserError, shown, shown_text

FILE_COLUMNS = ("file_name", "filepath", "path", "file", "image")  # the first of these that a table has
LARGEST_TABLE = 2**30  # bytes
MOST_ROWS, MOST_COLUMNS = 5_000_000, 1_000
MOST_CELLS = 100_000_000  # rows x columns; eight bytes each, even the empty ones
LONGEST_FIELD = 100_000  # characters
LONGEST_ROW = 2**20  # characters
REMEMBERED = 100_000  # texts of a column, so that a repeated label is stored once

Column = list[str | None]


@dataclass(frozen=True)
class Table:
    """A table of labels as text.

    Args:
        path: the file.
        files: list of str. Names of the pictures as written, one per row.
        labels: dict of lists of str or None (missing), one per label column in order, each as long as `files`.
        places: unsigned integers, one per row: its line in the file, or its row in a Parquet file.
        place: "line" or "row".
        notes: what people should know.
    """

    path: Path
    files: list[str]
    labels: dict[str, Column]
    places: Sequence[int]
    place: str
    notes: tuple[str, ...]


class Trimmed(dict[str, str | None]):
    """Texts without the spaces around them, None for empty ones. Texts that repeat are stored once.

    Raises:
        ValueError: a text with a NUL character, with half of a surrogate pair or longer than LONGEST_FIELD.
    """

    def __missing__(self, raw: str) -> str | None:
        if len(raw) > LONGEST_FIELD:
            raise ValueError(f"a field of more than {LONGEST_FIELD:,} characters")
        if "\0" in raw:
            raise ValueError("a NUL character")
        if not raw.isascii():
            _require_unicode(raw)
        if len(self) >= REMEMBERED:
            self.clear()
        text = self[raw] = raw.strip() or None
        return text


def _require_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("half of a surrogate pair, which is no character") from None


def check_columns(path: Path, names: Sequence[str]) -> None:
    """Raise UserError for a table without a column of file names, or with too many columns or the same one twice."""
    if len(names) > MOST_COLUMNS:
        raise UserError(
            f"{shown_text(str(path))} has {len(names):,} columns: keep at most {MOST_COLUMNS:,} of them"
        )
    if file_column(names) is None:
        found = ", ".join(shown_text(name) if name else "''" for name in names[:10])
        more = f" and {len(names) - 10} more" if len(names) > 10 else ""
        raise UserError(
            f"{shown_text(str(path))} has no column of file names, its columns are {found[:500]}{more}: "
            f"call one {FILE_COLUMNS[0]} (or {', '.join(FILE_COLUMNS[1:])})"
        )
    first: dict[str, str] = {}
    for name in filter(None, names):
        other = first.setdefault(name.casefold(), name)
        if other is not name:
            raise UserError(
                f"{shown_text(str(path))} has two columns {shown(other)} and {shown(name)}: rename or remove one"
            )


def file_column(names: Iterable[str]) -> str | None:
    """The column that names the files: the first of FILE_COLUMNS that there is, in any case."""
    spelling = {name.casefold(): name for name in names}
    return next((spelling[known] for known in FILE_COLUMNS if known in spelling), None)


def check_size(path: Path, rows: int, columns: int) -> None:
    """Raise UserError for a table with more rows, or more rows x columns, than are read."""
    if rows > MOST_ROWS:
        raise UserError(f"{shown_text(str(path))} has more than {MOST_ROWS:,} rows: keep fewer of them")
    if rows * columns > MOST_CELLS:
        raise UserError(
            f"{shown_text(str(path))} has more than {MOST_CELLS:,} fields ({columns} columns): keep the columns to learn"
        )


def table_of(
    path: Path, columns: list[tuple[str, Column]], places: "array[int]", place: str = "line"
) -> Table:
    """Make a table of checked columns: of file names and of labels.

    Columns without a name or without any value, and rows without anything, are left out.

    Raises:
        UserError: no row, or a row of labels without a file name.
    """
    labels = {name: values for name, values in columns if name}
    notes = []
    if nameless := [str(number) for number, (name, _) in enumerate(columns, start=1) if not name]:
        notes.append(f"left out for want of a name: column {', '.join(nameless[:5])}")
    names = labels.pop(file_column(labels) or "")
    if None in names:
        kept = _named_rows(path, names, labels, places, place)
        labels = {name: [values[row] for row in kept] for name, values in labels.items()}
        places = array("I", (places[row] for row in kept))
    files = [name for name in names if name is not None]
    if not files:
        raise UserError(f"{shown_text(str(path))} has no rows: write a line per picture below its header")
    if empty := [name for name, values in labels.items() if not any(values)]:
        notes.append(f"left out for want of any value: column {', '.join(map(shown, empty[:5]))}")
    labels = {name: values for name, values in labels.items() if name not in empty}
    return Table(path, files, labels, places, place, tuple(notes))


def _named_rows(
    path: Path, names: Column, labels: dict[str, Column], places: Sequence[int], place: str
) -> list[int]:
    """Numbers of the rows with a file name; raise UserError if one of the others has labels."""
    for row, name in enumerate(names):
        if name is None and any(values[row] for values in labels.values()):
            raise UserError(
                f"{shown_text(str(path))} {place} {places[row]} has labels but no file name: write the name or "
                "remove the row"
            )
    return [row for row, name in enumerate(names) if name is not None]
