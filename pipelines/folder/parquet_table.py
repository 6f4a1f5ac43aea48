"""Tables of labels as Parquet, if PyArrow is installed."""

import importlib
from array import array
from pathlib import Path
from typing import Any

from gcn_tf.errors import UserError, shown, shown_text
from gcn_tf.pipelines.folder.lines import check_file
from gcn_tf.pipelines.folder.tables import (
    LARGEST_TABLE,
    Column,
    Table,
    Trimmed,
    check_columns,
    check_size,
    table_of,
)

ROWS_AT_ONCE = 10_000
MOST_ENTRIES = 1_000_000  # of any list in the file's description


def read_parquet(path: Path) -> Table:
    """Read a Parquet file. Numbers and dates become their shortest text; null and NaN are missing.

    Raises:
        UserError: PyArrow is missing; the file is damaged, empty, beyond the limits of `tables` or holds nested columns.
    """
    check_file(path)
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise UserError(
            f"{shown_text(str(path))} needs PyArrow: pip install pyarrow, or save the table as CSV"
        ) from None
    try:
        with parquet.ParquetFile(path, thrift_container_size_limit=MOST_ENTRIES) as file:
            return _read(path, file)
    except UserError:
        raise
    except Exception as error:  # PyArrow raises a dozen types
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(
            f"{shown_text(str(path))} is damaged ({shown_text(reason)}): write it again"
        ) from None


def _read(path: Path, file: Any) -> Table:
    names = [name.strip() for name in file.schema_arrow.names]
    check_columns(path, names)
    check_size(path, file.metadata.num_rows, len(names))
    groups = range(file.metadata.num_row_groups)
    if sum(file.metadata.row_group(group).total_byte_size for group in groups) > LARGEST_TABLE:
        raise UserError(
            f"{shown_text(str(path))} unpacks to more than {LARGEST_TABLE:,} bytes: keep fewer rows or columns"
        )
    columns: list[Column] = [[] for _ in names]
    texts = [Trimmed() for _ in names]
    for batch in file.iter_batches(ROWS_AT_ONCE):
        for name, values, known, cells in zip(names, columns, texts, batch.columns, strict=True):
            for text in _texts(path, name, cells):
                try:
                    values.append(None if text is None else known[text])
                except ValueError as error:
                    raise UserError(
                        f"{shown_text(str(path))} row {len(values) + 1} has {error} under {shown(name)}: correct it"
                    ) from None
    rows = array("I", range(1, len(columns[0]) + 1))
    return table_of(path, list(zip(names, columns, strict=True)), rows, "row")


def _texts(path: Path, name: str, cells: Any) -> list[str | None]:
    """The cells of a column as text, None for null and NaN."""
    pa, pc = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.compute")
    if pa.types.is_dictionary(cells.type):  # repeated values, stored once
        known = _texts(path, name, cells.dictionary)
        return [None if number is None else known[number] for number in cells.indices.to_pylist()]
    if (
        pa.types.is_nested(cells.type)
        or pa.types.is_binary(cells.type)
        or pa.types.is_large_binary(cells.type)
    ):
        raise UserError(
            f"{shown_text(str(path))} holds {shown_text(str(cells.type))} in column {shown(name)}: "
            "write texts or numbers there, or remove the column"
        )
    if pa.types.is_floating(cells.type):
        cells = pc.if_else(pc.is_nan(cells), None, cells)
    texts: list[str | None] = cells.cast(pa.string()).to_pylist()
    return texts
