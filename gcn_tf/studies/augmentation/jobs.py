"""What the study of augmentation compares, and which trainings that takes."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gcn_tf.config.kept import settings_digest
from gcn_tf.config.schema import RunConfig, to_dict
from gcn_tf.studies.augmentation.conventional import CONVENTIONAL
from gcn_tf.studies.augmentation.downstream_classifier import Labelled
from gcn_tf.studies.augmentation.generated_pictures import Blending
from gcn_tf.studies.entries import read_entry, write_entry

TUNING_SEEDS = 2  # on these every setting of a method is tried; the others take the best


RATIOS = (0.25, 0.5, 1.0, 2.0)  # generated pictures per real one


BEST = "best conventional"


@dataclass(frozen=True)
class Protocol:
    """What is tried.

    Args:
        exemplars: pictures per class and identity, one experiment each.
        identities: how many writers or persons are learned from.
        seeds: how many; each chooses other identities and pictures.
        round_steps, rounds: of a classifier, at most.
    """

    exemplars: tuple[int, ...]
    identities: int = 10
    seeds: int = 5
    round_steps: int = 500
    rounds: int = 2


def quick_settings(config: RunConfig, protocol: Protocol) -> tuple[RunConfig, Protocol]:
    """Few steps, two seeds and the smallest number of exemplars: to see that everything works."""
    few = replace(protocol, exemplars=protocol.exemplars[:1], seeds=TUNING_SEEDS, round_steps=100, rounds=1)
    return replace(config, steps=min(config.steps, 150)), few


@dataclass(frozen=True)
class AugmentationMethod:
    """One way to make training pictures, with the settings among which validation chooses.

    Args:
        meaning: str. For the table.
        real: whether the real pictures are among them.
        blending: name in `blendings`, or "" for none: no generated pictures.
        conventional: name in `CONVENTIONAL`, `BEST` for the best of them, or "" for none.
        settings: strengths of the conventional augmentation, or generated pictures per real one.
    """

    meaning: str
    real: bool = True
    blending: str = ""
    conventional: str = ""
    settings: Sequence[float] = (1.0,)


@dataclass(frozen=True)
class ClassifierJob:
    """One training: a method with one setting; for `BEST` with what was found best."""

    exemplars: int
    seed: int
    method: str
    setting: float
    conventional: str = ""
    strength: float = 0.0

    @property
    def file(self) -> str:
        """Name of its entry."""
        name = self.method.replace(" + ", "+").replace(" ", "-").replace("'", "")
        return f"{name}-{self.setting:g}-exemplars{self.exemplars}-seed{self.seed}.npz"


@dataclass(frozen=True)
class ClassifierResult:
    """What one training gave.

    Args:
        validation_accuracy: share of the validation pictures classified correctly; validation_loss: their cross entropy.
        steps: of the classifier. seconds: float.
        correct: bool (T,) by test set; who: int (T,), the identity that each test picture is of.
    """

    validation_accuracy: float
    validation_loss: float
    steps: int
    seconds: float
    correct: dict[str, np.ndarray]
    who: dict[str, np.ndarray]

    def write(self, path: Path, origin: dict[str, Any]) -> None:
        """Write the entry, and what it is of; one that exists is whole."""
        numbers = {k: v for k, v in asdict(self).items() if k not in ("seconds", "correct", "who")}
        arrays: dict[str, Any] = {"numbers": np.array(json.dumps(numbers)), "seconds": np.array(self.seconds)}
        arrays |= {f"correct/{name}": correct for name, correct in self.correct.items()}
        arrays |= {f"who/{name}": who for name, who in self.who.items()}
        write_entry(path, origin, arrays)

    @classmethod
    def read(cls, path: Path, origin: dict[str, Any]) -> "ClassifierResult":
        """The entry of a file; raises UserError when it is damaged or of something else."""
        with read_entry(path, origin) as file:
            part = {
                kind: {n.removeprefix(kind): file[n] for n in file.files if n.startswith(kind)}
                for kind in ("correct/", "who/")
            }
            numbers = json.loads(str(file["numbers"]))
            return cls(**numbers, seconds=float(file["seconds"]), correct=part["correct/"], who=part["who/"])


def blendings(photographs: bool) -> dict[str, Blending]:
    """The paper's blends, and what should be more useful: any ratio; figures also between classes and set in poses."""
    if photographs:
        return {
            "paper": Blending("two persons half and half, as in the paper", ratio=0.5),
            "gcn": Blending("two persons at any ratio"),
        }
    return {
        "paper": Blending("two hands half and half, as in the paper", ratio=0.5),
        "gcn": Blending(
            "two hands at any ratio, set upright before learning and in a pose afterwards; three in ten between two "
            "classes, too",
            mixed_share=0.3,
            upright=True,
        ),
    }


def augmentation_methods() -> dict[str, AugmentationMethod]:
    """Original pictures, conventional augmentation, generated pictures, and both."""
    methods = {"original": AugmentationMethod("the real pictures as they are")}
    for name, one in CONVENTIONAL.items():
        methods[name] = AugmentationMethod(one.meaning, conventional=name, settings=one.strengths)
    methods |= {
        "paper's blends": AugmentationMethod("original and half-and-half blends of a GCN", blending="paper"),
        "GCN only": AugmentationMethod("generated pictures alone", real=False, blending="gcn"),
        "original + GCN": AugmentationMethod("real and generated pictures", blending="gcn"),
        "original + GCN + conventional": AugmentationMethod(
            f"both, augmented by the {BEST}; generated pictures per real one",
            blending="gcn",
            conventional=BEST,
            settings=RATIOS,
        ),
    }
    return methods


def study_settings(config: RunConfig, protocol: Protocol) -> dict[str, Any]:
    """What must stay the same when a study goes on."""
    return {"experiment": "augmentation", **to_dict(config), **to_dict(protocol)}


@dataclass(frozen=True)
class AugmentationStudy:
    """Where a study lies and what it tries.

    Args:
        photographs: bool. Whether its pictures are photographs.
        data_sha256: str. Of its pictures.
    """

    config: RunConfig
    protocol: Protocol
    out: Path
    photographs: bool
    data_sha256: str

    @property
    def digest(self) -> str:
        """Of settings and data: every file of the study says it."""
        settings = study_settings(self.config, self.protocol)
        return settings_digest({**settings, "data_sha256": self.data_sha256})

    def generated_origin(self, kind: str, exemplars: int, seed: int) -> dict[str, Any]:
        """What the file of one generator's pictures says of itself."""
        return {"study": self.digest, "kind": kind, "exemplars": exemplars, "seed": seed}

    def entry_origin(self, job: ClassifierJob) -> dict[str, Any]:
        """What the file of one classifier says of itself."""
        return {"study": self.digest, **asdict(job)}

    def generated_path(self, kind: str, exemplars: int, seed: int) -> Path:
        """The file of what one generator made."""
        return self.out / "drawn" / f"{kind}-exemplars{exemplars}-seed{seed}.npz"

    def entry_path(self, job: ClassifierJob) -> Path:
        """The file of what one classifier gave."""
        return self.out / "entries" / job.file

    @property
    def seeds(self) -> list[int]:
        """All seeds."""
        return [self.config.seed + n for n in range(self.protocol.seeds)]

    @property
    def tuning_seeds(self) -> list[int]:
        """The seeds on which settings are chosen."""
        return self.seeds[:TUNING_SEEDS]

    def jobs(self, methods: dict[str, AugmentationMethod], tuning: bool) -> list[ClassifierJob]:
        """All trainings of some methods: on the tuning seeds with every setting, on the others with the best one."""
        made = []
        seeds = self.tuning_seeds if tuning else self.seeds[TUNING_SEEDS:]
        for exemplars, (name, method) in itertools.product(self.protocol.exemplars, methods.items()):
            settings = method.settings if tuning else [self.best_setting(exemplars, name)]
            made += [
                self.job(exemplars, s, name, setting) for s, setting in itertools.product(seeds, settings)
            ]
        return made

    def job(self, exemplars: int, seed: int, name: str, setting: float) -> ClassifierJob:
        """One training of a method, the best conventional augmentation filled in."""
        method = augmentation_methods()[name]
        if method.conventional == BEST:
            return ClassifierJob(exemplars, seed, name, setting, *self.best_conventional(exemplars))
        strength = setting if method.conventional else 0.0
        return ClassifierJob(exemplars, seed, name, setting, method.conventional, strength)

    def best_setting(self, exemplars: int, name: str) -> float:
        """The setting of a method with the lowest validation loss, on average over the tuning seeds."""
        settings = augmentation_methods()[name].settings

        def loss(setting: float) -> float:
            entries = [self.read(self.job(exemplars, seed, name, setting)) for seed in self.tuning_seeds]
            return float(np.mean([entry.validation_loss for entry in entries]))

        return min(settings, key=loss) if len(settings) > 1 else settings[0]

    def best_conventional(self, exemplars: int) -> tuple[str, float]:
        """The conventional method, at its best strength, that classifies most validation pictures correctly.

        Of equals the one with the lower loss. (Losses alone do not compare them: mixed labels make a classifier modest.)
        """
        strengths = {name: self.best_setting(exemplars, name) for name in CONVENTIONAL}

        def rank(name: str) -> tuple[float, float]:
            entries = [self.read(self.job(exemplars, s, name, strengths[name])) for s in self.tuning_seeds]
            accuracy = np.mean([entry.validation_accuracy for entry in entries])
            return -float(accuracy), float(np.mean([entry.validation_loss for entry in entries]))

        best = min(CONVENTIONAL, key=rank)
        return best, strengths[best]

    def read(self, job: ClassifierJob) -> ClassifierResult:
        """The entry of a training that is done."""
        return ClassifierResult.read(self.entry_path(job), self.entry_origin(job))

    def read_generated(self, kind: str, exemplars: int, seed: int) -> Labelled:
        """What one generator made; raises UserError when the file is damaged or of something else."""
        origin = self.generated_origin(kind, exemplars, seed)
        with read_entry(self.generated_path(kind, exemplars, seed), origin) as file:
            return Labelled(file["images"], file["labels"])
