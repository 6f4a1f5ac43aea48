"""`gcn-tf study augmentation`: do pictures drawn by a GCN teach a classifier more than conventional augmentation does?

Every training is one file in `entries/`, every generator's pictures one in `drawn/`; what is there is not made again.
"""

import itertools
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from gcn_tf.config.kept import keep_settings
from gcn_tf.config.schema import ConfigError, RunConfig, to_dict
from gcn_tf.files import stored_arrays, write_atomically
from gcn_tf.model.precision import with_precision
from gcn_tf.studies.augmentation.conventional import augmentation
from gcn_tf.studies.augmentation.downstream_classifier import Labelled, train_downstream_classifier
from gcn_tf.studies.augmentation.generated_pictures import draw_pictures, train_generator
from gcn_tf.studies.augmentation.jobs import (
    BEST,
    TUNING_SEEDS,
    AugmentationStudy,
    ClassifierJob,
    ClassifierResult,
    Protocol,
    augmentation_methods,
    drawings,
    read_drawn,
)
from gcn_tf.studies.augmentation.report import write_augmentation_study
from gcn_tf.studies.augmentation.task import LabelledPictures, Recognition, labelled_pictures, recognition
from gcn_tf.studies.workers import workers

DRAWN_PICTURES = 4000


def run_augmentation_study(
    config: RunConfig,
    protocol: Protocol,
    out: Path,
    jobs: int = 2,
) -> Path:
    """Train every classifier, then write report.md, report.html, report.json and the figures.

    Args:
        config: settings of the generator and, its classifier's layers, of the classifiers.
        jobs: processes that train side by side, one thread each; 1 trains in this process.

    Returns:
        The figure to look at.

    Raises:
        UserError: a dataset without anything to recognise, too few identities, another study in the folder.
    """
    if protocol.seeds < TUNING_SEEDS:
        raise ConfigError(
            f"--seeds {protocol.seeds}: give {TUNING_SEEDS} or more, settings are tuned on the first {TUNING_SEEDS}"
        )
    config = with_precision(config, out / "study.yaml")
    settings = {"experiment": "augmentation", **to_dict(config), **to_dict(protocol)}
    if (out / "study.yaml").exists():
        keep_settings(out / "study.yaml", settings, "study")
    stored = out / "pictures.npz"
    pictures = _read_pictures(stored) if stored.exists() else labelled_pictures(config, protocol.identities)
    first = recognition(
        pictures, protocol.identities, protocol.exemplars[0], max(protocol.exemplars), config.seed
    )
    keep_settings(
        out / "study.yaml", settings, "study"
    )  # of a new study it writes them, now that the data are known to be good
    if not stored.exists():  # so that every process finds the pictures at once
        write_atomically(stored, lambda path: np.savez_compressed(path, **asdict(pictures)))
    study = AugmentationStudy(config, protocol, out, pictures.factor != "digit")
    methods = augmentation_methods()
    with workers(jobs) as run:
        wanted = [
            (kind, e, s)
            for e, s in itertools.product(protocol.exemplars, study.seeds)
            for kind in ("paper", "gcn")
        ]
        run(_draw, [(study, *one) for one in wanted if not study.drawn_path(*one).exists()], "generators")
        for asked in (False, True):  # first those that need not know which conventional augmentation is best
            part = {name: m for name, m in methods.items() if (m.conventional == BEST) is asked}
            for tuning in (True, False):
                todo = study.jobs(part, tuning)
                description = "classifiers on which settings are tuned" if tuning else "classifiers"
                run(_train, [(study, job) for job in todo if not study.entry_path(job).exists()], description)
    return write_augmentation_study(study, first)


def _read_pictures(path: Path) -> LabelledPictures:
    with stored_arrays(path) as file:
        arrays = (file[name] for name in ("images", "label", "who", "for_tests"))
        values = tuple(map(str, file["values"]))
        return LabelledPictures(str(file["factor"]), values, str(file["identity"]), *arrays)


def _task(study: AugmentationStudy, exemplars: int, seed: int) -> Recognition:
    protocol = study.protocol
    pictures = _read_pictures(study.out / "pictures.npz")
    return recognition(pictures, protocol.identities, exemplars, max(protocol.exemplars), seed)


def _draw(study: AugmentationStudy, kind: str, exemplars: int, seed: int) -> None:
    """Train a generator and keep what it draws."""
    task, drawing = _task(study, exemplars, seed), drawings(study.photographs)[kind]
    model = train_generator(study.config, task, drawing.upright, seed)
    drawn = draw_pictures(model, task, drawing, DRAWN_PICTURES, seed)
    path = study.drawn_path(kind, exemplars, seed)
    write_atomically(path, lambda path: np.savez_compressed(path, images=drawn.images, labels=drawn.labels))


def _train(study: AugmentationStudy, job: ClassifierJob) -> None:
    """Train and test one classifier."""
    since = time.perf_counter()
    task, method = _task(study, job.exemplars, job.seed), augmentation_methods()[job.method]
    labels = np.eye(len(task.values), dtype=np.float32)[task.label]
    real, held = ~task.validation, task.validation
    drawn = None
    if method.drawing:
        drawn = read_drawn(study.drawn_path(method.drawing, job.exemplars, job.seed))
    classifier = train_downstream_classifier(
        study.config.classifier,
        Labelled(task.images[real], labels[real]) if method.real else None,
        drawn,
        Labelled(task.images[held], labels[held]),
        augmentation(job.conventional, job.strength, study.photographs, job.seed)
        if job.conventional
        else None,
        job.setting,
        job.seed,
        study.protocol.round_steps,
        study.protocol.rounds,
        study.config.precision,
    )
    ClassifierResult(
        float(np.mean(classifier.classify(task.images[held]) == task.label[held])),
        classifier.validation_loss,
        classifier.steps,
        time.perf_counter() - since,
        {name: classifier.classify(test.images) == test.label for name, test in task.tests.items()},
        {name: test.who for name, test in task.tests.items()},
    ).write(study.entry_path(job))
