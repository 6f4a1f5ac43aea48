"""What `gcn-tf augment` generates, keeps and writes: its settings with their defaults. No TensorFlow here."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from tyro.conf import arg

from gcn_tf.config.checks import check_flag, whole_number
from gcn_tf.errors import ConfigError

MOST_PICTURES = 10**9
Format = Literal["tfds", "folders", "tfrecord"]
_OF_MOVED = {"for": "", "with_fuller": False}  # settings of moved pictures alone, with their defaults
_OF_UPRIGHT = {"upright": False}  # of runs that learned upright figures alone
_OF_FEW = {
    "with_fuller": "; --for FACTOR alone writes the run's own pictures",
    "labels": "; the factor of the classes is --label",
    "levels": "",
    "pattern": "",
}
_PLACES = ("few", "labels", "levels", "pattern")  # where pictures lie, not what they are


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig:
    """Which pictures, which of them are kept, and how they are written."""

    blend: str = ""
    """Blend all pairs of values of this factor, e.g. writer. Give one of --blend, --mix, --fill and --for."""
    mix: str = ""
    """Blend several factors together at one ratio, all pairs of combinations of their values: writer,rotation."""
    fill: Literal["unseen"] | None = None
    """unseen: generate every cell that training had no picture of, as it is."""
    for_: Annotated[str, arg(name="for")] = ""
    """Write real pictures with this factor as their class, as they are and, with --copies 20, nineteen times moved as the run's pictures of one class lie in each
    other: those that the run has seen, or those of --few."""
    few: str = ""
    """A folder of few pictures to move, of new classes as well, labelled by the factor of --for."""
    with_fuller: bool = False
    """Beside those of --few the run's own, moved likewise, in one set to pre-train a classifier on; the column fuller tells which they are."""
    labels: str = ""
    """Table of the labels of --few; default: the one in the folder."""
    levels: str = ""
    """Labels of --few from the names of folders: alphabet/character."""
    pattern: str = ""
    """Labels of --few from the paths of files: '{character}/{}_{drawer}.png'; {} is passed over."""
    with_: Annotated[tuple[str, ...], arg(name="with")] = ()
    """What to take of the factors, as generate takes it: digit=3,8 color=red; by default all values. Of a blended
    factor: the values to pair."""
    ratio: str = "0.5"
    """Weight of the first of a pair: 0.5, several 0.25,0.5, or beta:0.4 or beta:2,5 to sample one for every
    picture from that Beta distribution. An uneven one is taken both ways round."""
    copies: int = 1
    """How often every combination is taken, each time with another ratio of the Beta distribution; or every picture of --for."""
    limit: int | None = None
    """Generate this many different pictures, chosen by seed with the classes even; default: all."""
    label: str = ""
    """Factor of the classes; default: the first that is not blended."""
    seed: int = 0
    """Seed of the order, of --limit and of sampled ratios and moves."""
    upright: bool = False
    """Of a run that was trained with --upright: leave the figures upright. By default each gets a pose between, or a little beyond, two of the seen pictures."""
    min_confidence: float = 0.0
    """Keep a picture only if the run's own classifier gives its class at least this probability."""
    confidence_in: str = ""
    """Factors that the classifier must classify correctly: digit,color; default: the label. For a blended factor,
    any of the blended values is correct. A turned 0 tells nothing of its rotation: name what pictures can show."""
    min_distance: float = 0.0
    """Keep a picture only if it differs this much from every training picture: root mean square of the pixel
    differences, pixels from 0 to 255."""
    balance: bool = False
    """Cut every class to the number of the smallest one, so that what is kept is even."""
    format: Format = "tfds"
    """tfds: a TFDS dataset; folders: PNGs in images/CLASS and labels.csv; tfrecord: plain TFRecord files."""
    part_size: int | None = None
    """Pictures per part, the unit of --shard and of going on; default: 4096, fewer if they are large."""


def check_augmentation_config(config: AugmentationConfig) -> None:
    """Raise ConfigError for settings out of range or at odds with each other."""
    if config.few and not config.for_:
        raise ConfigError(f"--few {config.few} needs --for FACTOR, the factor whose values are its classes")
    modes = [f"--{name.strip('_')}" for name in ("blend", "mix", "fill", "for_") if getattr(config, name)]
    if len(modes) != 1:
        found = " and ".join(modes) if modes else "none of them"
        raise ConfigError(
            f"give one of --blend FACTOR, --mix FACTOR,FACTOR, --fill unseen and --for FACTOR, not {found}"
        )
    for name, hint in _OF_FEW.items():
        if getattr(config, name) and not config.few:
            flag = name.replace("_", "-")
            raise ConfigError(f"--{flag} belongs to --few FOLDER: add it, or leave --{flag} out{hint}")
    check_flag("--copies", config.copies, 1, MOST_PICTURES)
    check_flag("--limit", config.limit, 1, MOST_PICTURES)
    check_flag("--part-size", config.part_size, 1, MOST_PICTURES)
    check_flag("--seed", config.seed, 0, 2**31 - 1)
    check_flag("--min-confidence", config.min_confidence, 0, 1)
    check_flag("--min-distance", config.min_distance, 0, 255)
    if config.confidence_in and not config.min_confidence:
        raise ConfigError(f"--confidence-in {config.confidence_in} needs --min-confidence, e.g. 0.9")
    if config.fill and config.ratio != AugmentationConfig.ratio:
        raise ConfigError(f"--ratio {config.ratio}: --fill generates cells as they are, leave --ratio out")
    if config.for_:
        _check_moved(config)
    elif config.copies > 1 and not config.ratio.startswith("beta:"):
        raise ConfigError(
            f"--copies {config.copies} would generate the same pictures again: add --ratio beta:0.4, or leave it out"
        )


def _check_moved(config: AugmentationConfig) -> None:
    """Raise ConfigError unless the settings are those of pictures that are moved."""
    default = AugmentationConfig()
    for name in ("with_", "ratio", "label", "upright", "min_confidence", "confidence_in", "min_distance"):
        if getattr(config, name) != getattr(default, name):
            flag = name.strip("_").replace("_", "-")
            raise ConfigError(f"--{flag} tells of pictures that a run generates: leave it out with --for")
    if config.copies < 2:
        raise ConfigError(
            f"--for {config.for_} without --copies would write the pictures as they are: add --copies 20"
        )


def settings(config: AugmentationConfig) -> dict[str, Any]:
    """The settings that decide about the pictures by the names of their flags, as JSON stores them."""
    values = {name.strip("_"): value for name, value in asdict(config).items() if name in _NAMES}
    for name in (*_PLACES, *(() if config.for_ else _OF_MOVED), *(() if config.upright else _OF_UPRIGHT)):
        del values[name]
    return {**values, "with": list(config.with_)}


def command_words(plan: Mapping[str, Any]) -> list[str]:
    """Flags of `gcn-tf augment` that give settings again; those that are as by default are left out.

    >>> command_words({"blend": "writer", "with": ["color=red", "digit=3"], "copies": 2, "balance": True, "seed": 0})
    ['--blend', 'writer', '--with', 'color=red', 'digit=3', '--copies', '2', '--balance']
    """
    words = []
    for name, default in {**settings(AugmentationConfig()), **_OF_MOVED, **_OF_UPRIGHT}.items():
        if name == "label" and plan.get("for"):
            continue  # it is that of --for
        value, flag = plan.get(name, default), f"--{name.replace('_', '-')}"
        if isinstance(value, list) and value:
            words += [flag, *value]
        elif value is True:
            words += [flag]
        elif value != default:
            words += [flag, str(value)]
    return words


def few_words(config: AugmentationConfig) -> list[str]:
    """Flags that say where few pictures and their labels lie.

    >>> few_words(AugmentationConfig(for_="character", few="~/few", levels="character"))
    ['--few', '~/few', '--levels', 'character']
    """
    return [word for name in _PLACES if (value := getattr(config, name)) for word in (f"--{name}", value)]


_NAMES = tuple(AugmentationConfig.__dataclass_fields__)


def parse_shard(text: str, environment: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """ "3/16" as (3, 16); "auto/16" with the number that the scheduler gave this job, and of an array of Slurm "auto" alone.

    Args:
        environment: with SLURM_ARRAY_TASK_ID, or with JOB_COMPLETION_INDEX of an indexed job of Kubernetes.

    Raises:
        ConfigError: no such numbers, or the first is not from 1 to the second.

    >>> parse_shard("auto/16", {"JOB_COMPLETION_INDEX": "2"})
    (3, 16)
    >>> parse_shard("auto", {"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_MIN": "5", "SLURM_ARRAY_TASK_COUNT": "4"})
    (3, 4)
    """
    first, _, last = text.partition("/")
    if first == "auto":
        given = _job_number(environment)
        if not given:
            raise ConfigError(
                f"--shard {text}: neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set here: give number/count, e.g. 3/16"
            )
        first, last = given[0], last or given[1]
    number, count = whole_number(first) or 0, whole_number(last) or 0
    if not 1 <= number <= count:
        raise ConfigError(f"--shard {text}: give number/count with the number from 1 to the count, e.g. 3/16")
    return number, count


def _job_number(environment: Mapping[str, str]) -> tuple[str, str] | None:
    """The number of this job, from 1, and how many there are, or ""; None if no scheduler gave one."""
    if "SLURM_ARRAY_TASK_ID" in environment:
        number, least = (
            whole_number(environment.get(name, "")) or 0
            for name in ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN")
        )
        return str(number - least + 1), environment.get("SLURM_ARRAY_TASK_COUNT", "")
    if "JOB_COMPLETION_INDEX" in environment:
        return str((whole_number(environment["JOB_COMPLETION_INDEX"]) or 0) + 1), ""
    return None
