"""QMNIST for TensorFlow Datasets: handwritten digits with their writers, in the order of the files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from tqdm import tqdm

from gcn_tf.pipelines.qmnist.sources import SUBSETS, Source, read_idx

Examples = Iterator[tuple[int, dict[str, Any]]]


class Builder(tfds.core.GeneratorBasedBuilder):
    """One config per subset, each with one split of the same name."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS: ClassVar = [
        tfds.core.BuilderConfig(name=name, description=subset.description) for name, subset in SUBSETS.items()
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Optional: the official files under their own names; otherwise they are downloaded."
    )

    # Where TFDS finds checksums.tsv, README.md, CITATIONS.bib and TAGS.txt. If TFDS has to guess and guesses wrong, it
    # silently checks no download.
    code_path = tfds.core.Path(__file__)
    pkg_dir_path = tfds.core.Path(__file__).parent

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    # Plain bytes: PNG needs a quarter of the 47 MB, but takes seven times as long to write.
                    "image": tfds.features.Tensor(shape=(28, 28, 1), dtype=np.uint8, encoding="bytes"),
                    "label": tfds.features.ClassLabel(num_classes=10),
                    "writer": np.int64,
                    "index": np.int64,  # of the digit among this writer's
                    "series": np.int64,
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://github.com/facebookresearch/qmnist",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Examples]:
        name = self.builder_config.name
        images, labels = _source_paths(dl_manager, SUBSETS[name].sources)
        return {name: self._generate_examples(images, labels)}

    def _generate_examples(self, images_path: Path, labels_path: Path) -> Examples:
        subset = SUBSETS[self.builder_config.name]
        images = read_idx(images_path, subset.images, self.url_infos[subset.images.url])
        labels = read_idx(labels_path, subset.labels, self.url_infos[subset.labels.url])
        progress = tqdm(images, "preparing qmnist", unit=" digits", delay=2, leave=False, disable=None)
        for number, image in enumerate(progress):
            digit, series, writer, index = labels[number, :4].tolist()
            yield (
                number,
                {
                    "image": image[..., None],  # (28, 28) -> (28, 28, 1)
                    "label": digit,
                    "writer": writer,
                    "index": index,
                    "series": series,
                },
            )


def _source_paths(dl_manager: tfds.download.DownloadManager, sources: tuple[Source, ...]) -> list[Path]:
    """The files in TFDS's manual folder if it has them all, else downloaded ones."""
    try:
        by_hand = [dl_manager.manual_dir / source.name for source in sources]
    except AssertionError:  # raised by TFDS if the folder is empty or absent
        by_hand = []
    if by_hand and all(path.exists() for path in by_hand):
        return by_hand
    return dl_manager.download([source.url for source in sources])
