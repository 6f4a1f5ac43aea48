"""MixUp (Zhang et al. 2018): pictures faded into each other, and their labels with them.

A classifier that learns from such pictures is less sure of what it has not seen, and of unknown hands classifies no less correctly.
The layer of Keras keeps a state of its own; these shares are a function of a seed, so that a step can be made without those before it.
"""

import tensorflow as tf


def mixup_shares(count: int, alpha: float, seed: tf.Tensor) -> tf.Tensor:
    """The share that each picture of a batch keeps of itself: float32 (count,) in [0.5, 1], beta-distributed, the larger side.

    Args:
        alpha: both parameters of the beta distribution.
        seed: int64 (2,). Equal seeds give equal shares.

    >>> shares = mixup_shares(4, alpha=0.4, seed=tf.constant([0, 1], tf.int64))
    >>> shares.shape, bool(tf.reduce_all(shares >= 0.5))
    (TensorShape([4]), True)
    """
    own, other = tf.unstack(tf.random.stateless_gamma((2, count), seed, alpha, dtype=tf.float64))
    share = tf.math.divide_no_nan(own, own + other)
    return tf.cast(tf.maximum(share, 1 - share), tf.float32)


def mixed(values: tf.Tensor, others: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
    """Values and their partners by share: float32 (B, ...) twice, float32 (B,) -> float32 (B, ...).

    >>> mixed(tf.constant([[1.0, 0.0]]), tf.constant([[0.0, 1.0]]), tf.constant([0.75])).numpy().tolist()
    [[0.75, 0.25]]
    """
    shares = tf.reshape(shares, (-1, *[1] * (values.shape.rank - 1)))
    return shares * values + (1 - shares) * others
