"""What a judge is: a classifier of its own that scores generated pictures, and the real pictures that it knows."""

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


ACCURACY_WANTED = 0.95  # on pictures that a judge knows, of a factor; below it a judge is no yardstick for it


@dataclass(frozen=True)
class JudgePictures:
    """Real pictures for the judges: uint8 (N, H, W, 3) and value ids int32 (N, M).

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


class Judge(Protocol):
    """Reads the factors of pictures.

    Attributes:
        name: str. "convolutional" or "hog".
        known_accuracy, held_out_accuracy: share of real pictures classified correctly by factor name, of those that the judge
            learned from and of those that were kept from it.
    """

    name: str
    known_accuracy: dict[str, float]
    held_out_accuracy: dict[str, float]

    def classify(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Value ids that the judge reads: uint8 (B, H, W, 3) -> int (B,) by factor name."""
        ...


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
