"""The dataset tfds: a dataset of TensorFlow Datasets. TensorFlow is imported only when it is loaded."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gcn_tf.config.data import DataConfig
from gcn_tf.errors import ConfigError
from gcn_tf.pipelines.folder.dataset import OwnPictures

if TYPE_CHECKING:
    from gcn_tf.pipelines.folder.source import Source


@dataclass(frozen=True)
class TensorFlowDataset(OwnPictures):
    """Options of a dataset of TensorFlow Datasets; `--dataset tfds:NAME` means this dataset with that builder."""

    grid: ClassVar = "what its features say"
    needs: ClassVar = "a name in the catalog of TensorFlow Datasets: --dataset tfds:NAME"

    builder: str = ""
    """Name in TensorFlow Datasets: NAME, NAME/CONFIG or NAME:VERSION."""
    split: str = ""
    """Splits, such as train+test or 'train[:1000]'. By default all, and the hold-out "split" is all but train."""
    image: str = ""
    """Feature that is the picture, if there are several."""

    def source(self, config: DataConfig) -> "Source":
        if not self.builder:
            raise ConfigError("--dataset tfds: which one? give its name, --dataset tfds:NAME")
        from gcn_tf.pipelines.folder.tfds_source import named_source

        return named_source(self.builder, *config.folders, self.split, self.image)
