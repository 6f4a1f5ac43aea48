"""Ctrl-C and SIGTERM as exceptions, and their exit codes."""

from types import FrameType


class Interrupted(Exception):
    """Ctrl-C or SIGTERM during a training: the run was saved and can be resumed.

    Attributes:
        exit_code: int. 130 after Ctrl-C, 143 after SIGTERM.
    """

    def __init__(self, message: str, exit_code: int = 130) -> None:
        super().__init__(message, exit_code)
        self.message, self.exit_code = message, exit_code

    def __str__(self) -> str:
        return self.message


class Terminated(KeyboardInterrupt):
    """SIGTERM outside a training; a training saves first and raises `Interrupted`."""


class ExitAtOnce(SystemExit):
    """An exit that waits for no thread."""


def terminate(number: int, frame: FrameType | None) -> None:
    """A signal handler that raises `Terminated`."""
    raise Terminated


def exit_code(stop: BaseException) -> int:
    """130 after Ctrl-C, 143 after SIGTERM."""
    return getattr(stop, "exit_code", 143 if isinstance(stop, Terminated) else 130)
