"""Ctrl-C and SIGTERM, as exceptions with the exit codes that they end with."""

from types import FrameType


class Interrupted(Exception):
    """Ctrl-C or a request to end: the run was saved and can go on.

    Attributes:
        exit_code: int. 130 after Ctrl-C, 143 after SIGTERM.
    """

    def __init__(self, message: str, exit_code: int = 130) -> None:
        super().__init__(message, exit_code)
        self.message, self.exit_code = message, exit_code

    def __str__(self) -> str:
        return self.message


class Terminated(KeyboardInterrupt):
    """SIGTERM, outside of a training, which saves first."""


def terminate(number: int, frame: FrameType | None) -> None:
    """A signal handler that raises `Terminated`."""
    raise Terminated


def exit_code(stop: BaseException) -> int:
    """130 after Ctrl-C, 143 after SIGTERM."""
    return getattr(stop, "exit_code", 143 if isinstance(stop, Terminated) else 130)
