"""KDEF as arrays: prepared once from the user's copy, then read from the cache."""

from pathlib import Path
from typing import TYPE_CHECKING

from gcn_tf.errors import suggest
from gcn_tf.pipelines.kdef.files import HOMEPAGE, STRAIGHT, VIEWS, KdefError, config_name, find_files
from gcn_tf.pipelines.photographs.prepared_faces import FacePictures, Preparation, load_pictures

if TYPE_CHECKING:
    from tensorflow_datasets.core import DatasetBuilder

SMALLEST_IMAGE, LARGEST_IMAGE = 8, 562  # crops larger than the width of the photographs add no detail

HOW_TO_GET = (
    f"kdef is not prepared: ask for KDEF at {HOMEPAGE} (it may not be redistributed), put it in a folder "
    "and add --manual-dir FOLDER"
)


def load_kdef(
    image_size: int = 158,
    data_dir: Path | None = None,
    manual_dir: Path | None = None,
    views: tuple[str, ...] = STRAIGHT,
) -> FacePictures:
    """Load the faces of KDEF, preparing them on the first call.

    Args:
        image_size: int. Side of the square crops in pixels. Defaults to 158, the paper's.
        data_dir: Path. Folder of the prepared data. Defaults to `default_data_dir()`.
        manual_dir: Path. Folder with the user's copy. Not needed again once the data are prepared.
        views: tuple of str. Any of FL, HL, S, HR, FR. Defaults to the straight view. Only their files are read.

    Returns:
        Men 01 to 35, then women 01 to 35; each by session, emotion and view.

    Raises:
        KdefError: a wrong size or view; data not prepared and no manual_dir; no picture in it; more than 1 % of its
            files bad; damaged prepared data.
    """
    if not SMALLEST_IMAGE <= image_size <= LARGEST_IMAGE:
        raise KdefError(f"--image-size {image_size}: kdef has {SMALLEST_IMAGE} to {LARGEST_IMAGE} pixels")
    chosen = _known_views(views)

    def builder(root: Path) -> "DatasetBuilder":
        # Imported here: these import TensorFlow.
        from gcn_tf.pipelines.kdef.kdef_dataset_builder import Builder, kdef_config
        from gcn_tf.pipelines.photographs.tfds_examples import configured

        return configured(Builder, kdef_config(image_size, chosen), root)

    preparation = Preparation(
        name="kdef",
        config=config_name(image_size, chosen),
        builder=builder,
        check=lambda folder: find_files(folder, chosen),
        error=KdefError,
        how_to_get=HOW_TO_GET,
    )
    return load_pictures(preparation, data_dir, manual_dir)


def _known_views(views: tuple[str, ...]) -> tuple[str, ...]:
    """The views in KDEF's order, each once, so that equal selections have equal names."""
    for view in views:
        if view not in VIEWS:
            raise KdefError(
                f"kdef has no view {view!r}{suggest(view, list(VIEWS)) or ';'} known: {', '.join(VIEWS)}"
            )
    if not views:
        raise KdefError(f"kdef needs at least one view of {', '.join(VIEWS)}")
    return tuple(view for view in VIEWS if view in views)
