"""Which generated pictures are good enough to keep: classified correctly, and no copy of a training picture."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from gcn_tf.errors import UserError
from gcn_tf.model.gcn import GCN

Codes = dict[str, tf.Tensor]


def confidence(
    model: GCN, factors: Sequence[str]
) -> Callable[[np.ndarray, Mapping[str, np.ndarray]], np.ndarray]:
    """How sure the run's classifier is of what pictures should show.

    Returns:
        A function of uint8 (B, H, W, C) and codes float32 (B, K_f) by name: float32 (B,) in [0, 1], the lowest over
        `factors` of the probability of all values that have weight in the code. Of a cell that is the probability of
        its value; of a blend, that of any of the blended values.

    Raises:
        UserError: the classifier never learned.
    """
    if model.objective.cooperation == "none" and int(model.step) <= model.objective.main_steps:
        raise UserError(
            "--min-confidence: this run has no trained classifier (cooperation: none); leave it out"
        )

    @tf.function(autograph=False)
    def lowest_probability(images: tf.Tensor, codes: Codes) -> tf.Tensor:
        logits = model.classify(tf.cast(images, tf.float32) / 255.0)
        shares = [
            tf.reduce_sum(tf.nn.softmax(logits[name]) * tf.cast(codes[name] > 0, tf.float32), axis=-1)
            for name in factors
        ]
        return tf.reduce_min(tf.stack(shares), axis=0)  # (factors, B) -> (B,)

    def of(images: np.ndarray, codes: Mapping[str, np.ndarray]) -> np.ndarray:
        return lowest_probability(
            tf.constant(images), {name: tf.constant(codes[name]) for name in factors}
        ).numpy()

    return of


def nearest_difference(images: np.ndarray, training: np.ndarray, chunk: int = 512) -> np.ndarray:
    """How far each picture is from the training picture nearest to it.

    Args:
        images: uint8 (B, H, W, C).
        training: uint8 (N, H, W, C), N at least 1.
        chunk: training pictures that are compared at once.

    Returns:
        float32 (B,), root mean square of the pixel differences, from 0 to 255.
    """
    flat = images.reshape(len(images), -1).astype(np.float32)  # (B, D)
    best = np.full(len(flat), np.inf, np.float32)
    nearest = np.zeros(len(flat), np.int64)
    for start in range(0, len(training), chunk):
        others = training[start : start + chunk].reshape(-1, flat.shape[1]).astype(np.float32)
        distances = (others**2).sum(axis=1) - 2 * flat @ others.T  # (B, chunk), but for a constant per row
        place = distances.argmin(axis=1)
        found = distances[np.arange(len(flat)), place]
        nearest = np.where(found < best, start + place, nearest)
        best = np.minimum(found, best)
    difference = flat - training[nearest].reshape(flat.shape)
    return np.sqrt((difference**2).mean(axis=1))


def balanced(classes: np.ndarray, wanted: Sequence[int]) -> np.ndarray:
    """Which rows to take so that every wanted class has as many as the smallest: int (B,) -> bool (B,).

    The first rows of a class are taken.
    """
    least = min(int((classes == c).sum()) for c in wanted)
    kept = np.zeros(len(classes), bool)
    for c in wanted:
        kept[np.flatnonzero(classes == c)[:least]] = True
    return kept
