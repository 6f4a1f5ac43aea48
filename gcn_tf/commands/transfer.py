"""`gcn-tf transfer`: a picture in, the same person in another cell out."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from gcn_tf.commands import flags
from gcn_tf.commands.flags import CHECKPOINTS, Checkpoint, Debug, place
from gcn_tf.config.checks import check_flag
from gcn_tf.config.data import expanded
from gcn_tf.quiet import import_tensorflow

HELP = """Draw a picture of anybody in other cells of a run; nothing is trained, and the run does not keep the picture.

Example: gcn-tf transfer runs/signs photo.png --to gesture='*' --out grid.png
"""


@dataclass(frozen=True)
class TransferFlags:
    """Options of `transfer`."""

    run: Positional[Path]
    """Folder that train wrote."""
    pictures: Positional[tuple[Path, ...]]
    """Picture files."""
    to: tuple[str, ...] = ()
    """What changes: gesture=5, several gesture=2,5, all gesture='*', or a blend; the rest stays as it is."""
    shows: Annotated[tuple[str, ...], arg(name="from")] = ()
    """What the pictures show, gesture=2; without it the classifier and the nearest values tell."""
    out: Annotated[Path | None, place("generated/PICTURE_WORDS.png in the run", "FILE.png")] = None
    """The PNG to write."""
    force: bool = False
    """Draw pictures that are nothing like those of the run."""
    zoom: int = 8
    """Factor by which pictures are enlarged, by repeating pixels."""
    checkpoint: Checkpoint = "newest"
    debug: Debug = False


OWN_FLAGS = (TransferFlags,)


def parse(words: Sequence[str]) -> TransferFlags:
    """Flags as options; raises UserError for words that `transfer` does not take."""
    return flags.parse(TransferFlags, words, "transfer", HELP)


def run(options: TransferFlags) -> None:
    """Draw the pictures, say what they were taken to show, and where the result is."""
    check_flag("--zoom", options.zoom, 1, 64)
    import_tensorflow()
    from gcn_tf.newcomers.transfer import Transfers, lines_about, write_transfer
    from gcn_tf.runs.run_dir import open_run

    opened = open_run(options.run, CHECKPOINTS[options.checkpoint])
    files = [expanded(str(path), "pictures") for path in options.pictures]
    names = [str(path) for path in options.pictures]
    transfers = Transfers(opened)
    images = transfers.pictures(files, names, options.shows, options.force)
    drawn = transfers.draw(images, options.to, options.shows)
    print(*lines_about(drawn, names), sep="\n")
    words = "_".join(options.to).replace("*", "all").replace(":", "-").replace(os.sep, "-")
    out = options.out or opened.folder / "generated" / f"{files[0].stem}_{words}.png"
    print(f"look at: {write_transfer(drawn, names, out, options.zoom)}")
