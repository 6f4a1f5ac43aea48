"""What transfers of all kinds of generators share: codes, and steps of a descent, as graph operations."""

from collections.abc import Mapping

import tensorflow as tf

Codes = Mapping[str, tf.Tensor]
MOMENTS, EPSILON = (0.9, 0.999), 1e-7  # of Adam, as Keras sets them


def after_change(known: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """The wanted weights, float32 (B, K_f), where there are any, else the known ones."""
    return wanted + (1 - tf.reduce_sum(wanted, axis=1, keepdims=True)) * known


def missed_share(pictures: tf.Tensor, made: tf.Tensor) -> tf.Tensor:
    """Mean squared difference from pictures, float32 (B, H, W, C) in [0, 1], in the variance of each: float32 (B,)."""
    missed = tf.reduce_mean((made - pictures) ** 2, axis=(1, 2, 3))
    return missed / (tf.math.reduce_variance(pictures, axis=(1, 2, 3)) + 1e-3)


def adam_step(
    number: tf.Tensor, values: tf.Tensor, gradient: tf.Tensor, mean: tf.Tensor, square: tf.Tensor, rate: float
) -> tuple[tf.Tensor, ...]:
    """One step of Adam.

    Args:
        number: int32 scalar, of the step, from 0.
        mean, square: of the gradients before, zeros at first.

    Returns:
        The next number, values, mean and square.
    """
    mean = MOMENTS[0] * mean + (1 - MOMENTS[0]) * gradient
    square = MOMENTS[1] * square + (1 - MOMENTS[1]) * gradient**2
    done = tf.cast(number + 1, tf.float32)
    rate = rate * tf.sqrt(1 - MOMENTS[1] ** done) / (1 - MOMENTS[0] ** done)
    return number + 1, values - rate * mean / (tf.sqrt(square) + EPSILON), mean, square
