"""What a run is made of: typed settings with their defaults and ranges. No TensorFlow here.

Keys are the flags: `batch_size` and `--batch-size`. `config_files` reads and writes them.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from gcn_tf.errors import UserError, shown, suggest

Precision = Literal["auto", "float32", "mixed_bfloat16"]


Padding = Literal["same", "valid"]


Activation = Literal["relu", "leaky_relu", "prelu", "elu", "gelu"]


IMAGE_SIDES = (28, 1024)  # smallest and largest


LARGEST_NUMBER = 10**12


MOST_LAYERS = 100  # in a row; Keras takes minutes for thousands, then has no stack left


MOST_IDENTITIES = 50_000  # writers or persons; more make no grid that memory holds


# Of the datasets by name.
FACTOR_NAMES = (
    *("digit", "writer", "style", "exemplar", "color"),
    *("person", "emotion", "session", "view", "rotation", "transformation"),
)


class ConfigError(UserError):
    """A setting that is unknown, of the wrong type or out of range; names the key, the value and the remedy."""


@dataclass
class DataConfig:
    """Which pictures."""

    dataset: str = "glyphs"
    """Dataset by name, with a subset where it has some: glyphs, qmnist, qmnist/train, mnist-style, faces, kdef, mmi."""
    writers: str = "10"
    """How many writers (styles for mnist-style), or the ids of those wanted: 10, or 115,203,44."""
    exemplars: int = 1
    """Pictures per digit and writer; above 1 the exemplar is a factor of its own."""
    persons: str = "all"
    """Faces: all, authors-65 (of KDEF), how many, or their ids: F01,M07."""
    emotions: str = "paper-4"
    """Faces: paper-4 (NE,DI,HA,SU), authors-5 (NE,DI,HA,AN,SA), all-7, or codes: NE,HA."""
    sessions: str = "A,B"
    """Faces: sessions by name, or all; of a single one, the others are kept for the judges."""
    views: str = "S"
    """Faces, kdef: views of the head: S (straight), or several of FL,HL,S,HR,FR."""
    transformations: Literal[1, 4, 6, 8] = 4
    """Turns of every picture: 4 rotations; 6: with two mirrorings, as the authors; 8: all there are; 1: none."""
    image_size: int = 28
    """Side of the images in pixels (drawn datasets and faces)."""
    data_seed: int = 0
    """Seed of the drawn datasets: other seeds are other writers or persons."""
    data_dir: str | None = None
    """Folder of the prepared data; default: gcn-tf in the user's cache."""
    manual_dir: str | None = None
    """Folder with the dataset's official files, put there by hand."""

    def writer_selection(self) -> int | tuple[int, ...]:
        """`writers` as a number of writers, or as ids when it lists several (or one with a comma)."""
        try:
            ids = tuple(int(word) for word in str(self.writers).split(",") if word.strip())
        except ValueError:
            ids = ()
        if not ids or (len(ids) == 1 and ids[0] < 1) or max(map(abs, ids)) > MOST_IDENTITIES:
            raise ConfigError(
                f"--writers {shown(self.writers)}: give a number such as 10, or ids such as 115,203"
            )
        return ids[0] if len(ids) == 1 and "," not in str(self.writers) else ids


@dataclass
class Upsampling:
    """One transposed convolution: out = (in - 1) * stride + kernel - 2 * pad."""

    filters: int
    kernel: int
    stride: int = 2
    pad: int = 0


@dataclass
class GeneratorConfig:
    """Layer sizes of the generator, in the order of the data."""

    towers: dict[str, int] = field(default_factory=dict)
    """Units of each of a factor's two dense layers, by factor name."""
    tower_units: int = 64
    """The same for factors that `towers` does not name."""
    trunk: tuple[int, ...] = (512, 512)
    """Units of the dense layers after the towers are concatenated."""
    seed_tensor: tuple[int, ...] = (0, 0, 64)
    """Height, width and channels that the last dense layer is reshaped to; height and width 0: those that the
    image size needs."""
    upsampling: tuple[Upsampling, ...] = (
        Upsampling(64, 4, 2, 1),  # 7 -> 14 when the image has 28
        Upsampling(32, 4, 2, 1),  # 14 -> 28
        Upsampling(3, 3, 1, 1),
    )
    """Transposed convolutions; the last one makes the image."""
    activation: Activation = "leaky_relu"
    """After every hidden layer."""
    negative_slope: float = 0.1
    """Of leaky_relu."""
    operators: bool = True
    """Find the factors that do the same to every picture (a turn, a colour), and what each of their values does,
    in the seen pictures; the layers above then draw the rest."""
    mean_picture: bool = False
    """Start from the mean of the seen pictures: photographs, which have no black ground, are learned much faster."""


@dataclass
class Convolution:
    """One convolution, its activation, local response normalization if wanted, and max pooling."""

    filters: int
    kernel: int
    pool: int = 2
    """Side of the pooling window; 1: no pooling."""
    stride: int = 1
    padding: Padding = "same"
    normalize: bool = False
    """Local response normalization before the pooling, as in AlexNet."""
    pool_stride: int | None = None
    """Pixels from window to window; none: the window's side, so that windows do not overlap."""
    pool_padding: Padding = "valid"
    """valid drops a last row and column that fill no window, same keeps them."""


@dataclass
class ClassifierConfig:
    """Layer sizes of the classifier."""

    convolutions: tuple[Convolution, ...] = (Convolution(32, 3), Convolution(64, 3), Convolution(128, 3))
    head_units: tuple[int, ...] = (128,)
    """Units of the dense layers of each factor's head, before its softmax."""
    heads: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """The same for single factors where they differ, by factor name."""
    dropout: float = 0.5
    activation: Activation = "leaky_relu"
    negative_slope: float = 0.2


@dataclass
class RunConfig(DataConfig):
    """Everything needed to repeat a run."""

    preset: str = ""
    """Preset that the defaults come from; empty: the one of the dataset."""
    holdout: tuple[str, ...] = ("low-level",)
    """Unseen cells: protocols by name (low-level, high-level, high-level=8, paper-digits, paper-faces,
    none), a random share (fraction=0.2) or rules such as 'digit=7 writer=9 rotation=180'; repeatable."""
    seed: int = 0
    """Seed of hold-out, weights, batches and imagined cells."""

    cooperation: Literal["joint", "frozen", "none"] = "joint"
    """joint: the classifier learns along; frozen: it learns first, then stays; none: pixel loss alone."""
    classifier_learns_from: Literal["real", "generated", "both"] = "real"
    """Images that the classifier is trained on in the joint regime."""
    pixel_weight: float = 1.0
    """Weight of the sum of squared pixel differences, eq. (2)."""
    classification_weight: float = 2.0
    """Weight of every factor's cross entropy, eq. (1) and (2); the paper's is 10."""
    factor_weights: dict[str, float] = field(default_factory=dict)
    """Weights of single factors where they differ: --factor-weights writer 20 digit 5."""
    imagined_share: float = 0.5
    """Imagined cells (random combinations, no pixel loss) per real picture of a batch."""
    imagined_weight: float = 0.25
    """Weight of the imagined cells' cross entropies, relative to classification_weight."""

    imagined_from: float = 0.15
    """Share of the steps after which imagined cells set in."""
    imagined_full: float = 0.35
    """Share of the steps after which they have their full weight."""
    imagined_class_weight: float = 1.0
    """Weight of teaching the classifier to tell imagined cells from real pictures; 0: it has no such class."""
    classifier_jitter: float = 1.0
    """Strength of the small moves, turns and noise of what the classifier sees; 0: none."""

    steps: int = 600
    """Training steps of the generator."""
    classifier_steps: int = 300
    """Steps that the classifier learns alone first, in the frozen regime."""
    batch_size: int = 64
    """Real pictures per step."""
    learning_rate: float = 1e-3
    """Adam's rate at the start."""
    schedule: Literal["cosine", "halving", "constant"] = "cosine"
    """Of the learning rate; halving is the paper's, every 1,000 steps."""
    beta_1: float = 0.9
    beta_2: float = 0.99
    epsilon: float = 1e-8
    precision: Precision = "auto"
    """auto takes bfloat16 where the processor multiplies faster in it."""
    deterministic: Literal["auto", "always", "never"] = "auto"
    """Bit-equal repeats and resumes on the same machine; auto: on a processor, where it costs next to nothing, not on a
    GPU, where some operations cannot be repeated exactly."""

    checkpoint_steps: int = 500
    """Steps between checkpoints."""
    log_steps: int = 25
    """Steps between lines of metrics.jsonl and TensorBoard scalars; more in a run that would have over 20,000."""
    image_steps: int = 250
    """Steps between evaluations; every one, or one in several of a long run, with image grids in TensorBoard."""

    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    classifier: ClassifierConfig = field(default_factory=ClassifierConfig)

    @property
    def imagined_class(self) -> bool:
        """Whether the classifier has a class "imagined": it learns along, and there is something to tell apart."""
        imagining = self.imagined_share * self.imagined_weight > 0
        return self.cooperation == "joint" and imagining and self.imagined_class_weight > 0

    def loss_weights(self, names: tuple[str, ...]) -> dict[str, float]:
        """Weight of each factor's cross entropy; raises ConfigError for a factor that no dataset has.

        A preset may weigh factors that other settings take away, as `--sessions A` does with the session.
        """
        for name in self.factor_weights:
            if name not in (*names, *FACTOR_NAMES):
                raise ConfigError(
                    f"factor_weights names {name!r}{suggest(name, names) or ';'} known: {', '.join(names)}"
                )
        return {name: self.factor_weights.get(name, self.classification_weight) for name in names}


def to_dict(config: Any) -> dict[str, Any]:
    """Plain dicts, lists and scalars, ready for YAML."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items()}
        return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value

    return plain(dataclasses.asdict(config))
