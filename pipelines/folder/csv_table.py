"""Tables of labels as CSV: comma, semicolon or tab, found by itself; UTF-8, or UTF-16 with its mark."""

import csv
from array import array
from collections.abc import Iterator
from pathlib import Path

from gcn_tf.errors import UserError, shown, shown_text
from gcn_tf.pipelines.folder.lines import Lines, text_lines
from gcn_tf.pipelines.folder.tables import (
    LONGEST_FIELD,
    LONGEST_ROW,
    Column,
    Table,
    Trimmed,
    check_columns,
    check_size,
    file_column,
    table_of,
)

DELIMITERS = ",;\t"
ROWS_AT_ONCE = 1_000


def read_csv(path: Path) -> Table:
    """Read a CSV file; every field stays the text that it is.

    Raises:
        UserError: unreadable, damaged, empty or beyond the limits of `tables`; with the line.
    """
    delimiter, header = _found_header(path)
    columns: list[Column] = [[] for _ in header]
    trimmed = [Trimmed() for _ in header]
    places = array("I")
    with text_lines(path) as lines:
        rows = _rows(lines, delimiter)
        next(rows)  # the header
        for numbers, chunk in _chunks(rows, path, len(header)):
            places.extend(numbers)
            check_size(path, len(places), len(header))
            for values, texts, raw in zip(columns, trimmed, zip(*chunk, strict=True), strict=True):
                try:
                    values.extend(map(texts.__getitem__, raw))
                except ValueError as error:
                    line = numbers[len(values) - len(places)]  # the first row that this column lacks
                    raise UserError(
                        f"{shown_text(str(path))} line {line} has {error}: shorten or remove it"
                    ) from None
    return table_of(path, list(zip(header, columns, strict=True)), places)


def _found_header(path: Path) -> tuple[str, list[str]]:
    """The delimiter and the names of the columns: those with a column of file names if there are any, else the most."""
    headers: dict[str, list[str]] = {}
    problem: UserError | None = None
    for delimiter in DELIMITERS:
        try:
            with text_lines(path) as lines:
                _, row = next(_rows(lines, delimiter), (0, []))
        except UserError as error:
            problem = problem or error
        else:
            headers[delimiter] = [name.strip() for name in row]
    if problem and not headers:
        raise problem
    best = max(headers, key=lambda key: (file_column(headers[key]) is not None, len(headers[key])))
    header = headers[best]
    if not any(header):
        raise UserError(f"{shown_text(str(path))} is empty: write a header such as file_name,color")
    while not header[-1]:  # columns that a spreadsheet added
        header.pop()
    check_columns(path, header)
    return best, header


def _rows(lines: Lines, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, each with the number of its first line."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
    while True:
        lines.left, start = LONGEST_ROW, lines.number + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problem = (
                f"a field of more than {LONGEST_FIELD:,} characters, or a quote that is never closed"
                if "limit" in str(error)
                else "a quote that is never closed, or a quote within quotes that is not doubled"
            )
            raise UserError(f"{shown_text(str(lines.path))} line {start} has {problem}: correct it") from None
        if row:
            yield start, row


def _chunks(
    rows: Iterator[tuple[int, list[str]]], path: Path, width: int
) -> Iterator[tuple[list[int], list[list[str]]]]:
    """Line numbers and rows, ROWS_AT_ONCE at a time, all as wide as the header."""
    numbers: list[int] = []
    chunk: list[list[str]] = []
    for number, row in rows:
        numbers.append(number)
        chunk.append(row if len(row) == width else _as_wide(row, width, path, number))
        if len(chunk) == ROWS_AT_ONCE:
            yield numbers, chunk
            numbers, chunk = [], []
    if chunk:
        yield numbers, chunk


def _as_wide(row: list[str], width: int, path: Path, line: int) -> list[str]:
    """Fill a short row with missing fields; cut empty ones from a long row."""
    if any(field.strip() for field in row[width:]):
        raise UserError(
            f"{shown_text(str(path))} line {line} has {len(row):,} fields, the header names {width:,} columns: "
            f"put quotes around a field with a delimiter, or remove {shown(row[width])}"
        )
    return row[:width] + [""] * (width - len(row))
