"""Lines of a user's text file, within limits: UTF-8 with or without its mark, or UTF-16 with it."""

import codecs
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from gcn_tf.errors import UserError, shown_text
from gcn_tf.files import require_regular
from gcn_tf.pipelines.folder.tables import LARGEST_TABLE, LONGEST_ROW


class Lines:
    """The lines of an open file, counted.

    Attributes:
        path: the file.
        number: int. The line that was read last, from 1.
        left: int. How many characters may be read before a reader sets this again: what it does for each row.
    """

    def __init__(self, path: Path, file: TextIO) -> None:
        self.path, self.number, self.left = path, 0, LONGEST_ROW
        self._read = file.readline

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        line = self._read(self.left + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self.left -= len(line)
        if self.left < 0:
            raise self.error(f"a row of more than {LONGEST_ROW:,} characters", "shorten it")
        if "\0" in line:
            raise self.error("a NUL character", "save the file as UTF-8 text")
        return line

    def error(self, problem: str, remedy: str) -> UserError:
        """An error at the line that was read last."""
        return UserError(f"{shown_text(str(self.path))} line {self.number} has {problem}: {remedy}")


@contextmanager
def text_lines(path: Path) -> Iterator[Lines]:
    """Open a text file for reading line by line.

    Raises:
        UserError: not a regular file, too large or unreadable; or, within the block, not UTF-8.
    """
    check_file(path)
    try:
        with path.open(encoding=_encoding(path), newline="") as file:
            lines = Lines(path, file)
            yield lines
    except UnicodeDecodeError as error:
        line = lines.number + 1 + error.object[: error.start].count(b"\n")
        raise UserError(
            f"{shown_text(str(path))} line {line} is not {error.encoding} (byte 0x{error.object[error.start]:02x}): "
            "save the file as UTF-8"
        ) from None
    except OSError as error:
        raise UserError(
            f"cannot read {shown_text(str(path))} ({error.strerror}): check the file and its permissions"
        ) from None


def check_file(path: Path) -> None:
    """Raise UserError unless this is a regular file of at most LARGEST_TABLE bytes."""
    try:
        require_regular(path)
        size = os.stat(path).st_size
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a file name"
        raise UserError(
            f"cannot read {shown_text(str(path))} ({reason}): name a file of labels (CSV, JSONL or Parquet)"
        ) from None
    if size > LARGEST_TABLE:
        raise UserError(
            f"{shown_text(str(path))} has {size:,} bytes, at most {LARGEST_TABLE:,} are read: keep fewer rows or columns"
        )


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        mark = file.read(2)
    return "utf-16" if mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
