"""Files that appear whole or not at all."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def write_beside(path: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` make the file under another name, then move it into place, so that no reader finds half of it.

    The other name keeps the suffix, which some writers go by. The folder is made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"partial-{os.getpid()}-{path.name}")
    write(beside)
    beside.replace(path)
