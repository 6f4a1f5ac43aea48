"""The classifier that an augmentation is for: it learns from few real pictures, with or without generated ones."""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from gcn_tf.config.networks import ClassifierConfig
from gcn_tf.config.schema import Precision
from gcn_tf.pipelines.batches import picture_numbers
from gcn_tf.studies.augmentation.conventional import Augmentation

BATCH_SIZE = 32


LEARNING_RATE = 1e-3


TEST_BATCH = 500


@dataclass(frozen=True)
class Labelled:
    """Pictures and what they show: uint8 (N, H, W, 3) and float32 (N, K), rows that sum to 1."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class DownstreamConfig:
    """How a downstream classifier is built and trained.

    Args:
        layers: kind and layers of the network.
        round_steps: of a round; `rounds` at most.
        ratio: generated pictures per real one in a batch.
        seed: of weights, batches and dropout.
    """

    layers: ClassifierConfig
    round_steps: int = 1200
    rounds: int = 2
    ratio: float = 1.0
    seed: int = 0
    precision: Precision = "mixed_bfloat16"


@dataclass(frozen=True)
class Material:
    """What a downstream classifier learns from: real pictures, generated ones or both, and what tells it when to stop."""

    real: Labelled | None
    generated: Labelled | None
    validation: Labelled


@dataclass(frozen=True)
class DownstreamClassifier:
    """A trained classifier.

    Args:
        network: keras.Model. Images float32 (B, H, W, 3) in [0, 1] -> logits float32 (B, K).
        validation_loss: float. Mean cross entropy of the validation pictures.
        steps: int. Until the kept weights.
    """

    network: keras.Model
    validation_loss: float
    steps: int

    def classify(self, images: np.ndarray) -> np.ndarray:
        """Class of every picture: uint8 (N, H, W, 3) -> int (N,)."""
        return _logits(self.network, images).argmax(axis=1)


def _logits(network: keras.Model, images: np.ndarray) -> np.ndarray:
    return network.predict(images.astype(np.float32) / 255, batch_size=TEST_BATCH, verbose=0)


def train_downstream_classifier(
    config: DownstreamConfig, material: Material, augmentation: Augmentation | None = None
) -> DownstreamClassifier:
    """Train until the loss on the validation pictures no longer falls.

    Training goes by rounds, each with a cosine of the learning rate of its own down to 0; the weights of the round with
    the lowest validation loss are kept, and the first round that brings none ends it. (A loss looked at every few steps
    says little with 20 pictures: the best of many noisy figures is luck.)

    Args:
        augmentation: of every batch, real and generated pictures alike.

    Raises:
        ValueError: neither real nor generated pictures.
    """
    keras.utils.set_random_seed(config.seed)
    validation = material.validation
    count, shape = validation.labels.shape[1], validation.images.shape[1:]
    heads = config.layers.build({"label": count}, shape, config.precision)
    network = keras.Model(heads.input, heads.output["label"])
    optimizer = keras.optimizers.Adam(LEARNING_RATE)
    optimizer.build(network.trainable_variables)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    sources = _sources(material.real, material.generated, config.ratio)

    @tf.function
    def step(number: tf.Tensor) -> None:
        batches = [
            _batch(part, share, number, config.seed * 2 + place)
            for place, (part, share) in enumerate(sources)
        ]
        images, labels = (tf.concat(parts, axis=0) for parts in zip(*batches, strict=True))
        if augmentation:
            images, labels = augmentation(images, labels)
        with tf.GradientTape() as tape:
            value = loss(labels, network(images, training=True))
        gradients = tape.gradient(value, network.trainable_variables)
        optimizer.apply(gradients, network.trainable_variables)

    best, weights, taken = np.inf, network.get_weights(), 0
    for turn in range(config.rounds):
        for place in range(config.round_steps):
            optimizer.learning_rate.assign(
                LEARNING_RATE * (1 + np.cos(np.pi * place / config.round_steps)) / 2
            )
            step(tf.constant(turn * config.round_steps + place, tf.int64))
        now = float(loss(validation.labels, _logits(network, validation.images)))
        if not now < best:
            break
        best, weights, taken = now, network.get_weights(), (turn + 1) * config.round_steps
    network.set_weights(weights)
    return DownstreamClassifier(network, best, taken)


def _sources(real: Labelled | None, generated: Labelled | None, ratio: float) -> list[tuple[Labelled, int]]:
    """What a batch is made of: pictures, and how many of them."""
    if real is None or generated is None:
        only = generated if real is None else real
        if only is None:
            raise ValueError("nothing to learn from: give real or generated pictures")
        return [(only, BATCH_SIZE)]
    from_generator = min(BATCH_SIZE - 1, max(1, round(BATCH_SIZE * ratio / (1 + ratio))))
    return [(real, BATCH_SIZE - from_generator), (generated, from_generator)]


def _batch(part: Labelled, size: int, step: tf.Tensor, seed: int) -> tuple[tf.Tensor, tf.Tensor]:
    rows = picture_numbers(step, np.arange(len(part)), size, seed)
    images = tf.cast(tf.gather(tf.constant(part.images), rows), tf.float32) / 255.0
    return images, tf.gather(tf.constant(part.labels), rows)
