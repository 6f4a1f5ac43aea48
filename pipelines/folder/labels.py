"""Which pictures of a user's folder there are, and how they are labelled: by a table, by their folders or by their names."""

import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gcn_tf.errors import UserError, shown, shown_text
from gcn_tf.pipelines.folder.csv_table import read_csv
from gcn_tf.pipelines.folder.found import SUFFIXES, FoundPictures, find_pictures
from gcn_tf.pipelines.folder.jsonl_table import read_jsonl
from gcn_tf.pipelines.folder.listed import listed_files
from gcn_tf.pipelines.folder.names import Named, by_levels, by_pattern, levels_found
from gcn_tf.pipelines.folder.parquet_table import read_parquet
from gcn_tf.pipelines.folder.tables import Column, Table

READERS = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".txt": read_csv,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".parquet": read_parquet,
}
TABLES = (
    "labels.csv",
    "metadata.csv",
    "metadata.jsonl",
    "metadata.parquet",
)  # found in the folder by themselves
MOST_TWINS = 5  # pointed out


@dataclass(frozen=True)
class Labels:
    """Which pictures there are and what is written about them.

    Args:
        files: tuple of str. Absolute paths; as Path, many of them would take long to make.
        names: tuple of str. As written in the table, or relative to the folder.
        columns: dict of lists of str or None (missing), one per label column in order, each as long as `files`.
        source: str. Where the labels are from, for people: "labels.csv", "folder levels person/emotion".
        notes: tuple of str. What people should know: what was left out, and values that are probably the same.
        unlabelled: (name, reason) of the pictures without any label, which are left out.
    """

    files: tuple[str, ...]
    names: tuple[str, ...]
    columns: dict[str, Column]
    source: str
    notes: tuple[str, ...]
    unlabelled: tuple[tuple[str, str], ...] = ()


def read_labels(
    folder: Path,
    table: Path | None = None,
    levels: str = "",
    pattern: str = "",
) -> Labels:
    """Find the pictures of a folder and their labels.

    At most one of `table`, `levels` and `pattern` says where the labels are. By default it is the table in the folder
    (`labels.csv`, `metadata.csv`, `.jsonl` or `.parquet`), else the folders that the pictures lie in. Pictures that lack
    some of the labels stay, with None: whether these are needed is decided later.

    Args:
        folder: what names in a table are relative to.
        table: a CSV, JSON Lines or Parquet file with a column `file_name`.
        levels: names of the folders between the root and the files, from the root, "person/emotion".
        pattern: what paths look like, "{alphabet}/{}_{drawer}.png".

    Raises:
        UserError: no labels, contradictory ones, or unusable files.
    """
    given = {"--labels": str(table or ""), "--levels": levels, "--pattern": pattern}
    flags = [f"{flag} {shown_text(value)}" for flag, value in given.items() if value]
    if len(flags) > 1:
        raise UserError(f"{' and '.join(flags)} both say where the labels are: give one of them")
    found = find_pictures(folder)
    if table:
        labels = _from_table(_read_table(table), found, str(table))
    elif flags:
        notes = _require_no_table(found, flags[0])
        _require_pictures(found)
        named = by_levels(found, levels) if levels else by_pattern(found, pattern)
        labels = _from_names(named, found, notes)
    else:
        labels = _from_folder(found)
    return _labelled(labels)


def _read_table(path: Path) -> Table:
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError(
            f"--labels {shown_text(str(path))} is no table by its suffix: name a {', '.join(READERS)} file"
        )
    return reader(path)


def _tables_in(found: FoundPictures) -> list[Path]:
    return sorted(Path(found.root, name) for name in os.listdir(found.root) if name.lower() in TABLES)


def _from_folder(found: FoundPictures) -> Labels:
    tables = _tables_in(found)
    if len(tables) > 1:
        names = " and ".join(path.name for path in tables)
        raise UserError(
            f"--dataset {shown_text(found.root)} has {names}: say with --labels which of them has the labels"
        )
    if tables:
        return _from_table(_read_table(tables[0]), found, tables[0].name)
    _require_pictures(found)
    return _from_names(by_levels(found, levels_found(found)), found)


def _require_pictures(found: FoundPictures) -> None:
    if not found.names:
        raise UserError(
            f"--dataset {shown_text(found.root)} holds no pictures ({' '.join(SUFFIXES)}): name a folder with some"
        )


def _require_no_table(found: FoundPictures, flag: str) -> list[str]:
    """Raise UserError if a table in the folder gives labels too; return notes on those that do not."""
    notes = []
    for path in _tables_in(found):
        try:
            labelled = bool(_read_table(path).labels)
        except UserError as error:
            notes.append(f"not used: {error}")
            continue
        if labelled:
            raise UserError(
                f"{flag} and {path.name} in {shown_text(found.root)} both give labels: give --labels {path.name} with "
                f"its path instead to use the table, or rename it to use {flag.split()[0]}"
            )
        notes.append(f"{path.name} has no labels and is not used")
    return notes


def _from_table(table: Table, found: FoundPictures, source: str) -> Labels:
    if not table.labels:
        raise UserError(
            f"{shown_text(str(table.path))} has no labels: add a column such as color, or give --levels or --pattern"
        )
    listed = listed_files(table, found)
    rows = listed.rows
    columns = {name: [values[row] for row in rows] for name, values in table.labels.items()}
    return Labels(
        tuple(listed.files),
        tuple(table.files[row] for row in rows),
        columns,
        source,
        (*found.notes, *table.notes, *listed.notes),
    )


def _from_names(named: Named, found: FoundPictures, notes: Sequence[str] = ()) -> Labels:
    files = tuple(os.path.join(found.root, name) for name in named.names)
    return Labels(files, tuple(named.names), named.labels, named.source, (*found.notes, *notes, *named.notes))


def _labelled(labels: Labels) -> Labels:
    """Leave out the pictures without any label, and point out probable twins among the labels."""
    columns, notes = labels.columns, labels.notes
    rows = [row for row, values in enumerate(zip(*columns.values(), strict=True)) if any(values)]
    files, names = labels.files, labels.names
    unlabelled = [names[row] for row in sorted(set(range(len(files))).difference(rows))]
    if unlabelled:
        if not rows:
            raise UserError(f"{shown_text(labels.source)}: no picture has a label, write some")
        notes += (f"{len(unlabelled):,} of {len(files):,} pictures have no label and are left out",)
        files, names = tuple(files[row] for row in rows), tuple(names[row] for row in rows)
        columns = {name: [values[row] for row in rows] for name, values in columns.items()}
    without = tuple((name, "no label") for name in unlabelled)
    return Labels(files, names, columns, labels.source, (*notes, *_twins(columns)), without)


def _twins(columns: dict[str, Column]) -> list[str]:
    """A note on values that differ only in case, spaces or Unicode form."""
    pairs = []
    for name, values in columns.items():
        first: dict[str, str] = {}
        for value in dict.fromkeys(value for value in values if value is not None):
            other = first.setdefault(_folded(value), value)
            if other is not value:
                pairs.append(f"{shown(name)}: {_distinguished(other, value)}")
    if not pairs:
        return []
    more = f" and {len(pairs) - MOST_TWINS:,} more" if len(pairs) > MOST_TWINS else ""
    return [
        f"probably the same value, but for case, spaces or Unicode form: {'; '.join(pairs[:MOST_TWINS])}{more}"
    ]


def _folded(value: str) -> str:
    if not value.isascii():
        value = unicodedata.normalize("NFKC", value)
    return "".join(value.split()).casefold()


def _distinguished(one: str, other: str) -> str:
    """Both values for people; with escapes if they look the same."""
    if unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other):
        return f"{ascii(one)[:100]} and {ascii(other)[:100]}"
    return f"{shown(one)} and {shown(other)}"
