"""MMI for TensorFlow Datasets: the apex of posed expressions, cropped from the user's own copy."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from gcn_tf.pipelines.mmi.frames import frames_of, read_frame
from gcn_tf.pipelines.mmi.sessions import EMOTIONS, HOMEPAGE, VIEWS, MmiError, config_name, find_clips
from gcn_tf.pipelines.photographs.prepared_faces import SPLIT, require_few_bad
from gcn_tf.pipelines.photographs.tfds_examples import Examples, face_examples, face_features


@dataclass
class MmiConfig(tfds.core.BuilderConfig):
    """Size of the crops.

    Args:
        image_size: int. Side of the crops in pixels. Defaults to 158, the paper's.
    """

    image_size: int = 158


def mmi_config(image_size: int = 158) -> MmiConfig:
    """The config for a size, named after it."""
    return MmiConfig(
        name=config_name(image_size),
        description=f"{image_size}x{image_size} pixels, apex and neutral frame.",
        image_size=image_size,
    )


class Builder(tfds.core.GeneratorBasedBuilder):
    """One split with two pictures per clip; `metadata` lists bad sessions and those without a face."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS: ClassVar = [mmi_config()]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"MMI may not be redistributed: ask for it at {HOMEPAGE}. Search there for the sessions with an emotion, "
        "download them and unpack the folder Sessions (Sessions/1/session.xml and so on) into the manual folder."
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
        found = find_clips(folder)
        frames = frames_of(found.clips)
        metadata = self.info.metadata
        metadata["bad"] = list(found.bad)
        metadata["notes"] = list(found.notes)
        size = self.builder_config.image_size
        yield from face_examples(frames, read_frame, size, metadata, "preparing mmi")
        require_few_bad(metadata["bad"], len(frames) + len(found.bad), folder, MmiError, HOMEPAGE)
