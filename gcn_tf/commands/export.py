"""`gcn-tf export`: write the SavedModel of a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional

from gcn_tf.commands import flags
from gcn_tf.commands.flags import CHECKPOINTS, Checkpoint, Debug, place
from gcn_tf.quiet import import_tensorflow

HELP = """Write the SavedModel of a run: ids or weights in, uint8 pictures out, and the classifier.

Example: gcn-tf export runs/demo --out digits_model
"""


@dataclass(frozen=True)
class Export:
    """Options of `export`."""

    run: Positional[Path]
    """Folder that train wrote."""
    out: Annotated[Path | None, place("model/ in the run")] = None
    """Folder of the SavedModel."""
    without_references: bool = False
    """Write no SavedModel that holds pictures of the training: refuse runs that draw from them."""
    checkpoint: Checkpoint = "newest"
    debug: Debug = False


OWN_FLAGS = (Export,)


def parse(words: Sequence[str]) -> Export:
    """Flags as options; raises UserError for words that `export` does not take."""
    return flags.parse(Export, words, "export", HELP)


def run(options: Export) -> None:
    """Write the SavedModel and say where it is."""
    import_tensorflow()
    from gcn_tf.runs.run_dir import open_run, read_run_config
    from gcn_tf.synthesis.saved_model import check_holds_no_pictures, check_replaceable, export_model

    if options.without_references:
        check_holds_no_pictures(read_run_config(options.run))
    check_replaceable(options.out or options.run / "model")
    opened = open_run(options.run, CHECKPOINTS[options.checkpoint])
    folder = options.out or options.run / "model"
    print(f"SavedModel: {export_model(opened, folder)}")
