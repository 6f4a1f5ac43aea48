"""The classifier of the study of new classes: a small convolutional network, and the ways in which it starts."""

from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from scipy.special import log_softmax

from gcn_tf.studies.new_classes.variation import CHUNK, Chunk

FEATURES = 128
FIRST_WIDTH, WIDTH = 24, 48  # channels
SMALLEST_SIDE = 8  # layers with stride follow each other down to it
RATE, TUNING_RATE = 2e-3, 1e-3  # learning rates, of a network from nothing and of one that has started
WAYS, QUERIES = 10, 4  # of an episode: classes, and pictures asked of each
TEST_BATCH = 500


class NewClassesClassifier:
    """A network that is built once in a process and trained again and again.

    Args:
        shape: (H, W, C) of pictures.
        most: classes that it is ever asked for at once.
    """

    def __init__(self, shape: tuple[int, int, int], most: int) -> None:
        self.most = most
        pictures = keras.Input(shape)
        x = _block(pictures, FIRST_WIDTH, 5, 2)
        while max(x.shape[1:3]) > SMALLEST_SIDE:
            x = _block(x, WIDTH, 3, 2)
        x = layers.MaxPooling2D(padding="same")(_block(x, WIDTH, 3, 1))
        x = layers.Dropout(0.2)(layers.Flatten()(x))
        features = layers.LayerNormalization(center=False, scale=False)(layers.Dense(FEATURES)(x))
        self.features = keras.Model(pictures, features)
        self.head = layers.Dense(most)
        self.network = keras.Model(pictures, self.head(features))
        self.adam = keras.optimizers.Adam(RATE)
        self.adam.build(self.network.trainable_variables)

    def begin(self, weights: Sequence[np.ndarray] | None, seed: int) -> None:
        """Take weights, or new ones by a seed."""
        if weights is None:
            keras.utils.set_random_seed(seed)
            weights = keras.models.clone_model(self.network).get_weights()
        self.network.set_weights(list(weights))
        for variable in self.adam.variables:
            variable.assign(tf.zeros_like(variable))

    def learn(self, chunks: Iterator[Chunk], steps: int, rate: float) -> None:
        """Steps of 32 pictures, with a cosine of the learning rate."""
        for first in range(0, steps, CHUNK):
            images, labels = next(chunks)
            rates = _cosine(first, steps, rate)
            missing = ((0, 0), (0, 0), (0, self.most - labels.shape[-1]))
            absent = (np.arange(self.most) >= labels.shape[-1]).astype(np.float32)
            self._learn(images, np.pad(labels, missing), rates, absent)

    @tf.function(reduce_retracing=True)
    def _learn(self, images: tf.Tensor, labels: tf.Tensor, rates: tf.Tensor, absent: tf.Tensor) -> None:
        for n in tf.range(tf.shape(rates)[0]):
            self.adam.learning_rate.assign(rates[n])
            with tf.GradientTape() as tape:
                logits = self.network(images[n], training=True) - 1e9 * absent
                loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels[n], logits))
            variables = self.network.trainable_variables
            self.adam.apply(tape.gradient(loss, variables), variables)

    def learn_episodes(self, chunks: Iterator[np.ndarray], steps: int) -> None:
        """A prototypical network (Snell 2017): every asked picture belongs to the nearest of the pictures that are shown once.

        Args:
            chunks: float32 (CHUNK, ways * (1 + QUERIES), H, W, C), of every class one that is shown, then those that are asked.
        """
        for first in range(0, steps, CHUNK):
            self._learn_episodes(next(chunks), _cosine(first, steps, RATE))

    @tf.function(reduce_retracing=True)
    def _learn_episodes(self, images: tf.Tensor, rates: tf.Tensor) -> None:
        for n in tf.range(tf.shape(rates)[0]):
            self.adam.learning_rate.assign(rates[n])
            with tf.GradientTape() as tape:
                codes = tf.reshape(self.features(images[n], training=True), (-1, 1 + QUERIES, FEATURES))
                asked = tf.reshape(codes[:, 1:], (-1, FEATURES))
                squares = tf.reduce_sum(tf.square(asked[:, None] - codes[None, :, 0]), axis=2)
                labels = tf.repeat(tf.range(tf.shape(codes)[0]), QUERIES)
                logits = -squares * FEATURES**-0.5
                loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
            gradients = tape.gradient(loss, self.features.trainable_variables)
            rest = [tf.zeros_like(v) for v in self.head.variables]
            self.adam.apply([*gradients, *rest], self.network.trainable_variables)

    def take_means(self, images: np.ndarray, classes: np.ndarray) -> None:
        """Make the head that of the nearest mean of a class: float32 (N, H, W, C) in [0, 1], int (N,)."""
        codes = self._codes(images)
        means = np.zeros((self.most, FEATURES), np.float32)
        for one in np.unique(classes):
            means[one] = codes[classes == one].mean(axis=0)
        scale = FEATURES**-0.5
        self.head.set_weights([2 * scale * means.T, -scale * np.square(means).sum(axis=1)])

    def classify(self, images: np.ndarray, count: int) -> np.ndarray:
        """The most probable of the first `count` classes: uint8 (N, H, W, C) -> int (N,)."""
        return np.asarray(self._logits(images.astype(np.float32) / 255, count).argmax(axis=1))

    def losses(self, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Cross entropy of each picture: float32 (N, H, W, C) in [0, 1], labels (N, K) -> (N,)."""
        return -np.sum(labels * log_softmax(self._logits(images, labels.shape[1]), axis=1), axis=1)

    def _logits(self, images: np.ndarray, count: int) -> np.ndarray:
        kernel, bias = self.head.get_weights()
        return np.asarray((self._codes(images) @ kernel + bias)[:, :count])

    def _codes(self, images: np.ndarray) -> np.ndarray:
        parts = [images[n : n + TEST_BATCH] for n in range(0, len(images), TEST_BATCH)]
        return np.concatenate([self._features(part).numpy() for part in parts])

    @tf.function(reduce_retracing=True)
    def _features(self, images: tf.Tensor) -> tf.Tensor:
        return self.features(images, training=False)


def episodes(classes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows of `CHUNK` episodes: int (N,) classes -> int (CHUNK, ways * (1 + QUERIES))."""
    rows_of = [np.flatnonzero(classes == one) for one in np.unique(classes)]
    chosen = [
        [rng.choice(rows_of[one], 1 + QUERIES, replace=len(rows_of[one]) <= QUERIES) for one in order]
        for order in (rng.permutation(len(rows_of))[:WAYS] for _ in range(CHUNK))
    ]
    return np.array(chosen).reshape(CHUNK, -1)


def _block(x: tf.Tensor, width: int, size: int, stride: int) -> tf.Tensor:
    x = layers.Conv2D(width, size, stride, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))


def _cosine(first: int, steps: int, rate: float) -> np.ndarray:
    places = np.arange(first, min(first + CHUNK, steps)) / steps
    return (rate * (1 + np.cos(np.pi * places)) / 2).astype(np.float32)
