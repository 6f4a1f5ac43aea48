"""Progress bars: live on a terminal, an occasional line in a log file."""

import multiprocessing
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tqdm import tqdm

_silent = False


def show_no_bars() -> None:
    """From now on this process shows no progress: another one does."""
    global _silent
    _silent = True


def progress(total: int, description: str, unit: str = "step", initial: int = 0, delay: float = 0) -> tqdm:
    """A progress bar on stderr with the time left, shown only for work that takes more than `delay` seconds.

    Worker processes show none: their parent shows the progress of all.
    """
    interval = 0.1 if sys.stderr.isatty() else 15.0
    return tqdm(
        total=total,
        initial=initial,
        desc=description,
        unit=unit,
        mininterval=interval,
        dynamic_ncols=True,
        delay=delay,
        disable=_silent or multiprocessing.parent_process() is not None,
    )


@contextmanager
def stages(description: str, names: Sequence[str]) -> Iterator[Callable[[], None]]:
    """A bar over the named stages of some work; the block calls what it is given at the end of each stage."""
    left = iter([*names[1:], ""])
    with progress(len(names), f"{description}: {names[0]}", "stage") as bar:

        def done() -> None:
            bar.update()
            if name := next(left):
                bar.set_description(f"{description}: {name}")

        yield done


def duration(seconds: float) -> str:
    """Format seconds: `"45 s"`, `"12 min"`, `"1 h 05 min"`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
