"""Pictures of anybody, drawn in other cells of a run: what words ask for, what the pictures show, and the figure."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import tensorflow as tf

from gcn_tf.errors import UserError, shown_text
from gcn_tf.grid.factors import FactorSpace
from gcn_tf.newcomers.likeness import Likeness
from gcn_tf.newcomers.pictures import in_form
from gcn_tf.pipelines.split import Split
from gcn_tf.reporting.figures import write_named_grid
from gcn_tf.reporting.tiles import write_png
from gcn_tf.runs.run_dir import Run
from gcn_tf.synthesis.draw import PICTURE_LIMIT, without_padding
from gcn_tf.synthesis.transfer import PictureTransfer


@dataclass(frozen=True)
class TransferredPictures:
    """Pictures in other cells.

    Args:
        given: uint8 (P, H, W, C), in the form of the run's own.
        images: uint8 (P, n, H, W, C), n cells each, without padding, as `given`.
        cells: n times the wanted value or blend by name of the factors that change.
        shown: P times what a picture shows, by factor name: a known value, or the likeliest one of a factor that stays as it is.
        probability: the same, how likely; 1 of values that were given.
        kept: names of the factors that stay as they are in the pictures.
    """

    given: np.ndarray
    images: np.ndarray
    cells: list[dict[str, str]]
    shown: list[dict[str, str]]
    probability: list[dict[str, float]]
    kept: tuple[str, ...]


class Transfers:
    """What draws pictures in other cells of a run; the first call compiles it."""

    def __init__(self, run: Run) -> None:
        self.run = run
        transfer = PictureTransfer(run)

        @tf.function(reduce_retracing=True, autograph=False)
        def function(
            images: tf.Tensor, known: dict[str, tf.Tensor], wanted: dict[str, tf.Tensor]
        ) -> tuple[tf.Tensor, dict[str, tf.Tensor], dict[str, tf.Tensor]]:
            made = transfer(images, known, wanted)
            return made.images, made.shown, made.likely

        self.function = function

    def pictures(
        self, files: Sequence[Path], names: Sequence[str], shows: Sequence[str] = (), force: bool = False
    ) -> np.ndarray:
        """Picture files in the form of the run's own pictures, uint8 (N, H, W, C).

        A grey picture of a run whose colors a formula makes gets the color that it is said to show, or the first.

        Args:
            names: of the files, for errors.
            shows: words "gesture=2" about all pictures.
            force: take pictures that are nothing like those of the run.

        Raises:
            UserError: a file that cannot be used, a picture that is nothing like the run's, or the run's own pictures are not at hand.
        """
        if not files:
            raise UserError("no picture is given: name a file, such as photo.png")
        shape = tuple(int(side) for side in self.run.model.classifier.input.shape[1:])
        images = in_form(self.run.config, shape, files, names, self.split.dataset.upright)
        known = _known(self.run.space, shows)
        for variation in self.split.dataset.variations:
            if variation.channels > 1:
                grey = (images == images[..., :1]).all(axis=(1, 2, 3))
                ids = np.full(grey.sum(), known[variation.factor.name].argmax(), np.int32)
                images[grey] = variation.apply(tf.constant(images[grey][..., :1]), tf.constant(ids)).numpy()
        if not force:
            self.likeness.check(images, names)
        return images

    @cached_property
    def split(self) -> Split:
        """The pictures of the run."""
        return self.run.load_split()

    @cached_property
    def likeness(self) -> Likeness:
        """What the pictures of the run are like, in all variations."""
        dataset = self.split.dataset
        base = dataset.space.names[: len(dataset.space.names) - len(dataset.variations)]
        return Likeness.of(self.split, base, varied=True)

    def draw(self, images: np.ndarray, to: Sequence[str], shows: Sequence[str] = ()) -> TransferredPictures:
        """Draw pictures in all cells that words name.

        Args:
            images: uint8 (P, H, W, C), in the form of the run's own.
            to: words "gesture=5", "gesture=2,5", "gesture='*'", of the factors that change.
            shows: words "gesture=2" about all pictures; the rest is told from them.

        Raises:
            UserError: an unknown factor or value, or too many pictures.
        """
        space = self.run.space
        cells, known = _cells(space, to), _known(space, shows)
        count = len(images) * len(cells)
        if count > PICTURE_LIMIT:
            raise UserError(f"--to {' '.join(to)} asks for {count:,} pictures, more than {PICTURE_LIMIT:,}")
        wanted = {
            name: space.codes_of(name, [cell[name] for cell in cells])
            if name in cells[0]
            else np.zeros((len(cells), size), np.float32)
            for name, size in space.sizes.items()
        }
        made, shown, likely = self.function(
            tf.constant(np.repeat(images, len(cells), axis=0)),
            {name: tf.repeat(code, count, axis=0) for name, code in known.items()},
            {name: tf.tile(code, (len(images), 1)) for name, code in wanted.items()},
        )
        first = slice(None, None, len(cells))
        values, probabilities = _told(
            space,
            {name: weights.numpy()[first] for name, weights in shown.items()},
            {name: weights.numpy()[first] for name, weights in likely.items()},
            [name for name in known if known[name].any()],
        )
        kept = tuple(name for name in space.names if not shown[name].numpy().any())
        plain = without_padding(made.numpy(), self.run)
        drawn = plain.reshape(len(images), len(cells), *plain.shape[1:])
        return TransferredPictures(
            without_padding(images, self.run), drawn, cells, values, probabilities, kept
        )


def write_transfer(drawn: TransferredPictures, names: Sequence[str], out: Path, zoom: int = 8) -> Path:
    """Write pictures in other cells as one PNG: one alone, or a grid with the given pictures in the first column."""
    if drawn.images.shape[:2] == (1, 1):
        return write_png(drawn.images[0, 0], out, zoom)
    images = np.concatenate([drawn.given[:, None], drawn.images], axis=1)
    heads = ["given", *(" ".join(f"{name}={value}" for name, value in cell.items()) for cell in drawn.cells)]
    sides, title = (names, "") if len(names) > 1 else ((), names[0])
    flat = images.reshape(-1, *images.shape[2:])
    return write_named_grid(flat, heads, sides, title, ("pictures", "cells"), out, zoom)


def lines_about(drawn: TransferredPictures, names: Sequence[str]) -> list[str]:
    """One line for every picture: what it was taken to show, and how likely that is."""
    lines = []
    for picture, values, probabilities in zip(names, drawn.shown, drawn.probability, strict=True):
        said = [
            f"{name} as it is (of the run's, most like {value}: {probabilities[name]:.2f})"
            if name in drawn.kept
            else f"{name}={value} ({probabilities[name]:.2f})"
            for name, value in values.items()
        ]
        lines.append(f"{shown_text(picture)} shows {', '.join(said)}")
    return lines


def _cells(space: FactorSpace, to: Sequence[str]) -> list[dict[str, str]]:
    """Every combination that words name, of the factors that they name alone, each once."""
    if not to:
        first = space.factors[0]
        raise UserError(f"nothing to change: say to which cell, such as --to {first.name}={first.values[0]}")
    named = space.parse_assignments(to)
    choices = {name: values for name, values in space.choices(to).items() if name in named}
    return [dict(zip(choices, picked, strict=True)) for picked in itertools.product(*choices.values())]


def _known(space: FactorSpace, shows: Sequence[str]) -> dict[str, np.ndarray]:
    """Weights of what all pictures show, float32 (1, K_f) by factor name; zeros where nothing is said."""
    said = space.parse_assignments(shows)
    return {
        name: space.codes_of(name, [said[name]]) if name in said else np.zeros((1, size), np.float32)
        for name, size in space.sizes.items()
    }


def _told(
    space: FactorSpace,
    shown: Mapping[str, np.ndarray],
    likely: Mapping[str, np.ndarray],
    given: Sequence[str],
) -> tuple[list[dict[str, str]], list[dict[str, float]]]:
    """What each picture shows by factor name, and how likely that is."""
    values: list[dict[str, str]] = []
    probabilities: list[dict[str, float]] = []
    for n in range(len(next(iter(shown.values())))):
        value, probability = {}, {}
        for factor in space:
            name, weights = factor.name, shown[factor.name][n]
            weights = (
                weights if weights.any() else np.eye(len(factor), dtype=np.float32)[likely[name][n].argmax()]
            )
            value[name] = factor.text(weights)
            probability[name] = 1.0 if name in given else float(likely[name][n] @ weights)
        values.append(value)
        probabilities.append(probability)
    return values, probabilities
