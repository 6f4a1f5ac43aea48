"""Two judges of different kinds that score generated images; neither ever trains or filters them.

The cooperating classifier is no judge of a generator that was trained to please it. These know all real pictures of
the grid, unseen cells included, and other pictures of the same cells where the dataset has some; part of the real
pictures is kept from them and tells how far each can be believed. Where no cell has a second picture, both classify by
an additive discriminant of their own features (`discriminant.py`).
"""

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from gcn_tf.config.data import expanded
from gcn_tf.errors import UserError
from gcn_tf.evaluation.convolutional_judge import (
    ConvolutionalJudge,
    first_strides,
    judge_network,
    train_network,
)
from gcn_tf.evaluation.discriminant import AdditiveDiscriminant, fit_discriminant
from gcn_tf.evaluation.hog_judge import HogJudge, hog_features, layout_features
from gcn_tf.evaluation.judge import (
    JUDGE_SEED,
    Judge,
    JudgePictures,
    judge_accuracy,
    judge_pictures,
    recognised_factors,
)
from gcn_tf.files import stored_arrays, write_atomically
from gcn_tf.model.precision import resolve_precision
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.pipelines.prepared import default_data_dir

REMEDY = "the judges are trained anew"
VERSION = 3  # of what judges learn and their file holds: raise it when a change makes judges that were cached before differ

NAMES = (ConvolutionalJudge.name, HogJudge.name)


Judges = tuple[ConvolutionalJudge, HogJudge]


def _key(pictures: JudgePictures) -> str:
    strides = first_strides(pictures.grid[0].shape[1:])
    layers = (
        "" if strides == (2, 2) else f" {strides}"
    )  # the judges of small pictures are what they were before
    digest = hashlib.sha256(f"{VERSION}{layers} {pictures.space.to_json()} {keras.__version__}".encode())
    for part in (*pictures.grid, *pictures.repeats, *pictures.held_out):
        digest.update(part.tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class _Learned:
    """Weights of the convolutional judge's network; discriminants of both where pictures are lone, else the HOG judge's features."""

    weights: list[np.ndarray]
    features: np.ndarray | None = None
    discriminants: tuple[AdditiveDiscriminant, AdditiveDiscriminant] | None = None


def _network(pictures: JudgePictures, weights: list[np.ndarray]) -> keras.Model:
    """The network always reads in float32: the same figures whether it was trained a moment or a year ago, in whichever
    precision was faster then."""
    network = judge_network(pictures.space.sizes, pictures.grid[0].shape[1:], "float32")
    network.set_weights(weights)
    return network


def _learn(pictures: JudgePictures) -> _Learned:
    keras.utils.set_random_seed(JUDGE_SEED)
    learner = judge_network(pictures.space.sizes, pictures.grid[0].shape[1:], resolve_precision("auto"))
    train_network(learner, pictures)
    weights = learner.get_weights()
    images, ids = pictures.known
    if not pictures.lone:
        return _Learned(weights, features=hog_features(images))
    of_both = ConvolutionalJudge(_network(pictures, weights)).shapes(images), layout_features(images)
    shapes, layout = (fit_discriminant(features, ids, pictures.space) for features in of_both)
    return _Learned(weights, discriminants=(shapes, layout))


def _judges(pictures: JudgePictures, learned: _Learned) -> Judges:
    network = _network(pictures, learned.weights)
    if learned.discriminants:
        shapes, layout = learned.discriminants
        return ConvolutionalJudge(network, shapes), HogJudge(layout, pictures.known[1], pictures.space)
    assert learned.features is not None
    return ConvolutionalJudge(network), HogJudge(learned.features, pictures.known[1], pictures.space)


def _rate(judge: Judge, known: dict[str, float], held_out: dict[str, float], pictures: JudgePictures) -> None:
    judge.known_accuracy, judge.held_out_accuracy = known, held_out
    judge.recognised = recognised_factors(held_out, pictures.held_out[1])


def _write(path: Path, key: str, judges: Judges, learned: _Learned) -> None:
    accuracy = {judge.name: [judge.known_accuracy, judge.held_out_accuracy] for judge in judges}
    arrays: dict[str, Any] = {f"weights/{i:02d}": array for i, array in enumerate(learned.weights)}
    arrays |= {"accuracy": np.array(json.dumps(accuracy)), "key": np.array(key)}
    if learned.features is not None:
        arrays["features"] = learned.features
    for name, one in zip(NAMES, learned.discriminants or (), strict=False):
        arrays |= {f"projection/{name}": one.projection, f"cells/{name}": one.cells}
    write_atomically(path, lambda path: np.savez(path, **arrays))


def _read(path: Path, key: str, pictures: JudgePictures) -> Judges:
    """The judges that `_write` wrote; UserError when the file is damaged, or other pictures'."""
    with stored_arrays(path, REMEDY) as file:
        if (found := str(file["key"])) != key:
            raise UserError(
                f"{path} holds judges of other pictures ({found[:16]}, not {key[:16]} by SHA-256): {REMEDY}"
            )
        weights = [file[name] for name in sorted(file.files) if name.startswith("weights/")]
        if pictures.lone:
            sizes = tuple(pictures.space.sizes.values())
            shapes, layout = (
                AdditiveDiscriminant(file[f"projection/{name}"], file[f"cells/{name}"], sizes)
                for name in NAMES
            )
            learned = _Learned(weights, discriminants=(shapes, layout))
        else:
            learned = _Learned(weights, features=file["features"])
        judges = _judges(pictures, learned)
        accuracy = json.loads(str(file["accuracy"]))
        for judge in judges:
            known, held_out = (
                {name: float(shares[name]) for name in pictures.space.names}
                for shares in accuracy[judge.name]
            )
            _rate(judge, known, held_out, pictures)
        for judge in judges:
            judge.classify(pictures.grid[0][:1])  # raises for features of another length
        return judges


def train_judges(pictures: JudgePictures, cache: Path) -> Judges:
    """Both judges, from the cache when the same pictures were judged before.

    Args:
        cache: folder for what they learned, in a file named by a hash of the pictures and of this file.
    """
    key = _key(pictures)
    path = cache / f"{key[:16]}.npz"
    if path.exists():
        try:
            return _read(path, key, pictures)
        except UserError as damaged:
            print(f"gcn-tf: {damaged}", file=sys.stderr)
    learned = _learn(pictures)
    judges = _judges(pictures, learned)
    for judge in judges:
        known, held_out = (
            judge_accuracy(judge, *part, pictures.space) for part in (pictures.grid, pictures.held_out)
        )
        _rate(judge, known, held_out, pictures)
    try:
        _write(path, key, judges, learned)
    except OSError as error:
        print(
            f"gcn-tf: cannot write to {cache} ({error.strerror}): the judges are trained anew next time",
            file=sys.stderr,
        )
    return judges


def dataset_judges(dataset: Dataset, data_dir: str | None) -> tuple[JudgePictures, Judges]:
    """The judges of a dataset and the real pictures that they know or do not know."""
    pictures = judge_pictures(dataset)
    folder = expanded(data_dir, "data-dir") if data_dir else default_data_dir()
    return pictures, train_judges(pictures, folder / "judges")
