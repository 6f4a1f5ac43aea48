"""`gcn-tf tune`: search for settings."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import arg

from gcn_tf.commands import flags
from gcn_tf.commands.flags import Debug, Specs, first_flags, place
from gcn_tf.config.checks import check_flag
from gcn_tf.config.schema import OutputConfig, RunConfig
from gcn_tf.errors import ConfigError
from gcn_tf.gpus import process_count, visible_gpus
from gcn_tf.interrupts import exit_code
from gcn_tf.quiet import import_tensorflow
from gcn_tf.tuning.config import PSNR_WEIGHT, Role, Search, Strategy, parse_address
from gcn_tf.tuning.space import VARIED, parse_specs, read_space_file

HELP = """Search for loss weights, activations, optimizer, widths and regime; write best.yaml for train --config.

The flags of train set where the search begins. The same command continues it after a stop or a kill; a folder in use, or
with other settings or other work, is refused.
Example: gcn-tf tune --dataset glyphs --trials 30 --strategy hyperband --dry-run
"""


@dataclass(frozen=True)
class SearchFlags:
    """What is searched and how."""

    trials: int = 30
    """Number of trials, including the shorter ones of hyperband; a larger number continues a search that ended."""
    strategy: Strategy = "hyperband"
    """hyperband: many short trainings, the best of them longer; bayesian: a Gaussian process proposes what to try next;
    random."""
    space: tuple[str, ...] = ()
    """Settings that vary, such as learning_rate=1e-4..1e-3 generator.activation=relu,elu beta_2=0.99; --dry-run prints
    the default. A flag of train, such as --learning-rate 1e-3, fixes its setting."""
    space_file: Annotated[Path | None, place("", "FILE.yaml")] = None
    """The same from a YAML file: setting: LOW..HIGH, setting: [a, b] or setting: value."""
    validation: Annotated[Specs, arg(help_behavior_hint="(default: the protocols of --holdout)")] = ()
    """Hold-out that trials are scored on, its cells disjoint from those of --holdout."""
    psnr_weight: float = PSNR_WEIGHT
    """Weight of a dB of PSNR in the score beside the share of factors classified correctly."""
    executions: int = 1
    """Number of trainings of a full-length trial, each with another seed; its score is the mean, since one training can be
    lucky."""
    max_parameters: Annotated[
        int | None,
        arg(metavar="INT", help_behavior_hint="(default: twice those that the search begins with)"),
    ] = None
    """Budget of both networks' parameters."""
    role: Role = "alone"
    """With several machines: one chief, which trains nothing, and any number of workers, all with the same settings."""
    chief_address: str = "127.0.0.1:8754"
    """Where the chief listens, by default for this machine alone: HOST:PORT. The connection is neither encrypted nor
    authenticated: 0.0.0.0:8754 is for networks that you trust."""
    jobs: Annotated[
        int | None, arg(metavar="INT", help_behavior_hint="(default: 1; with GPUs, one per GPU)")
    ] = None
    """Trials in parallel on this machine, one thread each; with GPUs, on each of them. Not for a chief."""
    out: Annotated[Path | None, place("tunings/DATASET-STRATEGY")] = None
    """Folder of the search, a new one or an empty one; an existing search with the same settings continues."""
    config: Annotated[Path | None, place("", "FILE.yaml")] = None
    """Settings that the search begins with."""
    preset: Annotated[str, arg(help_behavior_hint="(default: the dataset's)")] = ""
    """Settings by name that the search begins with."""
    dry_run: bool = False
    """Print the space, the trials and what each of them may cost, and train nothing."""
    debug: Debug = False


OWN_FLAGS = (SearchFlags, flags.TrainingFlags, flags.UnseenFlags, OutputConfig)


@dataclass(frozen=True)
class Tune:
    """Options of `tune`: the search, with the settings that flags fix, and its own flags."""

    search: Search
    flags: SearchFlags


def parse(words: Sequence[str]) -> Tune:
    """Flags as a search; raises UserError for words that `tune` does not take."""
    first = first_flags(words)
    config = flags.defaults(first)
    kind = flags.command_flags(
        flags.data_group(config),
        flags.dataset_group(config),
        flags.unseen_group(config),
        flags.group("search", SearchFlags(preset=config.preset)),
        flags.training_group(config),
        flags.group("output", config.part(OutputConfig)),
    )
    others = flags.other_datasets(config, "tune")
    parsed: Any = flags.parse(kind, words, "tune", HELP, others)
    found, config = parsed.search, replace(flags.config_of(parsed, config), preset=config.preset)
    _check(found)
    fixed = _fixed(config, flags.given(words, VARIED))
    narrowed = parse_specs(found.space)
    for key in fixed.keys() & narrowed.keys():
        raise ConfigError(
            f"--space {key}={narrowed[key]} and --{key.replace('_', '-')}: one varies the setting, the other fixes it; "
            "leave one out"
        )
    specs = {**(read_space_file(found.space_file) if found.space_file else {}), **fixed, **narrowed}
    return Tune(_search(found, config, specs), found)


def _check(found: SearchFlags) -> None:
    """Raise ConfigError for a flag of the search that is out of range or malformed."""
    check_flag("--trials", found.trials, 2, 10_000)  # the first trial has the settings as they are
    check_flag("--psnr-weight", found.psnr_weight, 0)
    check_flag("--executions", found.executions, 1, 1000)
    check_flag("--max-parameters", found.max_parameters, 1)
    check_flag("--jobs", found.jobs, 1, 1000)
    if found.role == "chief" and found.jobs:
        raise ConfigError(f"--jobs {found.jobs}: a chief trains nothing, give it to the workers")
    parse_address(found.chief_address)


def _fixed(config: RunConfig, names: Sequence[str]) -> dict[str, Any]:
    """Settings that a search varies by default and whose flags are given: they stay as given."""
    fixed = {name: getattr(config, name) for name in names}
    weights = fixed.pop("factor_weights", {})
    return fixed | {f"factor_weights.{name}": weight for name, weight in weights.items()}


def _search(found: SearchFlags, config: RunConfig, specs: dict[str, Any]) -> Search:
    return Search(
        config,
        specs,
        found.trials,
        found.strategy,
        tuple(spec for specs in found.validation for spec in specs) or config.holdout,
        found.psnr_weight,
        found.executions,
        found.max_parameters,
        found.out or Path("tunings") / f"{config.dataset.replace('/', '-')}-{found.strategy}",
    )


def run(options: Tune) -> None:
    """Start or continue the search, then print where the best settings are."""
    search, found = options.search, options.flags
    import_tensorflow()
    from gcn_tf.tuning.search import describe, prepare_search, run_search

    if found.dry_run:
        print(describe(prepare_search(search)))
        return
    try:
        jobs = process_count(found.jobs, visible_gpus(), on_cpu=1)
        report = run_search(search, found.role, parse_address(found.chief_address), jobs)
    except KeyboardInterrupt as stop:
        print(f"gcn-tf: stopped; the same command continues {search.out}", file=sys.stderr)
        raise SystemExit(exit_code(stop)) from None
    if report:
        print(f"TensorBoard: tensorboard --logdir {search.out / 'trials'}")
        print(f"report: {report}\nlook at: {report.with_name('parallel.png')}")
        print(f"train with the best: gcn-tf train --config {search.out / 'best.yaml'}")
