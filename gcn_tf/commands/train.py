"""`gcn-tf train`: train, export and report; `--resume` and `--dry-run`."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import arg

from gcn_tf.commands import flags
from gcn_tf.commands.flags import Debug, FirstFlags, first_flags, place
from gcn_tf.commands.printing import print_report
from gcn_tf.config.checks import check_config
from gcn_tf.config.files import read_config
from gcn_tf.config.schema import OutputConfig, RunConfig
from gcn_tf.errors import ConfigError
from gcn_tf.interrupts import Interrupted, exit_code
from gcn_tf.quiet import import_tensorflow

if TYPE_CHECKING:
    from gcn_tf.planning.plan import Plan
    from gcn_tf.training.team import Team

HELP = """Train a run, export its SavedModel and write its report.

Example: gcn-tf train --dataset glyphs --holdout 'digit=7 writer=3 rotation=180' --run-dir runs/sevens
"""


@dataclass(frozen=True)
class RunFlags:
    """Where the run goes, and where its settings come from."""

    run_dir: Annotated[Path | None, place("runs/DATASET-DATE-TIME")] = None
    """Folder of the run."""
    resume: Annotated[Path | None, place("", "RUN")] = None
    """Resume this run from its newest checkpoint, with the same settings; a larger --steps lengthens it."""
    config: Annotated[Path | None, place("", "FILE.yaml")] = None
    """Settings; the keys are these flags, and the layers of both networks."""
    preset: Annotated[str, arg(help_behavior_hint="(default: the dataset's)")] = ""
    """Settings by name that the defaults come from."""
    devices: str = ""
    """Devices that share every batch: all GPUs, numbers of them such as 0,1, or cpu. The weights do not depend on how many there are, but for rounding."""
    workers: Annotated[str, arg(metavar="HOST:PORT,HOST:PORT,...")] = ""
    """Machines that share every batch, the same list on each, or slurm; by default those of TF_CONFIG, if it is set. The first one writes the run; a
    --run-dir that is there goes on."""
    worker: Annotated[int | None, place("found by its host", "N")] = None
    """Place of this machine in the list of --workers, from 0."""
    dry_run: bool = False
    """Check everything, train a few steps, print shapes, parameters, memory and time to expect, and write nothing."""
    debug: Debug = False


OWN_FLAGS = (RunFlags, OutputConfig, flags.TrainingFlags, flags.UnseenFlags)


@dataclass(frozen=True)
class Train:
    """Options of `train`: the settings, its own flags, the settings of the run that is resumed, and which were given."""

    config: RunConfig
    flags: RunFlags
    stored: RunConfig | None
    given: tuple[str, ...] = ()


def parse(words: Sequence[str]) -> Train:
    """Flags as settings; raises UserError for words that `train` does not take."""
    first = first_flags(words)
    stored = _resumed(first)
    config = stored or flags.defaults(first)
    kind = flags.command_flags(
        flags.data_group(config),
        flags.dataset_group(config),
        flags.unseen_group(config),
        flags.group("run", RunFlags(preset=config.preset)),
        flags.training_group(config),
        flags.group("output", config.part(OutputConfig)),
    )
    others = flags.other_datasets(config, "train")
    found: Any = flags.parse(kind, words, "train", HELP, others)
    return Train(
        flags.config_of(found, config), found.run, stored, flags.given_settings(first, words, config)
    )


def _resumed(first: FirstFlags) -> RunConfig | None:
    """The settings of the run to resume, if there is one."""
    if not first.resume:
        return None
    for flag in ("run-dir", "config"):
        if getattr(first, flag.replace("-", "_")):
            raise ConfigError(
                f"--resume {first.resume} keeps the folder and the settings of its run: leave --{flag} out"
            )
    path = Path(first.resume) / "config.yaml"
    return read_config(path) if path.exists() else flags.defaults(first)


def run(options: Train) -> None:
    """Train or resume a run, then export its model and write its report."""
    from gcn_tf.training.workers import workers_of

    workers = workers_of(options.flags.workers, options.flags.worker, os.environ)
    if workers:
        from gcn_tf.commands.workers import run_as_worker

        run_as_worker(options, workers, train)
    else:
        import_tensorflow()
        train(options)


def train(options: Train, team: "Team | None" = None) -> None:
    """Train or resume a run, alone or as the chief of a team."""
    from gcn_tf.runs.lock import locked
    from gcn_tf.runs.run_dir import new_run_dir
    from gcn_tf.training.prepare import check_settings
    from gcn_tf.training.resume import sweep_finished

    check_config(options.config)
    run_dir = options.flags.resume or options.flags.run_dir or new_run_dir(options.config)
    plan = _plan(options, run_dir)
    if plan:
        options = replace(options, config=plan.config)
    check_settings(options.config)
    if options.flags.dry_run:
        _describe(options, run_dir)
        return
    if options.flags.resume and _is_finished(options, run_dir):
        sweep_finished(run_dir)
        return
    with locked(run_dir):
        try:
            _train(options, run_dir, plan, team)
        except (Interrupted, KeyboardInterrupt) as stop:
            reason = str(stop) or "stopped"
            same = "the same command on all machines" if team else f"gcn-tf train --resume {run_dir}"
            print(f"gcn-tf: {reason}; continue with: {same}", file=sys.stderr)
            raise SystemExit(exit_code(stop)) from None


def _plan(options: Train, run_dir: Path) -> "Plan | None":
    """Plan a new run on own pictures, and print the plan; None for other runs."""
    if options.flags.resume and (options.flags.resume / "config.yaml").exists():
        return None
    from gcn_tf.api.training import planned

    _check_run_dir(options, run_dir)
    return planned(options.config, options.given, print, None if options.flags.dry_run else run_dir)


def _describe(options: Train, run_dir: Path) -> None:
    from gcn_tf.training.dry_run import describe_run
    from gcn_tf.training.prepare import prepare

    _check_run_dir(options, run_dir)
    print(describe_run(prepare(options.config)))


def _check_run_dir(options: Train, run_dir: Path) -> None:
    """Raise UserError unless a run can begin or go on there; say how it goes on."""
    from gcn_tf.runs.run_dir import check_new_run_dir
    from gcn_tf.training.resume import check_resume

    if options.flags.resume:
        for line in check_resume(run_dir, options.config):
            print(line)
    else:
        check_new_run_dir(run_dir)


def _is_finished(options: Train, run_dir: Path) -> bool:
    """Whether nothing is left to do, which is said; raises UserError unless the folder is a run of these settings."""
    from gcn_tf.evaluation.report import finished_report
    from gcn_tf.training.resume import check_resume

    lines = check_resume(run_dir, options.config)
    picture = finished_report(run_dir, options.config)
    if picture:
        print(*lines, sep="\n")
        print_report(picture)
    return picture is not None


def _train(options: Train, run_dir: Path, plan: "Plan | None", team: "Team | None") -> None:
    from gcn_tf.api.training import train_run
    from gcn_tf.evaluation.report import PICTURE

    _check_run_dir(options, run_dir)
    config = team.lead(options.config) if team else options.config
    train_run(
        config,
        run_dir,
        say=print,
        plan=plan,
        resumed=options.flags.resume is not None,
        devices=options.flags.devices,
        team=team,
    )
    print_report(run_dir / "report" / PICTURE)
