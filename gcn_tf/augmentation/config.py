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


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig:
    """Which pictures, which of them are kept, and how they are written."""

    blend: str = ""
    """Blend all pairs of values of this factor, e.g. writer. Give one of --blend, --mix, --fill and --few."""
    mix: str = ""
    """Blend several factors together at one ratio, all pairs of combinations of their values: writer,rotation."""
    fill: Literal["unseen"] | None = None
    """unseen: generate every cell that training had no picture of, as it is."""
    few: str = ""
    """A folder of few labelled pictures, of new classes as well: write each as it is and, with --copies 20, nineteen times moved as
    the run's pictures of one class lie in each other."""
    for_: Annotated[str, arg(name="for")] = ""
    """Factor whose values are the classes of --few."""
    with_: Annotated[tuple[str, ...], arg(name="with")] = ()
    """What to take of the factors, as generate takes it: digit=3,8 color=red; by default all values. Of a blended
    factor: the values to pair."""
    ratio: str = "0.5"
    """Weight of the first of a pair: 0.5, several 0.25,0.5, or beta:0.4 or beta:2,5 to sample one for every
    picture from that Beta distribution. An uneven one is taken both ways round."""
    copies: int = 1
    """How often every combination is taken, each time with another ratio of the Beta distribution; or every picture of --few."""
    limit: int | None = None
    """Generate this many different pictures, chosen by seed with the classes even; default: all."""
    label: str = ""
    """Factor of the classes; default: the first that is not blended."""
    seed: int = 0
    """Seed of the order, of --limit and of sampled ratios and moves."""
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
    modes = [f"--{name}" for name in ("blend", "mix", "fill", "few") if getattr(config, name)]
    if len(modes) != 1:
        found = " and ".join(modes) if modes else "none of them"
        raise ConfigError(
            f"give one of --blend FACTOR, --mix FACTOR,FACTOR, --fill unseen and --few FOLDER, not {found}"
        )
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
    if config.few:
        _check_few(config)
    elif config.for_:
        raise ConfigError(f"--for {config.for_} belongs to --few FOLDER: add it, or leave --for out")
    elif config.copies > 1 and not config.ratio.startswith("beta:"):
        raise ConfigError(
            f"--copies {config.copies} would generate the same pictures again: add --ratio beta:0.4, or leave it out"
        )


def _check_few(config: AugmentationConfig) -> None:
    """Raise ConfigError unless the settings are those of pictures that are moved."""
    if not config.for_:
        raise ConfigError(f"--few {config.few} needs --for FACTOR, the factor whose values are its classes")
    default = AugmentationConfig()
    for name in ("with_", "ratio", "label", "min_confidence", "confidence_in", "min_distance"):
        if getattr(config, name) != getattr(default, name):
            flag = name.strip("_").replace("_", "-")
            raise ConfigError(f"--{flag} tells of pictures that a run generates: leave it out with --few")
    if config.copies < 2:
        raise ConfigError("--few without --copies would write the pictures as they are: add --copies 20")


def settings(config: AugmentationConfig) -> dict[str, Any]:
    """The settings by the names of their flags, as JSON stores them; `few` and `for` only where they are given."""
    values = {name.strip("_"): value for name, value in asdict(config).items() if name in _NAMES}
    if not config.few:
        del values["few"], values["for"]
    return {**values, "with": list(config.with_)}


def command_words(plan: Mapping[str, Any]) -> list[str]:
    """Flags of `gcn-tf augment` that give settings again; those that are as by default are left out.

    >>> command_words({"blend": "writer", "with": ["color=red", "digit=3"], "copies": 2, "balance": True, "seed": 0})
    ['--blend', 'writer', '--with', 'color=red', 'digit=3', '--copies', '2', '--balance']
    """
    words = []
    for name, default in {**settings(AugmentationConfig()), "few": "", "for": ""}.items():
        if name == "label" and plan.get("few"):
            continue  # it is that of --for
        value, flag = plan.get(name, default), f"--{name.replace('_', '-')}"
        if isinstance(value, list) and value:
            words += [flag, *value]
        elif value is True:
            words += [flag]
        elif value != default:
            words += [flag, str(value)]
    return words


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
