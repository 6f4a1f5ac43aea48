"""`gcn-tf datasets`: list the datasets, or show one as a contact sheet."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional

from gcn_tf import doors
from gcn_tf.commands import flags
from gcn_tf.commands.flags import Debug, place
from gcn_tf.commands.printing import print_notes
from gcn_tf.config.checks import check_config
from gcn_tf.config.data import DataConfig, named_builder, named_folder
from gcn_tf.config.files import resolve
from gcn_tf.config.schema import RunConfig
from gcn_tf.errors import ConfigError, listed
from gcn_tf.quiet import import_tensorflow

if TYPE_CHECKING:
    from gcn_tf.pipelines.split import Split

HELP = """List the datasets, or show the grid of one as a contact sheet with its unseen cells framed.

All other settings come from the preset of the same name.
Example: gcn-tf datasets glyphs --writers 20 --out glyphs.png
"""


@dataclass(frozen=True)
class DatasetsFlags:
    """Which dataset, and where its picture goes."""

    name: Positional[str] = ""
    """Dataset by name; without a name, all are listed."""
    out: Annotated[Path | None, place("NAME.png", "FILE.png")] = None
    """The PNG to write."""
    write_kdef: Annotated[Path | None, place("")] = None
    """faces: write the procedural persons, all seven emotions, as files in KDEF's layout and size into this folder."""
    debug: Debug = False


OWN_FLAGS = (DatasetsFlags, flags.UnseenFlags)


@dataclass(frozen=True)
class SheetDataFlags(flags.DataFlags):
    """Which pictures."""

    dataset: str = ""
    """The same as NAME."""


@dataclass(frozen=True)
class Datasets:
    """Options of `datasets`: the settings, or None to list the datasets, its own flags, and which settings were given."""

    config: RunConfig | None
    flags: DatasetsFlags
    given: tuple[str, ...] = ()


def parse(words: Sequence[str]) -> Datasets:
    """Flags as options; raises UserError for words that `datasets` does not take."""
    name = _named(words)
    config = resolve(dataset=name) if name else RunConfig()
    data = {entry.name: getattr(config, entry.name) for entry in fields(DataConfig)} | {"dataset": ""}
    kind = flags.command_flags(
        flags.group("sheet", DatasetsFlags()),
        flags.group("data", SheetDataFlags(**data)),
        flags.dataset_group(config),
        flags.unseen_group(config),
    )
    found: Any = flags.parse(kind, words, "datasets NAME", HELP, flags.other_datasets(config, "datasets"))
    if not name:
        if words and not set(words) <= {"--debug"}:
            raise ConfigError(
                f"{' '.join(words)[:60]}: of which dataset? give its name, {', '.join(doors.DATASETS)}"
            )
        return Datasets(None, found.sheet)
    if folder := named_folder(name):
        flags.only_folder(folder, found.data.manual_dir)
    chosen = flags.config_of(found, config)
    if builder := named_builder(name):
        flags.only_builder(builder, chosen.options)
    given = flags.given_settings(flags.FirstFlags(), words, config)
    return Datasets(chosen.of_dataset(config.dataset), found.sheet, given)


def _named(words: Sequence[str]) -> str:
    """The chosen dataset, by position or by --dataset.

    Which word is the name depends on which flags take values, including those of all datasets.
    """
    options = {entry.name for where in doors.DATASETS.values() for entry in fields(doors.find(where))}
    first = make_dataclass(
        "First",
        [
            ("names", Positional[tuple[str, ...]], field(default=())),
            *((name, str, field(default="")) for name in sorted(options)),
            *((e.name, str, field(default="")) for e in fields(DataConfig) if e.name != "options"),
            *((name, str, field(default="")) for name in ("out", "write_kdef", "seed")),
            ("holdout", flags.Specs, field(default=())),
            ("debug", bool, field(default=False)),
        ],
        frozen=True,
    )
    found: Any = flags.parse_known(first, words)
    named = dict.fromkeys(name for name in (*found.names, found.dataset) if name)
    if len(named) > 1:
        raise ConfigError(f"{' and '.join(named)}: name one dataset")
    return next(iter(named), "")


def run(options: Datasets) -> None:
    """Print the list, or write a contact sheet."""
    if options.config is None:
        _print_list()
    elif options.flags.write_kdef:
        _write_kdef(options.config, options.flags.write_kdef)
    else:
        _write_sheet(options.config, options.flags.out, options.given)


def _print_list() -> None:
    for name, where in doors.DATASETS.items():
        kind = doors.find(where)
        own = " ".join(f"--{entry.name.replace('_', '-')}" for entry in fields(kind))
        subsets = f"\n    subsets  {', '.join(f'{name}/{s}' for s in kind.subsets)}" if kind.subsets else ""
        terms = kind.terms.licence or "yours to state, when you share a run"
        print(
            f"{name}\n    factors  {kind.grid}\n    needs    {kind.needs}\n    terms    {terms}\n    options  {own}{subsets}"
        )
    print("contact sheet of one: gcn-tf datasets glyphs")


def _write_sheet(config: RunConfig, out: Path | None, given: Sequence[str]) -> None:
    check_config(config)
    out = out or Path(f"{config.file_name}.png")
    if out.suffix.lower() != ".png":
        raise ConfigError(f"--out {out}: the contact sheet is a PNG, give a name that ends with .png")
    import_tensorflow()
    import numpy as np

    from gcn_tf.pipelines.batches import pixels
    from gcn_tf.pipelines.folder.problems import problems_listed, unreadable_listed
    from gcn_tf.pipelines.split import load_split
    from gcn_tf.reporting.figures import write_contact_sheet

    problems = out.with_name(f"{out.stem}-problems.csv")
    with unreadable_listed(problems):
        config = _planned(config, given, out) if config.options.planned else config
        split = load_split(config)
    _print_grid(split)
    print_notes(split.notes)
    print_notes(problems_listed(split.dataset.problems, problems))
    print(f"look at: {write_contact_sheet(split, pixels(split, np.arange(len(split.ids))), out)}")


def _planned(config: RunConfig, given: Sequence[str], out: Path) -> RunConfig:
    """Plan a run on own pictures, print the plan and write it beside the contact sheet."""
    from gcn_tf.planning.plan import make_plan

    plan = make_plan(config, given)
    print(*plan.lines(), sep="\n")
    path = plan.write(out.with_name(f"{out.stem}-plan.yaml"))
    print(f"all settings: {path}, to be edited and given to gcn-tf train --config")
    return plan.config


def _print_grid(split: "Split") -> None:
    """Print the values of every factor, the groups of cells, and how full the grid is."""
    import numpy as np

    from gcn_tf.pipelines.folder.fill import Fill

    space = split.dataset.space
    for m, factor in enumerate(space):
        there = np.bincount(split.ids[:, m], minlength=len(factor))
        seen = np.bincount(split.ids[~split.unseen, m], minlength=len(factor))
        values = [f"{v} ({s}/{t})" for v, s, t in zip(factor.values, seen, there, strict=True)]
        print(f"{factor.name:12} {len(factor):3}  {listed(values)}")
    groups = ", ".join(f"{len(rows)} {name}" for name, rows in split.groups().items())
    print(f"{len(split.ids)} cells: {groups}; in brackets how many of a value's cells are seen")
    print_notes([*Fill.of(split.ids, space).lines(), *Fill.of(split.ids[~split.unseen], space).warnings()])


def _write_kdef(config: RunConfig, folder: Path) -> None:
    if config.dataset != "faces":
        raise ConfigError(
            f"--write-kdef writes procedural faces: gcn-tf datasets faces --persons 70 --write-kdef {folder}"
        )
    check_config(config)
    from gcn_tf.pipelines.procedural.faces.pictures import write_kdef

    options: Any = config.options
    count = write_kdef(folder, options.identities(), options.data_seed)
    print(f"{count} files: {folder / 'KDEF'}")
