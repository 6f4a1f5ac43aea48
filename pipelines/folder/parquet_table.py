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
            _check(path, file)
            description = file.metadata
        with parquet.ParquetFile(
            path, metadata=description, read_dictionary=_text_columns(description)
        ) as file:
            return _read(path, file)
    except UserError:
        raise
    except Exception as error:  # PyArrow raises a dozen types
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(
            f"{shown_text(str(path))} is damaged ({shown_text(reason)}): write it again"
        ) from None


def _check(path: Path, file: Any) -> None:
    """Raise UserError for a table beyond the limits or with columns that are no text, before anything is unpacked."""
    types = importlib.import_module("pyarrow").types
    check_columns(path, _names(file))
    check_size(path, file.metadata.num_rows, len(file.schema_arrow))
    groups = range(file.metadata.num_row_groups)
    if sum(file.metadata.row_group(group).total_byte_size for group in groups) > LARGEST_TABLE:
        raise UserError(
            f"{shown_text(str(path))} unpacks to more than {LARGEST_TABLE:,} bytes: keep fewer rows or columns"
        )
    for column in file.schema_arrow:
        kind = column.type.value_type if types.is_dictionary(column.type) else column.type
        if any(refused(kind) for refused in (types.is_nested, *_binary(types))):
            raise UserError(
                f"{shown_text(str(path))} holds {shown_text(str(kind))} in column {shown(column.name)}: "
                "write texts or numbers there, or remove the column"
            )


def _binary(types: Any) -> tuple[Any, ...]:
    return types.is_binary, types.is_large_binary, types.is_fixed_size_binary


def _names(file: Any) -> list[str]:
    return [name.strip() for name in file.schema_arrow.names]


def _text_columns(description: Any) -> list[str]:
    """The columns of texts, to be read as a dictionary: short files can repeat long texts, which take gigabytes else."""
    columns = map(description.schema.column, range(description.num_columns))
    return [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]


def _read(path: Path, file: Any) -> Table:
    names = _names(file)
    columns: list[Column] = [[] for _ in names]
    texts = [Trimmed() for _ in names]
    for batch in file.iter_batches(ROWS_AT_ONCE):
        for name, values, known, cells in zip(names, columns, texts, batch.columns, strict=True):
            for text in _texts(cells):
                try:
                    values.append(None if text is None else known[text])
                except ValueError as error:
                    raise UserError(
                        f"{shown_text(str(path))} row {len(values) + 1} has {error} under {shown(name)}: correct it"
                    ) from None
    rows = array("I", range(1, len(columns[0]) + 1))
    return table_of(path, list(zip(names, columns, strict=True)), rows, "row")


def _texts(cells: Any) -> list[str | None]:
    """The cells of a column as text, None for null and NaN."""
    pa, pc = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.compute")
    if pa.types.is_dictionary(cells.type):
        used = cells.indices.unique().drop_null()
        known = dict(zip(used.to_pylist(), _texts(cells.dictionary.take(used)), strict=True))
        return [known.get(number) for number in cells.indices.to_pylist()]
    if pa.types.is_floating(cells.type):
        cells = pc.if_else(pc.is_nan(cells), None, cells)
    texts: list[str | None] = cells.cast(pa.string()).to_pylist()
    return texts
