"""What a judge is: a classifier of its own that scores generated pictures, and the real pictures that it knows."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gcn_tf.grid.factors import FactorSpace
from gcn_tf.metrics.pictures import factor_accuracy
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.pipelines.split import repeated_pictures, undivided

JUDGE_SEED = 20190301


REPEAT_LIMIT = 12_000  # pictures to learn from


HELD_OUT_LIMIT = 2_400  # pictures to be tested on


HELD_OUT_SHARE = 0.2  # of the grid, where there are no repeats


FEW_PICTURES = 40  # known ones; fewer hardly tell what a value does to a picture from chance


LONE_BELOW = 1.5  # known pictures of a cell on average


MOST_CELLS = 20_000  # of a grid whose cells are compared one by one


RECOGNISED = (
    1 / 3
)  # of the way from guessing to no mistake, in held-out pictures; QMNIST's writers are at one half


ACCURACY_WANTED = 0.95  # on pictures that a judge knows, of a factor; below it a judge is no yardstick for it


@dataclass(frozen=True)
class JudgePictures:
    """Real pictures for the judges: uint8 (N, H, W, C) and value ids int32 (N, M).

    `grid` and `repeats` are theirs to learn, `held_out` is not; `repeats` may be empty.
    """

    space: FactorSpace
    grid: tuple[np.ndarray, np.ndarray]
    repeats: tuple[np.ndarray, np.ndarray]
    held_out: tuple[np.ndarray, np.ndarray]

    @property
    def known(self) -> tuple[np.ndarray, np.ndarray]:
        return (
            np.concatenate([self.grid[0], self.repeats[0]]),
            np.concatenate([self.grid[1], self.repeats[1]]),
        )

    @property
    def lone(self) -> bool:
        """Whether a picture is as a rule the only one of its cell, so that judges must classify by factor, not by cell."""
        ids = self.known[1]
        lone = FEW_PICTURES <= len(ids) < LONE_BELOW * len(np.unique(ids, axis=0))
        return lone and math.prod(len(factor) for factor in self.space) <= MOST_CELLS


class Judge(Protocol):
    """Reads the factors of pictures.

    Attributes:
        name: str. "convolutional" or "hog".
        known_accuracy, held_out_accuracy: share of real pictures classified correctly by factor name, of those that the judge
            learned from and of those that were kept from it.
        recognised: the factors whose values it classifies well in real pictures that were kept from it.
    """

    name: str
    known_accuracy: dict[str, float]
    held_out_accuracy: dict[str, float]
    recognised: tuple[str, ...]

    def classify(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Value ids that the judge reads: uint8 (B, H, W, C) -> int (B,) by factor name."""
        ...


def recognised_factors(accuracy: dict[str, float], held_out_ids: np.ndarray) -> tuple[str, ...]:
    """Factors that a judge recognises well enough to score generated pictures by them.

    A guess of the most frequent value is classified correctly in a share g of the held-out pictures; a judge must be at
    least `RECOGNISED` of the way from g to 1.

    Args:
        accuracy: share of held-out pictures classified correctly by factor name, in the order of the factors.
        held_out_ids: int (N, M), their value ids.

    >>> ids = np.array([[0, 0], [0, 1], [1, 2], [1, 3]])
    >>> recognised_factors({"size": 0.6, "person": 0.6}, ids)  # a guess reaches 0.5 and 0.25
    ('person',)
    """
    guesses = [np.bincount(column).max() / len(column) for column in held_out_ids.T]
    return tuple(
        name
        for (name, share), guess in zip(accuracy.items(), guesses, strict=True)
        if share >= guess + RECOGNISED * (1 - guess)
    )


def doubted_factors(judge: Judge) -> list[str]:
    """Factors that a judge does not even read in pictures that it knows."""
    return [name for name, share in judge.known_accuracy.items() if share < ACCURACY_WANTED]


def judge_pictures(dataset: Dataset) -> JudgePictures:
    """What the judges of a dataset learn from and are tested on; the hold-out of a run plays no part.

    With repeats every second one of each cell is held out, the first of all cells before the second of any; without,
    a fifth of the grid.
    """
    whole = undivided(dataset)
    grid, ids = pixels(whole, np.arange(len(whole.ids))), whole.ids
    again = repeated_pictures(dataset)
    if again is None:
        held = np.random.default_rng(JUDGE_SEED).random(len(ids)) < HELD_OUT_SHARE
        held[-1] |= not held.any()
        return JudgePictures(
            dataset.space, (grid[~held], ids[~held]), (grid[:0], ids[:0]), (grid[held], ids[held])
        )
    number = _number_within_cell(again.dataset.base_ids)[again.base]
    order = np.argsort(number, kind="stable")
    known = order[number[order] % 2 == 0][:REPEAT_LIMIT]
    held_out = order[number[order] % 2 == 1][:HELD_OUT_LIMIT]
    repeats, kept = ((pixels(again, rows), again.ids[rows]) for rows in (known, held_out))
    return JudgePictures(dataset.space, (grid, ids), repeats, kept)


def _number_within_cell(ids: np.ndarray) -> np.ndarray:
    """Of each row, how many rows before it have the same ids: int (N,)."""
    _, cell = np.unique(ids, axis=0, return_inverse=True)
    order = np.argsort(cell, kind="stable")
    starts = np.searchsorted(cell[order], cell[order])
    numbers = np.empty(len(ids), int)
    numbers[order] = np.arange(len(ids)) - starts
    return numbers


def judge_accuracy(judge: Judge, images: np.ndarray, ids: np.ndarray, space: FactorSpace) -> dict[str, float]:
    return factor_accuracy(judge.classify(images), space.by_name(ids))
