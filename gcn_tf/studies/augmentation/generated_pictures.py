"""Pictures for a classifier, made by a generator that saw the same few real pictures and no more."""

from dataclasses import dataclass

import keras
import numpy as np

from gcn_tf.config.files import with_settings
from gcn_tf.config.schema import RunConfig
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.model.gcn import GCN
from gcn_tf.pipelines.batches import training_batches
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.pipelines.split import Split
from gcn_tf.pipelines.upright import measure_poses, new_poses, set_in_pose, set_upright
from gcn_tf.studies.augmentation.downstream_classifier import Labelled
from gcn_tf.studies.augmentation.task import ClassificationTask
from gcn_tf.synthesis.draw import generate_from_codes
from gcn_tf.training.fit import learn_before_training
from gcn_tf.training.prepare import prepare

MOST_OF_ALL_PAIRS = (
    25_000  # blends of all pairs of hands that are made at once; of more pairs, some by chance
)

# Every cell is there, so none need be imagined, and no factor does the same to all pictures.
_SETTINGS = {"batch_size": 32, "imagined_share": 0.0, "generator": {"operators": False}}


@dataclass(frozen=True)
class Blending:
    """How pictures are generated: blends of two hands.

    Args:
        meaning: str. For the table.
        ratio: the share of the first of two hands; None: any from 0 to 1.
        mixed_share: share of the pictures that lie between two classes as well, with labels to match.
        upright: whether the generator learns upright figures, which are then set in poses between the known ones.
    """

    meaning: str
    ratio: float | None = None
    mixed_share: float = 0.0
    upright: bool = False


def train_generator(config: RunConfig, task: ClassificationTask, upright: bool, seed: int) -> GCN:
    """Train a GCN with the factors class and hand on the real pictures of an experiment, its validation ones left out."""
    hands = Factor(task.identity, tuple(str(hand) for hand in range(task.hands)))
    space = FactorSpace((Factor(task.factor, task.values), hands))
    images = set_upright(task.images, measure_poses(task.images)) if upright else task.images
    ids = np.stack([task.label, task.hand], axis=1).astype(np.int32)
    dataset = Dataset("classification", space, images, ids, ())
    split = Split(dataset, np.arange(len(ids), dtype=np.int32), ids, task.validation)
    prepared = prepare(with_settings(config, {"seed": seed, **_SETTINGS}, "study"), split)
    model, steps = prepared.build(), prepared.config.main_steps
    learn_before_training(model, prepared)
    batches = training_batches(split, prepared.config.batch_size, seed, 0, steps)
    model.fit(batches, steps_per_epoch=steps, verbose=0, shuffle=False)
    return model


def generate_pictures(
    model: GCN, task: ClassificationTask, blending: Blending, count: int, seed: int
) -> Labelled:
    """Blends of two hands, of two classes too where `blending` says so, in poses of their own when upright.

    Args:
        count: pictures, N; at one ratio, all ordered pairs of hands of every class instead, as in the paper, if there are few enough.

    Returns:
        uint8 (N, H, W, 3) and float32 (N, K).
    """
    rng = np.random.default_rng([seed, 3])
    classes, hands = np.eye(len(task.values), dtype=np.float32), np.eye(task.hands, dtype=np.float32)
    of_all = len(classes) * task.hands**2
    if blending.ratio is not None and of_all <= MOST_OF_ALL_PAIRS:
        value, *pair = np.unravel_index(np.arange(of_all), (len(classes), task.hands, task.hands))
        codes = blending.ratio * hands[pair[0]] + (1 - blending.ratio) * hands[pair[1]]
        return _drawn(model, task, classes[value], codes.astype(np.float32))
    label = classes[rng.integers(0, len(classes), count)]
    mixed = rng.random(count) < blending.mixed_share
    share = np.where(mixed, rng.beta(0.3, 0.3, count), 1.0).astype(np.float32)[:, None]
    label = share * label + (1 - share) * classes[rng.integers(0, len(classes), count)]
    pairs = np.array([rng.permutation(task.hands)[:2] for _ in range(count)])
    ratio = np.full(count, blending.ratio) if blending.ratio is not None else rng.random(count)
    ratio = ratio.astype(np.float32)[:, None]
    hand = ratio * hands[pairs[:, 0]] + (1 - ratio) * hands[pairs[:, 1]]
    made = _drawn(model, task, label, hand)
    if blending.upright:
        known = measure_poses(task.images[~task.validation])
        made = Labelled(set_in_pose(made.images, new_poses(known, count, rng)), label)
    return made


def _drawn(model: GCN, task: ClassificationTask, label: np.ndarray, hand: np.ndarray) -> Labelled:
    """Pictures of codes: float32 (N, K) of classes, float32 (N, hands)."""
    images = generate_from_codes(model, {task.factor: label, task.identity: hand})
    keras.utils.clear_session()
    return Labelled(images, label)
