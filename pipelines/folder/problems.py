"""What was left out of a user's pictures, and why: a sentence for people, and a table with all of it."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from gcn_tf.errors import UserError, shown_text
from gcn_tf.files import write_atomically

FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # how a field begins that a spreadsheet would run
MOST_NAMED = 5  # in a sentence

Problems = Sequence[tuple[str, str]]  # name of a file, reason


class UnreadablePictures(UserError):
    """Too many pictures cannot be read. The message is one line.

    Attributes:
        problems: tuple of (name of a file, reason). All that was left out.
    """

    def __init__(self, message: str, problems: Problems) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


def unreadable_text(problems: Problems, total: int) -> str:
    """`"2 of 40 pictures cannot be read (a.jpg: empty; b.jpg: damaged)"`."""
    some = "; ".join(f"{shown_text(name)}: {reason}" for name, reason in problems[:MOST_NAMED])
    more = f" and {len(problems) - MOST_NAMED:,} more" if len(problems) > MOST_NAMED else ""
    return f"{len(problems):,} of {total:,} pictures cannot be read ({some}{more})"


def write_problems(path: Path, problems: Problems) -> None:
    """Write a CSV with the columns file and reason; a name that a spreadsheet would run gets an apostrophe in front."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerows([("file", "reason"), *((_harmless(name), _harmless(why)) for name, why in problems)])
    content = text.getvalue().encode("utf-8", "backslashreplace")
    write_atomically(path, lambda beside: beside.write_bytes(content))


def _harmless(field: str) -> str:
    return f"'{field}" if field.startswith(FORMULAS) else field
