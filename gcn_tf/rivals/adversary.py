"""The losses of two networks that are trained against each other (Goodfellow et al. 2014), from logits: real above 0."""

from collections.abc import Mapping

import tensorflow as tf


def binary_entropy(logits: tf.Tensor, label: float) -> tf.Tensor:
    """Mean cross entropy of logits that should all have one label: any shape -> scalar, in nats."""
    labels = tf.fill(tf.shape(logits), label)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logits))


def critic_loss(on_real: tf.Tensor, on_generated: tf.Tensor) -> tf.Tensor:
    """Real pictures should be above 0, generated ones below."""
    return binary_entropy(on_real, 1.0) + binary_entropy(on_generated, 0.0)


def generator_loss(on_generated: tf.Tensor) -> tf.Tensor:
    """The one that does not saturate: generated pictures should be taken for real ones."""
    return binary_entropy(on_generated, 1.0)


def class_entropy(logits: Mapping[str, tf.Tensor], codes: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Mean cross entropy of every factor's classes, summed over the factors: (B, K_f) by name, both -> scalar, in nats."""
    losses = [tf.nn.softmax_cross_entropy_with_logits(codes[name], values) for name, values in logits.items()]
    return tf.reduce_mean(tf.add_n(losses))
