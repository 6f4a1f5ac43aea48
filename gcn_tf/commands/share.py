"""`gcn-tf share`: write a run as a bundle to hand on."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from gcn_tf.commands import flags
from gcn_tf.commands.flags import CHECKPOINTS, Checkpoint, Debug
from gcn_tf.quiet import import_tensorflow

HELP = """Write a run as a folder to hand on: SavedModel, report, model card, an example for TensorFlow alone, checksums.

Example: gcn-tf share runs/demo --out digits
"""

OF_DATASET = arg(help_behavior_hint="(default: what the dataset says, else not stated)")


@dataclass(frozen=True)
class Share:
    """Options of `share`."""

    run: Positional[Path]
    """Folder that train wrote."""
    out: Path
    """Folder of the bundle; one of the same run is replaced."""
    licence: Annotated[str, OF_DATASET] = ""
    """Licence of the pictures that it learned from, in a few words or as an id of the Hugging Face Hub: cc-by-4.0."""
    people: Annotated[Literal["", "yes", "no"], OF_DATASET] = ""
    """Whether the pictures show people."""
    consent: Annotated[str, arg(help_behavior_hint="(default: not stated)")] = ""
    """What these people agreed to, in one sentence for the card."""
    without_pictures: bool = False
    """Leave out all that shows real pictures: figures of the report, pictures of newcomers. Runs that draw from pictures are refused."""
    checkpoint: Checkpoint = "newest"
    debug: Debug = False


OWN_FLAGS = (Share,)


def parse(words: Sequence[str]) -> Share:
    """Flags as options; raises UserError for words that `share` does not take."""
    return flags.parse(Share, words, "share", HELP)


def run(options: Share) -> None:
    """Write the bundle, and say what is stored in it and what was not stated."""
    import_tensorflow()
    from gcn_tf.sharing.share import share
    from gcn_tf.sharing.statement import Statement

    licence, consent = (" ".join(text.split()) for text in (options.licence, options.consent))
    statement = Statement(licence, options.people, consent)
    pictures = not options.without_pictures
    made = share(options.run, options.out, statement, CHECKPOINTS[options.checkpoint], pictures, print)
    for line in made.stored:
        print(line.replace("`", ""))
    if missing := made.statement.missing:
        print(f"not stated in the card: {'; '.join(missing)}")
    files = [path for path in made.folder.rglob("*") if path.is_file()]
    size = sum(os.stat(path).st_size for path in files) / 1e6
    print(f"bundle: {made.folder}, {len(files)} files, {size:.1f} MB; look at: {made.folder / 'README.md'}")
