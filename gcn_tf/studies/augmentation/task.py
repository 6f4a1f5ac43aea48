"""Pictures to learn to recognise one factor from, and pictures by the same and by other hands to be tested on.

For experiments on classifiers: the grid of `registry` holds one picture per cell, this holds all there are.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gcn_tf.config.checks import whole_number
from gcn_tf.config.schema import ConfigError, DataConfig
from gcn_tf.errors import UserError
from gcn_tf.pipelines.procedural.glyphs import draw_glyphs
from gcn_tf.pipelines.qmnist.grid import DIGITS
from gcn_tf.pipelines.registry import FACE_REPEATS, load_dataset, load_qmnist

SESSIONS = 14  # in which the invented writers write everything


OTHER_WRITERS = 60  # invented ones to be tested on


OTHER_PERSONS = 30


@dataclass(frozen=True)
class LabelledPictures:
    """Everything a dataset has, whatever the number of pictures per class and identity.

    Args:
        factor: str. What is to be recognised: "digit", "emotion".
        values: tuple of str. Its classes.
        identity: str. Who made or shows the pictures: "writer", "person".
        images: uint8 (R, H, W, 3).
        label, who: int (R,). Class and identity of every picture.
        for_tests: bool (R,). Pictures that nothing is trained on, such as those of another session.
    """

    factor: str
    values: tuple[str, ...]
    identity: str
    images: np.ndarray
    label: np.ndarray
    who: np.ndarray
    for_tests: np.ndarray


@dataclass(frozen=True)
class TestPictures:
    """Pictures to be tested on: uint8 (T, H, W, 3), their classes int (T,) and identities int (T,)."""

    images: np.ndarray
    label: np.ndarray
    who: np.ndarray


@dataclass(frozen=True)
class Recognition:
    """One experiment: what may be learned from, and what is tested on.

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
    tests: dict[str, "TestPictures"]

    @property
    def hands(self) -> int:
        return int(self.hand.max()) + 1


def _rgb(images: np.ndarray) -> np.ndarray:
    return np.repeat(images[..., None], 3, axis=-1)


def _digits_of(images: np.ndarray, label: np.ndarray, who: np.ndarray) -> LabelledPictures:
    """Labelled digits, uint8 (R, H, W), all of which may be learned from."""
    return LabelledPictures("digit", DIGITS, "writer", _rgb(images), label, who, np.zeros(len(label), bool))


def _glyphs(config: DataConfig, identities: int) -> LabelledPictures:
    writers, side = identities + OTHER_WRITERS, config.image_size
    drawn = np.stack([draw_glyphs(writers, side, config.data_seed, n) for n in range(SESSIONS)])
    _, who, label = np.indices(drawn.shape[:3]).reshape(3, -1)
    return _digits_of(drawn.reshape(-1, side, side), label, who)


def _qmnist(config: DataConfig, identities: int) -> LabelledPictures:
    digits = load_qmnist(config)
    return _digits_of(digits.images, digits.digit, digits.writer)


def _faces(config: DataConfig, identities: int) -> LabelledPictures:
    """The first session may be learned from, the others are for tests, as in the paper."""
    if config.dataset == "faces":
        config = dataclasses.replace(config, persons=str(identities + OTHER_PERSONS))
    else:
        config = dataclasses.replace(config, persons="all", sessions="all")
    dataset = load_dataset(dataclasses.replace(config, transformations=1))
    if "session" not in dataset.space.names:
        raise UserError(f"--dataset {config.dataset} has a single session: nothing is left to test on")
    images, ids = dataset.images, dataset.base_ids
    if dataset.repeats:
        images, ids = (np.concatenate(pair) for pair in zip((images, ids), dataset.repeats, strict=True))
    person, emotion, session = (
        ids[:, dataset.space.names.index(name)] for name in ("person", "emotion", "session")
    )
    values = dataset.space["emotion"].values
    return LabelledPictures("emotion", values, "person", images, emotion, person, session > 0)


_DATASETS: dict[str, tuple[Callable[[DataConfig, int], LabelledPictures], tuple[int, ...]]] = {
    "glyphs": (_glyphs, (1, 2, 5, 10)),
    "qmnist": (_qmnist, (1, 2, 5, 10)),
    "faces": (_faces, (1, 1 + FACE_REPEATS)),
    "kdef": (_faces, (1,)),
    "mmi": (_faces, (1,)),
}


def exemplars_by_default(dataset: str) -> tuple[int, ...]:
    """How many pictures per class and identity an experiment tries; raises ConfigError for a dataset without one."""
    name = dataset.partition("/")[0]
    if name not in _DATASETS:
        raise ConfigError(
            f"--dataset {dataset}: there is nothing to recognise in it, use one of {', '.join(_DATASETS)}"
        )
    return _DATASETS[name][1]


def identities_wanted(config: DataConfig) -> int:
    """How many writers or persons are learned from: --writers or --persons, a number."""
    faces = _DATASETS[config.dataset.partition("/")[0]][0] is _faces
    if faces and whole_number(config.persons) is None:
        raise ConfigError(
            f"--persons {config.persons}: say how many to learn from, e.g. 20; the others are tested on"
        )
    wanted = int(config.persons) if faces else config.writer_selection()
    if not isinstance(wanted, int):
        raise ConfigError(
            f"--writers {config.writers}: say how many to learn from, e.g. 10; each seed chooses others"
        )
    return wanted


def labelled_pictures(config: DataConfig, identities: int) -> LabelledPictures:
    """Load all pictures of a dataset, of drawn ones enough for `identities` and for others to be tested on."""
    exemplars_by_default(config.dataset)
    return _DATASETS[config.dataset.partition("/")[0]][0](config, identities)


def recognition(
    pictures: LabelledPictures, identities: int, exemplars: int, most: int, seed: int
) -> Recognition:
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
            f"must be left for tests; {identities} are wanted: ask for fewer --identities or --exemplars"
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
    return Recognition(
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
