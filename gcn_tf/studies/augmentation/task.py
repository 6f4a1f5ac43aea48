"""Pictures to learn to classify one factor from, and pictures by the same and by other hands to be tested on."""

from dataclasses import dataclass

import numpy as np

from gcn_tf import doors
from gcn_tf.config.data import DataConfig, dataset_options
from gcn_tf.errors import ConfigError, UserError
from gcn_tf.pipelines.labelled import LabelledPictures


@dataclass(frozen=True)
class TestPictures:
    """Pictures to be tested on: uint8 (T, H, W, 3), their classes int (T,) and identities int (T,)."""

    images: np.ndarray
    label: np.ndarray
    who: np.ndarray


@dataclass(frozen=True)
class ClassificationTask:
    """One classification task: what may be learned from, and what is tested on.

    Args:
        factor, values, identity: as in `LabelledPictures`.
        images: uint8 (N, H, W, 3), `exemplars` per class and identity.
        label: int (N,). Class.
        hand: int (N,). Number of the identity and exemplar together, 0 to identities * exemplars - 1: one picture of
            every class each.
        validation: bool (N,). A fifth of every class: neither a generator nor a classifier learns from these; they
            tell when to stop and which setting is best.
        tests: by name: "same writers" (other pictures of theirs) and "other writers".
    """

    factor: str
    values: tuple[str, ...]
    identity: str
    images: np.ndarray
    label: np.ndarray
    hand: np.ndarray
    validation: np.ndarray
    tests: dict[str, TestPictures]

    @property
    def hands(self) -> int:
        """How many hands there are."""
        return int(self.hand.max()) + 1


def exemplars_by_default(config: DataConfig) -> tuple[int, ...]:
    """How many pictures per class and identity an experiment tries; raises ConfigError for a dataset without one."""
    if not config.options.exemplar_counts:
        having = [name for name in doors.DATASETS if dataset_options(name)().exemplar_counts]
        raise ConfigError(
            f"--dataset {config.dataset}: there is nothing to classify in it, use one of {', '.join(having)}"
        )
    return config.options.exemplar_counts


def identities_wanted(config: DataConfig) -> int:
    """How many writers or persons are learned from; raises ConfigError for a dataset without a task, or for ids."""
    exemplars_by_default(config)
    return config.options.identities()


def labelled_pictures(config: DataConfig, identities: int) -> LabelledPictures:
    """All pictures of a dataset, of procedural ones enough for `identities` and for others to be tested on."""
    exemplars_by_default(config)
    pictures: LabelledPictures = config.options.labelled_pictures(config, identities)
    return pictures


def choose_task(
    pictures: LabelledPictures, identities: int, exemplars: int, most: int, seed: int
) -> ClassificationTask:
    """Choose whom and what to learn from; the rest is for tests.

    With one seed the identities and the tests are the same for any number of exemplars, and fewer exemplars are
    a part of more.

    Args:
        identities: how many are learned from.
        exemplars: pictures per class and identity, 1 to `most`.
        most: the largest number of exemplars of the whole experiment.

    Raises:
        UserError: too few identities have `most` pictures of every class, or nobody is left to test on.
    """
    count = np.zeros((pictures.who.max() + 1, len(pictures.values)), int)
    np.add.at(count, (pictures.who[~pictures.for_tests], pictures.label[~pictures.for_tests]), 1)
    able = np.flatnonzero((count >= most).all(axis=1))
    if len(able) < identities or len(np.unique(pictures.who)) == identities:
        raise UserError(
            f"{len(able)} {pictures.identity}s have {most} or more pictures of every {pictures.factor}, and some more "
            f"must be left for tests; {identities} are wanted: give a smaller number with --{pictures.identity}s or --counts"
        )
    rng = np.random.default_rng([seed, 1])
    chosen = rng.permutation(able)[:identities]
    rows, hand, spare = [], [], [np.flatnonzero(pictures.for_tests & np.isin(pictures.who, chosen))]
    for n, who in enumerate(chosen):
        for label in range(len(pictures.values)):
            of_cell = np.flatnonzero((pictures.who == who) & (pictures.label == label) & ~pictures.for_tests)
            order = rng.permutation(of_cell)
            rows.append(order[:exemplars])
            hand.append(n * exemplars + np.arange(exemplars))
            spare.append(order[len(order) if pictures.for_tests.any() else most :])
    picked, label = np.concatenate(rows), pictures.label[np.concatenate(rows)]
    tests = {
        f"same {pictures.identity}s": np.concatenate(spare),
        f"other {pictures.identity}s": np.flatnonzero(~np.isin(pictures.who, chosen)),
    }
    return ClassificationTask(
        pictures.factor,
        pictures.values,
        pictures.identity,
        pictures.images[picked],
        label,
        np.concatenate(hand),
        _a_fifth_of_each(label, seed),
        {
            name: TestPictures(pictures.images[of], pictures.label[of], pictures.who[of])
            for name, of in tests.items()
            if len(of)
        },
    )


def _a_fifth_of_each(label: np.ndarray, seed: int) -> np.ndarray:
    """A fifth of every class, at least one: bool (N,)."""
    rng = np.random.default_rng([seed, 2])
    chosen = np.zeros(len(label), bool)
    for value in np.unique(label):
        of = rng.permutation(np.flatnonzero(label == value))
        chosen[of[: max(1, len(of) // 5)]] = True
    return chosen
