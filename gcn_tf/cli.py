"""The command line: parsing only. TensorFlow is imported inside the commands, so that --help answers at once."""

import contextlib
import dataclasses
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import tyro

from gcn_tf import __version__
from gcn_tf.augmentation.config import AugmentationConfig, check_augmentation_config, parse_shard
from gcn_tf.config.checks import check_config, check_flag, whole_number
from gcn_tf.config.files import preset_names, read_config, resolve
from gcn_tf.config.schema import ConfigError, DataConfig, RunConfig
from gcn_tf.errors import UserError, suggest
from gcn_tf.options import Augment, Datasets, Evaluate, Export, Generate, Study, Train, Tune
from gcn_tf.quiet import import_tensorflow
from gcn_tf.tuning.config import Search, check_search_config, parse_address
from gcn_tf.tuning.space import VARIED, parse_specs, read_space_file

CHECKPOINTS = {"newest": "", "best": "best.npz"}


class Terminated(KeyboardInterrupt):
    """SIGTERM, outside of a training, which saves first."""


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


def _train(options: Train) -> None:
    settings = {entry.name: getattr(options, entry.name) for entry in dataclasses.fields(RunConfig)}
    config = RunConfig(**settings)
    import_tensorflow()
    from gcn_tf.evaluation.report import write_report
    from gcn_tf.interrupts import Interrupted
    from gcn_tf.pipelines.split import load_split
    from gcn_tf.runs.run_dir import Run, check_same_settings, new_run_dir, read_run_config
    from gcn_tf.synthesis.saved_model import export_model
    from gcn_tf.training.fit import fit
    from gcn_tf.training.prepare import start_run

    if options.dry_run:
        from gcn_tf.training.dry_run import describe_run

        print(describe_run(config))
        return
    if options.resume:
        run_dir, stored = options.resume, read_run_config(options.resume)
        check_same_settings(stored, config, run_dir)
        split = load_split(config)
    else:
        run_dir = options.run_dir or new_run_dir(config)
        config, split = start_run(config, run_dir)
    print(f"{config.dataset}: {len(split.rows(False))} cells seen, {len(split.rows(True))} unseen; {run_dir}")
    _print_notes(split.dataset.notes)
    try:
        model = fit(config, split, run_dir, say=print)
        space = split.dataset.space
        print(f"SavedModel: {export_model(model, space, run_dir / 'model')}")
        picture = write_report(Run(run_dir, config, space, model), split)
    except (Interrupted, KeyboardInterrupt) as stop:
        said = str(stop) or "stopped"
        print(f"gcn-tf: {said}; go on with: gcn-tf train --resume {run_dir}", file=sys.stderr)
        raise SystemExit(_exit_code(stop)) from None
    _print_report(picture)


def _exit_code(stop: BaseException) -> int:
    """130 after Ctrl-C, 143 after SIGTERM."""
    return getattr(stop, "exit_code", 143 if isinstance(stop, Terminated) else 130)


def _evaluate(options: Evaluate) -> None:
    import_tensorflow()
    from gcn_tf.evaluation.report import evaluate

    _print_report(evaluate(options.run, CHECKPOINTS[options.checkpoint]))


def _generate(options: Generate) -> None:
    check_flag("--zoom", options.zoom, 1, 64)
    import_tensorflow()
    from gcn_tf.runs.run_dir import open_run
    from gcn_tf.synthesis.draw import write_picture

    print(
        f"look at: {write_picture(open_run(options.run, CHECKPOINTS[options.checkpoint]), options.factors, options.out, options.zoom)}"
    )


def _augment(options: Augment) -> None:
    fields = dataclasses.fields(AugmentationConfig)
    config = AugmentationConfig(**{entry.name: getattr(options, entry.name) for entry in fields})
    check_augmentation_config(config)
    parse_shard(options.shard)
    import_tensorflow()
    from gcn_tf.augmentation.augment import augment

    try:
        augment(options.run, options.out, config, options.shard)
    except KeyboardInterrupt as stop:
        print(f"gcn-tf: stopped; the same command goes on with {options.out}", file=sys.stderr)
        raise SystemExit(_exit_code(stop)) from None


def _export(options: Export) -> None:
    import_tensorflow()
    from gcn_tf.runs.run_dir import open_run
    from gcn_tf.synthesis.saved_model import export_model

    run = open_run(options.run, CHECKPOINTS[options.checkpoint])
    print(f"SavedModel: {export_model(run.model, run.space, options.out or run.folder / 'model')}")


def _check_study(options: Study) -> None:
    """Raise ConfigError for a setting that no experiment, or not this one, can have."""
    name = options.experiment
    check_flag("--seeds", options.seeds, 1, 1000)
    check_flag("--jobs", options.jobs, 1, 1000)
    check_flag("--student-steps", options.downstream_steps, 1)
    for count in options.counts:
        check_flag("--counts", count, 1)
    if name == "augmentation" and options.exemplars != DataConfig.exemplars:
        raise ConfigError(
            f"--exemplars {options.exemplars}: study augmentation tries several numbers, --counts {options.exemplars}"
        )
    if name == "settings" and not options.config:
        raise ConfigError("study settings compares a file with the preset: give --config best.yaml")
    for setting, owner in {
        "counts": "augmentation",
        "downstream_steps": "augmentation",
        "config": "settings",
    }.items():
        if name != owner and getattr(options, setting) != getattr(Study, setting):
            raise ConfigError(f"--{setting.replace('_', '-')} belongs to study {owner}, not to {name}")


def _study(options: Study) -> None:
    _check_study(options)
    data = {entry.name: getattr(options, entry.name) for entry in dataclasses.fields(DataConfig)}
    config = resolve(options.preset, options.dataset)
    config = dataclasses.replace(config, **data, steps=options.steps, seed=options.seed)
    check_config(config)
    name = f"{options.experiment}-{options.dataset.replace('/', '-')}{'-quick' if options.quick else ''}"
    out = options.out or Path("studies") / name
    import_tensorflow()
    from gcn_tf.interrupts import Interrupted

    study = _study_augmentation if options.experiment == "augmentation" else _study_comparison
    try:
        figure = study(options, config, out)
    except (Interrupted, KeyboardInterrupt) as stop:
        print(f"gcn-tf: stopped; the same command goes on with {out}", file=sys.stderr)
        raise SystemExit(_exit_code(stop)) from None
    print(f"report: {figure.with_name('report.html')}\nlook at: {figure}")


def _study_comparison(options: Study, config: RunConfig, out: Path) -> Path:
    from gcn_tf.studies.comparison.experiments import cooperation, settings, weights
    from gcn_tf.studies.comparison.run import run_comparison

    if options.config:
        tried = resolve(options.preset, options.dataset, options.config)
        check_config(tried)
        experiment = settings(config, tried, options.config)
    else:
        experiment = cooperation() if options.experiment == "cooperation" else weights()
    by_default = 5 if options.config else 3
    seeds = by_default if options.seeds is None else options.seeds
    return run_comparison(experiment, config, seeds, out, options.quick, options.jobs)


def _study_augmentation(options: Study, config: RunConfig, out: Path) -> Path:
    from gcn_tf.studies.augmentation.jobs import Protocol, quick_settings
    from gcn_tf.studies.augmentation.run import run_augmentation_study
    from gcn_tf.studies.augmentation.task import exemplars_by_default, identities_wanted

    protocol = Protocol(
        options.counts or exemplars_by_default(options.dataset),
        identities_wanted(config),
        5 if options.seeds is None else options.seeds,
        options.downstream_steps,
    )
    if options.quick:
        config, protocol = quick_settings(config, protocol)
    return run_augmentation_study(config, protocol, out, options.jobs)


def _tune(options: Tune) -> None:
    check_search_config(options)
    settings = {entry.name: getattr(options, entry.name) for entry in dataclasses.fields(RunConfig)}
    config = RunConfig(**settings)
    check_config(config)
    fixed = {name: getattr(config, name) for name in options.given}
    if "factor_weights" in fixed:
        fixed |= {f"factor_weights.{name}": weight for name, weight in fixed.pop("factor_weights").items()}
    specs = read_space_file(options.space_file) if options.space_file else {}
    search = Search(
        config,
        {**specs, **fixed, **parse_specs(options.space)},
        options.trials,
        options.strategy,
        options.validation or config.holdout,
        options.psnr_weight,
        options.executions,
        options.max_parameters,
        options.out or Path("tunings") / f"{config.dataset.replace('/', '-')}-{options.strategy}",
    )
    import_tensorflow()
    from gcn_tf.tuning.search import describe, prepare, run_search

    if options.dry_run:
        print(describe(prepare(search)))
        return
    try:
        report = run_search(search, options.role, parse_address(options.chief_address))
    except KeyboardInterrupt as stop:
        print(f"gcn-tf: stopped; the same command goes on with {search.out}", file=sys.stderr)
        raise SystemExit(_exit_code(stop)) from None
    if report:
        print(f"TensorBoard: tensorboard --logdir {search.out / 'trials'}")
        print(f"report: {report}\nlook at: {report.with_name('parallel.png')}")
        print(f"train with the best: gcn-tf train --config {search.out / 'best.yaml'}")


def _datasets(options: Datasets) -> None:
    check_config(options)
    import_tensorflow()
    import numpy as np

    from gcn_tf.pipelines.batches import pixels
    from gcn_tf.pipelines.registry import DATASETS, load_dataset
    from gcn_tf.pipelines.split import split_dataset
    from gcn_tf.reporting.figures import write_contact_sheet

    if not options.dataset:
        for name, entry in DATASETS.items():
            subsets = (
                f"\n    subsets  {', '.join(f'{name}/{s}' for s in entry.subsets)}" if entry.subsets else ""
            )
            print(f"{name}\n    factors  {entry.factors}\n    needs    {entry.needs}{subsets}")
        print("contact sheet of one: gcn-tf datasets glyphs")
        return
    if options.write_kdef:
        _write_kdef(options, options.write_kdef)
        return
    split = split_dataset(load_dataset(options), options.holdout, options.seed)
    space = split.dataset.space
    for m, factor in enumerate(space):
        there = np.bincount(split.ids[:, m], minlength=len(factor))
        seen = np.bincount(split.ids[~split.unseen, m], minlength=len(factor))
        told = ", ".join(f"{v} ({s}/{t})" for v, s, t in zip(factor.values, seen, there, strict=True))
        print(f"{factor.name:12} {len(factor):3}  {told}")
    groups = ", ".join(f"{len(rows)} {name}" for name, rows in split.groups().items())
    print(f"{len(split.ids)} cells: {groups}; in brackets how many of a value's are seen")
    _print_notes(split.dataset.notes)
    out = options.out or Path(f"{split.dataset.name}.png")
    print(f"look at: {write_contact_sheet(split, pixels(split, np.arange(len(split.ids))), out)}")


def _write_kdef(options: Datasets, folder: Path) -> None:
    from gcn_tf.pipelines.procedural.faces.pictures import write_kdef

    persons = whole_number(options.persons)
    if options.dataset != "faces" or not persons:
        raise ConfigError(
            f"--write-kdef writes drawn faces: gcn-tf datasets faces --persons 70 --write-kdef {folder}"
        )
    count = write_kdef(folder, persons, options.data_seed)
    print(f"{count} files: {folder / 'KDEF'}")


def _print_notes(notes: Sequence[str]) -> None:
    """What users should know of the pictures, a line each."""
    print("".join(f"{note}\n" for note in notes), end="")


def _print_report(picture: Path) -> None:
    """The table seen / unseen of the report beside a picture, then where both are."""
    from gcn_tf.evaluation.report import read_report
    from gcn_tf.reporting.tables import score_table

    rows = score_table(read_report(picture.parent.parent)["scores"])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        print("  ".join([f"{row[0]:{widths[0]}}", *cells]))
    print(f"report: {picture.with_name('report.html')}\nlook at: {picture}")


COMMANDS: dict[str, tuple[type, Callable[[Any], None]]] = {
    "train": (Train, _train),
    "evaluate": (Evaluate, _evaluate),
    "generate": (Generate, _generate),
    "augment": (Augment, _augment),
    "tune": (Tune, _tune),
    "export": (Export, _export),
    "study": (Study, _study),
    "datasets": (Datasets, _datasets),
}


def _help() -> str:
    lines = [f"  {name:10} {(kind.__doc__ or '').splitlines()[0]}" for name, (kind, _) in COMMANDS.items()]
    return "\n".join(
        [
            f"gcn-tf {__version__}: learn a grid of image factors from few pictures, draw the missing ones.",
            "",
            "usage: gcn-tf COMMAND [options]",
            "",
            *lines,
            "",
            "  gcn-tf COMMAND --help tells more. To begin:",
            "",
            "  gcn-tf train --dataset glyphs --run-dir runs/demo",
        ]
    )


def _flag(words: Sequence[str], name: str) -> str:
    """The value of a flag before the real parsing: the defaults of `train` depend on three of them."""
    for position, word in enumerate(words):
        if word == name and position + 1 < len(words):
            return words[position + 1]
        if word.startswith(name + "="):
            return word.partition("=")[2]
    return ""


def _given(words: Sequence[str]) -> tuple[str, ...]:
    """Settings that a search varies by default and whose flags are given: they stay as given."""
    return tuple(name for name in VARIED if any(w.partition("=")[0] == _spelled(name) for w in words))


def _spelled(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _train_defaults(words: Sequence[str]) -> RunConfig:
    """Settings before the flags: of the run to resume, or of the preset and the --config file."""
    resume, file = _flag(words, "--resume"), _flag(words, "--config")
    for flag in ("--run-dir", "--config"):
        if resume and _flag(words, flag):
            raise ConfigError(
                f"--resume {resume} keeps the folder and the settings of its run: leave {flag} out"
            )
    if resume and (Path(resume) / "config.yaml").exists():
        return read_config(Path(resume) / "config.yaml")
    return resolve(_flag(words, "--preset"), _flag(words, "--dataset"), Path(file) if file else None)


def _parse(name: str, words: Sequence[str]) -> Any:
    kind, _ = COMMANDS[name]
    config = RunConfig()
    if kind in (Train, Study, Tune):
        config = _train_defaults(words)
    elif kind is Datasets:
        named = (word.partition("/")[0] for word in words)
        config = resolve(dataset=next((name for name in named if name in preset_names()), ""))
        config = dataclasses.replace(config, dataset="")
    default: Any = None
    if kind in (
        Train,
        Study,
        Tune,
        Datasets,
    ):  # the flag --holdout adds to a list, so it starts from an empty one
        names = {entry.name for entry in dataclasses.fields(kind)} - {"holdout"}
        default = kind(
            **{e.name: getattr(config, e.name) for e in dataclasses.fields(config) if e.name in names}
        )
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            options = tyro.cli(kind, prog=f"gcn-tf {name}", args=words, default=default)
    except SystemExit as stop:
        if stop.code:
            raise UserError(_one_line(said.getvalue(), name)) from None
        raise
    if isinstance(options, Tune):
        options.given = _given(words)
    if isinstance(options, Train | Tune | Datasets):
        options.holdout = options.holdout or config.holdout
    if isinstance(options, DataConfig):
        for folder in ("data_dir", "manual_dir"):
            if value := getattr(options, folder):
                setattr(options, folder, str(Path(value).expanduser().resolve()))
    return options


def _one_line(box: str, name: str) -> str:
    """The parser's boxed message as one line."""
    words = box.translate(dict.fromkeys(map(ord, "╭╮╰╯│─"), " ")).split()
    message = " ".join(words).removeprefix("Parsing error ").removeprefix("Unrecognized options ")
    return f"{message.split(' For full helptext')[0]} (gcn-tf {name} --help lists the options)"


def main(words: Sequence[str] | None = None) -> None:
    """Do what the words of a command line say: exit code 0, 2 on bad input with one line on stderr, 130 after Ctrl-C."""
    words = list(sys.argv[1:] if words is None else words)
    if not words or words[0] in ("-h", "--help"):
        print(_help())
        return
    if words[0] == "--version":
        print(__version__)
        return
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminate)
    try:
        if words[0] not in COMMANDS:
            hint = suggest(words[0], list(COMMANDS)) or ";"
            raise UserError(f"unknown command {words[0]!r}{hint} known: {', '.join(COMMANDS)}")
        options = _parse(words[0], words[1:])
        COMMANDS[words[0]][1](options)
    except UserError as error:
        if "--debug" in words:
            raise
        print(f"gcn-tf: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(2) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if "--debug" in words or not error.strerror:
            raise
        place = f"{error.filename}: " if error.filename else ""
        print(
            f"gcn-tf: {place}{error.strerror}; make it readable and writable, or name another place",
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    except KeyboardInterrupt as stop:
        print("gcn-tf: stopped", file=sys.stderr)
        raise SystemExit(_exit_code(stop)) from None


def run() -> None:
    """The command `gcn-tf`. A process that was asked to end, and has saved its state, ends at once: TensorFlow's threads
    were seen to keep it for up to a minute."""
    try:
        main()
    except SystemExit as stop:
        if stop.code in (130, 143):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(stop.code)
        raise


if __name__ == "__main__":
    run()
