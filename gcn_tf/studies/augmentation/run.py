"""`gcn-tf study augmentation`: do pictures of a GCN teach a classifier more than conventional augmentation does?

Every training is one file in `entries/`, every generator's pictures one in `drawn/`; what is there is not made again.
"""

import hashlib
import itertools
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from gcn_tf.config.kept import check_settings, keep_settings, settings_digest
from gcn_tf.config.schema import RunConfig
from gcn_tf.errors import ConfigError
from gcn_tf.model.precision import with_precision
from gcn_tf.pipelines.labelled import LabelledPictures
from gcn_tf.runs.lock import locked
from gcn_tf.studies.augmentation.conventional import augmentation
from gcn_tf.studies.augmentation.downstream_classifier import (
    DownstreamConfig,
    Labelled,
    Material,
    train_downstream_classifier,
)
from gcn_tf.studies.augmentation.generated_pictures import generate_pictures, train_generator
from gcn_tf.studies.augmentation.jobs import (
    BEST,
    TUNING_SEEDS,
    AugmentationMethod,
    AugmentationStudy,
    ClassifierJob,
    ClassifierResult,
    Protocol,
    augmentation_methods,
    blendings,
    study_settings,
)
from gcn_tf.studies.augmentation.report import write_augmentation_study
from gcn_tf.studies.augmentation.task import ClassificationTask, choose_task, labelled_pictures
from gcn_tf.studies.entries import is_done, read_entry, write_entry
from gcn_tf.workers import RunAll, workers

GENERATED_PICTURES = 4000  # by every generator


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
        UserError: a dataset without anything to classify, too few identities, a folder that is in use or holds another
            study or other work.
    """
    if protocol.seeds < TUNING_SEEDS:
        raise ConfigError(
            f"--seeds {protocol.seeds}: give {TUNING_SEEDS} or more, settings are tuned on the first {TUNING_SEEDS}"
        )
    with locked(out):
        study, first = _open(with_precision(config, out / "study.yaml"), protocol, out)
        with workers(jobs) as run:
            _compute(study, run)
        return write_augmentation_study(study, first)


def _compute(study: AugmentationStudy, run: RunAll) -> None:
    """Train the generators and classifiers whose files are not there yet."""
    wanted = [
        (kind, e, s)
        for e, s in itertools.product(study.protocol.exemplars, study.seeds)
        for kind in blendings(study.photographs)
    ]
    missing = [
        (study, *one)
        for one in wanted
        if not is_done(study.generated_path(*one), study.generated_origin(*one))
    ]
    run(_generate, missing, "generators")
    # First those that need not know which conventional augmentation is best.
    for needs_best in (False, True):
        methods = {n: m for n, m in augmentation_methods().items() if (m.conventional == BEST) is needs_best}
        for tuning in (True, False):
            todo = [
                (study, job)
                for job in study.jobs(methods, tuning)
                if not is_done(study.entry_path(job), study.entry_origin(job))
            ]
            run(_train, todo, "classifiers on which settings are tuned" if tuning else "classifiers")


def _open(config: RunConfig, protocol: Protocol, out: Path) -> tuple[AugmentationStudy, ClassificationTask]:
    """The study of a folder, new or gone on with, and its first task; settings are noted once the data are known to serve."""
    settings, stored = study_settings(config, protocol), out / "pictures.npz"
    check_settings(out / "study.yaml", settings, "study")
    origin = {"study": settings_digest(settings)}
    if stored.exists():
        pictures = _read_pictures(stored, origin)
    else:
        pictures = labelled_pictures(config, protocol.identities)
    most = max(protocol.exemplars)
    first = choose_task(pictures, protocol.identities, protocol.exemplars[0], most, config.seed)
    keep_settings(out / "study.yaml", settings, "study")
    if not stored.exists():  # so that every process finds the pictures at once
        write_entry(stored, origin, asdict(pictures))
    data = hashlib.sha256()
    for part in asdict(pictures).values():
        data.update(np.ascontiguousarray(part).tobytes())
    return AugmentationStudy(config, protocol, out, pictures.photographs, data.hexdigest()), first


def _read_pictures(path: Path, origin: dict[str, Any]) -> LabelledPictures:
    with read_entry(path, origin) as file:
        images, label, who, for_tests = (file[name] for name in ("images", "label", "who", "for_tests"))
        factor, identity = str(file["factor"]), str(file["identity"])
        values, photographs = tuple(map(str, file["values"])), bool(file["photographs"])
        return LabelledPictures(factor, values, identity, images, label, who, for_tests, photographs)


def _task(study: AugmentationStudy, exemplars: int, seed: int) -> ClassificationTask:
    protocol = study.protocol
    origin = {"study": settings_digest(study_settings(study.config, protocol))}
    pictures = _read_pictures(study.out / "pictures.npz", origin)
    return choose_task(pictures, protocol.identities, exemplars, max(protocol.exemplars), seed)


def _generate(study: AugmentationStudy, kind: str, exemplars: int, seed: int) -> None:
    """Train a generator and keep what it makes."""
    task, blending = _task(study, exemplars, seed), blendings(study.photographs)[kind]
    model = train_generator(study.config, task, blending.upright, seed)
    made = generate_pictures(model, task, blending, GENERATED_PICTURES, seed)
    which = (kind, exemplars, seed)
    arrays = {"images": made.images, "labels": made.labels}
    write_entry(study.generated_path(*which), study.generated_origin(*which), arrays)


def _train(study: AugmentationStudy, job: ClassifierJob) -> None:
    """Train and test one classifier."""
    since = time.perf_counter()
    task, method = _task(study, job.exemplars, job.seed), augmentation_methods()[job.method]
    held, protocol = task.validation, study.protocol
    classifier = train_downstream_classifier(
        DownstreamConfig(
            study.config.classifier,
            round_steps=protocol.round_steps,
            rounds=protocol.rounds,
            ratio=job.setting,
            seed=job.seed,
            precision=study.config.precision,
        ),
        _material(study, job, method, task),
        augmentation(job.conventional, job.strength, study.photographs, job.seed)
        if job.conventional
        else None,
    )
    ClassifierResult(
        float(np.mean(classifier.classify(task.images[held]) == task.label[held])),
        classifier.validation_loss,
        classifier.steps,
        time.perf_counter() - since,
        {name: classifier.classify(test.images) == test.label for name, test in task.tests.items()},
        {name: test.who for name, test in task.tests.items()},
    ).write(study.entry_path(job), study.entry_origin(job))


def _material(
    study: AugmentationStudy, job: ClassifierJob, method: AugmentationMethod, task: ClassificationTask
) -> Material:
    """The pictures that a method learns from."""
    labels = np.eye(len(task.values), dtype=np.float32)[task.label]
    real, held = ~task.validation, task.validation
    generated = None
    if method.blending:
        generated = study.read_generated(method.blending, job.exemplars, job.seed)
    return Material(
        Labelled(task.images[real], labels[real]) if method.real else None,
        generated,
        Labelled(task.images[held], labels[held]),
    )
