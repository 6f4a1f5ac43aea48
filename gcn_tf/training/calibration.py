"""The temperatures of a run's classifier, from seen pictures alone.

No seen picture was kept from the classifier, and on those that it knows it is surer than it should be on others. So the same network learns
once more, alone and for a quarter as long, without a fifth of the base images. Its logits of those, and of the ones that it knows, moved as in
training, are what temperatures are fitted to, half and half: cells that are new, and known ones as they look another time.
"""

from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from gcn_tf.config.schema import RunConfig
from gcn_tf.metrics.calibration import fitted_temperature
from gcn_tf.model.jitter import jitter
from gcn_tf.pipelines.batches import evaluation_batches
from gcn_tf.pipelines.excerpt import sampled
from gcn_tf.pipelines.split import Split
from gcn_tf.progress import progress
from gcn_tf.training.classifier_alone import train_classifier_alone
from gcn_tf.training.step_callback import Logs, StepCallback

HELD_OUT = 0.2  # of the base images
LEAST_HELD_OUT = 10  # base images; fewer say too little
MOST_HELD_OUT = 2_000  # base images; more say no more
MOST_COMPARED = (
    20_000  # pictures whose logits are compared, of those that the network knows and of the others
)
LENGTH = 0.25  # of the last phase
LEARNED = 0.25  # of the way from guessing to no mistake; below it, a quarter of the last phase was too short
LOWEST = 1.0  # below it the classifier would be surer than it learned to be: of handwriting that it does not know, too sure


class Calibration(StepCallback):
    """Set the temperatures of the classifier after its last step, before a checkpoint is saved.

    Attributes:
        temperatures: by factor name; factors without one keep 1.
    """

    def __init__(self, start: int, last: int) -> None:
        super().__init__(start)
        self.last = last
        self.temperatures: dict[str, float] = {}

    def step(self, step: int, logs: Logs) -> None:
        if step == self.last:
            for name, temperature in self.temperatures.items():
                self.model.temperatures[name].assign(temperature)


def temperatures(config: RunConfig, split: Split) -> dict[str, float]:
    """Temperatures by factor name, a function of settings and seen pictures.

    None where too few pictures can be spared, and none of a factor that the shorter training does not reach.
    """
    held_out = spared_base_images(split, config.seed)
    if len(held_out) < LEAST_HELD_OUT:
        return {}
    new = ~split.unseen & np.isin(split.base, held_out)
    known = ~split.unseen & ~new
    steps = max(1, round(LENGTH * config.last_steps))
    with progress(steps, "calibrating the classifier") as bar:
        network = train_classifier_alone(
            config, replace(split, unseen=split.unseen | new), steps, config.seed, bar.update
        )
    rows = [sampled(np.flatnonzero(of), MOST_COMPARED, config.seed) for of in (known, new)]
    of_known = _logits(network, split, rows[0], config.classifier_jitter)
    of_new = _logits(network, split, rows[1])
    weights = np.concatenate([np.full(len(part), 1 / len(part)) for part in rows])
    found = {}
    for m, name in enumerate(split.dataset.space.names):
        if has_learned(of_known[name], split.ids[rows[0], m]):
            both, ids = np.concatenate([of_known[name], of_new[name]]), split.ids[np.concatenate(rows), m]
            found[name] = max(LOWEST, fitted_temperature(both, ids, weights))
    return found


def has_learned(logits: np.ndarray, ids: np.ndarray) -> bool:
    """Whether a network that was trained for less long knows its pictures well enough to say anything: logits float (B, K), int (B,).

    >>> has_learned(np.eye(4), np.arange(4)), has_learned(np.zeros((4, 4)), np.arange(4))
    (True, False)
    """
    guess = np.bincount(ids).max() / len(ids)
    return bool(np.mean(logits.argmax(axis=1) == ids) >= guess + LEARNED * (1 - guess))


def spared_base_images(split: Split, seed: int) -> np.ndarray:
    """Seen base images, up to a fifth of them, without which every value of every factor is still seen in at least two others.

    >>> from gcn_tf.config.files import resolve
    >>> from gcn_tf.pipelines.split import load_split
    >>> split = load_split(resolve(dataset="glyphs"))
    >>> len(spared_base_images(split, seed=0)), len(np.unique(split.base))
    (20, 100)
    """
    seen = split.rows(unseen=False)
    by_base = seen[np.argsort(split.base[seen], kind="stable")]
    bases, starts = np.unique(split.base[by_base], return_index=True)
    ends = np.append(starts[1:], len(by_base))
    columns = split.ids.T
    left = [
        np.bincount(np.unique(np.stack([split.base[seen], of[seen]], axis=1), axis=0)[:, 1]) for of in columns
    ]
    wanted = min(round(HELD_OUT * len(bases)), MOST_HELD_OUT)
    spared: list[int] = []
    for place in np.random.default_rng([seed, 1]).permutation(len(bases)):
        if len(spared) >= wanted:
            break
        rows = by_base[starts[place] : ends[place]]
        shown = [np.unique(of[rows]) for of in columns]
        if all((count[values] > 2).all() for count, values in zip(left, shown, strict=True)):
            spared.append(bases[place])
            for count, values in zip(left, shown, strict=True):
                count[values] -= 1
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
