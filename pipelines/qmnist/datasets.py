"""The datasets of QMNIST's digits: by writer, and by style as in the paper. TensorFlow is imported only when one is loaded."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from gcn_tf.config.checks import Range
from gcn_tf.config.data import DataConfig, DatasetOptions, Terms
from gcn_tf.errors import UserError
from gcn_tf.pipelines.writers import parse_writer_count, parse_writers

if TYPE_CHECKING:
    from gcn_tf.pipelines.dataset import Dataset
    from gcn_tf.pipelines.labelled import LabelledPictures
    from gcn_tf.pipelines.qmnist.digits import Digits

SUBSETS = ("test10k", "test", "train")  # the first is the default: the smallest download
TERMS = Terms(
    "the BSD-style licence of https://github.com/facebookresearch/qmnist",
    "bsd",
    "Chhavi Yadav and Léon Bottou 2019, Cold Case: The Lost MNIST Digits",
    people=False,  # handwriting, whose writers are numbers
)


def _load_digits(config: DataConfig) -> "Digits":
    """Load all digits of the subset; raise UserError for any other image size."""
    from gcn_tf.pipelines.qmnist.digits import load_digits

    if config.image_size != 28:
        raise UserError(f"--image-size {config.image_size}: the digits of qmnist are 28x28, use 28")
    return load_digits(config.subset, *config.folders)


@dataclass(frozen=True)
class Qmnist(DatasetOptions):
    """Options of the dataset qmnist: handwritten digits whose writers are known."""

    grid: ClassVar = "digit 10, writer N, color 3, rotation 4 (exemplar with --exemplars above 1)"
    needs: ClassVar = "a download, or the official files in --manual-dir"
    terms: ClassVar = TERMS
    subsets: ClassVar = SUBSETS
    possible_factors: ClassVar = ("digit", "writer", "exemplar", "color", "rotation", "transformation")
    takes_files: ClassVar = True

    writers: str = "10"
    """Number of writers, those with the most digits first, or their ids: 115,203,44."""
    exemplars: Annotated[int, Range(1, 10_000)] = 1
    """Pictures per digit and writer; above 1 the exemplar is a factor of its own."""
    transformations: Literal[1, 4, 6, 8] = 4
    """Turns of every picture: 4 rotations; 6: also two mirrorings, as the authors used; 8: all symmetries; 1: none."""

    def check_settings(self) -> None:
        """Raise ConfigError unless --writers is a number or ids."""
        parse_writers(self.writers)

    def identities(self) -> int:
        return parse_writer_count(
            self.writers, "give the number to learn from, e.g. --writers 10; each seed chooses others"
        )

    @property
    def exemplar_counts(self) -> tuple[int, ...]:
        return (1, 2, 5, 10)

    def load(self, config: DataConfig) -> "Dataset":
        from gcn_tf.pipelines.dataset import grid_dataset
        from gcn_tf.pipelines.published_holdouts import digit_roles
        from gcn_tf.pipelines.qmnist.grid import writer_grid, writer_repeats
        from gcn_tf.pipelines.variations import ink_variations

        digits = _load_digits(config)
        grid = writer_grid(digits, parse_writers(self.writers), self.exemplars)
        repeats = writer_repeats(digits, grid[0]) if self.exemplars == 1 else None
        varied = ink_variations(self.transformations)
        return grid_dataset("qmnist", grid, varied, digit_roles("writer", varied), repeats)

    def labelled_pictures(self, config: DataConfig, identities: int) -> "LabelledPictures":
        from gcn_tf.pipelines.labelled import labelled_digits

        digits = _load_digits(config)
        return labelled_digits(digits.images, digits.digit, digits.writer)


@dataclass(frozen=True)
class MnistStyle(DatasetOptions):
    """Options of the dataset mnist-style: the authors' digits, whose styles are samples of a digit in file order."""

    grid: ClassVar = "digit 10, style N (--writers N), color 3, transformation 6"
    needs: ClassVar = "the files of qmnist"
    terms: ClassVar = TERMS
    subsets: ClassVar = SUBSETS
    possible_factors: ClassVar = ("digit", "style", "color", "transformation")
    takes_files: ClassVar = True

    writers: str = "10"
    """Number of styles."""

    def check_settings(self) -> None:
        """Raise ConfigError unless --writers is a number."""
        self._styles()

    def _styles(self) -> int:
        return parse_writer_count(self.writers, "styles have no ids, give their number, e.g. --writers 10")

    def load(self, config: DataConfig) -> "Dataset":
        from gcn_tf.pipelines.dataset import grid_dataset
        from gcn_tf.pipelines.published_holdouts import digit_roles
        from gcn_tf.pipelines.qmnist.grid import style_grid
        from gcn_tf.pipelines.variations import color, transformation

        varied = (color(), transformation())
        grid = style_grid(_load_digits(config), self._styles())
        return grid_dataset("mnist-style", grid, varied, digit_roles("style", varied))
