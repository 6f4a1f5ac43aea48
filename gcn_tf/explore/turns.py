"""Answers to a page in the order of its questions: one that was overtaken by a later one is not shown."""

from collections import OrderedDict
from itertools import count
from threading import Lock

MOST_PAGES = 1_000  # that are remembered


class Turns:
    """Which question of each page was answered last. Handlers work side by side, and a slow one may end after a later one.

    Example:

    >>> from gcn_tf.explore.turns import Turns
    >>> turns = Turns()
    >>> slow, fast = turns.ask(), turns.ask()
    >>> turns.answer("page", fast), turns.answer("page", slow), turns.answer("other page", slow)
    (True, False, True)
    """

    def __init__(self) -> None:
        self._numbers = count()
        self._answered: OrderedDict[str, int] = OrderedDict()
        self._lock = Lock()

    def ask(self) -> int:
        """The number of a question that arrives now."""
        return next(self._numbers)

    def answer(self, page: str, number: int) -> bool:
        """Whether the answer to a question may be shown: no later one of the page was answered before."""
        with self._lock:
            if self._answered.get(page, -1) > number:
                return False
            self._answered[page] = number
            self._answered.move_to_end(page)
            while len(self._answered) > MOST_PAGES:
                self._answered.popitem(last=False)
            return True
