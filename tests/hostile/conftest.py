"""Limits of time and memory for every reader of hostile files."""

import resource
import signal

import pytest

pytest.register_assert_rewrite("damage")

MEMORY = 2 << 30  # bytes; of the whole process, as the system counts them


@pytest.fixture(scope="module", autouse=True)
def limits():
    """A read that hangs is broken off, and all reads together stay in memory."""

    def hanging(number, frame):
        raise Hanging

    before, handler = peak(), signal.signal(signal.SIGALRM, hanging)
    yield
    signal.signal(signal.SIGALRM, handler)
    assert peak() < before + MEMORY  # other tests may have been in this process before


class Hanging(BaseException):
    """No answer for SECONDS; readers that catch every Exception do not catch this."""


def peak() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One for all inputs of a test: they take each other's place."""
    return tmp_path_factory.mktemp("hostile")
