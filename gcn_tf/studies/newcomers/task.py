"""What is asked of every method: some values of a factor are newcomers, few of their pictures are given, all others are to be drawn."""

from dataclasses import dataclass, replace

import numpy as np

from gcn_tf.errors import ConfigError
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.pipelines.newcomers import without_values
from gcn_tf.pipelines.split import Split, undivided, with_newcomers

FEWEST_KNOWN = 2  # values that are no newcomers


@dataclass(frozen=True)
class Protocol:
    """How many newcomers there are, and how many pictures each gives.

    Args:
        factor: str. The factor whose values are newcomers.
        newcomers: int. Values that every seed samples.
        counts: numbers of pictures that each newcomer gives.
    """

    factor: str
    newcomers: int
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Task:
    """Newcomers of one seed, and their pictures.

    Base images are numbered as in the dataset, with all newcomers in it.

    Args:
        split: of the whole dataset; seen are the pictures of all known values, and those that were given.
        place: int. Position of the newcomers' factor.
        values: ids of the newcomers.
        given: int (G,). Base images that were given.
        wanted: int (W,). Base images of the newcomers that are to be drawn: those of all other cells.
    """

    split: Split
    place: int
    values: tuple[int, ...]
    given: np.ndarray
    wanted: np.ndarray

    @property
    def dataset(self) -> Dataset:
        return self.split.dataset

    @property
    def known(self) -> np.ndarray:
        """Base images of the values that are no newcomers: int (K,)."""
        return np.flatnonzero(~np.isin(self.dataset.base_ids[:, self.place], self.values))

    @property
    def rows(self) -> np.ndarray:
        """Rows of the split that are to be drawn, `wanted` in all variations, one base image after the other: int (R,)."""
        count = len(self.split.ids) // len(self.dataset.images)
        return np.asarray((self.wanted[:, None] * count + np.arange(count)).ravel())

    def known_split(self) -> Split:
        """The dataset without the newcomers, nothing held out."""
        factor = self.dataset.space.names[self.place]
        values = [self.dataset.space[factor].values[i] for i in self.values]
        return undivided(without_values(self.dataset, factor, values))

    def grown_split(self) -> Split:
        """The dataset without the newcomers, then the given pictures, with the newcomers after the known values."""
        base, space = self.dataset.base_ids, self.dataset.space
        labels = {
            name: [space[name].values[i] for i in base[self.given, m]]
            for m, name in enumerate(self.base_factors)
        }
        return with_newcomers(self.known_split(), self.dataset.images[self.given], labels)

    def ids_in(self, split: Split) -> np.ndarray:
        """Value ids of the rows to be drawn, in the order that a split has the same values in: int (R, M)."""
        ids = self.split.ids[self.rows]
        columns = [
            np.array([_place(split.dataset.space[factor.name].values, value) for value in factor.values])[
                ids[:, m]
            ]
            for m, factor in enumerate(self.dataset.space)
        ]
        return np.stack(columns, axis=1)

    def differing(self, candidates: np.ndarray) -> np.ndarray:
        """In how many factors but the newcomers' own base images differ from those that are wanted.

        Args:
            candidates: int (N,). Base images.

        Returns:
            int (W, N).
        """
        content = np.delete(self.dataset.base_ids, self.place, axis=1)
        return np.asarray((content[self.wanted][:, None] != content[candidates]).sum(axis=-1))

    def nearest_given(self) -> np.ndarray:
        """For each wanted base image the given one of the same newcomer that shares most other values: int (W,)."""
        who = self.dataset.base_ids[:, self.place]
        others = who[self.wanted][:, None] != who[self.given]
        return np.asarray(self.given[np.argmin(self.differing(self.given) + len(who) * others, axis=1)])

    def varied(self, images: np.ndarray) -> np.ndarray:
        """Pictures of the wanted base images, in all their variations: uint8 (W, H, W, C) -> uint8 (R, H, W, 3)."""
        drawn = replace(
            self.dataset,
            images=images,
            base_ids=self.dataset.base_ids[self.wanted],
            repeats=None,
            pixels_sha256="",
        )
        split = undivided(drawn)
        return pixels(split, np.arange(len(split.ids)))

    @property
    def base_factors(self) -> tuple[str, ...]:
        """Names of the factors that are no variations."""
        return self.dataset.space.names[: self.dataset.base_ids.shape[1]]


def _place(values: tuple[str, ...], value: str) -> int:
    """Position of a value; -1 for one that is not there, a newcomer of whom no picture was given."""
    return values.index(value) if value in values else -1


def newcomers_factor(dataset: Dataset, wanted: str = "") -> str:
    """The factor whose values are newcomers: by default whoever made or shows the pictures, if the dataset says so, else the one with
    most values.

    Args:
        wanted: a name; "" for the default.

    Raises:
        ConfigError: no such factor, or one whose values no picture can add.
    """
    varied = [variation.factor.name for variation in dataset.variations]
    able = [factor.name for factor in dataset.space if factor.name not in varied and not factor.numbers]
    if wanted and wanted not in able:
        reason = "there is none" if wanted not in dataset.space.names else "it has no newcomers"
        raise ConfigError(f"--factor {wanted}: {reason}, use one of {', '.join(able)}")
    if not able:
        raise ConfigError("no factor of this dataset has newcomers: all are ordered, or drawn by a formula")
    if wanted:
        return wanted
    if dataset.roles and dataset.roles.identity in able:
        return dataset.roles.identity
    return max(able, key=lambda name: len(dataset.space[name]))


def newcomers_task(dataset: Dataset, protocol: Protocol, count: int, seed: int) -> Task:
    """Sample newcomers, and which of their pictures are given.

    The pictures are nested: of three that are given, the first is the one that is given alone.

    Args:
        count: pictures that each newcomer gives, one of the protocol's.
        seed: of the newcomers and their pictures.

    Raises:
        ConfigError: not enough values, or not enough pictures of them.
    """
    place = dataset.space.names.index(protocol.factor)
    values = sample_newcomers(dataset, protocol, seed)
    base_ids = dataset.base_ids
    given: list[int] = []
    wanted: list[int] = []
    for value in values:
        own = np.flatnonzero(base_ids[:, place] == value)
        first, cell = np.unique(base_ids[own], axis=0, return_index=True, return_inverse=True)[1:]
        order = np.random.default_rng([seed, 0x41, value]).permutation(len(first))
        given += own[first[order[:count]]].tolist()
        wanted += own[~np.isin(cell.ravel(), order[:count])].tolist()
    base, ids = dataset.pictures()
    known = ~np.isin(base_ids[base, place], values)
    split = Split(dataset, base, ids, ~(known | np.isin(base, given)))
    task = Task(split, place, tuple(values), np.array(given), np.array(wanted))
    _check_others_seen(task)
    return task


def _check_others_seen(task: Task) -> None:
    """Raise ConfigError for a value of another factor that newcomers alone have: nothing could be learned about it."""
    for m, factor in enumerate(task.dataset.space):
        there, known = (
            np.unique(ids[:, m]) for ids in (task.split.ids, task.split.ids[~_of_newcomers(task)])
        )
        lost = np.setdiff1d(there, known)
        if m != task.place and len(lost):
            raise ConfigError(
                f"newcomers alone have {factor.name}={factor.values[lost[0]]}: give another --seed, or fewer --newcomers"
            )


def _of_newcomers(task: Task) -> np.ndarray:
    return np.isin(task.split.ids[:, task.place], task.values)


def sample_newcomers(dataset: Dataset, protocol: Protocol, seed: int) -> list[int]:
    """Ids of the newcomers, ascending; raises ConfigError if there are not enough values with enough pictures."""
    place, most = dataset.space.names.index(protocol.factor), max(protocol.counts)
    cells = np.unique(dataset.base_ids, axis=0)[:, place]
    able = np.flatnonzero(np.bincount(cells, minlength=len(dataset.space[protocol.factor])) > most)
    there = len(dataset.space[protocol.factor])
    if len(able) < protocol.newcomers or there - protocol.newcomers < FEWEST_KNOWN:
        fit = min(len(able), there - FEWEST_KNOWN)
        remedy = f"--newcomers {fit}" if fit > 0 else "give smaller --counts, or more pictures"
        raise ConfigError(
            f"{protocol.newcomers} newcomers with more than {most} pictures each, and {FEWEST_KNOWN} or more others, are not among the "
            f"{there} values of {protocol.factor}: {remedy}"
        )
    chosen = np.random.default_rng([seed, 0x40]).permutation(able)[: protocol.newcomers]
    return sorted(chosen.tolist())
