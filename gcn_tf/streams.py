"""Standard streams that cannot end the work: not by a reader that has gone, a narrow encoding, or being closed."""

import errno
import io
import os
import sys
from typing import Any, TextIO


class LastingFile(io.FileIO):
    """A file descriptor that is written to: once its reader or terminal has gone, it leads to nowhere."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if not (
                isinstance(error, ConnectionError) or error.errno == errno.EIO
            ):  # EIO: the terminal has gone
                raise
            _lead_nowhere(self.fileno())
            return memoryview(data).nbytes


def secure_streams() -> None:
    """Make `sys.stdin`, `sys.stdout` and `sys.stderr` last as long as the program.

    What the encoding lacks is written as an escape, `\\U0001f600`. A stream that is closed is opened on the null device:
    the next file would get its number, and with it whatever C++ code writes to the standard error output.
    """
    for number in range(3):
        _open_if_closed(number)
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = _lasting(1, sys.stdout)
    sys.stderr = _lasting(2, sys.stderr)


def _open_if_closed(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        _lead_nowhere(number)


def _lead_nowhere(number: int) -> None:
    """Point a file descriptor, also that of later child processes, to the null device."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere == number:
        os.set_inheritable(number, True)
    else:
        os.dup2(nowhere, number)
        os.close(nowhere)


def _lasting(number: int, stream: TextIO | None) -> TextIO:
    """A text stream like the one that Python made, which is None if it was closed."""
    file = LastingFile(number, "w", closefd=False)
    unbuffered = getattr(stream, "write_through", False)  # `python -u`
    return io.TextIOWrapper(
        file if unbuffered else io.BufferedWriter(file),
        encoding=stream.encoding if stream else "utf-8",
        errors="backslashreplace",
        line_buffering=number == 2 or file.isatty(),
        write_through=unbuffered,
    )
