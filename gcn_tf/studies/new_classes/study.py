"""What the study of new classes compares, and its files: starts of classifiers, and what each trained one classifies correctly."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gcn_tf.augmentation.moves import Moves
from gcn_tf.config.data import DataConfig
from gcn_tf.config.kept import settings_digest
from gcn_tf.config.schema import to_dict
from gcn_tf.errors import ConfigError, suggest
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.studies.entries import read_entry
from gcn_tf.studies.materials import loaded, materials_sha256
from gcn_tf.studies.new_classes.task import Role, Task, choose_task
from gcn_tf.studies.new_classes.variation import Further, Strength

TUNING_SEEDS = 2  # settings are chosen on the validation tasks of the first seeds

Start = Literal["nothing", "classes", "turned classes", "episodes"]
Addition = Literal["", "hard ones", "softened labels", "refiner"]

CONVENTIONAL = (Strength(0.5, 0.5), Strength(1.0, 1.0), Strength(1.5, 1.5))
LIGHT = tuple(Strength(s.affine, s.elastic, light=1.0) for s in CONVENTIONAL)
LEARNED = (Strength(0.5, 0.5, 1.0), Strength(0.5, 1.0, 1.0), Strength(1.0, 1.0, 1.0))


@dataclass(frozen=True)
class Protocol:
    """What is tried.

    Args:
        factor: of which values are new.
        counts: pictures of a new class, or of a class of a new value, that are given, ascending.
        steps: of a classifier on the few pictures.
        start_steps: of its training on the fuller grid before.
    """

    factor: str
    counts: tuple[int, ...] = (1, 2, 5, 10)
    steps: int = 250
    start_steps: int = 1000
    classified: str = ""
    """The factor that is classified, for each new value by itself; "": the new values are the classes."""
    givers: int = 0
    """Writers or persons whom the few pictures are of, `counts` of each class and each of them; 0: anyone."""

    @property
    def class_text(self) -> str:
        """`"character"`, `"digit by a new writer"`, or `"digit by each of 10"`."""
        if self.givers:
            return f"{self.factor} by each of {self.givers}"
        return f"{self.classified} by a new {self.factor}" if self.classified else self.factor


@dataclass(frozen=True)
class Method:
    """How a classifier starts, and how the pictures that it learns from are varied.

    Args:
        meaning: for the table.
        settings: strengths among which validation chooses. Those of the start are the same.
        start: "classes": trained to classify the fuller grid; "turned classes": its pictures turned by quarters are classes of their
            own; "episodes": a prototypical network of it.
        addition: to the training on the few: "hard ones": of two variations of a few pictures, that on which the classifier errs more; "softened labels": half by the doubt of the
            classifier as it started; "refiner": moved pictures that a refiner made pass for real.
        tuned: whether all layers learn from the few pictures; otherwise the classifier stays as it started.
    """

    meaning: str
    settings: tuple[Strength, ...]
    further: Further = ""
    start: Start = "nothing"
    tuned: bool = True
    addition: Addition = ""

    @property
    def learns_moves(self) -> bool:
        return any(strength.learned for strength in self.settings)


METHODS = {
    "original": Method("the few pictures as they are", (Strength(),)),
    "affine": Method("random affine maps", tuple(Strength(reach) for reach in (0.5, 1.0, 1.5))),
    "RandAugment": Method(
        "two of Keras's ten operations",
        tuple(Strength(keras=factor) for factor in (0.1, 0.3, 0.5)),
        "RandAugment",
    ),
    "affine + elastic": Method("affine maps and elastic warps", CONVENTIONAL),
    "affine + elastic + light": Method("the same, with brightness and contrast", LIGHT),
    "affine + elastic + MixUp": Method(
        "affine maps and elastic warps, then two pictures mixed", CONVENTIONAL, "MixUp"
    ),
    "affine + elastic + CutMix": Method(
        "affine maps and elastic warps, then a box of another picture", CONVENTIONAL, "CutMix"
    ),
    "affine + elastic + AugMix": Method(
        "affine maps and elastic warps, then mixed with Keras's operations on them",
        tuple(Strength(s.affine, s.elastic, keras=0.3) for s in CONVENTIONAL),
        "AugMix",
    ),
    "prototypes": Method(
        "a prototypical network of the fuller grid, affine and elastic",
        CONVENTIONAL,
        start="episodes",
        tuned=False,
    ),
    "prototypes, tuned": Method("the same, then tuned on the few", CONVENTIONAL, start="episodes"),
    "pre-trained": Method(
        "trained to classify the fuller grid, then tuned on the few, affine and elastic",
        CONVENTIONAL,
        start="classes",
    ),
    "pre-trained + light": Method(
        "the same, with brightness and contrast in both trainings", LIGHT, start="classes"
    ),
    "pre-trained + turned": Method(
        "as pre-trained, the fuller grid's pictures turned by quarters as further classes",
        CONVENTIONAL,
        start="turned classes",
    ),
    "learned": Method(
        "moves learned on the fuller grid", tuple(Strength(learned=one) for one in (0.5, 1.0, 1.5))
    ),
    "learned + conventional": Method("learned moves, affine and elastic", LEARNED),
    "prototypes, learned + conventional": Method(
        "as prototypes, with learned moves as well",
        LEARNED,
        start="episodes",
        tuned=False,
    ),
    "prototypes, tuned, learned + conventional": Method(
        "as prototypes, tuned, with learned moves as well, in both trainings", LEARNED, start="episodes"
    ),
    "pre-trained, learned + conventional": Method(
        "as pre-trained, with learned moves as well, in both trainings", LEARNED, start="classes"
    ),
    "pre-trained + turned, learned + conventional": Method(
        "as pre-trained + turned, with learned moves as well, in both trainings",
        LEARNED,
        start="turned classes",
    ),
    "pre-trained + turned, learned, hard ones": Method(
        "the same; of two variations of a picture that on which the classifier errs more",
        LEARNED,
        start="turned classes",
        addition="hard ones",
    ),
    "pre-trained + turned, learned, softened labels": Method(
        "the same; labels of varied pictures half by what the classifier says before it is tuned",
        LEARNED,
        start="turned classes",
        addition="softened labels",
    ),
    "pre-trained + turned, learned, refined": Method(
        "the same; varied pictures made to pass for real by a refiner that learned on the fuller grid",
        LEARNED,
        start="turned classes",
        addition="refiner",
    ),
}


# Where the fuller grid has the same classes, a classifier of it needs none of the few pictures.
AS_IT_IS = {
    "fuller grid alone": Method(
        "trained to classify the fuller grid, affine and elastic; not tuned",
        CONVENTIONAL,
        start="classes",
        tuned=False,
    )
}


def known_methods(protocol: Protocol) -> dict[str, Method]:
    """All that can be compared, by name."""
    return METHODS | AS_IT_IS if protocol.classified else METHODS


def chosen_methods(protocol: Protocol, names: tuple[str, ...]) -> dict[str, Method]:
    """Those with some names, in the order of the table, or all; raises ConfigError for an unknown name."""
    known = known_methods(protocol)
    for name in names:
        if name not in known:
            raise ConfigError(
                f"--methods {name}: no such method{suggest(name, list(known)) or ';'} known: {'; '.join(known)}"
            )
    return {name: method for name, method in known.items() if not names or name in names}


@dataclass(frozen=True)
class Trial:
    """One trained classifier, or several: a method with one setting on one task, by number of pictures that are given."""

    method: str
    setting: int
    seed: int
    role: Role


@dataclass(frozen=True)
class NewClassesStudy:
    """A study with all that its entries depend on.

    Args:
        data: where the pictures come from.
        seeds: each divides the classes otherwise.
        out: folder of the study.
        some_methods: those that are compared, by name; None: all.
    """

    data: DataConfig
    protocol: Protocol
    seeds: tuple[int, ...]
    out: Path
    some_methods: dict[str, Method] | None = None

    @property
    def methods(self) -> dict[str, Method]:
        """All methods that are compared, by name."""
        return known_methods(self.protocol) if self.some_methods is None else self.some_methods

    @property
    def settings(self) -> dict[str, Any]:
        """What must stay the same when the study goes on; studies of earlier versions knew no givers."""
        protocol = to_dict(self.protocol)
        if not self.protocol.givers:
            del protocol["givers"]
        return {
            "experiment": "augmentation of new classes",
            "seed": self.seeds[0],
            "protocol": protocol,
            **to_dict(self.data),
        }

    @property
    def dataset(self) -> Dataset:
        """The grid, or all labelled pictures, if some writers or persons give."""
        return loaded(self.data, bool(self.protocol.givers))

    def task(self, seed: int, role: Role) -> Task:
        protocol = self.protocol
        most = max(protocol.counts)
        return choose_task(
            self.dataset, protocol.factor, seed, role, most, protocol.classified, protocol.givers
        )

    def seeds_of(self, role: Role) -> tuple[int, ...]:
        """The seeds that have a task of this role."""
        return self.seeds[:TUNING_SEEDS] if role == "validation" else self.seeds

    def trials(self, role: Role) -> list[Trial]:
        """All of them; those of the tests have the settings that were chosen for some number of pictures."""
        made = []
        for name, method in self.methods.items():
            chosen = set(range(len(method.settings)))
            if role == "test":
                chosen = {self.best_setting(name, count) for count in self.protocol.counts}
            made += [Trial(name, n, seed, role) for seed in self.seeds_of(role) for n in sorted(chosen)]
        return made

    def best_setting(self, name: str, count: int) -> int:
        """The setting of a method that classifies most validation pictures correctly; of equals the weakest."""
        found = [self.validated(name, n, count) for n in range(len(self.methods[name].settings))]
        return int(np.argmax(found))

    def validated(self, name: str, setting: int, count: int) -> float:
        """Share of the validation pictures that a method with one setting classifies correctly, in [0, 1]."""
        trials = [Trial(name, setting, seed, "validation") for seed in self.seeds_of("validation")]
        return float(np.mean([self.correct(trial, count).mean() for trial in trials]))

    def best_method(self, names: list[str], count: int) -> str:
        """The method with its best setting that classifies most validation pictures correctly; of equals the first."""
        return max(names, key=lambda name: self.validated(name, self.best_setting(name, count), count))

    def results(self, name: str, count: int) -> list[np.ndarray]:
        """What a method with its best setting classifies correctly in the tests, bool (T,) for each seed."""
        setting = self.best_setting(name, count)
        return [self.correct(Trial(name, setting, seed, "test"), count) for seed in self.seeds]

    def start_of(self, trial: Trial) -> Trial | None:
        """The trial whose start a trial takes, the first of those that start alike; None if it starts from nothing."""
        method = self.methods[trial.method]
        if method.start == "nothing":
            return None
        wanted = method.start, method.settings[trial.setting]
        for name, other in self.methods.items():
            for n, strength in enumerate(other.settings):
                if (other.start, strength) == wanted:
                    return Trial(name, n, trial.seed, trial.role)
        raise AssertionError(trial)

    def start_path(self, start: Trial) -> Path:
        """The file of a start's weights."""
        return self.out / "starts" / self._file(start)

    def path(self, trial: Trial) -> Path:
        """The file of a trial."""
        return self.out / "entries" / self._file(trial)

    def moves_path(self, seed: int, role: Role) -> Path:
        """The file of the moves of a task's fuller grid."""
        return self.out / "moves" / f"{role}-seed{seed}.npz"

    def refiner_path(self, seed: int, role: Role) -> Path:
        """The file of the refiner of a task's fuller grid."""
        return self.out / "refiners" / f"{role}-seed{seed}.npz"

    @property
    def refines(self) -> bool:
        """Whether any method needs a refiner."""
        return any(method.addition == "refiner" for method in self.methods.values())

    def origin_of_moves(self, seed: int, role: Role) -> dict[str, Any]:
        """What the files of a task's moves and refiner say of themselves."""
        return {"study": self._digest, "seed": seed, "role": role}

    def moves(self, seed: int, role: Role) -> Moves:
        """The moves of a task's fuller grid, once they are learned."""
        with read_entry(self.moves_path(seed, role), self.origin_of_moves(seed, role)) as file:
            return Moves(file["axes"])

    def origin(self, trial: Trial) -> dict[str, Any]:
        """What a file says of itself: settings and data of the study, and its own."""
        method = {key: value for key, value in asdict(self.methods[trial.method]).items() if key != "meaning"}
        return {
            "study": self._digest,
            "method_settings": settings_digest(method),
            **asdict(trial),
        }

    @property
    def _digest(self) -> str:
        return settings_digest(
            {**self.settings, "data_sha256": materials_sha256(self.data, bool(self.protocol.givers))}
        )

    def correct(self, trial: Trial, count: int) -> np.ndarray:
        """What was classified correctly after learning from so many pictures of a class: bool (T,)."""
        with read_entry(self.path(trial), self.origin(trial)) as file:
            return np.asarray(file[f"correct/{count}"])

    def clusters(self, seed: int) -> np.ndarray:
        """By whose hand the test pictures of a seed are: int (T,)."""
        trial = next(trial for trial in self.trials("test") if trial.seed == seed)
        with read_entry(self.path(trial), self.origin(trial)) as file:
            return np.asarray(file["who"])

    def _file(self, trial: Trial) -> str:
        name = trial.method.replace(" + ", "+").replace(", ", "-").replace(" ", "-")
        return f"{name}-{trial.setting}-{trial.role}-seed{trial.seed}.npz"
