"""What is asked of every method: to classify new classes, or the known ones of a new writer or person, from few pictures.

Beside these there is a fuller grid: all pictures of other classes, or of other writers or persons.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gcn_tf.augmentation.moves import Moves, learn_moves
from gcn_tf.errors import ConfigError
from gcn_tf.pipelines.dataset import Dataset

MOST_ASKED = 1000  # pictures to test on
FEWEST = 2  # new values on either side
MOST_TAUGHT = 3  # new writers or persons of a task for whom a classifier is trained

Role = Literal["test", "validation"]


@dataclass(frozen=True)
class Task:
    """New values of a factor and a fuller grid. Pictures are base images by number; classes are numbered from 0 on either side.

    Args:
        images: uint8 (N, H, W, C). All base images.
        ids: int (N, M). Their cells, without the factors that a formula makes.
        factor: position of the factor of which values are new; name: its name.
        label: position of the factor that is classified. The same one: its new values are new classes.
        new: ids of the new values, ascending; fuller: of the fuller grid's.
        taught: ids of the new values that one classifier learns, for every classifier of the task.
        order: int (N,). Place of every picture among those of its value and class, or of those of one giver, by chance: the
            first are given first.
        tested: bool (N,). Whose classification is asked for, if their value is new: no picture that is ever given.
    """

    images: np.ndarray
    ids: np.ndarray
    factor: int
    name: str
    label: int
    new: np.ndarray
    fuller: np.ndarray
    taught: tuple[np.ndarray, ...]
    order: np.ndarray
    tested: np.ndarray

    @property
    def classes_are_new(self) -> bool:
        return self.factor == self.label

    def given(self, count: int, values: np.ndarray) -> np.ndarray:
        """The few pictures of values in `taught`, `count` of every class, or of every class and giver: int (G,)."""
        return np.flatnonzero(np.isin(self.ids[:, self.factor], values) & (self.order < count))

    def asked(self, values: np.ndarray) -> np.ndarray:
        """Pictures of values in `taught` to test on, the same whatever number is given: int (T,)."""
        rows = np.flatnonzero(np.isin(self.ids[:, self.factor], values) & self.tested)
        return np.sort(np.random.default_rng(0).permutation(rows)[:MOST_ASKED])

    @property
    def others(self) -> np.ndarray:
        """The pictures of the fuller grid: int (F,)."""
        return np.flatnonzero(np.isin(self.ids[:, self.factor], self.fuller))

    def values(self, new: bool) -> np.ndarray:
        """Ids of the classes of the new side or of the fuller grid, ascending: int (K,)."""
        if self.classes_are_new:
            return self.new if new else self.fuller
        return np.unique(self.ids[:, self.label])

    def classes(self, rows: np.ndarray) -> np.ndarray:
        """Class of pictures of one side: int (n,) -> int (n,)."""
        new = bool(np.isin(self.ids[rows, self.factor], self.new).all())
        return np.searchsorted(self.values(new), self.ids[rows, self.label])

    def clusters(self, rows: np.ndarray) -> np.ndarray:
        """Pictures with the same number are by the same hand: of all factors that are not classified the one with most values. int (n,)."""
        return self.ids[rows, _hand(self.ids, self.label)]

    def moves(self) -> Moves:
        """Moves between the fuller grid's pictures of one class. No new value has a say."""
        rows = self.others
        varied = [m for m in range(self.ids.shape[1]) if m != self.label]
        return learn_moves(lambda n: self.images[rows[n]], self.ids[rows], self.label, varied, self.name)


def choose_task(
    dataset: Dataset, name: str, seed: int, role: Role, most: int, classified: str = "", givers: int = 0
) -> Task:
    """Divide the values of a factor by chance: half are new, half are the fuller grid.

    A validation task divides the fuller grid of the test task with the same seed once more, so that nothing of the test's new
    values is seen when settings are chosen.

    Args:
        name: of the factor of which values are new.
        most: pictures of a value and class that are given at most; a value with no more is left out.
        classified: the factor that is classified, for each new value by itself; "": the new values are the classes.
        givers: how many writers or persons the few pictures are of, `most` at most of every class and each of them; all others
            are tested on. 0: of anyone, and the pictures that are not given are tested on.

    Raises:
        ConfigError: no such factor, one that a formula makes or orders, no other factor, or too few values, pictures or givers.
    """
    place = _factor(dataset, "--new", name)
    label = _factor(dataset, "--classify", classified) if classified else place
    ids = dataset.base_ids
    order = np.empty(len(ids), int)
    rng = np.random.default_rng([seed, 0x50])
    cells, cell = np.unique(ids[:, [place, label]], axis=0, return_inverse=True)
    counts = np.bincount(cell)
    for number in range(len(cells)):
        own = np.flatnonzero(cell == number)
        order[own] = rng.permutation(len(own))
    enough = np.bincount(cells[counts > most, 0], minlength=len(dataset.space[name]))
    able = np.flatnonzero(enough == (len(np.unique(ids[:, label])) if classified else 1))
    wanted = 4 * FEWEST
    if len(able) < wanted:
        of_each = f" of every {classified}" if classified else ""
        raise ConfigError(
            f"--new {name}: {len(able)} of its values have more than {most} pictures{of_each}, {wanted} are needed (new ones, the fuller "
            "grid, and both once more for settings): give smaller --counts, or more pictures"
        )
    mixed = rng.permutation(able)
    new, fuller = np.split(mixed, [len(mixed) // 2])
    if role == "validation":
        new, fuller = np.split(fuller, [len(fuller) // 2])
    taught = tuple(new[:MOST_TAUGHT, None]) if classified else (np.sort(new),)
    tested = order >= most
    if givers:
        order, tested = _places_of_givers(dataset, place, most, givers, rng)
    return Task(dataset.images, ids, place, name, label, np.sort(new), np.sort(fuller), taught, order, tested)


def _hand(ids: np.ndarray, label: int) -> int:
    """The factor that tells by whose hand pictures are: of all that are not classified the one with most values."""
    others = [m for m in range(ids.shape[1]) if m != label]
    return max(others, key=lambda m: len(np.unique(ids[:, m])))


def _places_of_givers(
    dataset: Dataset, place: int, most: int, givers: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """`order` and `tested` of a task whose few pictures are of some writers or persons, chosen by chance."""
    ids = dataset.base_ids
    hand = _hand(ids, place)
    counts = np.zeros((ids[:, hand].max() + 1, ids[:, place].max() + 1), int)
    np.add.at(counts, (ids[:, hand], ids[:, place]), 1)
    able = np.flatnonzero((counts >= most).all(axis=1))
    if len(able) < givers or givers == len(counts):
        who = dataset.space.names[hand]
        raise ConfigError(
            f"--givers {givers}: {len(able)} of {len(counts)} values of {who} have {most} or more pictures of every "
            f"{dataset.space.names[place]}, and some must be left for tests: give fewer, or smaller --counts"
        )
    chosen = rng.permutation(able)[:givers]
    order = np.full(len(ids), len(ids))
    for giver in chosen:
        for value in np.unique(ids[:, place]):
            own = np.flatnonzero((ids[:, hand] == giver) & (ids[:, place] == value))
            order[own] = rng.permutation(len(own))
    return order, ~np.isin(ids[:, hand], chosen)


def _factor(dataset: Dataset, flag: str, name: str) -> int:
    made = [variation.factor.name for variation in dataset.variations]
    names = [factor.name for factor in dataset.space if factor.name not in made]
    able = [factor for factor in names if not dataset.space[factor].numbers]
    if name not in able:
        reason = (
            "there is none"
            if name not in dataset.space.names
            else "its values are made by a formula, or ordered"
        )
        raise ConfigError(f"{flag} {name}: {reason}, use one of {', '.join(able)}")
    if len(names) == 1:
        raise ConfigError(
            f"{flag} {name}: the pictures have no other label, so that none shows how those of one {name} differ"
        )
    return names.index(name)
