"""Datasets by name. A dataset is a factor space, base images and variations; add one with one line here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gcn_tf.config import DataConfig
from gcn_tf.errors import UserError, suggest
from gcn_tf.factors import Factor, FactorSpace
from gcn_tf.pipelines import handwriting, variations
from gcn_tf.pipelines.glyphs import draw_glyphs
from gcn_tf.pipelines.qmnist.digits import load_digits
from gcn_tf.pipelines.variations import Variation

GLYPH_REPEATS = 4  # sessions in which the invented writers write everything again


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
    """

    name: str
    space: FactorSpace
    images: np.ndarray
    base_ids: np.ndarray
    variations: tuple[Variation, ...]
    repeats: tuple[np.ndarray, np.ndarray] | None = None

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


@dataclass(frozen=True)
class DatasetEntry:
    """One line of the registry: how to load a dataset and what to tell people about it."""

    load: Callable[[DataConfig, str], Dataset]
    factors: str
    needs: str
    subsets: tuple[str, ...] = ()


def _dataset(
    name: str,
    grid: handwriting.Grid,
    *varied: Variation,
    repeats: tuple[np.ndarray, np.ndarray] | None = None,
) -> Dataset:
    base, images, ids = grid
    space = FactorSpace(base.factors + tuple(v.factor for v in varied))
    others = (repeats[0][..., None], repeats[1]) if repeats and len(repeats[0]) else None
    return Dataset(name, space, images[..., None], ids, varied, others)


def _writer_count(config: DataConfig) -> int:
    writers = config.writer_selection()
    if not isinstance(writers, int):
        raise UserError(f"--writers {config.writers}: drawn writers have no ids, give their number, e.g. 10")
    return writers


def _glyphs(config: DataConfig, subset: str) -> Dataset:
    writers, side = _writer_count(config), config.image_size
    base = FactorSpace(
        (
            Factor("digit", tuple(str(d) for d in range(10))),
            Factor("writer", tuple(str(w) for w in range(writers))),
        )
    )
    sessions = [draw_glyphs(writers, side, config.data_seed, n) for n in range(1 + GLYPH_REPEATS)]
    images, *again = (drawn.swapaxes(0, 1).reshape(-1, side, side) for drawn in sessions)
    repeats = (np.concatenate(again), np.tile(base.cells(), (GLYPH_REPEATS, 1)))
    grid = (base, images, base.cells())
    return _dataset("glyphs", grid, variations.color(), variations.rotation(), repeats=repeats)


def _digits(config: DataConfig, subset: str) -> handwriting.Digits:
    if config.image_size != 28:
        raise UserError(f"--image-size {config.image_size}: the digits of qmnist are 28x28, use 28")
    folders = [Path(d).expanduser() if d else None for d in (config.data_dir, config.manual_dir)]
    return load_digits(subset, data_dir=folders[0], manual_dir=folders[1])


def _qmnist(config: DataConfig, subset: str) -> Dataset:
    digits = _digits(config, subset)
    grid = handwriting.writer_grid(digits, config.writer_selection(), config.exemplars)
    repeats = handwriting.writer_repeats(digits, grid[0]) if config.exemplars == 1 else None
    return _dataset("qmnist", grid, variations.color(), variations.rotation(), repeats=repeats)


def _mnist_style(config: DataConfig, subset: str) -> Dataset:
    grid = handwriting.style_grid(_digits(config, subset), _writer_count(config))
    return _dataset("mnist-style", grid, variations.color(), variations.transformation())


_QMNIST_SUBSETS = ("test10k", "test", "train")  # the first is the default: the smallest download

DATASETS = {
    "glyphs": DatasetEntry(
        _glyphs,
        "digit 10, writer N, color 3, rotation 4",
        "nothing: the package draws invented hands, any number of writers",
    ),
    "qmnist": DatasetEntry(
        _qmnist,
        "digit 10, writer N, color 3, rotation 4 (exemplar with --exemplars above 1)",
        "a download, or the official files in --manual-dir",
        _QMNIST_SUBSETS,
    ),
    "mnist-style": DatasetEntry(
        _mnist_style,
        "digit 10, style N (--writers N), color 3, transformation 6",
        "the files of qmnist",
        _QMNIST_SUBSETS,
    ),
}


def load_dataset(config: DataConfig) -> Dataset:
    """Load `config.dataset`, "NAME" or "NAME/SUBSET".

    Raises:
        UserError: an unknown name or subset, or whatever keeps the dataset from loading.
    """
    name, _, subset = config.dataset.partition("/")
    if name not in DATASETS:
        hint = suggest(name, list(DATASETS))
        raise UserError(f"--dataset {name!r} is unknown{hint or ';'} known: {', '.join(DATASETS)}")
    entry = DATASETS[name]
    if subset and subset not in entry.subsets:
        known = ", ".join(f"{name}/{s}" for s in entry.subsets) or f"{name} alone, it has no subsets"
        raise UserError(f"--dataset {config.dataset!r} has no subset {subset!r}: use {known}")
    return entry.load(config, subset or next(iter(entry.subsets), ""))
