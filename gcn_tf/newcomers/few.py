"""Few pictures of classes that a run need not know: found, labelled by one factor, and brought into the form of a run's own."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gcn_tf.config.schema import RunConfig
from gcn_tf.errors import UserError, listed, shown_text, suggest
from gcn_tf.newcomers.pictures import Where, in_form
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.pipelines.folder.factors import natural_order, plain_name, plain_value
from gcn_tf.pipelines.folder.found import find_pictures
from gcn_tf.pipelines.folder.labels import TABLES, Labels, read_labels

MOST_FEW = 10_000  # pictures, which are held in memory


@dataclass(frozen=True)
class LabelledPictures:
    """Pictures in the form of a run's own, with one label each.

    Args:
        images: uint8 (N, H, W, C).
        values: N values of the label.
        notes: lines for the user.
    """

    images: np.ndarray
    values: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """The different values, 9 before 10."""
        return tuple(sorted(set(self.values), key=lambda value: (natural_order(value), value)))


def few_pictures(
    config: RunConfig, dataset: Dataset, factor: str, folder: Path, where: Where
) -> LabelledPictures:
    """Find, label and decode the pictures of a folder, one label each; other labels are passed over.

    Args:
        config: of the run; dataset: its pictures.
        factor: name of the label, a factor of the run, of which the values may be new.
        folder: with labels where `where` says, by default a table as own pictures have it, or a folder for every value.

    Raises:
        UserError: no pictures or too many, no such label, a picture without it, or files that do not decode.
    """
    found = _labels(folder, factor, where)
    if not found.files:
        raise UserError(f"--few {shown_text(str(folder))} holds no pictures: name a folder with some")
    if len(found.files) > MOST_FEW:
        raise UserError(
            f"--few {shown_text(str(folder))} holds {len(found.files):,} pictures, {MOST_FEW:,} at most: take some of them"
        )
    columns = {plain_name(name): column for name, column in found.columns.items()}
    if factor not in columns:
        hint = suggest(factor, list(columns)) or ";"
        raise UserError(
            f"--few {shown_text(str(folder))}: {shown_text(found.source)} has no column {factor}{hint} it has "
            f"{listed([shown_text(name) for name in columns])}; add it, or name another factor with --for"
        )
    without = [name for name, value in zip(found.names, columns[factor], strict=True) if not value]
    without += [name for name, _ in found.unlabelled]
    if without:
        raise UserError(f"{shown_text(without[0])} has no {factor}: label it, or take it out")
    known = set(dataset.space[factor].values)
    texts = [value for value in columns[factor] if value]
    values = tuple(text if text in known else plain_value(text) for text in texts)
    images = in_form(config, dataset.images.shape[1:], found.files, found.names)
    return LabelledPictures(images, values, found.notes)


def _labels(folder: Path, factor: str, where: Where) -> Labels:
    """The files of a folder and what is written about them."""
    if not folder.is_dir():
        raise UserError(
            f"--few {shown_text(str(folder))} is no folder: name one with pictures, labelled by {factor}"
        )
    if where.labels or where.levels or where.pattern:
        return read_labels(folder, where.labels, where.levels, where.pattern)
    tables = sorted(path.name for path in folder.iterdir() if path.name.lower() in TABLES)
    if len(tables) > 1:
        raise UserError(
            f"--few {shown_text(str(folder))} has {' and '.join(tables)}: say with --labels which has the labels"
        )
    if tables:
        return read_labels(folder)
    found = find_pictures(folder)
    for name in found.names:
        if name.count("/") != 1:
            raise UserError(
                f"--few {shown_text(str(folder))}: nothing tells the {factor} of {shown_text(name)}: make a folder for every "
                f"{factor}, add a labels.csv with the columns file_name and {factor}, or give --labels, --levels or --pattern"
            )
    return read_labels(folder, levels=factor) if found.names else Labels((), (), {}, "", found.notes)
