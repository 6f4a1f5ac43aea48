"""Pictures as they are and moved copies of them, each by its number: a few of other classes, a run's own, or both."""

import functools
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gcn_tf.augmentation.config import AugmentationConfig
from gcn_tf.augmentation.moves import Moves, class_pairs, learn_moves, moved
from gcn_tf.augmentation.source import CodeArrays, Source
from gcn_tf.config.data import expanded
from gcn_tf.errors import UserError, listed
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.metrics.pictures import DRAWN, plain_share
from gcn_tf.newcomers.few import LabelledPictures, few_pictures
from gcn_tf.newcomers.pictures import Where
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.runs.run_dir import Run
from gcn_tf.synthesis.draw import to_uint8, without_padding

MOST_LOOKED_AT = 500  # pictures, to tell drawings from photographs
FULLER = Factor("fuller", ("no", "yes"))  # which pictures are the run's, where they lie beside a few


@dataclass(frozen=True)
class MovedPictures(Source):
    """Every one of some pictures as it is, and `copies` - 1 moved ones.

    Numbers run through the pictures in turn, first as they are, and through the classes as evenly as their pictures allow.

    Args:
        space: the label first.
        ids: int (N, M). The pictures' values.
        originals: gives pictures by row, int (n,) -> uint8 (n, H, W, C).
        learn: gives the moves; called once, when the first moved picture is made.
        few_sha256: of those that are not the run's.
    """

    space: FactorSpace
    label: str
    ids: np.ndarray
    originals: Callable[[np.ndarray], np.ndarray]
    learn: Callable[[], Moves]
    copies: int
    seed: int = 0
    few_sha256: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def identity(self) -> dict[str, str | None]:
        return {"few_sha256": self.few_sha256}

    @property
    def image_shape(self) -> tuple[int, int, int]:
        height, width, channels = self.originals(np.arange(1)).shape[1:]
        return height, width, channels

    @property
    def classes(self) -> int:
        counts = np.bincount(self.ids[:, 0])
        return len(counts) if (counts == counts[0]).all() else 1

    @property
    def count(self) -> int:
        return len(self.ids) * self.copies

    @functools.cached_property
    def moves(self) -> Moves:
        return self.learn()

    def codes(self, numbers: np.ndarray) -> CodeArrays:
        return self.space.one_hot(self.ids[np.asarray(numbers) % len(self.ids)])

    def pictures(self, numbers: np.ndarray) -> np.ndarray:
        """A moved picture depends on the seed, its original and its copy alone."""
        copies, rows = np.divmod(np.asarray(numbers, np.int64), len(self.ids))
        made = self.originals(rows)
        chosen = np.flatnonzero(copies)
        if len(chosen):
            poses = [self._pose(made[n], int(copies[n])) for n in chosen]
            made[chosen] = to_uint8(moved(made[chosen].astype(np.float32) / 255, np.concatenate(poses)))
        return made

    def _pose(self, original: np.ndarray, copy: int) -> np.ndarray:
        """float32 (1, NUMBERS): by the pixels, not by the row, so that other pictures beside it do not change its copies."""
        key = np.frombuffer(hashlib.sha256(original.tobytes()).digest(), np.uint32).tolist()
        return self.moves.sampled(1, 1.0, np.random.default_rng([self.seed, copy, *key]))


def moved_pictures(run: Run, config: AugmentationConfig) -> MovedPictures:
    """The pictures that settings with `for_` name: of the folder `few`, the run's own without it, both with `with_fuller`.

    They move as the run's seen pictures of one value of the factor lie in each other.

    Raises:
        UserError: an unknown factor, or one that a formula makes; a run without pairs of such pictures; a bad folder.
    """
    factor = config.for_
    known = run.space[factor].values
    own = _OwnPictures.of(run, factor)
    class_pairs(own.ids, own.place, own.varied, factor)  # raises before anything is written
    few = _few(run, own.dataset, config)
    with_own = config.with_fuller or not config.few
    values = known if with_own else ()
    label = Factor(factor, tuple(dict.fromkeys((*values, *few.classes))))
    given = np.array([label.index(value) for value in few.values], np.int64)
    ids = np.concatenate([given, own.ids[:, own.place]]) if with_own else given
    order = _in_turn(ids)
    columns, factors = [ids[order]], [label]
    if config.with_fuller:
        columns, factors = [*columns, order >= len(given)], [label, FULLER]

    def originals(rows: np.ndarray) -> np.ndarray:
        places = order[rows]
        fewer = places < len(given)
        made = np.empty((len(rows), *few.images.shape[1:]), np.uint8)
        made[fewer] = few.images[places[fewer]]
        made[~fewer] = own.pictures(places[~fewer] - len(given))
        return made

    return MovedPictures(
        FactorSpace(tuple(factors)),
        factor,
        np.stack(columns, axis=1).astype(np.int64),
        originals,
        functools.partial(learn_moves, own.pictures, own.ids, own.place, own.varied, factor),
        config.copies,
        config.seed,
        _sha256(few) if config.few else None,
        (*few.notes, *_shared(values, few.classes), *_photographs(own)),
    )


@dataclass(frozen=True)
class _OwnPictures:
    """The seen pictures of a run, each once, without what formulas make of it.

    Args:
        rows: int (N,). Their places in the dataset.
        ids: int (N, M). Their values; place: of the factor of the classes; varied: of those in which a pair may differ.
    """

    run: Run
    dataset: Dataset
    rows: np.ndarray
    ids: np.ndarray
    place: int
    varied: list[int]

    @classmethod
    def of(cls, run: Run, factor: str) -> "_OwnPictures":
        """Raises UserError for a factor whose values a formula makes."""
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
        rows = np.unique(split.base[~split.unseen])
        return cls(run, dataset, rows, dataset.base_ids[rows], names.index(factor), varied)

    def pictures(self, numbers: np.ndarray) -> np.ndarray:
        """Without padding: int (n,) -> uint8 (n, H, W, C)."""
        return without_padding(self.dataset.images[self.rows[numbers]], self.run)


def _few(run: Run, dataset: Dataset, config: AugmentationConfig) -> LabelledPictures:
    """The pictures of the folder `few`, without padding; none if it is not given."""
    if not config.few:
        return LabelledPictures(without_padding(dataset.images[:0], run), (), ())
    table = expanded(config.labels, "labels") if config.labels else None
    where = Where(table, config.levels, config.pattern)
    few = few_pictures(run.config, dataset, config.for_, expanded(config.few, "few"), where)
    return replace(few, images=without_padding(few.images, run))


def _shared(own: Sequence[str], given: Sequence[str]) -> list[str]:
    """A note on classes that both the run and a few have, which may be different ones of one name."""
    known = set(own)
    both = [value for value in given if value in known]
    if not both:
        return []
    return [
        f"{len(both)} of {len(given)} classes of --few are taken for the run's of that name: {listed(both)}"
    ]


def _photographs(own: _OwnPictures) -> list[str]:
    """A note on pictures between which moves taught nothing."""
    some = np.linspace(0, len(own.rows) - 1, min(len(own.rows), MOST_LOOKED_AT)).astype(int)
    share = plain_share(own.pictures(some))
    if share >= DRAWN:
        return []
    return [
        f"photographs ({share:.0%} plain ground): moves taught to classify letters, of photographed hands nothing: pre-train on the fuller grid instead, "
        "or compare with gcn-tf study augmentation --new"
    ]


def _sha256(few: LabelledPictures) -> str:
    """Of the pictures and their values, wherever they lie."""
    digest = hashlib.sha256(json.dumps([few.values, few.images.shape]).encode())
    digest.update(np.ascontiguousarray(few.images).data)
    return digest.hexdigest()


def _in_turn(ids: np.ndarray) -> np.ndarray:
    """Rows so that values come in turn: the first of each, then the second of each.

    >>> _in_turn(np.array([0, 0, 1, 1, 1])).tolist()
    [0, 2, 1, 3, 4]
    """
    order = np.argsort(ids, kind="stable")
    _, first, counts = np.unique(ids[order], return_index=True, return_counts=True)
    rank = np.arange(len(ids)) - np.repeat(first, counts)  # among those of the same value
    return order[np.lexsort((ids[order], rank))]
