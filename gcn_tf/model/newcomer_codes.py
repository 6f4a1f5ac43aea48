"""Codes of newcomers for a generator that builds pictures from codes: the network stays as it is, each new value gets a row of weights.

A row is a mixture of those of the known values, a writer between writers, and what leaves it, held back by a prior of their
spread. It stops where pictures that are held out, or a single picture moved by a pixel, are met no better.
"""

from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf

from gcn_tf.progress import progress

STEPS = 150  # at most
EVERY = 5  # steps, the held-out pictures are scored
PATIENCE = 4  # scores without a better one
BATCH = 48  # pictures of a step, at most
MIXING_RATE = 0.3  # of the mixtures' logits
RATE = 0.03  # of what leaves them, in spreads of the known rows
PRIOR = 0.02  # of its squares, beside the share of the pictures' variance that is missed
GAIN = 0.999  # a score is better below this share of the best one


def learn_codes(
    network: keras.Model,
    pictures: tuple[np.ndarray, np.ndarray, np.ndarray],
    sizes: Mapping[str, int],
    old_sizes: Mapping[str, int],
    kernels: Mapping[str, keras.Variable],
) -> None:
    """Set the rows of the new values in the kernels that see the factors' codes.

    Args:
        network: {factor: code float (B, K_f)} -> image (B, H, W, C) in [0, 1], linear.
        pictures: uint8 (N, H, W, C); int (N, M), their value ids; int (N,), which of them are the same but for exact factors.
        sizes: number of values by factor name; old_sizes: without the new ones.
        kernels: (K_f, units), by name of the factors with new values.
    """
    images, ids, contents = pictures
    scaled = images.astype(np.float32) / 255
    learned, judged = held_out(scaled, ids, contents, old_sizes)
    bar = progress(2 * STEPS, "codes of newcomers", "step", delay=5)
    search = _Search(network, sizes, old_sizes, kernels, float(scaled.var()) + 1e-6, bar.update)
    steps = search.run(learned, STEPS, judged)
    search.reset()
    search.run((scaled, ids), steps)
    bar.close()
    for name, rows in search.rows().items():
        kernels[name].assign(
            tf.concat([kernels[name][: old_sizes[name]], tf.cast(rows, kernels[name].dtype)], axis=0)
        )


def held_out(
    images: np.ndarray, ids: np.ndarray, contents: np.ndarray, old_sizes: Mapping[str, int]
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Pictures of newcomers to learn from and to be judged by.

    Of every newcomer with several contents one is held out; if none has several, all pictures moved by a pixel are the judges.

    Args:
        images: float32 (N, H, W, C); ids: int (N, M); contents: int (N,), as of `learn_codes`.
    """
    new_values = np.where(ids >= list(old_sizes.values()), ids, -1)
    newcomer = np.unique(new_values, axis=0, return_inverse=True)[1].ravel()
    kept = np.ones(len(ids), bool)
    for rows in (np.flatnonzero(newcomer == number) for number in range(newcomer.max() + 1)):
        if len(np.unique(contents[rows])) > 1:
            kept[rows] = contents[rows] != contents[rows].max()
    if not kept.all():
        return (images[kept], ids[kept]), (images[~kept], ids[~kept])
    moved = [np.roll(images, move, axis) for axis in (1, 2) for move in (-1, 1)]
    return (images, ids), (np.concatenate(moved), np.tile(ids, (4, 1)))


class _Search:
    """Rows of new values that bring what the network generates near to pictures of them."""

    def __init__(
        self,
        network: keras.Model,
        sizes: Mapping[str, int],
        old_sizes: Mapping[str, int],
        kernels: Mapping[str, keras.Variable],
        variance: float,
        tick: Callable[[], object],
    ) -> None:
        self.network, self.sizes, self.kernels, self.tick = network, sizes, kernels, tick
        self.variance = variance
        self.known = {
            name: tf.cast(kernel[: old_sizes[name]], tf.float32) for name, kernel in kernels.items()
        }
        self.spread = {name: tf.math.reduce_std(rows, axis=0) + 1e-6 for name, rows in self.known.items()}
        new = {name: sizes[name] - old_sizes[name] for name in kernels}
        self.logits = {
            name: tf.Variable(tf.zeros((new[name], len(rows)))) for name, rows in self.known.items()
        }
        self.away = {
            name: tf.Variable(tf.zeros((new[name], rows.shape[1]))) for name, rows in self.known.items()
        }
        self.step = tf.function(self._step, reduce_retracing=True, autograph=False)
        self.reset()

    def reset(self) -> None:
        """Begin anew, at the mean of the known values."""
        for variable in (*self.logits.values(), *self.away.values()):
            variable.assign(tf.zeros_like(variable))
        self.adams = keras.optimizers.Adam(MIXING_RATE), keras.optimizers.Adam(RATE)
        for adam, variables in zip(self.adams, (self.logits, self.away), strict=True):
            adam.build(list(variables.values()))

    def rows(self) -> dict[str, tf.Tensor]:
        """Float32 (new values, units) by factor name."""
        return {
            name: tf.matmul(tf.nn.softmax(self.logits[name]), known) + self.away[name] * self.spread[name]
            for name, known in self.known.items()
        }

    def run(
        self,
        learned: tuple[np.ndarray, np.ndarray],
        steps: int,
        judged: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> int:
        """Descend for so many steps, or until `judged` is met no better; return the steps to the best score."""
        random, best, worse = np.random.default_rng(0), (np.inf, 0), 0
        for step in range(1, steps + 1):
            chosen = random.permutation(len(learned[0]))[:BATCH]
            missed, mixing, leaving = self.step(learned[0][chosen], tf.constant(learned[1][chosen], tf.int32))
            self.adams[0].apply(mixing, list(self.logits.values()))
            self.adams[1].apply(leaving, list(self.away.values()))
            self.tick()
            if judged and step % EVERY == 0:
                some = np.linspace(0, len(judged[0]) - 1, min(BATCH, len(judged[0]))).astype(int)
                missed, *_ = self.step(judged[0][some], tf.constant(judged[1][some], tf.int32))
                if float(missed) < GAIN * best[0]:
                    best, worse = (float(missed), step), 0
                else:
                    worse += 1
                    if worse == PATIENCE:
                        break
        return best[1] or steps

    def _step(self, images: tf.Tensor, ids: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor], list[tf.Tensor]]:
        """What is missed of pictures, and the gradients of logits and of what leaves the mixtures."""
        codes = {name: tf.one_hot(ids[:, m], size) for m, (name, size) in enumerate(self.sizes.items())}
        logits, away = list(self.logits.values()), list(self.away.values())
        with tf.GradientTape() as tape:
            rows = self.rows()
            weights = [self._with_rows(variable, rows) for variable in self.network.trainable_variables]
            made, _ = self.network.stateless_call(weights, self.network.non_trainable_variables, codes)
            missed = tf.reduce_mean((tf.clip_by_value(made, 0.0, 1.0) - images) ** 2) / self.variance
            held_back = tf.add_n([tf.reduce_mean(part**2) for part in away])
            loss = missed + PRIOR * held_back
        found = tape.gradient(loss, [*logits, *away])
        return missed, found[: len(logits)], found[len(logits) :]

    def _with_rows(self, variable: keras.Variable, rows: Mapping[str, tf.Tensor]) -> tf.Tensor:
        for name, kernel in self.kernels.items():
            if kernel is variable:
                return tf.concat([self.known[name], rows[name]], axis=0)
        return variable.value
