"""The temperatures of a run's classifier, from seen pictures alone.

No seen picture was kept from the classifier, and on those that it knows it is surer than it should be on others. So the same network learns
once more, alone and for half as long, without a fifth of the base images. Its logits of those, and of the ones that it knows, moved as in
training, are what temperatures are fitted to, half and half: cells that are new, and known ones as they look another time.
"""

from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from gcn_tf.config.schema import RunConfig
from gcn_tf.metrics.calibration import fitted_temperature
from gcn_tf.model.gcn import GCN
from gcn_tf.model.jitter import jitter
from gcn_tf.pipelines.batches import evaluation_batches
from gcn_tf.pipelines.split import Split
from gcn_tf.progress import progress
from gcn_tf.training.classifier_alone import train_classifier_alone
from gcn_tf.training.step_callback import Logs, StepCallback

HELD_OUT = 0.2  # of the base images
LEAST_HELD_OUT = 10  # base images; fewer say too little
LENGTH = 0.5  # of the last phase


class Calibration(StepCallback):
    """Set the temperatures of the classifier after the last step of its last phase, before a checkpoint is saved."""

    def __init__(self, start: int, config: RunConfig, split: Split) -> None:
        super().__init__(start)
        self.config, self.split = config, split

    def step(self, step: int, logs: Logs) -> None:
        if self.config.last_steps and step == self.config.total_steps:
            calibrate(self.model, self.config, self.split)


def calibrate(model: GCN, config: RunConfig, split: Split) -> None:
    """Set the temperatures of a model; they stay 1 where too few pictures can be spared to tell."""
    held_out = spared_base_images(split, config.seed)
    if len(held_out) < LEAST_HELD_OUT:
        return
    for name, temperature in temperatures(config, split, held_out).items():
        model.temperatures[name].assign(temperature)


def temperatures(config: RunConfig, split: Split, held_out: np.ndarray) -> dict[str, float]:
    """Temperatures by factor name.

    Args:
        held_out: int (n,). Numbers of seen base images to do without.
    """
    new = ~split.unseen & np.isin(split.base, held_out)
    known = ~split.unseen & ~new
    steps = max(1, round(LENGTH * config.last_steps))
    with progress(steps, "calibrating the classifier") as bar:
        network = train_classifier_alone(
            config, replace(split, unseen=split.unseen | new), steps, config.seed, bar.update
        )
    rows = [np.flatnonzero(known), np.flatnonzero(new)]
    of_known = _logits(network, split, rows[0], config.classifier_jitter)
    of_new = _logits(network, split, rows[1])
    weights = np.concatenate([np.full(len(part), 1 / len(part)) for part in rows])
    return {
        name: fitted_temperature(
            np.concatenate([of_known[name], of_new[name]]), split.ids[np.concatenate(rows), m], weights
        )
        for m, name in enumerate(split.dataset.space.names)
    }


def spared_base_images(split: Split, seed: int) -> np.ndarray:
    """Seen base images, up to a fifth of them, without which every value of every factor is still seen in at least two others.

    >>> from gcn_tf.config.files import resolve
    >>> from gcn_tf.pipelines.split import load_split
    >>> split = load_split(resolve(dataset="glyphs"))
    >>> len(spared_base_images(split, seed=0)), len(np.unique(split.base))
    (20, 100)
    """
    seen = ~split.unseen
    bases = np.unique(split.base[seen])
    shown = [
        {base: np.unique(split.ids[seen & (split.base == base), m]) for base in bases}
        for m in range(split.ids.shape[1])
    ]
    left = [np.bincount(np.concatenate(list(of.values()))) for of in shown]
    spared: list[int] = []
    for base in np.random.default_rng([seed, 1]).permutation(bases):
        if len(spared) >= round(HELD_OUT * len(bases)):
            break
        if all((count[of[base]] > 2).all() for count, of in zip(left, shown, strict=True)):
            spared.append(base)
            for count, of in zip(left, shown, strict=True):
                count[of[base]] -= 1
    return np.array(spared, int)


def _logits(
    network: keras.Model, split: Split, rows: np.ndarray, strength: float = 0.0
) -> dict[str, np.ndarray]:
    """Logits of pictures by number, moved with some strength: float32 (n, K_f) by factor name."""
    classify = tf.function(network, reduce_retracing=True, autograph=False)
    parts = []
    for number, (_, images) in enumerate(evaluation_batches(split, rows)):
        shown = jitter(images, tf.constant([number, 1], tf.int64), strength) if strength else images
        parts.append(classify(shown))
    return {name: np.concatenate([part[name].numpy() for part in parts]) for name in parts[0]}
