"""The settings of a run: typed, with their defaults and ranges. No TensorFlow here.

Keys are the flags: `batch_size` and `--batch-size`. `gcn_tf.config.files` reads and writes them. Settings of a single
dataset or kind of network are defined with it (see `gcn_tf.doors`).
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal

from gcn_tf import doors
from gcn_tf.config.checks import Range
from gcn_tf.config.data import DataConfig
from gcn_tf.config.networks import ClassifierConfig, GeneratorConfig
from gcn_tf.errors import ConfigError, suggest

Precision = Literal["auto", "float32", "mixed_bfloat16"]
Jit = Literal["auto", "always", "never"]
Activation = Literal["relu", "leaky_relu", "prelu", "elu", "gelu"]
Seed = Annotated[int, Range(0, 2**31 - 1)]
Weight = Annotated[float, Range(0)]
Share = Annotated[float, Range(0, 1)]
Count = Annotated[int, Range(1)]
LEAST_LAST_STEPS = 100  # of the classifier's last phase


def _default_generator() -> GeneratorConfig:
    return doors.find(next(iter(doors.GENERATORS.values())))()


def _default_classifier() -> ClassifierConfig:
    return doors.find(next(iter(doors.CLASSIFIERS.values())))()


@dataclass(frozen=True)
class HoldoutConfig:
    """What is unseen."""

    holdout: tuple[str, ...] = ("low-level",)
    """Unseen cells: protocols by name (low-level, high-level, high-level=8, none), a random share (fraction=0.2) or rules
    such as 'digit=7,8 rotation=180'; several, and repeatable."""
    seed: Seed = 0
    """Seed of hold-out, weights, batches and imagined cells."""


@dataclass(frozen=True)
class ObjectiveConfig:
    """What both networks minimise. The weight of a loss term NAME of `gcn_tf.model.objective` is NAME_weight."""

    steps: Count = 600
    """Training steps of the generator."""
    classifier_steps: Annotated[int, Range(0)] = 300
    """Steps in which the classifier first learns alone, in the frozen regime."""
    cooperation: Literal["joint", "frozen", "none"] = "joint"
    """joint: the classifier learns alongside; frozen: it learns first, then stays fixed; none: pixel loss only."""
    classifier_learns_from: Literal["real", "generated", "both"] = "real"
    """Pictures that the classifier is trained on in the joint regime."""
    pixel_weight: Weight = 1.0
    """Weight of the sum of squared pixel differences, eq. (2)."""
    mask_weight: Weight = 0.0
    """Weight of the cross entropy of a mask of the figure, which the generator then makes beside the picture while it learns;
    0: none, the authors' digits: 2. For figures on plain ground."""
    classification_weight: Weight = 2.0
    """Weight of every factor's cross entropy, eq. (1) and (2); the paper's is 10."""
    factor_weights: Annotated[dict[str, float], Range(0)] = field(default_factory=dict)
    """Weights of single factors where they differ: --factor-weights writer 20 digit 5."""
    imagined_share: Annotated[float, Range(0, 16)] = 0.5
    """Imagined cells (random combinations, no pixel loss) per real picture of a batch."""
    imagined_weight: Weight = 0.25
    """Weight of the imagined cells' cross entropies, relative to classification_weight."""
    imagined_from: Share = 0.15
    """Share of the steps after which imagined cells set in."""
    imagined_full: Share = 0.35
    """Share of the steps after which imagined cells have their full weight."""
    imagined_class_weight: Weight = 1.0
    """Weight of the classifier's loss for distinguishing imagined cells from real pictures; 0: it has no such class."""
    classifier_jitter: Annotated[float, Range(0, 4)] = 1.0
    """Strength of the random shifts, turns, zooms and noise of the classifier's input; 0: none."""
    classifier_share: Annotated[float, Range(0, 16)] = 2.0
    """Further steps, as a share of the generator's, in which the classifier alone learns, from real pictures; fewer than 100
    are left out."""
    classifier_mixup: Annotated[float, Range(0, 4)] = 0.0
    """Both parameters of the beta distribution by which pictures are mixed (MixUp) in these steps; 0: none are."""

    @property
    def imagined_class(self) -> bool:
        """Whether the classifier has a class "imagined": it learns alongside, and there are imagined cells."""
        imagining = self.imagined_share * self.imagined_weight > 0
        return self.cooperation == "joint" and imagining and self.imagined_class_weight > 0

    @property
    def imagined_ramp(self) -> tuple[int, int]:
        """First and last step of the ramp in which the imagined terms grow from zero to their full weight."""
        return round(self.imagined_from * self.steps), round(self.imagined_full * self.steps)

    @property
    def main_steps(self) -> int:
        """Steps until the generator is finished: in the frozen regime, the classifier's steps come first."""
        return self.steps + (self.classifier_steps if self.cooperation == "frozen" else 0)

    @property
    def last_steps(self) -> int:
        """Steps of the last phase, in which the classifier learns alone; too few teach it nothing and are left out."""
        wanted = round(self.classifier_share * self.steps)
        return wanted if wanted >= LEAST_LAST_STEPS else 0

    @property
    def total_steps(self) -> int:
        """Steps of the whole training, the last phase included."""
        return self.main_steps + self.last_steps

    def weight_of(self, factor: str) -> float:
        """Weight of a factor's cross entropy."""
        return self.factor_weights.get(factor, self.classification_weight)

    def check_settings(self) -> None:
        """Raise ConfigError if imagined cells would have their full weight before they set in."""
        if self.imagined_from > self.imagined_full:
            raise ConfigError(
                f"imagined_from is {self.imagined_from:g}, imagined_full {self.imagined_full:g}: imagined cells cannot "
                "have their full weight before they set in, make imagined_full larger"
            )


@dataclass(frozen=True)
class OptimizerConfig:
    """How the weights are updated."""

    batch_size: Annotated[int, Range(1, 65536)] = 64
    """Real pictures per step."""
    learning_rate: Annotated[float, Range(1e-12, 10)] = 1e-3
    """Adam's learning rate at the start."""
    schedule: Literal["cosine", "halving", "constant"] = "cosine"
    """Schedule of the learning rate; halving is the paper's, every 1,000 steps."""
    beta_1: Annotated[float, Range(0, 0.999999)] = 0.9
    """Adam's decay of the gradient's mean."""
    beta_2: Annotated[float, Range(0, 0.999999)] = 0.99
    """Adam's decay of the gradient's square; the paper has 0.995 for digits."""
    epsilon: Annotated[float, Range(1e-20, 1)] = 1e-8
    """Adam's smallest denominator."""
    precision: Precision = "auto"
    """auto uses bfloat16 if the processor multiplies faster in it."""
    jit: Jit = "auto"
    """XLA, which joins operations of a training step; on a GPU alone. auto: in a run that takes minutes, if its steps are measured
    to be faster with it."""
    deterministic: Literal["auto", "always", "never"] = "auto"
    """Bit-identical repeats and resumes on the same machine; without a value: always. auto: on a CPU, where it costs next
    to nothing, but not on a GPU, where some operations cannot be repeated exactly."""


@dataclass(frozen=True)
class OutputConfig:
    """What is written while a run trains."""

    checkpoint_steps: Count = 500
    """Steps between checkpoints."""
    log_steps: Count = 25
    """Steps between lines of metrics.jsonl and TensorBoard scalars; more if a run would write over 20,000 of them."""
    image_steps: Count = 250
    """Steps between evaluations, which write pictures of cells to TensorBoard; in a long run, only some of them do."""


# Dataclasses collect fields from the last base to the first.
@dataclass(frozen=True)
class RunConfig(OutputConfig, OptimizerConfig, ObjectiveConfig, HoldoutConfig, DataConfig):
    """Everything needed to repeat a run.

    Example:

    >>> from dataclasses import replace
    >>> from gcn_tf.config.checks import check_config
    >>> from gcn_tf.config.schema import RunConfig
    >>> config = replace(RunConfig(), steps=1200, holdout=("high-level=8",))
    >>> config.dataset, config.batch_size, config.total_steps
    ('glyphs', 64, 3600)
    >>> check_config(replace(config, batch_size=0))
    Traceback (most recent call last):
    gcn_tf.errors.ConfigError: batch_size is 0: give a number from 1 to 65536
    """

    preset: str = ""
    """Preset that the defaults come from; empty: the dataset's."""
    newcomers: str = ""
    """Folder with the pictures of values that `gcn-tf extend` added; empty: none."""
    generator: GeneratorConfig = field(default_factory=_default_generator)
    classifier: ClassifierConfig = field(default_factory=_default_classifier)

    @property
    def imagined_class(self) -> bool:
        """Whether the classifier has a class "imagined"."""
        return super().imagined_class and self.generator.cooperates

    def check_settings(self) -> None:
        """Raise ConfigError if the generator is to make a mask, and is of a kind that makes none."""
        if self.mask_weight and not self.generator.makes_masks:
            raise ConfigError(
                f"mask_weight is {self.mask_weight:g}: a generator of kind {self.generator.kind} makes no mask, set it to 0 or train "
                "with --generator deconvolution"
            )

    def part(self, kind: type) -> Any:
        """The settings of one of the bases: `config.part(ObjectiveConfig)`."""
        return kind(**{entry.name: getattr(self, entry.name) for entry in fields(kind)})

    def check_factor_weights(self, names: tuple[str, ...]) -> None:
        """Raise ConfigError for the weight of a factor that the dataset can never have.

        A preset may weight possible factors that this grid lacks, such as the session with `--sessions A`.
        """
        for name in self.factor_weights:
            if name not in names and name not in self.options.possible_factors:
                raise ConfigError(
                    f"factor_weights names {name!r}{suggest(name, names) or ';'} known: {', '.join(names)}"
                )


def to_dict(config: Any) -> dict[str, Any]:
    """Plain dicts, lists and scalars, ready for YAML; a dataset's options are at the level of the other settings."""

    def plain(value: Any) -> Any:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return to_dict(value)
        if isinstance(value, Mapping):
            return {k: plain(v) for k, v in value.items()}
        return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value

    settings: dict[str, Any] = {}
    if kind := getattr(config, "kind", ""):
        settings["kind"] = kind
    for entry in fields(config):
        value = getattr(config, entry.name)
        if getattr(value, "FLAT", False):
            settings |= to_dict(value)
        else:
            settings[entry.name] = plain(value)
    return settings
