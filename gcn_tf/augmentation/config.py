"""What `gcn-tf augment` generates, keeps and writes: its settings with their defaults. No TensorFlow here."""

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
    """Blend all pairs of values of this factor, e.g. writer. Give one of --blend, --mix and --fill."""
    mix: str = ""
    """Blend several factors together at one ratio, all pairs of combinations of their values: writer,rotation."""
    fill: Literal["unseen"] | None = None
    """unseen: generate every cell that training had no picture of, as it is."""
    with_: Annotated[tuple[str, ...], arg(name="with")] = ()
    """What to take of the factors, as generate takes it: digit=3,8 color=red; by default all values. Of a blended
    factor: the values to pair."""
    ratio: str = "0.5"
    """Weight of the first of a pair: 0.5, several 0.25,0.5, or beta:0.4 or beta:2,5 to sample one for every
    picture from that Beta distribution. An uneven one is taken both ways round."""
    copies: int = 1
    """How often every combination is taken, each time with another ratio of the Beta distribution."""
    limit: int | None = None
    """Generate this many different pictures, chosen by seed with the classes even; default: all."""
    label: str = ""
    """Factor of the classes; default: the first that is not blended."""
    seed: int = 0
    """Seed of the order, of --limit and of sampled ratios."""
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
    modes = [f"--{name}" for name in ("blend", "mix", "fill") if getattr(config, name)]
    if len(modes) != 1:
        found = " and ".join(modes) if modes else "none of them"
        raise ConfigError(f"give one of --blend FACTOR, --mix FACTOR,FACTOR and --fill unseen, not {found}")
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
    if config.copies > 1 and not config.ratio.startswith("beta:"):
        raise ConfigError(
            f"--copies {config.copies} would generate the same pictures again: add --ratio beta:0.4, or leave it out"
        )


def settings(config: AugmentationConfig) -> dict[str, Any]:
    """The settings by the names of their flags, as JSON stores them."""
    values = {name.strip("_"): value for name, value in asdict(config).items() if name in _NAMES}
    return {**values, "with": list(config.with_)}


_NAMES = tuple(AugmentationConfig.__dataclass_fields__)


def parse_shard(text: str) -> tuple[int, int]:
    """ "3/16" as (3, 16); raises ConfigError unless the first is from 1 to the second."""
    first, _, last = text.partition("/")
    number, count = whole_number(first) or 0, whole_number(last) or 0
    if not 1 <= number <= count:
        raise ConfigError(f"--shard {text}: give number/count with the number from 1 to the count, e.g. 3/16")
    return number, count
