"""From the names in a table to files: which picture of the folder a row is about."""

import os
import unicodedata
from dataclasses import dataclass

from gcn_tf.errors import UserError, shown, shown_text
from gcn_tf.pipelines.folder.found import FoundPictures
from gcn_tf.pipelines.folder.tables import Table


@dataclass(frozen=True)
class Listed:
    """The files of a table.

    Args:
        rows: list of int. Numbers of the rows, without those that repeat another one.
        files: list of str. Absolute paths, one per row.
        notes: repeated rows, pictures without a row.
    """

    rows: list[int]
    files: list[str]
    notes: tuple[str, ...]


def listed_files(table: Table, found: FoundPictures) -> Listed:
    """Find the file of every row of a table.

    Raises:
        UserError: names without a file, names with "..", or the same file twice with different labels.
    """
    rows, files, missing = [], [], []
    first: dict[str, int] = {}  # row by file
    names, folder = _Names(found), os.path.join(found.root, "")
    for row, written in enumerate(table.files):
        name = names.find(written)
        if name is None:
            _refuse_parent(table, row)
            missing.append(row)
        elif (other := first.setdefault(name, row)) != row:
            _require_same(table, other, row)
        else:
            rows.append(row)
            files.append(name if name.startswith("/") else folder + name)
    if missing:
        raise _missing_error(table, missing, found)
    return Listed(rows, files, tuple(_notes(table, found, first)))


def _notes(table: Table, found: FoundPictures, first: dict[str, int]) -> list[str]:
    notes = []
    if repeated := len(table.files) - len(first):
        notes.append(f"{repeated:,} of {len(table.files):,} rows repeat another one and are left out")
    if unlisted := sum(name not in first for name in found.names):
        notes.append(
            f"{unlisted:,} of {len(found.names):,} pictures in the folder are not in {table.path.name} and are left out"
        )
    return notes


class _Names:
    """The names of a folder's pictures, however they are written: either slash, either Unicode form, absolute."""

    def __init__(self, found: FoundPictures) -> None:
        self.root = found.root
        self.names = dict(zip(found.names, found.names, strict=True))
        self.composed = {_composed(name): name for name in found.names if not name.isascii()}

    def find(self, written: str) -> str | None:
        """The path of a file relative to the folder, or absolute if it lies outside; None if there is none."""
        if written in self.names:
            return self.names[written]
        for name in (written, written.replace("\\", "/")):
            parts = name.split("/")
            if ".." in parts:
                return None
            whole = os.path.join(self.root, *(part for part in parts if part not in ("", ".")))
            if name.startswith("/"):
                whole = os.path.normpath(name)
            place = whole.removeprefix(self.root.rstrip("/") + "/")
            known = self.names.get(place) or self.composed.get(_composed(place))
            if known or os.path.isfile(whole):
                return known or place
        return None


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _refuse_parent(table: Table, row: int) -> None:
    name = table.files[row]
    if ".." in name.replace("\\", "/").split("/"):
        raise UserError(
            f"{_where(table, row)} names {shown(name)}: .. may not lead out of the folder, write the absolute path"
        )


def _require_same(table: Table, one: int, other: int) -> None:
    for column, values in table.labels.items():
        if values[one] != values[other]:
            raise UserError(
                f"{_where(table, other)} gives {shown(table.files[other])} {column[:100]} "
                f"{shown(values[other])}, {table.place} {table.places[one]} gives it {shown(values[one])}: remove one"
            )


def _missing_error(table: Table, missing: list[int], found: FoundPictures) -> UserError:
    named = [f"{shown(table.files[row])} ({table.place} {table.places[row]})" for row in missing[:5]]
    more = f" and {len(missing) - 5:,} more" if len(missing) > 5 else ""
    return UserError(
        f"{shown_text(str(table.path))} names {len(missing):,} of {len(table.files):,} files that do not exist: "
        f"{', '.join(named)}{more}: write names relative to {shown_text(found.root)}{_hint(table, missing, found)}"
    )


def _hint(table: Table, missing: list[int], found: FoundPictures) -> str:
    """A picture whose name differs from the first missing one in case or suffix alone."""
    stem = os.path.splitext(table.files[missing[0]])[0].casefold()
    near = (name for name in found.names if os.path.splitext(name)[0].casefold() == stem)
    name = next(near, None)
    return f", did you mean {shown(name)}?" if name else ""


def _where(table: Table, row: int) -> str:
    return f"{shown_text(str(table.path))} {table.place} {table.places[row]}"
