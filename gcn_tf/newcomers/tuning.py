"""Tune the layers of a generator to newcomers, with replay of the old cells, so that those stay as they were.

The network learns from the newcomers' pictures and, beside them, from what it drew of old cells before. It stops where pictures that are held out
are met no better; then the change is halved until old pictures have lost no more than `MEAN_LOST` and `MOST_LOST`.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gcn_tf.metrics.pictures import psnr_db
from gcn_tf.model.gcn import GCN
from gcn_tf.model.newcomer_codes import held_out
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.split import Split
from gcn_tf.progress import progress
from gcn_tf.synthesis.draw import generate_from_codes

STEPS, EVERY, PATIENCE = 120, 10, 3  # at most; between two scores; scores without a better one
RATE = 1e-3
REPLAY = 4.0  # weight of old cells beside newcomers' pictures
NEW_BATCH, OLD_BATCH = 32, 64
MEAN_LOST, MOST_LOST = 0.3, 1.0  # dB, of old pictures on average and of any of them
CHECKED = 512  # old pictures, at most
HALVINGS = 8

Pairs = tuple[np.ndarray, np.ndarray]  # pictures float32 (N, H, W, C), ids int (N, M)


@dataclass(frozen=True)
class Tuned:
    """What tuning did.

    Args:
        steps: int. 0 where held-out pictures were met no better.
        share: float. Of the change that was kept.
        lost_mean, lost_most: float. PSNR in dB that old pictures lost.
    """

    steps: int
    share: float
    lost_mean: float
    lost_most: float

    def line(self) -> str:
        """For the user."""
        if not self.steps:
            return "layers: held-out pictures of the newcomers were met no better, so the layers stay as they were"
        return (
            f"layers: tuned for {self.steps} steps; pictures of old cells lost {self.lost_mean:.2f} dB on average, "
            f"{self.lost_most:.2f} at most"
        )


def tune_layers(model: GCN, split: Split, grown: Split) -> Tuned:
    """Tune the generator of a grown model, which knows the newcomers already.

    Args:
        model: of the grown grid.
        split: the pictures of the run; grown: with those of the newcomers.
    """
    sizes = grown.dataset.space.sizes
    network, new = model.generator, np.arange(len(split.ids), len(grown.ids))
    images, ids = pixels(grown, new).astype(np.float32) / 255, grown.ids[new]
    known = np.unique(split.ids, axis=0)
    exact = [m for m in range(ids.shape[1]) if m >= ids.shape[1] - len(grown.dataset.variations)]
    contents = np.unique(np.delete(ids, exact, axis=1), axis=0, return_inverse=True)[1].ravel()
    tuning = _Tuning(network, known, sizes)
    bar = progress(2 * STEPS, "layers", "step", delay=5)
    learned, judged = held_out(images, ids, contents, split.dataset.space.sizes)
    steps = tuning.run(learned, STEPS, judged, bar)
    tuning.reset()
    if steps:
        tuning.run((images, ids), steps, None, bar)
    bar.close()
    return _limited(model, tuning, split, grown, steps)


def _limited(model: GCN, tuning: "_Tuning", split: Split, grown: Split, steps: int) -> Tuned:
    """Halve the change until old pictures are nearly what they were."""
    if not steps:
        return Tuned(0, 0.0, 0.0, 0.0)
    seen = split.rows(unseen=False)
    rows = seen[np.linspace(0, len(seen) - 1, min(CHECKED, len(seen))).astype(int)]
    real, codes = pixels(split, rows), grown.dataset.space.one_hot(grown.ids[rows])
    after = tuning.weights()

    def quality() -> np.ndarray:
        return np.asarray(psnr_db(real, generate_from_codes(model, codes), 255.0))

    tuning.reset()
    before = quality()
    for halving in range(HALVINGS):
        share = 0.5**halving
        tuning.between(after, share)
        lost = before - quality()
        if lost.mean() <= MEAN_LOST and lost.max() <= MOST_LOST:
            return Tuned(steps, share, float(lost.mean()), float(lost.max()))
    tuning.reset()
    return Tuned(0, 0.0, 0.0, 0.0)


class _Tuning:
    """Weights on the way from those before."""

    def __init__(self, network: keras.Model, known: np.ndarray, sizes: dict[str, int]) -> None:
        self.network, self.sizes = network, sizes
        self.variables = network.trainable_variables
        self.start = self.weights()
        self.known = known
        self.replayed = self._drawn(known)
        self.step = tf.function(self._step, reduce_retracing=True, autograph=False)
        self.missed = tf.function(self._missed, reduce_retracing=True, autograph=False)
        self.reset()

    def weights(self) -> list[np.ndarray]:
        return [variable.numpy() for variable in self.variables]

    def reset(self) -> None:
        """Begin anew."""
        self.between(self.start, 0.0)
        self.adam = keras.optimizers.Adam(RATE)
        self.adam.build(self.variables)

    def between(self, after: list[np.ndarray], share: float) -> None:
        """Set weights that are so far on the way to others."""
        for variable, one, other in zip(self.variables, self.start, after, strict=True):
            variable.assign(one + share * (other - one))

    def run(self, learned: Pairs, steps: int, judged: Pairs | None, bar: Any) -> int:
        """Descend for so many steps, or until `judged` is met no better; return the steps to the best score."""
        random, worse = np.random.default_rng(0), 0
        best = (float(self.missed(*self._tensors(*judged))), 0) if judged else (0.0, steps)
        for step in range(1, steps + 1):
            new = random.permutation(len(learned[0]))[:NEW_BATCH]
            old = random.permutation(len(self.known))[:OLD_BATCH]
            gradients = self.step(
                *self._tensors(learned[0][new], learned[1][new]),
                *self._tensors(self.replayed[old], self.known[old]),
            )
            self.adam.apply(gradients, self.variables)
            bar.update()
            if judged and step % EVERY == 0:
                missed = float(self.missed(*self._tensors(*judged)))
                if missed < best[0]:
                    best, worse = (missed, step), 0
                else:
                    worse += 1
                    if worse == PATIENCE:
                        break
        return best[1]

    def _tensors(self, images: np.ndarray, ids: np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.constant(images), tf.constant(ids, tf.int32)

    def _codes(self, ids: tf.Tensor) -> dict[str, tf.Tensor]:
        return {name: tf.one_hot(ids[:, m], size) for m, (name, size) in enumerate(self.sizes.items())}

    def _drawn(self, ids: np.ndarray) -> np.ndarray:
        """What the network draws of cells before tuning, float32 (N, H, W, C)."""
        draw = tf.function(lambda ids: self.network(self._codes(ids)), reduce_retracing=True, autograph=False)
        parts = [tf.constant(ids[n : n + OLD_BATCH], tf.int32) for n in range(0, len(ids), OLD_BATCH)]
        return np.concatenate([draw(part).numpy() for part in parts])

    def _missed(self, images: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
        made = self.network(self._codes(ids), training=True)
        return tf.reduce_mean((tf.clip_by_value(made, 0.0, 1.0) - images) ** 2)

    def _step(self, images: tf.Tensor, ids: tf.Tensor, drawn: tf.Tensor, old: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            replayed = tf.reduce_mean((self.network(self._codes(old)) - drawn) ** 2)
            loss = self._missed(images, ids) + REPLAY * replayed
        gradients = tape.gradient(loss, self.variables)
        return [
            tf.zeros_like(v) if g is None else tf.convert_to_tensor(g)
            for g, v in zip(gradients, self.variables, strict=True)
        ]
