"""What was left out of a user's pictures, and why: a sentence for people, and a table with all of it."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gcn_tf.errors import UserError, shown_text
from gcn_tf.files import write_atomically

FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # how a field begins that a spreadsheet would run
MOST_NAMED = 5  # in a sentence
FILE = "problems.csv"  # in the folder of a run

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


def problems_listed(problems: Problems, path: Path) -> list[str]:
    """List the pictures that were left out in a CSV file, if there are any; returns a line that names the file."""
    if not problems:
        return []
    write_problems(path, problems)
    return [f"all that was left out, with the reasons: {path}"]


@contextmanager
def unreadable_listed(path: Path | None) -> Iterator[None]:
    """If too many pictures cannot be read, list them in a CSV file, if one is named, and raise a UserError that names it."""
    try:
        yield
    except UnreadablePictures as error:
        if path is None:
            raise
        write_problems(path, error.problems)
        raise UserError(f"{error}; all are listed in {path}") from None


def write_problems(path: Path, problems: Problems) -> None:
    """Write a CSV with the columns file and reason; a name that a spreadsheet would run gets an apostrophe in front."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerows([("file", "reason"), *((_harmless(name), _harmless(why)) for name, why in problems)])
    content = text.getvalue().encode("utf-8", "backslashreplace")
    write_atomically(path, lambda beside: beside.write_bytes(content))


def _harmless(field: str) -> str:
    return f"'{field}" if field.startswith(FORMULAS) else field
