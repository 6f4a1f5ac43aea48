"""What a dataset is: labelled base images, and the variations that multiply them."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gcn_tf.config.checks import check_config
from gcn_tf.config.data import DataConfig
from gcn_tf.errors import ConfigError
from gcn_tf.grid.factors import FactorSpace
from gcn_tf.grid.holdout import Roles, default_roles
from gcn_tf.pipelines.upright import Upright
from gcn_tf.pipelines.variations import Variation

ALIGNMENT = 64  # bytes, TensorFlow's
MOST_UPRIGHT = 2**30  # bytes of pictures that are set upright, which are held in memory


@dataclass(frozen=True)
class Dataset:
    """Labelled base images and the variations that multiply them.

    Args:
        name: str. As given to `--dataset`.
        space: all factors, those of the base images first, then one per variation.
        images: uint8 (N, H, W, C), C = 1 (grey, or ink that a colour variation fills) or 3 (RGB).
        base_ids: int32 (N, M_base). Value ids of the base factors of every image.
        variations: applied in order to every base image, each with all its values.
        repeats: further real images of the same cells, uint8 (R, H, W, C), and their base ids, int32 (R, M_base), if
            there are any. Generators never learn from them: they serve the judges.
        notes: lines for the user about how the pictures were obtained.
        roles: the factors that hold-out protocols act on.
        content: where the pictures lie if all are padded alike, (top, left, height, width); else ().
        problems: (file, reason) of every picture of the user's that was left out.
        pixels_sha256: a name of the images in hexadecimal that depends on them alone, where reading all would take long; else "".
        upright: how the figures were set upright; None if they are as they came.

    Example, four grey pictures that rotations make sixteen of:

    >>> import numpy as np
    >>> from gcn_tf.grid.factors import Factor, FactorSpace
    >>> from gcn_tf.pipelines.dataset import Dataset
    >>> from gcn_tf.pipelines.variations import rotation
    >>> shade, turn = Factor("shade", ("0", "1", "2", "3")), rotation()
    >>> images = np.full((4, 28, 28, 3), 64, np.uint8) * np.arange(4, dtype=np.uint8)[:, None, None, None]
    >>> dataset = Dataset("shades", FactorSpace((shade, turn.factor)), images, np.arange(4)[:, None], (turn,))
    >>> base, ids = dataset.pictures()
    >>> base.shape, ids[-1].tolist()
    ((16,), [3, 3])
    """

    name: str
    space: FactorSpace
    images: np.ndarray
    base_ids: np.ndarray
    variations: tuple[Variation, ...]
    repeats: tuple[np.ndarray, np.ndarray] | None = None
    notes: tuple[str, ...] = ()
    roles: Roles | None = None
    content: tuple[int, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    pixels_sha256: str = ""
    upright: Upright | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "images", aligned(self.images))

    @property
    def holdout_roles(self) -> Roles:
        """The factors that hold-out protocols act on; `default_roles` unless the dataset sets its own."""
        return self.roles or default_roles(self.space)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of the pictures after the variations."""
        height, width, channels = self.images.shape[1:]
        return height, width, max([channels, *(variation.channels for variation in self.variations)])

    def pictures(self) -> tuple[np.ndarray, np.ndarray]:
        """Every picture of the dataset: base image numbers int32 (P,) and value ids int32 (P, M)."""
        sizes = [len(v.factor) for v in self.variations]
        combinations = np.indices(sizes).reshape(len(sizes), -1).T if sizes else np.zeros((1, 0))
        base = np.repeat(np.arange(len(self.images)), len(combinations))
        varied = np.tile(combinations, (len(self.images), 1))
        return base.astype(np.int32), np.hstack([self.base_ids[base], varied]).astype(np.int32)


def aligned_empty(shape: tuple[int, ...]) -> np.ndarray:
    """A new uint8 array that TensorFlow can use where it lies, without a copy."""
    size = math.prod(shape)
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].reshape(shape)


def aligned(array: np.ndarray) -> np.ndarray:
    """The uint8 array itself if TensorFlow can use it where it lies, else a copy that it can."""
    if array.ctypes.data % ALIGNMENT == 0 and array.flags.c_contiguous and array.flags.writeable:
        return array
    copy = aligned_empty(array.shape)
    copy[...] = array
    return copy


def data_sha256(dataset: Dataset) -> str:
    """SHA-256 of the factors, base images and labels, in hexadecimal: the same wherever the files lie."""
    digest = hashlib.sha256(dataset.space.to_json().encode())
    named = dataset.pixels_sha256.encode()
    for array in (named or dataset.images, dataset.base_ids):
        digest.update(array if isinstance(array, bytes) else np.ascontiguousarray(array).data)
    return digest.hexdigest()


def grid_dataset(
    name: str,
    grid: tuple[FactorSpace, np.ndarray, np.ndarray],
    varied: Sequence[Variation],
    roles: Roles,
    repeats: tuple[np.ndarray, np.ndarray] | None = None,
    notes: tuple[str, ...] = (),
) -> Dataset:
    """Build a dataset from a grid's images, uint8 (N, H, W) or (N, H, W, C), and their base ids."""
    base, images, ids = grid
    space = FactorSpace(base.factors + tuple(v.factor for v in varied))
    others = (_with_channels(repeats[0]), repeats[1]) if repeats and len(repeats[0]) else None
    return Dataset(name, space, _with_channels(images), ids, tuple(varied), others, notes, roles)


def _with_channels(images: np.ndarray) -> np.ndarray:
    return images if images.ndim == 4 else images[..., None]


def load_dataset(config: DataConfig) -> Dataset:
    """Load the dataset that the settings name.

    Raises:
        UserError: invalid settings, or a dataset that cannot be loaded.

    Example:

    >>> from gcn_tf.config.data import DataConfig
    >>> from gcn_tf.pipelines.dataset import load_dataset
    >>> dataset = load_dataset(DataConfig.of("glyphs", writers="3"))
    >>> dataset.space.sizes, dataset.images.shape
    ({'digit': 10, 'writer': 3, 'color': 3, 'rotation': 4}, (30, 28, 28, 1))
    """
    check_config(config)
    dataset: Dataset = config.options.load(config)
    return upright_dataset(dataset) if config.upright else dataset


def upright_dataset(dataset: Dataset) -> Dataset:
    """A dataset whose base images are set upright, and so are their repeats.

    Raises:
        ConfigError: pictures that cannot be, or too many for memory.
    """
    images = dataset.images
    if images.nbytes > MOST_UPRIGHT:
        raise ConfigError(
            f"--upright: {images.nbytes / 2**30:.1f} GiB of pictures, at most {MOST_UPRIGHT >> 30} GiB are set upright in memory: take fewer or "
            "smaller ones"
        )
    upright, repeats = Upright.of(images), dataset.repeats
    return replace(
        dataset,
        images=upright.set(images),
        repeats=repeats and (upright.set(repeats[0]), repeats[1]),
        notes=(*dataset.notes, "figures are set upright: in the middle, without slant, of one height"),
        pixels_sha256="",
        upright=upright,
    )
