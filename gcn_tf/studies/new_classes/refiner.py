"""A refiner that makes moved pictures pass for real ones without changing what they show (S+U learning, Shrivastava 2017, SimGAN).

A small residual network changes a moved picture; a critic looks at patches of it. It learns on the fuller grid alone: its real pictures
against the same ones moved. The pixels must stay near those that were given, so that the label holds; half of what the critic sees as refined
comes from earlier steps.
"""

import itertools
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from gcn_tf.studies.new_classes.variation import BATCH, Chunk

WIDTH, BLOCKS = 32, 2  # of the residual network
CRITIC_WIDTH = 32
NEARNESS = 10.0  # weight of the mean absolute change against the critic's say
RATE = 3e-4
KEPT = 10 * BATCH  # refined pictures that the critic sees again


class Refiner:
    """The network and its critic, for pictures of one shape (H, W, C)."""

    def __init__(self, shape: tuple[int, int, int], seed: int = 0) -> None:
        keras.utils.set_random_seed(seed)
        pictures = keras.Input(shape)
        x = layers.Conv2D(WIDTH, 3, padding="same", activation="relu")(pictures)
        for _ in range(BLOCKS):
            inner = layers.Conv2D(WIDTH, 3, padding="same", activation="relu")(x)
            x = layers.ReLU()(x + layers.Conv2D(WIDTH, 3, padding="same")(inner))
        change = layers.Conv2D(shape[-1], 1, kernel_initializer="zeros")(x)
        self.network = keras.Model(pictures, pictures + change)
        x = layers.Conv2D(CRITIC_WIDTH, 3, 2, padding="same", activation="leaky_relu")(pictures)
        x = layers.Conv2D(2 * CRITIC_WIDTH, 3, 2, padding="same", activation="leaky_relu")(x)
        self.critic = keras.Model(pictures, layers.Conv2D(1, 1)(x))
        self.optimizers = [keras.optimizers.Adam(RATE, beta_1=0.5) for _ in range(2)]
        for optimizer, model in zip(self.optimizers, (self.network, self.critic), strict=True):
            optimizer.build(model.trainable_variables)

    def learn(
        self, moved: Iterator[Chunk], real: Iterator[Chunk], steps: int, rng: np.random.Generator
    ) -> None:
        """Steps of one batch of moved and one of real pictures each.

        Args:
            moved, real: chunks of batches; their labels are not looked at.
        """
        batches = (
            pair
            for one, other in zip(moved, real, strict=True)
            for pair in zip(one[0], other[0], strict=True)
        )
        kept = None
        for given, shown in itertools.islice(batches, steps):
            kept = np.repeat(given, KEPT // len(given), axis=0) if kept is None else kept
            some = rng.permutation(len(kept))[: len(given) // 2]
            refined = self._step(given, shown, kept[some]).numpy()
            kept[some] = refined[: len(some)]

    @tf.function(reduce_retracing=True)
    def _step(self, given: tf.Tensor, shown: tf.Tensor, again: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            refined = self.network(given, training=True)
            deceived = tf.reduce_mean(tf.nn.softplus(-self.critic(refined, training=True)))
            loss = deceived + NEARNESS * tf.reduce_mean(tf.abs(refined - given))
        variables = self.network.trainable_variables
        self.optimizers[0].apply(tape.gradient(loss, variables), variables)
        with tf.GradientTape() as tape:
            of_refined = self.critic(tf.concat([refined, again], axis=0), training=True)
            of_real = self.critic(shown, training=True)
            loss = tf.reduce_mean(tf.nn.softplus(of_refined)) + tf.reduce_mean(tf.nn.softplus(-of_real))
        variables = self.critic.trainable_variables
        self.optimizers[1].apply(tape.gradient(loss, variables), variables)
        return refined

    @tf.function(reduce_retracing=True)
    def _refined(self, pictures: tf.Tensor) -> tf.Tensor:
        return tf.clip_by_value(self.network(pictures, training=False), 0.0, 1.0)

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures that look more like real ones: float32 (N, H, W, C) in [0, 1] -> the same."""
        made: np.ndarray = self._refined(pictures).numpy()
        return made

    @property
    def weights(self) -> list[np.ndarray]:
        """Of the network alone, to be kept."""
        return list(self.network.get_weights())

    @weights.setter
    def weights(self, weights: Sequence[np.ndarray]) -> None:
        self.network.set_weights(list(weights))
