"""The pictures of newcomers as people give them: found, labelled, decoded and brought into the form of a run's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gcn_tf.config.schema import RunConfig
from gcn_tf.errors import UserError, shown_text, suggest
from gcn_tf.grid.factors import Factor
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.pipelines.folder.dataset import OwnPictures
from gcn_tf.pipelines.folder.factors import plain_name, plain_value
from gcn_tf.pipelines.folder.fitting import Form
from gcn_tf.pipelines.folder.found import find_pictures
from gcn_tf.pipelines.folder.labels import TABLES, Labels, read_labels
from gcn_tf.pipelines.folder.pictures import read_pictures
from gcn_tf.pipelines.photographs.options import PhotographOptions
from gcn_tf.pipelines.prepared import default_data_dir
from gcn_tf.pipelines.upright import Upright

MOST_PICTURES = 100  # of newcomers, at once


@dataclass(frozen=True)
class NewcomerPictures:
    """Pictures in the form of a run's own, with their values.

    Args:
        images: uint8 (N, H, W, C).
        labels: N values by name of every factor that is no variation, new and known ones.
        names: N names of the files.
        notes: lines for the user.
    """

    images: np.ndarray
    labels: dict[str, list[str]]
    names: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Where:
    """Where the labels of a folder are, as of own pictures: at most one is given."""

    labels: Path | None = None
    levels: str = ""
    pattern: str = ""


def newcomer_pictures(
    config: RunConfig,
    dataset: Dataset,
    exact: Sequence[str],
    words: Sequence[str],
    places: Sequence[Path],
    where: Where,
) -> NewcomerPictures:
    """Find, check and decode the pictures of newcomers.

    Args:
        config: of the run; dataset: its pictures.
        exact: factors whose values are drawn by a formula, so that no picture can add one.
        words: "person=anna" names a new value, or several: "person=anna,ben"; "gesture=2", a value that is known, is that of every
            picture.
        places: a folder, or files.

    Raises:
        UserError: a value that is known already, a picture without a label or of a cell that another one has, no pictures or too many,
            or files that do not decode.
    """
    factors = dataset.space.names[: len(dataset.space.names) - len(dataset.variations)]
    given = {
        name: _values_of(name, text, dataset, exact) for name, text in _assignments(words, dataset).items()
    }
    new = {
        name: [value for value in values if value not in dataset.space[name].values]
        for name, values in given.items()
    }
    if not any(new.values()):
        known = ", ".join(f"{name}={value}" for name, values in given.items() for value in values)
        raise UserError(
            f"{known or 'no value'} is no new value: name the newcomer otherwise, such as person=anna"
        )
    fixed = {name: values[0] for name, values in given.items() if len(values) == 1}
    found = _labels(places, where, [name for name in factors if name not in fixed])
    if not found.files:
        raise UserError(f"{_text(places)} holds no pictures: give 1 to {MOST_PICTURES}")
    if len(found.files) > MOST_PICTURES:
        raise UserError(
            f"{_text(places)} holds {len(found.files):,} pictures: newcomers have at most {MOST_PICTURES}, train anew with more"
        )
    if found.unlabelled:
        raise UserError(f"{shown_text(found.unlabelled[0][0])} has no label: label it, or take it out")
    columns = {plain_name(name): column for name, column in found.columns.items()}

    def allowed(name: str) -> list[str]:
        """What a column may hold: what was given, and if that names newcomers the known values beside them."""
        values = given.get(name, [])
        known = [value for value in dataset.space[name].values if value not in values]
        return values + known * (not values or bool(new[name]))

    labels = {
        name: [fixed[name]] * len(found.files)
        if name in fixed and name not in columns
        else _column(name, columns.get(name), found.names, allowed(name))
        for name in factors
    }
    _check_cells(labels, found.names, new)
    images = in_form(config, dataset.images.shape[1:], found.files, found.names, dataset.upright)
    return NewcomerPictures(images, labels, found.names, found.notes)


def _assignments(words: Sequence[str], dataset: Dataset) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not text:
            raise UserError(f"{shown_text(word)}: write factor=value, such as person=anna")
        if name not in dataset.space.names:
            hint = suggest(name, dataset.space.names) or ";"
            raise UserError(
                f"{shown_text(name)} is no factor of the run{hint} known: {', '.join(dataset.space.names)}"
            )
        if name in found:
            raise UserError(f"{name} is given twice: write {name}={found[name]},{text}")
        found[name] = text
    return found


def _values_of(name: str, text: str, dataset: Dataset, exact: Sequence[str]) -> list[str]:
    """The values of one word; raises UserError for new ones that no picture can add, or of a bad form."""
    factor, values = dataset.space[name], list(dict.fromkeys(text.split(",")))
    variations = [variation.factor.name for variation in dataset.variations]
    for value in values:
        if value in factor.values:
            continue
        if name in variations or name in exact:
            raise UserError(
                f"{name}={shown_text(value)}: the values of {name} are made from every picture by a formula, newcomers have "
                "those that there are"
            )
        if factor.numbers:
            raise UserError(
                f"{name}={shown_text(value)}: {name} is ordered, between its values gcn-tf generate draws blends; a new one "
                "needs a training"
            )
        if not value or plain_value(value) != value:
            raise UserError(f"{name}={shown_text(value)}: name it {plain_value(value) or 'newcomer'}")
        Factor(name, (value,))
    return values


def _labels(places: Sequence[Path], where: Where, needed: Sequence[str]) -> Labels:
    """The files and what is written about them."""
    if len(places) == 1 and places[0].is_dir():
        folder = places[0]
        told = where.labels or where.levels or where.pattern
        table = any(path.name.lower() in TABLES for path in folder.iterdir())
        if told or table:
            return read_labels(folder, where.labels, where.levels, where.pattern)
        found = find_pictures(folder)
        if needed and any("/" in name for name in found.names):
            return read_labels(folder, levels="/".join(needed))
        files = tuple(str(Path(found.root, name)) for name in found.names)
        return Labels(files, tuple(found.names), {}, "", found.notes)
    missing = [place for place in places if not place.is_file()]
    if missing:
        place = shown_text(str(missing[0]))
        reason = (
            "is a folder: give one folder, or files" if missing[0].is_dir() else "is no file and no folder"
        )
        raise UserError(f"--pictures {place} {reason}")
    files = tuple(map(str, places))
    return Labels(files, files, {}, "", ())


def _column(
    name: str, column: Sequence[str | None] | None, names: Sequence[str], known: Sequence[str]
) -> list[str]:
    """The values of one factor, one for each picture, all of them among those that are known."""
    if column is None:
        raise UserError(
            f"{shown_text(names[0])} has no {name}: give {name}=VALUE for all pictures, or a labels.csv with a column {name}"
        )
    values = []
    for picture, text in zip(names, column, strict=True):
        if not text:
            raise UserError(f"{shown_text(picture)} has no {name}: label it, or take it out")
        values.append(value := text if text in known else plain_value(text))
        if value not in known:
            hint = suggest(value, known) or ";"
            raise UserError(
                f"{shown_text(picture)} has {name} {shown_text(value)}{hint} known: {', '.join(known)}; a new value is named: "
                f"{name}={value}"
            )
    return values


def _check_cells(
    labels: Mapping[str, Sequence[str]], names: Sequence[str], new: Mapping[str, Sequence[str]]
) -> None:
    """Raise UserError for a cell that two pictures show, a picture of known values alone, and new values without a picture."""
    first: dict[tuple[str, ...], str] = {}
    for picture, *cell in zip(names, *labels.values(), strict=True):
        words = " ".join(f"{name}={value}" for name, value in zip(labels, cell, strict=True))
        if other := first.get(tuple(cell)):
            raise UserError(
                f"{shown_text(other)} and {shown_text(picture)} both show {words}: take one of them out"
            )
        first[tuple(cell)] = picture
        if not any(value in new.get(name, ()) for name, value in zip(labels, cell, strict=True)):
            raise UserError(f"{shown_text(picture)} shows {words}, which is no newcomer: take it out")
    for name, values in new.items():
        for value in values:
            if value not in labels[name]:
                raise UserError(f"no picture shows {name}={value}: give one, or leave the value out")


def in_form(
    config: RunConfig,
    shape: tuple[int, ...],
    files: Sequence[str | Path],
    names: Sequence[str],
    upright: Upright | None = None,
) -> np.ndarray:
    """Pictures as the run's own were brought into form, uint8 (N, H, W, C).

    Args:
        config: of the run; shape: (H, W, C).
        names: of the files, for errors.
        upright: how the run's own were set upright, if they were.

    Raises:
        UserError: a file that does not decode, or shows no face where the run's pictures are faces.
    """
    images = _in_shape(config, shape, files, names)
    return upright.set(images) if upright else images


def _in_shape(
    config: RunConfig, shape: tuple[int, ...], files: Sequence[str | Path], names: Sequence[str]
) -> np.ndarray:
    height, width, channels = shape
    if isinstance(config.options, PhotographOptions):
        return _faces([*map(Path, files)], names, height)
    form = Form((height, width), channels, "pad", (0, 0, 0))
    if isinstance(config.options, OwnPictures):
        form = replace(config.options.form(config.image_sides), channels=channels)
    cache = (config.folders[0] or default_data_dir()) / "folder"
    decoded = read_pictures(files, form.size, channels, form.fit, form.background, cache)
    if decoded.problems:
        number, reason = decoded.problems[0]
        raise UserError(f"{shown_text(names[number])} cannot be used ({reason}): mend it, or take it out")
    return decoded.images


def _faces(files: Sequence[Path], names: Sequence[str], side: int) -> np.ndarray:
    """Faces, cropped as those of the photographs that the run was trained on."""
    from gcn_tf.pipelines.photographs.crops import BadPicture, crop, decode, find_face, find_other_face

    faces = []
    for path, name in zip(files, names, strict=True):
        try:
            image = decode(path.read_bytes())
        except (BadPicture, OSError) as error:
            raise UserError(f"{shown_text(name)} cannot be used ({error}): mend it, or take it out") from None
        box = find_face(image)
        if box is None:
            raise UserError(f"{shown_text(name)} shows no face that could be found: crop it to the face")
        if find_other_face(image, box):
            raise UserError(f"{shown_text(name)} shows more than one face: crop it to one")
        faces.append(crop(image, box, side))
    return np.stack(faces)


def _text(places: Sequence[Path]) -> str:
    return f"--pictures {' '.join(shown_text(str(place)) for place in places)}"
