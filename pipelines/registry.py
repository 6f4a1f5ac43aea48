"""Datasets by name. A dataset is a factor space, base images and variations; add one with one line here."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gcn_tf.config.checks import whole_number
from gcn_tf.config.schema import MOST_IDENTITIES, DataConfig
from gcn_tf.errors import UserError, suggest
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.pipelines import variations
from gcn_tf.pipelines.dataset import Dataset, grid_dataset
from gcn_tf.pipelines.kdef.pictures import load_kdef
from gcn_tf.pipelines.mmi.pictures import load_mmi
from gcn_tf.pipelines.photographs.face_settings import parse_emotions, parse_sessions
from gcn_tf.pipelines.photographs.grid import face_grid
from gcn_tf.pipelines.photographs.prepared_faces import FacePictures
from gcn_tf.pipelines.procedural.faces.pictures import draw_faces
from gcn_tf.pipelines.procedural.glyphs import draw_glyphs
from gcn_tf.pipelines.qmnist import grid as handwriting
from gcn_tf.pipelines.qmnist.digits import Digits, load_digits
from gcn_tf.pipelines.variations import Variation

ANY_DATASET = ("dataset", "image_size", "data_dir", "manual_dir")  # settings that every dataset has


GLYPH_REPEATS = 4  # sessions in which the invented writers write everything again


FACE_REPEATS = 2  # takes in which the invented persons show everything again


@dataclass(frozen=True)
class DatasetEntry:
    """One line of the registry: how to load a dataset, what to tell people about it, which settings choose pictures."""

    load: Callable[[DataConfig, str], Dataset]
    factors: str
    needs: str
    settings: tuple[str, ...]
    subsets: tuple[str, ...] = ()


def _writer_count(config: DataConfig) -> int:
    writers = config.writer_selection()
    if not isinstance(writers, int):
        raise UserError(f"--writers {config.writers}: drawn writers have no ids, give their number, e.g. 10")
    return writers


def _folders(config: DataConfig) -> list[Path | None]:
    """`data_dir` and `manual_dir` as paths."""
    return [Path(d).expanduser() if d else None for d in (config.data_dir, config.manual_dir)]


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
    return grid_dataset("glyphs", grid, _ink_variations(config), repeats)


def _ink_variations(config: DataConfig) -> tuple[Variation, ...]:
    return (variations.color(), *variations.turns(config.transformations))


def load_qmnist(config: DataConfig) -> Digits:
    """All digits of the subset that `config.dataset` names; raises UserError for another image size."""
    subset = config.dataset.partition("/")[2] or _QMNIST_SUBSETS[0]
    if config.image_size != 28:
        raise UserError(f"--image-size {config.image_size}: the digits of qmnist are 28x28, use 28")
    return load_digits(subset, *_folders(config))


def _qmnist(config: DataConfig, subset: str) -> Dataset:
    digits = load_qmnist(config)
    grid = handwriting.writer_grid(digits, config.writer_selection(), config.exemplars)
    repeats = handwriting.writer_repeats(digits, grid[0]) if config.exemplars == 1 else None
    return grid_dataset("qmnist", grid, _ink_variations(config), repeats)


def _mnist_style(config: DataConfig, subset: str) -> Dataset:
    grid = handwriting.style_grid(load_qmnist(config), _writer_count(config))
    return grid_dataset("mnist-style", grid, (variations.color(), variations.transformation()))


def _faces(config: DataConfig, subset: str) -> Dataset:
    count, emotions = whole_number(config.persons), parse_emotions(config.emotions)
    if count is None or count > MOST_IDENTITIES:
        raise UserError(f"--persons {config.persons}: drawn persons have no ids, give their number, e.g. 20")
    names = parse_sessions(config.sessions)
    base = FactorSpace(
        (
            Factor("person", tuple(str(p) for p in range(count))),
            Factor("emotion", emotions),
            *([Factor("session", names)] if len(names) > 1 else []),
        )
    )
    takes = [
        draw_faces(count, emotions, len(names), config.image_size, config.data_seed, take)
        for take in range(1 + FACE_REPEATS)
    ]
    images, *again = (drawn.reshape(-1, *drawn.shape[3:]) for drawn in takes)
    repeats = (np.concatenate(again), np.tile(base.cells(), (FACE_REPEATS, 1)))
    return grid_dataset(
        "faces", (base, images, base.cells()), variations.turns(config.transformations), repeats
    )


def _photographs(load: Callable[..., FacePictures]) -> Callable[[DataConfig, str], Dataset]:
    """A dataset of photographed faces in the user's own copy."""

    def dataset(config: DataConfig, subset: str) -> Dataset:
        views = tuple(view.strip() for view in config.views.split(","))
        pictures = load(config.image_size, *_folders(config), views)
        grid, repeats = face_grid(pictures, config.persons, config.emotions, config.sessions)
        varied = variations.turns(config.transformations)
        return grid_dataset(config.dataset, grid, varied, repeats, _notes(pictures))

    return dataset


def _notes(pictures: FacePictures) -> tuple[str, ...]:
    """What preparation found, each kind with its number and the first few files."""
    kinds = {
        "pictures without a face found, cropped at the median place of the others": pictures.no_face,
        "bad files left out": pictures.bad,
        "files with a remark": pictures.notes,
    }
    return tuple(
        f"{len(files)} {kind}: {', '.join(files[:5])}{' ...' if files[5:] else ''}"
        for kind, files in kinds.items()
        if files
    )


_FACES = ("persons", "emotions", "sessions", "transformations")


_QMNIST_SUBSETS = ("test10k", "test", "train")  # the first is the default: the smallest download


DATASETS = {
    "glyphs": DatasetEntry(
        _glyphs,
        "digit 10, writer N, color 3, rotation 4",
        "nothing: the package draws invented hands, any number of writers",
        ("writers", "transformations", "data_seed"),
    ),
    "qmnist": DatasetEntry(
        _qmnist,
        "digit 10, writer N, color 3, rotation 4 (exemplar with --exemplars above 1)",
        "a download, or the official files in --manual-dir",
        ("writers", "exemplars", "transformations"),
        _QMNIST_SUBSETS,
    ),
    "mnist-style": DatasetEntry(
        _mnist_style,
        "digit 10, style N (--writers N), color 3, transformation 6",
        "the files of qmnist",
        ("writers",),
        _QMNIST_SUBSETS,
    ),
    "faces": DatasetEntry(
        _faces,
        "person N, emotion 2 to 7, session 2, rotation 4 (or transformation 6 or 8)",
        "nothing: the package draws invented persons, any number, at any size",
        (*_FACES, "data_seed"),
    ),
    "kdef": DatasetEntry(
        _photographs(load_kdef),
        "person 70 (or 65), emotion 2 to 7, session 2, rotation 4 (or transformation 6 or 8)",
        "your own copy of the Karolinska Directed Emotional Faces in --manual-dir",
        (*_FACES, "views"),
    ),
    "mmi": DatasetEntry(
        _photographs(load_mmi),
        "person, emotion 2 to 7, session with several, transformation 6 (or rotation 4)",
        "your own copy of sessions of the MMI Facial Expression Database in --manual-dir",
        _FACES,
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
    for field in dataclasses.fields(DataConfig):
        value = getattr(config, field.name)
        if field.name not in (*entry.settings, *ANY_DATASET) and value != field.default:
            raise UserError(
                f"--{field.name.replace('_', '-')} {value}: the dataset {name} has no such setting, it has "
                f"{', '.join('--' + s.replace('_', '-') for s in entry.settings)}"
            )
    return entry.load(config, subset or next(iter(entry.subsets), ""))
