"""What a dataset is: labelled base images, and the variations that multiply them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gcn_tf.config.checks import check_config
from gcn_tf.config.data import DataConfig
from gcn_tf.grid.factors import FactorSpace
from gcn_tf.grid.holdout import Roles, default_roles
from gcn_tf.pipelines.variations import Variation


@dataclass(frozen=True)
class Dataset:
    """Labelled base images and what multiplies them.

    Args:
        name: str. As given to `--dataset`.
        space: all factors, those of the base images first, then one per variation.
        images: uint8 (N, H, W, C), C = 1 (ink that a colour variation fills) or 3 (RGB).
        base_ids: int32 (N, M_base). Value ids of the base factors of every image.
        variations: applied in order to every base image, each with all its values.
        repeats: other real images of the same cells, uint8 (R, H, W, C), and their base ids int32 (R, M_base), where
            there are any. No generator learns from them: they are for those who judge it.
        notes: what users should know of how the pictures came about, a line each.
        roles: which factors hold-out protocols act on.
    """

    name: str
    space: FactorSpace
    images: np.ndarray
    base_ids: np.ndarray
    variations: tuple[Variation, ...]
    repeats: tuple[np.ndarray, np.ndarray] | None = None
    notes: tuple[str, ...] = ()
    roles: Roles | None = None

    @property
    def holdout_roles(self) -> Roles:
        """What hold-out protocols take of the grid; where the dataset does not say, `default_roles`."""
        return self.roles or default_roles(self.space)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, 3) of the pictures after the variations."""
        return (self.images.shape[1], self.images.shape[2], 3)

    def pictures(self) -> tuple[np.ndarray, np.ndarray]:
        """Every picture of the dataset: base image numbers int32 (P,) and value ids int32 (P, M)."""
        sizes = [len(v.factor) for v in self.variations]
        combinations = np.indices(sizes).reshape(len(sizes), -1).T if sizes else np.zeros((1, 0))
        base = np.repeat(np.arange(len(self.images)), len(combinations))
        varied = np.tile(combinations, (len(self.images), 1))
        return base.astype(np.int32), np.hstack([self.base_ids[base], varied]).astype(np.int32)


def grid_dataset(
    name: str,
    grid: tuple[FactorSpace, np.ndarray, np.ndarray],
    varied: Sequence[Variation],
    roles: Roles,
    repeats: tuple[np.ndarray, np.ndarray] | None = None,
    notes: tuple[str, ...] = (),
) -> Dataset:
    """A dataset of a grid's images, uint8 (N, H, W) or (N, H, W, 3), and their base ids."""
    base, images, ids = grid
    space = FactorSpace(base.factors + tuple(v.factor for v in varied))
    others = (_with_channels(repeats[0]), repeats[1]) if repeats and len(repeats[0]) else None
    return Dataset(name, space, _with_channels(images), ids, tuple(varied), others, notes, roles)


def _with_channels(images: np.ndarray) -> np.ndarray:
    return images if images.ndim == 4 else images[..., None]


def load_dataset(config: DataConfig) -> Dataset:
    """Load the dataset that the settings name.

    Raises:
        UserError: settings that it cannot have, or whatever keeps it from loading.
    """
    check_config(config)
    dataset: Dataset = config.options.load(config)
    return dataset
