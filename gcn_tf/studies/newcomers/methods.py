"""What the study of newcomers compares: ways to draw all cells of newcomers from few pictures of them.

To add one: write a class with `meaning` and `draw`, and name it in `newcomers_methods`. What does not depend on the given pictures, it learns in
its `shared`, once for all counts. `most_given=1` keeps a method to newcomers of a single picture.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import tensorflow as tf

from gcn_tf.config.schema import RunConfig
from gcn_tf.newcomers.extend import extended_model
from gcn_tf.pipelines.split import Split
from gcn_tf.runs.run_dir import Run, open_run
from gcn_tf.studies.comparison.methods import GcnMethod
from gcn_tf.studies.newcomers.encoder_decoder import EncoderDecoder, translate, wanted_codes
from gcn_tf.studies.newcomers.task import Task
from gcn_tf.synthesis.draw import generate_from_codes
from gcn_tf.synthesis.transfer import PictureTransfer

REFERENCE = "extended"  # the method whose differences from each other one are tabulated
FLOOR, CEILING = "nearest known value", "full retraining"  # between which its way is measured


class Shared(Protocol):
    """What is learned once for a seed, without any newcomer; frozen dataclasses that go to other processes by pickle.

    Attributes:
        name: of its folder; methods with a shared part of the same name share it.
    """

    @property
    def name(self) -> str: ...

    def train(self, config: RunConfig, known: Split, place: int, folder: Path) -> None:
        """Learn from the pictures without newcomers, or go on with what lies in the folder.

        Args:
            config: settings of the seed.
            place: position of the newcomers' factor.
        """

    def open(self, config: RunConfig, known: Split, place: int, folder: Path) -> Any:
        """What `train` left in the folder, as `draw` takes it."""


@dataclass(frozen=True)
class NewcomersMethod(ABC):
    """One way to draw newcomers.

    Args:
        meaning: str. For the table.
        most_given: pictures of a newcomer that it can make use of; None: any number. Of more it is not asked.
    """

    meaning: str
    most_given: int | None = None

    shared: ClassVar[Shared | None] = None

    @abstractmethod
    def draw(self, shared: Any, config: RunConfig, task: Task, folder: Path) -> np.ndarray:
        """Draw what is wanted.

        Args:
            shared: what `shared.open` gave; None without it.
            config: settings of the seed.
            task: newcomers and their pictures.
            folder: where a training may keep what it needs to go on after a kill; it need not exist.

        Returns:
            uint8 (R, H, W, 3), one picture for each of `task.rows`.

        Raises:
            gcn_tf.training.step_callback.Diverged: a result like any other, without figures.
        """


@dataclass(frozen=True)
class BaseRun:
    """A run that never saw a newcomer."""

    name: str = "base"

    def train(self, config: RunConfig, known: Split, place: int, folder: Path) -> None:
        GcnMethod("the settings as they are").train(config, known, config.seed, folder)

    def open(self, config: RunConfig, known: Split, place: int, folder: Path) -> Run:
        return open_run(folder)


@dataclass(frozen=True)
class Extended(NewcomersMethod):
    """The run without newcomers, extended by all of them at once."""

    meaning: str = "`gcn-tf extend`: the run that never saw them gets their pictures"

    shared: ClassVar[Shared | None] = BaseRun()

    def draw(self, shared: Run, config: RunConfig, task: Task, folder: Path) -> np.ndarray:
        generator = shared.config.generator.with_newcomers(len(task.given))
        grown = task.grown_split()
        settings = replace(shared.config, generator=generator)
        model = extended_model(shared, settings, task.known_split(), grown)
        return generate_from_codes(model, grown.dataset.space.one_hot(task.ids_in(grown)))


@dataclass(frozen=True)
class Transferred(NewcomersMethod):
    """The run without newcomers, given a picture and told nothing about it but the wanted cell."""

    meaning: str = "`gcn-tf transfer`: one picture, without its labels; nothing is learned"
    most_given: int | None = 1

    shared: ClassVar[Shared | None] = BaseRun()

    def draw(self, shared: Run, config: RunConfig, task: Task, folder: Path) -> np.ndarray:
        given = task.varied(task.dataset.images[task.nearest_given()])
        known = task.known_split()
        changed = [name for m, name in enumerate(task.base_factors) if m != task.place]
        ids = known.dataset.space.by_name(task.ids_in(known))
        nothing = {
            name: np.zeros((len(given), size), np.float32) for name, size in shared.space.sizes.items()
        }
        wanted = {name: np.eye(shared.space.sizes[name], dtype=np.float32)[ids[name]] for name in changed}
        transfer = PictureTransfer(shared)
        draw = tf.function(lambda *batch: transfer(*batch).images, autograph=False)
        return np.asarray(draw(given, nothing, {**nothing, **wanted}))


@dataclass(frozen=True)
class NearestKnownValue(NewcomersMethod):
    """The real pictures of the known value whose pictures of the given cells differ least from the given ones."""

    meaning: str = "no network: real pictures of the most similar known value"

    def draw(self, shared: None, config: RunConfig, task: Task, folder: Path) -> np.ndarray:
        who, known = task.dataset.base_ids[:, task.place], task.known
        differing = task.differing(known)
        chosen = np.empty(len(task.wanted), int)
        for newcomer in task.values:
            rank = self._ranks(task, newcomer)[who[known]]
            for n in np.flatnonzero(who[task.wanted] == newcomer):
                chosen[n] = known[np.lexsort((differing[n], rank))[0]]
        return task.varied(task.dataset.images[chosen])

    def _ranks(self, task: Task, newcomer: int) -> np.ndarray:
        """Of each value of the factor its place in the order of likeness, int (K,); those that share no cell come last."""
        images, ids = task.dataset.images, task.dataset.base_ids
        content = np.delete(ids, task.place, axis=1)
        apart = np.full(
            (len(task.given), len(task.dataset.space[task.dataset.space.names[task.place]])), np.nan
        )
        for g, one in enumerate(task.given):
            if ids[one, task.place] == newcomer:
                same = task.known[(content[task.known] == content[one]).all(axis=1)]
                squares = (images[same].astype(np.float32) - images[one]) ** 2
                apart[g, ids[same, task.place]] = squares.reshape(len(same), -1).mean(axis=1)
        shared = (~np.isnan(apart)).sum(axis=0)
        distance = np.nansum(apart, axis=0) / np.maximum(shared, 1)
        ranks = np.empty(len(distance), int)
        ranks[np.lexsort((distance, -shared))] = np.arange(len(distance))
        return ranks


@dataclass(frozen=True)
class OwnPicture(NewcomersMethod):
    """The given picture that shares most values with the wanted cell, in the wanted variations."""

    meaning: str = "no network: a given picture as it is"

    def draw(self, shared: None, config: RunConfig, task: Task, folder: Path) -> np.ndarray:
        return task.varied(task.dataset.images[task.nearest_given()])


@dataclass(frozen=True)
class MeanCell(NewcomersMethod):
    """The mean of the known values' pictures of the same cell, or where none has it of the cells that share most values."""

    meaning: str = "no network: mean of the known values' pictures of the cell"

    def draw(self, shared: None, config: RunConfig, task: Task, folder: Path) -> np.ndarray:
        known, differing = task.known, task.differing(task.known)
        nearest = differing == differing.min(axis=1, keepdims=True)
        means = [task.dataset.images[known[row]].mean(axis=0) for row in nearest]
        return task.varied(np.round(np.stack(means)).astype(np.uint8))


@dataclass(frozen=True)
class FullRetraining(NewcomersMethod):
    """The run's settings, trained anew with the given pictures among all others."""

    meaning: str = "the ceiling of effort: the run trained anew with the given pictures"

    def draw(self, shared: None, config: RunConfig, task: Task, folder: Path) -> np.ndarray:
        run = GcnMethod(self.meaning).train(config, task.split, config.seed, folder)
        return generate_from_codes(run.model, run.space.one_hot(task.split.ids[task.rows]))


@dataclass(frozen=True)
class Translation(NewcomersMethod):
    """A U-Net that turns the given picture that shares most values with the wanted cell into that cell."""

    shared: ClassVar[Shared | None] = EncoderDecoder()

    def draw(self, shared: Any, config: RunConfig, task: Task, folder: Path) -> np.ndarray:
        codes = wanted_codes(task.dataset, task.place, task.wanted)
        return task.varied(translate(shared, task.dataset.images[task.nearest_given()], codes))


@dataclass(frozen=True)
class CriticizedTranslation(Translation):
    """The same, trained with a critic."""

    shared: ClassVar[Shared | None] = EncoderDecoder(critic=True)


def newcomers_methods() -> dict[str, NewcomersMethod]:
    """All methods by name, in the order of the report."""
    return {
        REFERENCE: Extended(),
        "transferred": Transferred(),
        FLOOR: NearestKnownValue(),
        "own picture unchanged": OwnPicture(),
        "mean cell": MeanCell(),
        CEILING: FullRetraining(),
        "encoder-decoder": Translation(
            "image to image: a U-Net with a mask, trained on the grid's pairs (L1)"
        ),
        "encoder-decoder + critic": CriticizedTranslation(
            "the same with a conditional PatchGAN critic, as pix2pix"
        ),
    }
