"""Which codes to generate: blends of pairs of values, or cells that training never saw, each picture by its number.

The codes of picture n are a pure function of (source, n): nothing is listed, so that any part of a set of any size can
be generated anywhere. Numbers run through the classes of the label in turn and are shuffled by seed within each, so the
first N are N different pictures, sampled by seed, with the classes even.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from gcn_tf.augmentation.ratios import Ratio
from gcn_tf.augmentation.source import CodeArrays, Source
from gcn_tf.errors import UserError
from gcn_tf.grid.factors import FactorSpace


def shuffled(places: np.ndarray, count: int, seed: int, stream: np.ndarray | int = 0) -> np.ndarray:
    """Where a shuffle by (seed, stream) puts every place: int64 (B,) in [0, count), a permutation of all of them."""
    streams = np.broadcast_to(stream, places.shape).astype(np.int64)
    seeds = np.stack([np.full_like(streams, seed), streams, np.ones_like(streams)], axis=1)
    # The op itself: `tf.random.experimental.index_shuffle` does not take one seed per index.
    return tf.raw_ops.RandomIndexShuffle(
        index=tf.constant(places, tf.int64), seed=seeds, max_index=tf.constant(count - 1, tf.int64), rounds=4
    ).numpy()


def pair(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The unordered pairs (0, 1), (0, 2), (1, 2), (0, 3) ... by number: int64 (B,) -> two int64 (B,), first < second."""
    numbers = np.asarray(numbers, np.int64)
    second = ((1 + np.sqrt(1 + 8 * numbers.astype(np.float64))) / 2).astype(np.int64)
    second -= second * (second - 1) // 2 > numbers  # the root is rounded
    second += second * (second + 1) // 2 <= numbers
    return numbers - second * (second - 1) // 2, second


def _values_of(combinations: tf.Tensor, sizes: Sequence[int]) -> list[tf.Tensor]:
    """`np.unravel_index` of int64 (B,) in the graph; TensorFlow's own does not take an empty batch."""
    values: list[tf.Tensor] = []
    for size in reversed(sizes):
        values.insert(0, combinations % size)
        combinations //= size
    return values


@dataclass(frozen=True)
class Blends(Source):
    """All pairs of values of the blended factors x all choices of the others.

    Args:
        space: factors of the run.
        blended: factors mixed together at one ratio; a pair is one of combinations of their values.
        choices: float32 (n, K_f) by factor. Codes to take; of blended factors, the values to pair.
        label: factor whose classes are kept even, not blended; "" where every factor is.
        copies: how often every combination is taken, each time with another ratio of a Beta distribution.
    """

    space: FactorSpace
    blended: tuple[str, ...]
    choices: Mapping[str, np.ndarray]
    ratio: Ratio
    label: str
    copies: int = 1
    seed: int = 0

    @property
    def soft(self) -> tuple[str, ...]:
        """The blended factors, and those that `choices` gives as a blend."""
        return tuple(
            n for n in self.space.names if n in self.blended or (self.choices[n].max(axis=1) < 1).any()
        )

    @property
    def combinations(self) -> tuple[int, ...]:
        """Number of values of every blended factor."""
        return tuple(len(self.choices[name]) for name in self.blended)

    @property
    def pairs(self) -> int:
        combinations = math.prod(self.combinations)
        return combinations * (combinations - 1) // 2

    @property
    def others(self) -> tuple[str, ...]:
        """Factors that are neither blended nor the label."""
        return tuple(n for n in self.space.names if n not in self.blended and n != self.label)

    @property
    def classes(self) -> int:
        return len(self.choices[self.label]) if self.label else 1

    @property
    def values(self) -> tuple[str, ...]:
        if not self.label:
            return ()
        factor = self.space[self.label]
        return tuple(factor.values[i] for i in np.unique(self.choices[self.label].argmax(axis=1)))

    @property
    def _sizes(self) -> tuple[int, ...]:
        """How many ways there are to choose the pair, the ratio, the copy and a value of every other factor."""
        return (self.pairs, self.ratio.variants, self.copies, *(len(self.choices[n]) for n in self.others))

    @property
    def count(self) -> int:
        return self.classes * math.prod(self._sizes)

    def codes(self, numbers: np.ndarray) -> CodeArrays:
        numbers = np.asarray(numbers, np.int64)
        classes = numbers % self.classes
        places = shuffled(numbers // self.classes, self.count // self.classes, self.seed, classes)
        pairs, variants, _, *others = np.unravel_index(places, self._sizes)
        chosen = dict(zip(self.others, others, strict=True)) | ({self.label: classes} if self.label else {})
        weights = self.ratio.of(variants, numbers, self.seed)[:, None]
        ends = (np.unravel_index(end, self.combinations) for end in pair(pairs))
        codes = {name: self.choices[name][ids] for name, ids in chosen.items()}
        for name, first, second in zip(self.blended, *ends, strict=True):
            codes[name] = weights * self.choices[name][first] + (1 - weights) * self.choices[name][second]
        return {name: codes[name] for name in self.space.names}

    def random_codes(self, count: int | tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        """Codes at random, each independent of the others, as graph operations.

        Args:
            seed: int64 scalar.

        Returns:
            float32 (count, K_f) by factor name.
        """

        def below(limit: int, stream: int) -> tf.Tensor:
            return tf.random.stateless_uniform([count], tf.stack([seed, stream]), 0, limit, tf.int64)

        combinations = math.prod(self.combinations)
        first = below(combinations, 0)
        second = (first + 1 + below(combinations - 1, 1)) % combinations
        ends = [_values_of(end, self.combinations) for end in (first, second)]
        weights = self.ratio.random(count, tf.stack([seed, tf.constant(2, tf.int64)]))[:, None]
        codes = {}
        for position, name in enumerate(self.space.names):
            choices = tf.constant(self.choices[name])
            if name in self.blended:
                one, other = (tf.gather(choices, end[self.blended.index(name)]) for end in ends)
                codes[name] = weights * one + (1 - weights) * other
            else:
                codes[name] = tf.gather(choices, below(len(self.choices[name]), 8 + position))
        return codes


@dataclass(frozen=True)
class Cells(Source):
    """Given cells, one picture of each: int (N, M) value ids; `label` names the factor of the classes."""

    space: FactorSpace
    cells: np.ndarray
    label: str
    seed: int = 0

    @property
    def count(self) -> int:
        return len(self.cells)

    @property
    def values(self) -> tuple[str, ...]:
        factor = self.space[self.label]
        return tuple(factor.values[i] for i in np.unique(self.cells[:, self.space.names.index(self.label)]))

    def codes(self, numbers: np.ndarray) -> CodeArrays:
        numbers = np.asarray(numbers, np.int64)
        return self.space.one_hot(self.cells[shuffled(numbers, self.count, self.seed)])


def blends_of(
    space: FactorSpace,
    blended: Sequence[str],
    ratio: str,
    words: Sequence[str] = (),
    label: str = "",
    copies: int = 1,
    seed: int = 0,
) -> Blends:
    """The blends that a user asks for.

    Args:
        blended: one factor, or several to mix together.
        ratio: as `Ratio.parse` takes it.
        words: "digit=3,8": what to take of a factor, or which values of a blended one to pair; by default all.
        label: factor of the classes; by default the first that is not blended.

    Raises:
        UserError: an unknown factor or value, nothing to blend, a label that is blended.
    """
    names = tuple(space[name].name for name in blended)
    if len(set(names)) < len(names):
        raise UserError(f"{','.join(names)} names a factor twice: mix different ones")
    texts = space.choices(words)
    choices = {name: space.codes_of(name, values) for name, values in texts.items()}
    for name in names:
        if (choices[name].max(axis=1) < 1).any():
            raise UserError(f"{name}={','.join(texts[name])}: {name} is blended, give plain values to pair")
        if len(choices[name]) < 2:
            raise UserError(f"{name} has one value here ({texts[name][0]}), a blend needs two or more")
    blends = Blends(space, names, choices, Ratio.parse(ratio), "", copies, seed)
    return replace(blends, label=label_of(space, blends.soft, label))


def missing_cells(
    space: FactorSpace, seen: np.ndarray, words: Sequence[str] = (), label: str = "", seed: int = 0
) -> Cells:
    """The cells of the grid that are not among the seen ones, int (P, M); `words` as `blends_of` takes them.

    Raises:
        UserError: no such cell, an unknown factor or value, or a blend among the words.
    """
    cells = space.cells()
    sizes = tuple(space.sizes.values())
    wanted = ~np.isin(np.arange(len(cells)), np.ravel_multi_index(seen.T, sizes))
    for m, (name, values) in enumerate(space.choices(words).items()):
        heaviest = []
        for code in map(space[name].code, values):
            if code.max() < 1:
                raise UserError(
                    f"{name}={','.join(values)}: unseen cells are generated as they are, give plain values"
                )
            heaviest.append(code.argmax())
        wanted &= np.isin(cells[:, m], heaviest)
    if not wanted.any():
        place = f" with {' '.join(words)}" if words else ""
        raise UserError(f"this run has no unseen cell{place}: give other factors, or train with --holdout")
    return Cells(space, cells[wanted], label_of(space, (), label), seed)


def label_of(space: FactorSpace, soft: Sequence[str], label: str = "") -> str:
    """The factor of the classes: the given one, or the first that is not blended; "" where all are."""
    hard = [name for name in space.names if name not in soft]
    if not label:
        return next(iter(hard), "")
    if space[label].name in soft:
        raise UserError(f"label {label} is blended: take one that is not ({', '.join(hard) or 'none'})")
    return label
