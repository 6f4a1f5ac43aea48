"""Errors for bad input, which the command line prints as one line with exit code 2, and spelling hints."""

import difflib
import reprlib
from collections.abc import Sequence
from typing import Any, ClassVar


class UserError(ValueError):
    """Bad input. The message is one line: the value, its place and the remedy.

    Attributes:
        at_once: whether the program ends without waiting for threads, which may wait for machines that are gone.
    """

    at_once: ClassVar[bool] = False


class ConfigError(UserError):
    """A setting that is unknown, of the wrong type or out of range. The message names the key, the value and the remedy."""


def suggest(word: str, known: Sequence[str]) -> str:
    """`", did you mean red?"` if a known word is spelled nearly the same, else an empty string.

    A number never counts as a misspelling of another one.
    """
    if word.isdigit():
        return ""
    close = difflib.get_close_matches(word.lower(), [k.lower() for k in known], n=1)
    spelling = {k.lower(): k for k in known}
    return f", did you mean {spelling[close[0]]}?" if close else ""


MOST_LISTED, FIRST_LISTED = 40, 12  # words that a line names in full, and of more


def listed(words: Sequence[str]) -> str:
    """Words with commas between them; of very many the first ones, and how many more there are.

    >>> listed(["red", "green"]), listed([str(n) for n in range(10_000)])
    ('red, green', '0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 9,988 more')
    """
    if len(words) <= MOST_LISTED:
        return ", ".join(words)
    return f"{', '.join(words[:FIRST_LISTED])} and {len(words) - FIRST_LISTED:,} more"


LONGEST_WORD = 200  # letters; no path or list of names is longer in practice
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 100


def shown_text(text: str) -> str:
    """Format a user's word for a message: as it is when it is short and printable, else quoted and shortened."""
    return text if text.isprintable() and 0 < len(text) <= LONGEST_WORD else shown(text)


def shown(value: Any) -> str:
    """Format a value for a message, shortened if it is long."""
    try:
        return _SHORT.repr(value)
    except ValueError:  # Python refuses to print huge integers
        return "a number with thousands of digits"
