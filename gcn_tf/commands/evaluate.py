"""`gcn-tf evaluate`: score a run and write its report again."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from gcn_tf.commands import flags
from gcn_tf.commands.flags import CHECKPOINTS, Checkpoint, Debug
from gcn_tf.commands.printing import print_report
from gcn_tf.quiet import import_tensorflow

HELP = """Score a run with two independent judges, seen and unseen cells separately, and write its report.

Example: gcn-tf evaluate runs/demo
"""


@dataclass(frozen=True)
class Evaluate:
    """Options of `evaluate`."""

    run: Positional[Path]
    """Folder that train wrote."""
    checkpoint: Checkpoint = "newest"
    verify: bool = False
    """Score nothing: read every file of the run and its pictures, and say whether all are whole and of one run."""
    debug: Debug = False


OWN_FLAGS = (Evaluate,)


def parse(words: Sequence[str]) -> Evaluate:
    """Flags as options; raises UserError for words that `evaluate` does not take."""
    return flags.parse(Evaluate, words, "evaluate", HELP)


def run(options: Evaluate) -> None:
    """Evaluate, then print the scores; or verify."""
    import_tensorflow()
    from gcn_tf.evaluation.report import evaluate
    from gcn_tf.evaluation.verify import verify

    if options.verify:
        verify(options.run)
        return
    print_report(evaluate(options.run, CHECKPOINTS[options.checkpoint]))
