"""`gcn-tf compare`: reports of several runs beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional

from gcn_tf.commands import flags
from gcn_tf.commands.flags import Debug, place
from gcn_tf.commands.printing import print_notes, print_table
from gcn_tf.quiet import import_tensorflow

HELP = """Compare the reports of runs over the cells that all of them have: settings, metrics, pictures.

Example: gcn-tf compare runs/demo runs/other
"""


@dataclass(frozen=True)
class CompareFlags:
    """Options of `compare`."""

    runs: Positional[tuple[Path, ...]]
    """Folders that train wrote, two or more; the others are compared with the first."""
    out: Annotated[Path | None, place("comparisons/RUN-RUN", "FOLDER")] = None
    """Folder to write."""
    debug: Debug = False


OWN_FLAGS = (CompareFlags,)


def parse(words: Sequence[str]) -> CompareFlags:
    """Flags as options; raises UserError for words that `compare` does not take."""
    return flags.parse(CompareFlags, words, "compare", HELP)


def run(options: CompareFlags) -> None:
    """Compare, then print the tables and where the page is."""
    import_tensorflow()
    from gcn_tf.evaluation.compare import compare

    compared = compare(options.runs, options.out)
    print_notes(compared.notes)
    for group, rows in compared.tables.items():
        print(f"\n{group} cells")
        print_table(rows)
    print(f"look at: {compared.page}")
