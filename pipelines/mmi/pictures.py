"""MMI as arrays: prepared once from the user's copy, then read from the cache."""

from pathlib import Path
from typing import TYPE_CHECKING

from gcn_tf.pipelines.mmi.sessions import HOMEPAGE, VIEWS, MmiError, config_name, find_clips
from gcn_tf.pipelines.photographs.prepared_faces import FacePictures, Preparation, load_pictures

if TYPE_CHECKING:
    from tensorflow_datasets.core import DatasetBuilder

SMALLEST_IMAGE, LARGEST_IMAGE = 8, 576  # crops larger than the height of the videos add no detail

HOW_TO_GET = (
    f"mmi is not prepared: ask for the MMI database at {HOMEPAGE} (it may not be redistributed), put its folder "
    "Sessions in a folder and add --manual-dir FOLDER"
)


def load_mmi(
    image_size: int = 158,
    data_dir: Path | None = None,
    manual_dir: Path | None = None,
    views: tuple[str, ...] = VIEWS,
) -> FacePictures:
    """Load apex and neutral frames of MMI's posed basic emotions, preparing them on the first call.

    Args:
        image_size: int. Side of the square crops in pixels. Defaults to 158, the paper's.
        data_dir: Path. Folder of the prepared data. Defaults to `default_data_dir()`.
        manual_dir: Path. Folder with the user's copy. Not needed again once the data are prepared.
        views: tuple of str. Only ("S",), the straight view: profiles are left out.

    Returns:
        By person and session; `session` is the running number of the picture among this person's of this
        emotion, `view` is "S".

    Raises:
        MmiError: a wrong size or view; data not prepared and no manual_dir; no session in it; more than 1 % of its
            pictures bad; damaged prepared data.
    """
    if not SMALLEST_IMAGE <= image_size <= LARGEST_IMAGE:
        raise MmiError(f"--image-size {image_size}: mmi has {SMALLEST_IMAGE} to {LARGEST_IMAGE} pixels")
    if views != VIEWS:
        raise MmiError(f"--views {','.join(views)}: mmi has the straight view only, use S")

    def builder(root: Path) -> "DatasetBuilder":
        # Imported here: these import TensorFlow.
        from gcn_tf.pipelines.mmi.mmi_dataset_builder import Builder, mmi_config
        from gcn_tf.pipelines.photographs.tfds_examples import configured

        return configured(Builder, mmi_config(image_size), root)

    preparation = Preparation(
        name="mmi",
        config=config_name(image_size),
        builder=builder,
        check=find_clips,
        error=MmiError,
        how_to_get=HOW_TO_GET,
    )
    return load_pictures(preparation, data_dir, manual_dir)
