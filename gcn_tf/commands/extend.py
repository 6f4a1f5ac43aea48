"""`gcn-tf extend`: add newcomers to a trained run, from a few pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional

from gcn_tf.commands import flags
from gcn_tf.commands.flags import Debug, place
from gcn_tf.config.data import expanded
from gcn_tf.quiet import import_tensorflow

HELP = """Add new values to a trained run from one to five pictures of each: a new run, and the old one stays as it is.

Example: gcn-tf extend runs/signs person=anna --pictures ~/anna
"""


Depth = Literal["code", "layers"]


@dataclass(frozen=True)
class Extend:
    """Options of `extend`."""

    run: Positional[Path]
    """Folder that train wrote."""
    values: Positional[tuple[str, ...]]
    """New values: person=anna, or several, person=anna,ben. A known value is that of every picture: gesture=2."""
    pictures: tuple[Path, ...]
    """A folder of pictures with labels as own pictures have them, or files."""
    run_dir: Annotated[Path | None, place("the name of the run + the new values")] = None
    """Folder of the new run."""
    labels: Annotated[Path | None, place("the one in the folder")] = None
    """Table of labels, a row for every picture."""
    levels: str = ""
    """Labels from the names of folders: person/gesture."""
    depth: Depth = "code"
    """code: what belongs to the new values is learned, pictures of old cells stay the same bits. layers: the layers are tuned as
    well, with replay of old cells, which lose 0.3 dB at most on average and 1 dB at worst; nearer by PSNR, but softer."""
    pattern: str = ""
    """Labels from the paths of files: '{gesture}.jpg'; {} is passed over."""
    force: bool = False
    """Add pictures that are nothing like those of the run."""
    debug: Debug = False


OWN_FLAGS = (Extend,)


def parse(words: Sequence[str]) -> Extend:
    """Flags as options; raises UserError for words that `extend` does not take."""
    return flags.parse(Extend, words, "extend", HELP)


def run(options: Extend) -> None:
    """Extend the run, draw every cell of the newcomers, and say where they are."""
    import_tensorflow()
    from gcn_tf.grid.factors import FactorSpace
    from gcn_tf.newcomers.extend import extend, words_of_newcomers
    from gcn_tf.newcomers.pictures import Where
    from gcn_tf.synthesis.draw import write_picture

    pictures = [expanded(str(path), "pictures") for path in options.pictures]
    labels = options.labels and expanded(str(options.labels), "labels")
    where = Where(labels, options.levels, options.pattern)
    extended = extend(
        options.run, options.values, pictures, options.run_dir, where, options.depth, print, options.force
    )
    print(f"run: {extended.folder}")
    words = words_of_newcomers(FactorSpace.read(options.run / "factors.json"), extended)
    print(f"look at: {write_picture(extended, words, None)}")
