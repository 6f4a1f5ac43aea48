"""How long a training took, over all its sittings."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gcn_tf.errors import UserError
from gcn_tf.files import read_json_object, write_atomically

KEPT_EVERY = 5.0  # seconds; a kill loses as much of the figure


@contextmanager
def counted_seconds(path: Path) -> Iterator[Callable[[], float]]:
    """A function that gives the seconds of this block and of those before it, which a file keeps.

    The file is written every few seconds and at the end, so that what a kill ended counts, too.
    """
    before, since, over = _read(path), time.perf_counter(), threading.Event()

    def seconds() -> float:
        return before + time.perf_counter() - since

    def keep() -> None:
        with suppress(OSError):  # a full disk: the training says so
            write_atomically(path, lambda path: path.write_text(json.dumps({"seconds": seconds()})))

    def keep_often() -> None:
        while not over.wait(KEPT_EVERY):
            keep()

    thread = threading.Thread(target=keep_often, daemon=True)
    thread.start()
    try:
        yield seconds
    finally:
        over.set()
        thread.join()
        keep()


def _read(path: Path) -> float:
    """The seconds of a file; 0 without one, or with a damaged one."""
    with suppress(UserError):
        found = read_json_object(path, "") if path.exists() else {}
        if isinstance(found.get("seconds"), float):
            return max(0.0, found["seconds"])
    return 0.0
