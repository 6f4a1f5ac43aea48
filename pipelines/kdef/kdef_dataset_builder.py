"""KDEF for TensorFlow Datasets: faces with seven emotions, cropped from the user's own copy."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from gcn_tf.pipelines.kdef.files import (
    EMOTIONS,
    HOMEPAGE,
    STRAIGHT,
    VIEWS,
    KdefError,
    config_name,
    find_files,
    read_picture,
    same_content,
)
from gcn_tf.pipelines.photographs.prepared_faces import SPLIT, require_few_bad
from gcn_tf.pipelines.photographs.tfds_examples import Examples, face_examples, face_features


@dataclass
class KdefConfig(tfds.core.BuilderConfig):
    """Size and views of the crops.

    Args:
        image_size: int. Side of the crops in pixels. Defaults to 158, the paper's.
        views: tuple of str. Defaults to ("S",), the straight view.
    """

    image_size: int = 158
    views: tuple[str, ...] = STRAIGHT


def kdef_config(image_size: int = 158, views: tuple[str, ...] = STRAIGHT) -> KdefConfig:
    """The config for a size and views, named after both."""
    return KdefConfig(
        name=config_name(image_size, views),
        description=f"{image_size}x{image_size} pixels, views {', '.join(views)}.",
        image_size=image_size,
        views=views,
    )


class Builder(tfds.core.GeneratorBasedBuilder):
    """One split with all persons, emotions and sessions; `metadata` lists bad files and those without a face."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS: ClassVar = [kdef_config(), kdef_config(views=VIEWS)]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"KDEF may not be redistributed: ask for it at {HOMEPAGE} (free for research). Put KDEF_and_AKDEF.zip, or "
        "its unpacked folder KDEF with AF01/AF01AFS.JPG and so on, into the manual folder."
    )

    # Where TFDS finds README.md, CITATIONS.bib and TAGS.txt.
    code_path = tfds.core.Path(__file__)
    pkg_dir_path = tfds.core.Path(__file__).parent

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=face_features(self.builder_config.image_size, EMOTIONS, VIEWS),
            supervised_keys=("image", "emotion"),
            homepage=HOMEPAGE,
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Examples]:
        return {SPLIT: self._generate_examples(Path(dl_manager.manual_dir))}

    def _generate_examples(self, folder: Path) -> Examples:
        found = find_files(folder, self.builder_config.views)
        metadata = self.info.metadata
        metadata["bad"] = list(found.bad)
        metadata["notes"] = same_content(found.pictures)
        size = self.builder_config.image_size
        yield from face_examples(found.pictures, read_picture, size, metadata, "preparing kdef")
        require_few_bad(metadata["bad"], found.total, folder, KdefError, HOMEPAGE)
