"""`gcn-tf train` on several machines: what the chief and the other workers do."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from gcn_tf.config.files import read_config
from gcn_tf.errors import UserError
from gcn_tf.interrupts import Interrupted
from gcn_tf.progress import show_no_bars
from gcn_tf.quiet import import_tensorflow

if TYPE_CHECKING:
    from gcn_tf.commands.train import Train
    from gcn_tf.training.team import Team
    from gcn_tf.training.workers import Workers


def run_as_worker(options: "Train", workers: "Workers", train: Callable[["Train", "Team"], None]) -> None:
    """Train as one of several workers; the first of them writes the run, the others are silent.

    Args:
        train: called by the first one, once all are connected.
    """
    if options.flags.dry_run:
        raise UserError(
            "--dry-run describes a training on one machine: leave --workers out, and unset TF_CONFIG"
        )
    with contextlib.nullcontext() if workers.is_chief else _silence():
        import_tensorflow(start=False)
        from gcn_tf.training.devices import strategy_of_workers
        from gcn_tf.training.link import connect
        from gcn_tf.training.team import Team

        with connect(workers) as link:
            team = Team(link, strategy_of_workers(options.flags.devices, workers))
            if workers.is_chief:
                train(_again(options), team)
                if not link.released:
                    team.dismiss()  # the run was finished
            else:
                _follow(options, team)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Within the block nothing is printed but errors."""
    show_no_bars()
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def _again(options: "Train") -> "Train":
    """The options that resume a run, if it is there: the same command is given again."""
    run_dir = options.flags.run_dir
    if not (run_dir and (run_dir / "config.yaml").exists()):
        return options
    from gcn_tf.training.team import adopted

    stored = read_config(run_dir / "config.yaml")
    config = adopted(stored, options.config, options.given)
    flags = replace(options.flags, resume=run_dir, run_dir=None)
    return replace(options, config=config, stored=stored, flags=flags)


def _follow(options: "Train", team: "Team") -> None:
    from gcn_tf.training.fit import follow
    from gcn_tf.training.prepare import prepare

    config = team.follow(options.config, options.given)
    if config is None:
        return
    try:
        follow(prepare(config, team=team))
    except Interrupted as stop:
        print(f"gcn-tf: {stop}; worker 0 has saved it", file=sys.stderr)
        raise SystemExit(stop.exit_code) from None
