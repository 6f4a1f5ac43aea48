"""Tables of labels as JSON Lines: an object per line, a key per column."""

import json
from array import array
from collections import Counter
from pathlib import Path
from typing import Any

from gcn_tf.errors import UserError, shown, shown_text
from gcn_tf.pipelines.folder.lines import Lines, text_lines
from gcn_tf.pipelines.folder.tables import (
    LONGEST_ROW,
    MOST_COLUMNS,
    Column,
    Table,
    Trimmed,
    check_columns,
    check_size,
    table_of,
)

Pairs = list[tuple[str, Any]]


def read_jsonl(path: Path) -> Table:
    """Read a JSON Lines file. A number becomes its shortest text; a key that a line lacks, null and NaN are missing.

    Raises:
        UserError: unreadable, damaged, empty or beyond the limits of `tables`; with the line.
    """
    columns: dict[str, Column] = {}
    texts: dict[str, Trimmed] = {}
    places = array("I")
    with text_lines(path) as lines:
        for line in lines:
            lines.left = LONGEST_ROW
            if line.isspace():
                continue
            for name, value in _pairs(line, lines):
                if name not in columns:
                    columns[name], texts[name] = [], Trimmed()
                    _text(name, name, texts[name], lines)  # a key must be text, too
                values = columns[name]
                values.extend([None] * (len(places) - len(values)))  # the lines that lack the key
                values.append(_text(value, name, texts[name], lines))
            places.append(lines.number)
            if len(columns) > MOST_COLUMNS:
                check_columns(path, list(columns))
            check_size(path, len(places), len(columns))
    if not places:
        raise UserError(f'{shown_text(str(path))} is empty: write lines such as {{"file_name": "a.png"}}')
    check_columns(path, list(columns))
    for values in columns.values():
        values.extend([None] * (len(places) - len(values)))
    return table_of(path, list(columns.items()), places)


def _pairs(line: str, lines: Lines) -> Pairs:
    """Keys, trimmed, and values of the object on a line. Numbers are text already, but for NaN and infinities."""
    if not line.lstrip().startswith("{"):
        raise lines.error(
            f"{shown(line.strip())}, not an object", 'write lines such as {"file_name": "a.png"}'
        )
    try:
        found = json.loads(line, object_pairs_hook=list, parse_int=str, parse_float=_float_text)
    except (ValueError, RecursionError) as error:
        raise lines.error(f"broken JSON ({_reason(error)})", "correct it") from None
    pairs = [(key.strip(), value) for key, value in found]
    if len(dict(pairs)) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise lines.error(f"the key {shown(twice)} twice", "rename or remove one")
    return pairs


def _reason(error: Exception) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"


def _text(value: Any, name: str, texts: Trimmed, lines: Lines) -> str | None:
    if isinstance(value, list):
        raise lines.error(
            f"a list or an object under {shown(name)}", "write a text or a number, or remove the key"
        )
    if value is None or value != value:  # null or NaN
        return None
    if isinstance(value, bool):
        value = str(value).lower()
    try:
        return texts[str(value)]
    except ValueError as error:
        raise lines.error(f"{error} under {shown(name)}", "correct or remove it") from None


def _float_text(digits: str) -> str:
    """The shortest text of a number: 45 for 45.0."""
    return repr(float(digits)).removesuffix(".0")
