"""Answers to a page in the order of its questions: one that was overtaken by a later one is not shown."""

from collections import OrderedDict

MOST_PAGES = 1_000  # that are remembered


class Turns:
    """Which question of each page was answered last. A page numbers its questions, for they may arrive in another order.

    Example:

    >>> from gcn_tf.explore.turns import Turns
    >>> turns = Turns()
    >>> turns.answer("page", 2), turns.answer("page", 1), turns.answer("other page", 1)
    (True, False, True)
    """

    def __init__(self) -> None:
        self._answered: OrderedDict[str, float] = OrderedDict()

    def answer(self, page: str, number: float) -> bool:
        """Whether the answer to a question may be shown: no later one of the page was answered before."""
        if self._answered.get(page, 0) > number:
            return False
        self._answered[page] = number
        self._answered.move_to_end(page)
        while len(self._answered) > MOST_PAGES:
            self._answered.popitem(last=False)
        return True
