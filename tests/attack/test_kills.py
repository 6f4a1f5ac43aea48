"""Whatever a command was doing when it was killed: nothing is torn, and the same command finishes to the same bytes."""

import os

import numpy as np
import pytest
from attacks import SHORT, WORDS, check, contents, finish

KILLS = int(os.environ.get("KILLS", "5"))  # of each command at random moments
FIRST = int(
    os.environ.get("FIRST", "1")
)  # file operation before which commands are killed, to go on from there


def check_whole(folder, undisturbed):
    names = [path.name for path in folder.rglob("*")]
    assert not [name for name in names if name.startswith(("partial-", "replaced-")) or name == ".lock"]
    found, expected = contents(folder), contents(undisturbed)
    assert found.keys() == expected.keys()
    assert not [name for name in found if found[name] != expected[name]]


@pytest.fixture
def undisturbed(zygote, begin):
    """Does a work in a folder without disturbing it."""

    def do(work, words):
        folder = begin(work, "undisturbed")
        answer = zygote(words[work], folder)
        check(answer)
        return folder, answer

    return do


@pytest.mark.long
@pytest.mark.parametrize("work", WORDS)
def test_a_kill_before_any_file_operation_changes_nothing_in_the_end(work, zygote, begin, undisturbed):
    whole, answer = undisturbed(work, SHORT)
    assert answer.operations >= max(5, FIRST)
    for number in range(FIRST, answer.operations + 1):
        folder = begin(work, f"killed-{number}")
        assert zygote(SHORT[work], folder, stop_at=number).codes == [-9]
        finish(zygote, work, folder, SHORT)
        check_whole(folder, whole)


@pytest.mark.long
@pytest.mark.parametrize("work", WORDS)
def test_kills_at_random_moments_change_nothing_in_the_end(work, zygote, begin, undisturbed):
    whole, answer = undisturbed(work, WORDS)
    rng = np.random.default_rng(0)
    for number in range(KILLS):
        folder = begin(work, f"killed-{number}")
        zygote(WORDS[work], folder, stop_after=rng.uniform(0, answer.seconds))
        finish(zygote, work, folder)
        check_whole(folder, whole)
