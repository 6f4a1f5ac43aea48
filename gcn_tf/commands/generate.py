"""`gcn-tf generate`: write cells, grids and blends as one PNG."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional

from gcn_tf.commands import flags
from gcn_tf.commands.flags import CHECKPOINTS, Checkpoint, Debug, place
from gcn_tf.config.checks import check_flag
from gcn_tf.quiet import import_tensorflow

HELP = """Generate cells, grids and blends of a run as one PNG.

Example: gcn-tf generate runs/demo digit='*' writer=3:0.5+8:0.5 color=red rotation=0
"""


@dataclass(frozen=True)
class Generate:
    """Options of `generate`."""

    run: Positional[Path]
    """Folder that train wrote."""
    factors: Positional[tuple[str, ...]]
    """One word per factor: digit=7, several digit=3,8, all digit='*', or a blend writer=3:0.5+8:0.5; of an ordered factor also
    a number between two values, angle=45."""
    out: Annotated[Path | None, place("generated/WORDS.png in the run", "FILE.png")] = None
    """The PNG to write."""
    zoom: int = 8
    """Factor by which pictures are enlarged, by repeating pixels."""
    checkpoint: Checkpoint = "newest"
    debug: Debug = False


OWN_FLAGS = (Generate,)


def parse(words: Sequence[str]) -> Generate:
    """Flags as options; raises UserError for words that `generate` does not take."""
    return flags.parse(Generate, words, "generate", HELP)


def run(options: Generate) -> None:
    """Generate the pictures and say where they are."""
    check_flag("--zoom", options.zoom, 1, 64)
    import_tensorflow()
    from gcn_tf.runs.run_dir import open_run
    from gcn_tf.synthesis.draw import write_picture

    opened = open_run(options.run, CHECKPOINTS[options.checkpoint])
    print(f"look at: {write_picture(opened, options.factors, options.out, options.zoom)}")
