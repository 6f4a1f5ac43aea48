"""`gcn-tf study`: compare methods over several seeds."""

import sys
from collections.abc import Sequence
from dataclasses import Field, dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from gcn_tf.commands import flags
from gcn_tf.commands.flags import Debug, first_flags, place
from gcn_tf.config.checks import check_config, check_flag
from gcn_tf.config.data import DataConfig
from gcn_tf.config.files import read_yaml, resolve, with_settings
from gcn_tf.config.schema import RunConfig, to_dict
from gcn_tf.errors import ConfigError
from gcn_tf.gpus import process_count, visible_gpus
from gcn_tf.interrupts import Interrupted, exit_code
from gcn_tf.machine import usable_cores
from gcn_tf.quiet import import_tensorflow

HELP = """Compare methods over several seeds: does cooperation help, and do generated pictures help a classifier?

Example: gcn-tf study cooperation --dataset glyphs --quick
"""
Experiment = Literal["cooperation", "weights", "settings", "augmentation", "newcomers", "generators"]
OWNERS = {
    "counts": ("augmentation", "newcomers"),
    "downstream_steps": ("augmentation",),
    "config": ("settings",),
    "new": ("augmentation",),
    "classify": ("augmentation",),
    "givers": ("augmentation",),
    "factor": ("newcomers",),
    "newcomers": ("newcomers",),
    "methods": ("generators", "augmentation"),
    "budget": ("generators",),
    "trials": ("generators",),
    "shares": ("generators",),
    "identities": ("generators",),
}


@dataclass(frozen=True)
class StudyFlags:
    """What is compared, and where the study goes."""

    experiment: Positional[Experiment] = "cooperation"
    """cooperation: no classifier, every regime with and without imagined cells, two baselines, the preset, and the
    preset without each of its parts. weights: the paper's loss weights and activations. settings: the preset against
    the settings of --config, such as the best of a search. augmentation: classifiers that learn from few real pictures
    of --writers or --persons, as they are, augmented conventionally, and with pictures of a GCN trained on the same;
    with --new, from few pictures of new classes, beside a fuller grid of others and with moves learned on that.
    newcomers: values that a run never saw, drawn from one to five pictures of each by the extended run, by full
    retraining, by an encoder-decoder and by what needs no network. generators: GANs, VAEs, image-to-image networks and
    GCNs on the same grid, with the same pictures, parameters and seconds."""
    seeds: Annotated[
        int | None, arg(metavar="INT", help_behavior_hint="(default: 3; 5 of settings, augmentation)")
    ] = None
    """Number of seeds."""
    seed: int = 0
    """The first seed."""
    steps: int = RunConfig.steps
    """Training steps of every generator."""
    jobs: Annotated[
        int | None, arg(metavar="INT", help_behavior_hint="(default: one per core; with GPUs, one per GPU)")
    ] = None
    """Trainings in parallel, one thread each; with GPUs, on each of them."""
    quick: bool = False
    """Few seeds and steps, to check that everything works; the figures mean little."""
    counts: Annotated[
        tuple[int, ...], arg(help_behavior_hint="(default: 1 2 5 10; 1 3 of faces; 1 2 3 5 of newcomers)")
    ] = ()
    """augmentation: real pictures per class and writer or person to try. newcomers: pictures that each gives."""
    new: Annotated[str, arg(metavar="FACTOR", help_behavior_hint="(default: none)")] = ""
    """augmentation: half of this factor's values are new classes, the pictures of the other half a fuller grid."""
    classify: Annotated[str, arg(metavar="FACTOR", help_behavior_hint="(default: --new)")] = ""
    """augmentation: with --new writer, classify this factor, digit, from few pictures of each new writer."""
    givers: Annotated[int, arg(help_behavior_hint="(default: 0, anyone)")] = 0
    """augmentation: with --new digit, the few pictures are of so many writers or persons, --counts of each digit and each
    of them; tested on all others. Of digits all that the dataset has are used, the writers beyond --writers as well."""
    downstream_steps: Annotated[int, arg(aliases=["--student-steps"])] = 500
    """augmentation: steps of a downstream classifier's round; it has at most two rounds."""
    factor: Annotated[str, arg(help_behavior_hint="(default: who made or shows the pictures)")] = ""
    """newcomers: the factor whose values they are."""
    newcomers: int = 8
    """newcomers: how many, for each seed."""
    methods: Annotated[str, arg(metavar="NAMES", help_behavior_hint="(default: all)")] = ""
    """generators: which, with commas, such as gcn,cgan,cvae. augmentation with --new: with semicolons, such as
    'prototypes; pre-trained, learned + conventional'."""
    budget: float = 60.0
    """generators: seconds of training that each method has, with each seed."""
    trials: int = 4
    """generators: settings that are tried to tune each method; 0: none is tuned."""
    shares: tuple[float, ...] = (0.125, 0.25, 0.5)
    """generators: shares of the seen pictures to learn from, beside all of them; 1: no others."""
    identities: tuple[int, ...] = ()
    """generators: numbers of writers or persons, beside the dataset's own."""
    preset: Annotated[str, arg(help_behavior_hint="(default: the dataset's)")] = ""
    """Settings by name that all methods start from."""
    config: Annotated[Path | None, place("", "FILE.yaml")] = None
    """settings: file to compare with the preset; data, hold-out, seed and steps are the file's."""
    out: Annotated[Path | None, place("studies/EXPERIMENT-DATASET")] = None
    """Folder of the study, a new one or an empty one; an existing study with the same settings continues."""
    debug: Debug = False


OWN_FLAGS = (StudyFlags,)


@dataclass(frozen=True)
class Study:
    """Options of `study`: the settings that all methods start from, and its own flags."""

    config: RunConfig
    flags: StudyFlags
    given: tuple[str, ...] = ()


def parse(words: Sequence[str]) -> Study:
    """Flags as options; raises UserError for words that `study` does not take."""
    first = first_flags(words)
    start = flags.defaults(first)
    kind = flags.command_flags(
        flags.group("study", StudyFlags(seed=start.seed, steps=start.steps, preset=start.preset)),
        flags.data_group(start),
        flags.dataset_group(start),
    )
    parsed: Any = flags.parse(kind, words, "study", HELP, flags.other_datasets(start, "study"))
    found: StudyFlags = parsed.study
    _check(found, parsed)
    data = flags.config_of(parsed, start)
    preset = resolve(found.preset, start.dataset)
    changes = {entry.name: getattr(data, entry.name) for entry in fields(DataConfig)}
    config = replace(preset, **changes, steps=found.steps, seed=found.seed)
    check_config(config)
    return Study(config, found, flags.given(words, [entry.name for entry in _settings_of(config)]))


def _settings_of(config: RunConfig) -> list[Field[Any]]:
    return [entry for part in (config, config.options) for entry in fields(part)]


def _check(found: StudyFlags, parsed: Any) -> None:
    """Raise ConfigError for a setting that is out of range or belongs to another experiment."""
    name = found.experiment
    check_flag("--seeds", found.seeds, 1, 1000)
    check_flag("--jobs", found.jobs, 1, 1000)
    check_flag("--downstream-steps", found.downstream_steps, 1)
    for count in found.counts:
        check_flag("--counts", count, 1)
    exemplars = next((p.exemplars for p in vars(parsed).values() if hasattr(p, "exemplars")), 1)
    if name == "augmentation" and not found.new and exemplars != 1:
        raise ConfigError(
            f"--exemplars {exemplars}: study augmentation tries several numbers, --counts {exemplars}"
        )
    if found.classify and not found.new:
        raise ConfigError(f"--classify {found.classify}: say of which factor values are new: --new writer")
    check_flag("--givers", found.givers, 0, 10_000)
    if found.givers and not found.new:
        raise ConfigError(f"--givers {found.givers}: say of which factor values are new: --new digit")
    if found.givers and found.classify not in ("", found.new):
        raise ConfigError(
            f"--givers {found.givers} --classify {found.classify}: a new {found.new} gives the pictures, leave --givers out"
        )
    if found.methods and name == "augmentation" and not found.new:
        raise ConfigError(f"--methods {found.methods}: say of which factor values are new: --new writer")
    if name == "settings" and not found.config:
        raise ConfigError("study settings compares a file with the preset: give --config best.yaml")
    check_flag("--newcomers", found.newcomers, 1)
    check_flag("--budget", found.budget, 1, 10**6)
    check_flag("--trials", found.trials, 0, 1000)
    for share in found.shares:
        check_flag("--shares", share, 0.001, 1)
    for count in found.identities:
        check_flag("--identities", count, 2)
    for setting, owners in OWNERS.items():
        if name not in owners and getattr(found, setting) != getattr(StudyFlags, setting):
            flag = setting.replace("_", "-")
            raise ConfigError(f"--{flag} belongs to study {' and '.join(owners)}, not to {name}")


def run(options: Study) -> None:
    """Run or continue the experiment, then print where its report is."""
    found, config = options.flags, options.config
    new = "".join(f"-{factor}" for factor in (found.new, found.classify) if factor)
    new += f"-givers{found.givers}" * (found.givers > 0)
    name = f"{found.experiment}{new}-{config.dataset.replace('/', '-')}{'-quick' if found.quick else ''}"
    out = found.out or Path("studies") / name
    import_tensorflow()
    jobs = process_count(found.jobs, visible_gpus(), on_cpu=usable_cores())
    try:
        if found.experiment == "newcomers":
            figure = _study_newcomers(found, config, out, options.given, jobs)
        elif found.experiment == "generators":
            figure = _study_generators(found, config, out, options.given, jobs)
        elif found.experiment == "augmentation":
            figure = _study_augmentation(found, config, out, jobs)
        else:
            figure = _study_comparison(found, config, out, jobs)
    except (Interrupted, KeyboardInterrupt) as stop:
        print(f"gcn-tf: stopped; the same command continues {out}", file=sys.stderr)
        raise SystemExit(exit_code(stop)) from None
    print(f"report: {figure.with_name('report.html')}\nlook at: {figure}")


def _study_comparison(found: StudyFlags, config: RunConfig, out: Path, jobs: int) -> Path:
    from gcn_tf.studies.comparison.experiments import cooperation, settings, weights
    from gcn_tf.studies.comparison.run import run_comparison

    if found.config:
        tried = resolve(found.preset, config.dataset, found.config)
        check_config(tried)
        experiment = settings(config, tried, found.config)
    else:
        experiment = cooperation() if found.experiment == "cooperation" else weights()
    by_default = 5 if found.config else 3
    seeds = by_default if found.seeds is None else found.seeds
    return run_comparison(experiment, config, seeds, out, found.quick, jobs)


def _study_augmentation(found: StudyFlags, config: RunConfig, out: Path, jobs: int) -> Path:
    seeds = 5 if found.seeds is None else found.seeds
    if found.new:
        return _study_new_classes(found, config, seeds, out, jobs)
    from gcn_tf.studies.augmentation.jobs import Protocol, quick_settings
    from gcn_tf.studies.augmentation.run import run_augmentation_study
    from gcn_tf.studies.augmentation.task import exemplars_by_default, identities_wanted

    protocol = Protocol(
        found.counts or exemplars_by_default(config),
        identities_wanted(config),
        seeds,
        found.downstream_steps,
    )
    if found.quick:
        config, protocol = quick_settings(config, protocol)
    return run_augmentation_study(config, protocol, out, jobs)


def _study_new_classes(found: StudyFlags, config: RunConfig, seeds: int, out: Path, jobs: int) -> Path:
    from gcn_tf.studies.new_classes.run import run_new_classes_study
    from gcn_tf.studies.new_classes.study import Protocol

    classified = "" if found.classify == found.new else found.classify
    protocol = Protocol(found.new, classified=classified, givers=found.givers)
    if found.counts:
        protocol = replace(protocol, counts=tuple(sorted(set(found.counts))))
    data = config.part(DataConfig)
    names = _names(found.methods, ";")
    return run_new_classes_study(data, protocol, seeds, out, found.seed, found.quick, jobs, names)


def _study_newcomers(
    found: StudyFlags, config: RunConfig, out: Path, given: tuple[str, ...], jobs: int
) -> Path:
    from gcn_tf.studies.newcomers.run import run_newcomers_study
    from gcn_tf.studies.newcomers.task import Protocol

    counts = tuple(sorted(set(found.counts))) or (1, 2, 3, 5)
    seeds = 3 if found.seeds is None else found.seeds
    protocol = Protocol(found.factor, found.newcomers, counts)
    return run_newcomers_study(_planned(config, given, out), protocol, seeds, out, found.quick, jobs)


def _study_generators(
    found: StudyFlags, config: RunConfig, out: Path, given: tuple[str, ...], jobs: int
) -> Path:
    from gcn_tf.studies.generators.run import run_generators_study
    from gcn_tf.studies.generators.study import Protocol

    protocol = Protocol(
        _names(found.methods, ","), found.budget, found.trials, found.shares, found.identities
    )
    seeds = 3 if found.seeds is None else found.seeds
    return run_generators_study(_planned(config, given, out), protocol, seeds, out, found.quick, jobs)


def _names(text: str, separator: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(separator) if name.strip())


def _planned(config: RunConfig, given: tuple[str, ...], out: Path) -> RunConfig:
    """The settings that `gcn-tf train` would choose for own pictures; those of a study that goes on stay as they are."""
    from gcn_tf.api.training import planned

    if not config.options.planned or "preset" in given:
        return config
    if (stored := out / "study.yaml").exists():
        settings = {k: v for k, v in read_yaml(stored).items() if k in to_dict(config) and k not in given}
        return with_settings(config, settings, str(stored))
    plan = planned(config, given, print)
    return plan.config if plan else config
