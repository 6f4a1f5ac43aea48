"""Few pictures and moved copies of them, each by its number: moves that a run's pictures of one class show, for other classes."""

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gcn_tf.augmentation.blends import CodeArrays
from gcn_tf.augmentation.moves import Moves, class_pairs, learn_moves, moved
from gcn_tf.errors import UserError
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.newcomers.few import few_pictures
from gcn_tf.runs.run_dir import Run
from gcn_tf.synthesis.draw import to_uint8, without_padding


@dataclass(frozen=True)
class MovedPictures:
    """Every picture of a few as it is, and `copies` - 1 moved ones.

    Numbers run through the pictures in turn, first as they are, and through the classes as evenly as their pictures allow.

    Args:
        space: the label alone, with the values that the pictures have.
        images: uint8 (N, H, W, C).
        ids: int (N,). Their values.
        learn: gives the moves; called once, when the first moved picture is made.
        notes: lines for the user.
    """

    space: FactorSpace
    images: np.ndarray
    ids: np.ndarray
    learn: Callable[[], Moves]
    copies: int
    seed: int = 0
    notes: tuple[str, ...] = ()
    soft: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return self.space.names[0]

    @property
    def classes(self) -> int:
        """How many classes the numbers run through in turn; 1 if some have more pictures than others."""
        counts = np.bincount(self.ids)
        return len(counts) if (counts == counts[0]).all() else 1

    @property
    def count(self) -> int:
        return len(self.images) * self.copies

    @functools.cached_property
    def moves(self) -> Moves:
        return self.learn()

    @functools.cached_property
    def _keys(self) -> list[list[int]]:
        """A key of every picture by its pixels, so that other pictures beside it do not change its copies."""
        return [
            np.frombuffer(hashlib.sha256(image.tobytes()).digest(), np.uint32).tolist()
            for image in self.images
        ]

    @functools.cached_property
    def sha256(self) -> str:
        """Of the pictures and their values."""
        digest = hashlib.sha256(self.space.to_json().encode())
        for array in (self.ids.astype(np.int64), np.array(self.images.shape), self.images):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def codes(self, numbers: np.ndarray) -> CodeArrays:
        """Codes of the label by number: int64 (B,) in [0, count) -> float32 (B, K)."""
        return self.space.one_hot(self.ids[np.asarray(numbers) % len(self.ids)][:, None])

    def pictures(self, numbers: np.ndarray) -> np.ndarray:
        """Pictures by number: int64 (B,) in [0, count) -> uint8 (B, H, W, C). A moved one depends on the seed, its picture and its copy alone."""
        copies, rows = np.divmod(np.asarray(numbers, np.int64), len(self.images))
        made = self.images[rows]
        if (copies > 0).any():
            chosen = np.flatnonzero(copies)
            poses = [self._pose(int(rows[n]), int(copies[n])) for n in chosen]
            made[chosen] = to_uint8(moved(made[chosen].astype(np.float32) / 255, np.concatenate(poses)))
        return made

    def _pose(self, row: int, copy: int) -> np.ndarray:
        """float32 (1, NUMBERS)."""
        rng = np.random.default_rng([self.seed, copy, *self._keys[row]])
        return self.moves.sampled(1, 1.0, rng)


def moved_pictures(run: Run, folder: Path, factor: str, copies: int, seed: int) -> MovedPictures:
    """The pictures of a folder, to be moved as the run's seen pictures of one value of a factor lie in each other.

    Args:
        folder: of labelled pictures, as `gcn_tf.newcomers.few.few_pictures` takes them.
        factor: whose values are the classes.

    Raises:
        UserError: an unknown factor, or one that a formula makes; a run without pairs of such pictures; a bad folder.
    """
    run.space[factor]
    split = run.load_split()
    dataset = split.dataset
    variations = {variation.factor.name for variation in dataset.variations}
    exact = variations | set(run.config.generator.exact_factors(run.model.generator))
    if factor in exact:
        others = [name for name in run.space.names if name not in exact]
        raise UserError(
            f"--for {factor}: its values are made from every picture by a formula, name another factor: {', '.join(others)}"
        )
    names = [name for name in dataset.space.names if name not in variations]
    varied = [m for m, name in enumerate(names) if name not in exact and name != factor]
    seen = np.unique(split.base[~split.unseen])
    ids, place = dataset.base_ids[seen], names.index(factor)
    class_pairs(ids, place, varied, factor)  # raises before anything is written

    def learn() -> Moves:
        def finish(rows: np.ndarray) -> np.ndarray:
            return without_padding(dataset.images[seen[rows]], run)

        return learn_moves(finish, ids, place, varied, factor)

    few = few_pictures(run.config, dataset, factor, folder)
    label = Factor(factor, few.classes)
    values = np.array([label.index(value) for value in few.values])
    order = _in_turn(values)
    images = without_padding(few.images, run)[order]
    space = FactorSpace((label,))
    return MovedPictures(space, images, values[order], learn, copies, seed, few.notes)


def _in_turn(ids: np.ndarray) -> np.ndarray:
    """Rows so that values come in turn: the first of each, then the second of each.

    >>> _in_turn(np.array([0, 0, 1, 1, 1])).tolist()
    [0, 2, 1, 3, 4]
    """
    rank = np.zeros(len(ids), np.int64)
    for value in np.unique(ids):
        rows = np.flatnonzero(ids == value)
        rank[rows] = np.arange(len(rows))
    return np.lexsort((ids, rank))
