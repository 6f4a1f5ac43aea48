"""What is asked of every method: to classify new classes of which few pictures are given, beside a fuller grid of other classes."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gcn_tf.augmentation.moves import Moves, learn_moves
from gcn_tf.errors import ConfigError
from gcn_tf.pipelines.dataset import Dataset

MOST_ASKED = 1000  # pictures to test on
FEWEST = 2  # classes on either side

Role = Literal["test", "validation"]


@dataclass(frozen=True)
class Task:
    """New classes and a fuller grid. Pictures are base images by number; classes are numbered from 0 on either side.

    Args:
        images: uint8 (N, H, W, C). All base images.
        ids: int (N, M). Their cells, without the factors that a formula makes.
        factor: position of the factor whose values are the classes; name: its name.
        new: value ids of the new classes, ascending; fuller: of the fuller grid's.
        order: int (N,). Place of every picture among those of its class, by chance: the first are given first.
    """

    images: np.ndarray
    ids: np.ndarray
    factor: int
    name: str
    new: np.ndarray
    fuller: np.ndarray
    order: np.ndarray

    def given(self, count: int) -> np.ndarray:
        """The few pictures, `count` of every new class: int (count * classes,)."""
        return np.flatnonzero(self._is_new & (self.order < count))

    def asked(self, most: int) -> np.ndarray:
        """Pictures to test on, the same for every number up to `most` that is given: int (T,)."""
        rows = np.flatnonzero(self._is_new & (self.order >= most))
        return np.sort(np.random.default_rng(0).permutation(rows)[:MOST_ASKED])

    @property
    def others(self) -> np.ndarray:
        """The pictures of the fuller grid: int (F,)."""
        return np.flatnonzero(np.isin(self.ids[:, self.factor], self.fuller))

    def classes(self, rows: np.ndarray) -> np.ndarray:
        """Class of pictures of one side: int (n,) -> int (n,)."""
        values = self.ids[rows, self.factor]
        side = self.new if np.isin(values, self.new).all() else self.fuller
        return np.searchsorted(side, values)

    def clusters(self, rows: np.ndarray) -> np.ndarray:
        """Pictures with the same number are by the same hand: of all other factors the one with most values. int (n,)."""
        others = [m for m in range(self.ids.shape[1]) if m != self.factor]
        return self.ids[rows, max(others, key=lambda m: len(np.unique(self.ids[:, m])))]

    def moves(self) -> Moves:
        """Moves between the fuller grid's pictures of one class. No new class has a say."""
        rows = self.others
        varied = [m for m in range(self.ids.shape[1]) if m != self.factor]
        return learn_moves(lambda n: self.images[rows[n]], self.ids[rows], self.factor, varied, self.name)

    @property
    def _is_new(self) -> np.ndarray:
        return np.isin(self.ids[:, self.factor], self.new)


def choose_task(dataset: Dataset, name: str, seed: int, role: Role, most: int) -> Task:
    """Divide the classes by chance: half are new, half are the fuller grid.

    A validation task divides the fuller grid of the test task with the same seed once more, so that nothing of the test's new
    classes is seen when settings are chosen.

    Args:
        name: of the factor whose values are the classes.
        most: pictures of a class that are given at most; a class with no more is left out.

    Raises:
        ConfigError: no such factor, one that a formula makes or orders, no other factor, or too few classes or pictures.
    """
    place = _class_factor(dataset, name)
    ids = dataset.base_ids
    order = np.empty(len(ids), int)
    rng = np.random.default_rng([seed, 0x50])
    counts = np.bincount(ids[:, place], minlength=len(dataset.space[name]))
    for value in np.flatnonzero(counts):
        own = np.flatnonzero(ids[:, place] == value)
        order[own] = rng.permutation(len(own))
    able = np.flatnonzero(counts > most)
    wanted = 4 * FEWEST
    if len(able) < wanted:
        raise ConfigError(
            f"--new {name}: {len(able)} of its values have more than {most} pictures, {wanted} are needed (new classes, the fuller "
            "grid, and both once more for settings): give smaller --counts, or more pictures"
        )
    mixed = rng.permutation(able)
    new, fuller = np.split(mixed, [len(mixed) // 2])
    if role == "validation":
        new, fuller = np.split(fuller, [len(fuller) // 2])
    return Task(dataset.images, ids, place, name, np.sort(new), np.sort(fuller), order)


def _class_factor(dataset: Dataset, name: str) -> int:
    made = [variation.factor.name for variation in dataset.variations]
    names = [factor.name for factor in dataset.space if factor.name not in made]
    able = [factor for factor in names if not dataset.space[factor].numbers]
    if name not in able:
        reason = (
            "there is none"
            if name not in dataset.space.names
            else "its values are made by a formula, or ordered"
        )
        raise ConfigError(f"--new {name}: {reason}, use one of {', '.join(able)}")
    if len(names) == 1:
        raise ConfigError(
            f"--new {name}: the pictures have no other label, so that none shows how those of one {name} differ"
        )
    return names.index(name)
