"""Parse a command line into settings, in two stages: first what the defaults depend on, then everything.

The flags of `train` depend on the chosen dataset, and their defaults on its preset, a --config file or the run that is
resumed. So the first stage reads only these few flags and ignores all others; the second one knows the final set.
"""

import ast
import contextlib
import io
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, make_dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import tyro
from tyro.conf import FlagCreatePairsOff, OmitArgPrefixes, Suppress, UseAppendAction, arg

from gcn_tf import doors
from gcn_tf.commands.messages import one_line
from gcn_tf.config.data import DataConfig, DatasetOptions, expanded, named_builder, named_folder
from gcn_tf.config.files import read_yaml, resolve
from gcn_tf.config.schema import ObjectiveConfig, OptimizerConfig, RunConfig, Seed
from gcn_tf.errors import UserError, suggest

Debug = Annotated[bool, arg(help="Show the traceback of an error.")]
Checkpoint = Annotated[
    Literal["newest", "best"], arg(help="best: the one whose unseen cells scored best during training.")
]
CHECKPOINTS = {"newest": "", "best": "best.npz"}
WITHOUT_VALUE = {"--deterministic": "always"}  # what a flag means when no value follows it
Flags = TypeVar("Flags")


def place(default: str, metavar: str = "PATH") -> Any:
    """An annotation for an optional file or folder, whose default is described in words."""
    return arg(metavar=metavar, help_behavior_hint=f"(default: {default})" if default else "")


@dataclass(frozen=True)
class DataFlags(DataConfig):
    """Which pictures."""

    options: Suppress[DatasetOptions] = field(default_factory=lambda: RunConfig().options)
    data_dir: Annotated[str | None, place("gcn-tf in the user's cache")] = None
    """Folder of the prepared data."""
    manual_dir: Annotated[str | None, place("none")] = None
    """Folder with the dataset's files, for datasets whose files you obtain yourself."""


def _default_specs(shown: str) -> str:
    """The default hold-out in words; the parser shows it as the quoted representation of a tuple."""
    specs = [spec for word in shlex.split(shown) for spec in ast.literal_eval(word)]
    return f"(default: {' '.join(shlex.quote(spec) for spec in specs)})"


Specs = Annotated[
    UseAppendAction[tuple[tuple[str, ...], ...]],
    arg(metavar="SPEC [SPEC ...]", help_behavior_hint=_default_specs),
]


@dataclass(frozen=True)
class UnseenFlags:
    """What is unseen."""

    holdout: Specs = ((),)
    """Unseen cells: protocols by name (low-level, high-level, high-level=8, none, and the dataset's published ones), a random
    share (fraction=0.2) or rules such as 'digit=7,8 rotation=180'."""
    seed: Seed = 0
    """Seed of hold-out, weights, batches and imagined cells."""


@dataclass(frozen=True)
class TrainingFlags(OptimizerConfig, ObjectiveConfig):
    """How both networks are trained."""

    generator: Annotated[
        str,
        arg(
            aliases=["--method"],
            help=f"Kind of generator: {', '.join(doors.GENERATORS)}; or a rival to compare with: {', '.join(doors.RIVALS)}. gcn: the default.",
        ),
    ] = ""
    classifier: Annotated[str, arg(help=f"Kind of classifier: {', '.join(doors.CLASSIFIERS)}.")] = ""


@dataclass(frozen=True)
class FirstFlags:
    """What the defaults of all other flags depend on."""

    dataset: str = ""
    preset: str = ""
    config: str = ""
    resume: str = ""
    run_dir: str = ""


def first_flags(words: Sequence[str]) -> FirstFlags:
    """Parse the first stage; raise UserError for one of these flags without a value."""
    found: FirstFlags = parse_known(FirstFlags, words)
    return found


def parse_known(kind: type[Flags], words: Sequence[str]) -> Flags:
    """Parse some flags and ignore all others."""
    found: Flags = _quietly(kind, _completed(words), "", return_unknown_args=True, add_help=False)[0]
    return found


def parse(kind: type[Flags], words: Sequence[str], command: str, description: str, epilog: str = "") -> Flags:
    """Parse the words of a command; with --help, print the help and exit.

    Args:
        kind: dataclass of flags, or of groups of them.
        description: text at the start of the help.
        epilog: text at the end of the help.

    Raises:
        UserError: words that the command does not take; one line with the remedy.
    """
    try:
        found: Flags = _quietly(kind, _completed(words), command, description=description)
    except SystemExit:  # after the help
        if epilog:
            print(epilog)
        raise
    return found


def _quietly(kind: type, words: Sequence[str], command: str, **settings: Any) -> Any:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(
                kind,
                prog=f"gcn-tf {command}",
                args=list(words),
                config=(FlagCreatePairsOff, OmitArgPrefixes),
                **settings,
            )
    except SystemExit as stop:
        if stop.code:
            raise UserError(one_line(said.getvalue(), command, words)) from None
        raise


def _completed(words: Sequence[str]) -> list[str]:
    """Add the values of flags that may be given without one."""
    completed: list[str] = []
    for place, word in enumerate(words):
        completed.append(word)
        following = words[place + 1] if place + 1 < len(words) else "--"
        if word in WITHOUT_VALUE and following.startswith("-"):
            completed.append(WITHOUT_VALUE[word])
    return completed


def dataset_group(config: DataConfig) -> tuple[str, Any, Any]:
    """The options of a config's dataset as a group of flags with its name."""
    name = config.dataset.partition("/")[0]
    return (
        name.replace("-", "_"),
        type(config.options),
        field(default=config.options),
    )


def data_group(config: DataConfig) -> tuple[str, Any, Any]:
    """The flags that every dataset has, as a group."""
    flags = DataFlags(**{entry.name: getattr(config, entry.name) for entry in fields(DataConfig)})
    return ("data", DataFlags, field(default=flags))


def unseen_group(config: RunConfig) -> tuple[str, Any, Any]:
    """What is unseen, as a group."""
    flags = UnseenFlags(holdout=(config.holdout,), seed=config.seed)
    return ("unseen", UnseenFlags, field(default=flags))


def holdout_of(flags: UnseenFlags) -> tuple[str, ...]:
    """The chosen hold-out: --holdout appends to the default, which counts only if nothing is appended."""
    default, *given = flags.holdout
    return tuple(spec for specs in given for spec in specs) or default


def training_group(config: RunConfig) -> tuple[str, Any, Any]:
    """How both networks are trained, as a group."""
    settings = {
        entry.name: getattr(config, entry.name)
        for kind in (OptimizerConfig, ObjectiveConfig)
        for entry in fields(kind)
    }
    flags = TrainingFlags(**settings, generator=config.generator.kind, classifier=config.classifier.kind)
    return ("training", TrainingFlags, field(default=flags))


def group(name: str, flags: Any) -> tuple[str, Any, Any]:
    """A command's own flags, as a group."""
    return (name, type(flags), field(default=flags))


def command_flags(*groups: tuple[str, Any, Any]) -> type:
    """All flags of a command: a dataclass whose fields are groups."""
    return make_dataclass("CommandFlags", list(groups), frozen=True, kw_only=True)


def given(words: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Those of the settings `names` whose flags are among the words."""
    kind = make_dataclass(
        "Given", [(name, tuple[str, ...], field(default=())) for name in names], frozen=True
    )
    found: Any = parse_known(kind, words)
    return tuple(name for name in names if getattr(found, name))


def given_settings(first: FirstFlags, words: Sequence[str], config: RunConfig) -> tuple[str, ...]:
    """The settings of a run that a command line or its --config file gives, by name."""
    names = [entry.name for part in (config, config.options) for entry in fields(part)]
    in_file = read_yaml(Path(first.config)) if first.config else {}
    return tuple(dict.fromkeys((*given(words, names), *in_file)))


def config_of(flags: Any, config: RunConfig) -> RunConfig:
    """The settings after the flags: `config` with the values of the parsed groups of flags."""
    known = {entry.name for entry in fields(RunConfig)}
    changes: dict[str, Any] = {}
    for part in (getattr(flags, entry.name) for entry in fields(flags)):
        if isinstance(part, DatasetOptions):
            changes["options"] = part
        elif isinstance(part, UnseenFlags):
            changes |= {"holdout": holdout_of(part), "seed": part.seed}
        else:
            names = [entry.name for entry in fields(part) if entry.name in known and entry.name != "options"]
            changes |= {name: getattr(part, name) for name in names}
    for name, kinds in (("generator", doors.GENERATORS | doors.RIVALS), ("classifier", doors.CLASSIFIERS)):
        if name in changes:
            changes[name] = _network(changes[name], getattr(config, name), kinds, name)
    if folder := named_folder(changes.get("dataset", "")):
        changes |= {"dataset": "folder", "manual_dir": only_folder(folder, changes.get("manual_dir"))}
    if builder := named_builder(changes.get("dataset", "")):
        changes["dataset"] = "tfds"
        only_builder(builder, changes["options"])
    for name, flag in (("data_dir", "data-dir"), ("manual_dir", "manual-dir")):
        if changes.get(name):
            changes[name] = str(expanded(changes[name], flag).resolve())
    return replace(config, **changes)


def only_folder(folder: Path, manual_dir: str | None) -> str:
    """The folder of own pictures; raises UserError if --manual-dir names another one."""
    if manual_dir and expanded(manual_dir, "manual-dir").resolve() != folder:
        raise UserError(f"--dataset {folder} and --manual-dir {manual_dir}: name one folder")
    return str(folder)


def only_builder(builder: str, options: Any) -> None:
    """Raise UserError if --builder names another dataset than --dataset tfds:NAME."""
    if options.builder != builder:
        raise UserError(f"--dataset tfds:{builder} and --builder {options.builder}: name one dataset")


def _network(kind: str, current: Any, kinds: dict[str, str], flag: str) -> Any:
    if kind in (current.kind, "gcn"):
        return current
    if kind not in kinds:
        named = f"--{flag} or --method" if flag == "generator" else f"--{flag}"
        hint = suggest(kind, list(kinds)) or ","
        raise UserError(f"{named} {kind}: there is no such kind{hint} known: {', '.join(kinds)}")
    return doors.find(kinds[kind])()


def defaults(first: FirstFlags) -> RunConfig:
    """Settings before the flags: of the preset and the --config file."""
    return resolve(first.preset, first.dataset, Path(first.config) if first.config else None)


def other_datasets(config: DataConfig, command: str) -> str:
    """Lines for a help text with the options of other datasets."""
    lines = [f"Other datasets have other options; gcn-tf {command} --dataset NAME --help explains them:"]
    for name, where in doors.DATASETS.items():
        if name != config.dataset.partition("/")[0]:
            flags = " ".join(f"--{entry.name.replace('_', '-')}" for entry in fields(doors.find(where)))
            lines.append(f"  {name:12} {flags}")
    return "\n".join(lines)
