"""Small random changes to the classifier's input, real and generated pictures alike.

An addition to the paper. A classifier that knows its pictures to the pixel can be satisfied by marks at fixed places;
one that has seen every picture shifted, turned, zoomed and with noise needs the figure itself.
"""

import math

import tensorflow as tf

from gcn_tf.model.replica import Rows

SHIFT = 0.09  # share of the height, or of the width
TURN_DEGREES = 10.0
ZOOM = 0.12
NOISE = 0.08  # largest standard deviation


def jitter(images: tf.Tensor, seed: tf.Tensor, strength: float = 1.0, rows: Rows | None = None) -> tf.Tensor:
    """Shift, turn and zoom every image and add noise, by random amounts per image; gradients pass through.

    Args:
        images: float32 (B, H, W, C) in [0, 1].
        seed: int64 (2,). Equal seeds give equal changes.
        strength: float. Multiplies all four ranges; 0 changes nothing.
        rows: which of all replicas' images these are, in whose number chance is drawn; None: they are all.

    Returns:
        float32 (B, H, W, C) in [0, 1]; pixels from outside the image are 0.
    """
    height, width = images.shape[1:3]
    count = rows.total if rows else tf.shape(images)[0]
    amounts = tf.random.stateless_uniform([5, count], seed, -strength, strength)
    noise = tf.random.stateless_normal((count, *images.shape[1:]), seed + 1)
    if rows:
        amounts, noise = rows.of(amounts, axis=1), rows.of(noise)
    angle, zoom = amounts[0] * (TURN_DEGREES * math.pi / 180), 1 + amounts[1] * ZOOM
    across, along = zoom * tf.cos(angle), zoom * tf.sin(angle)
    x, y = (width - 1) / 2, (height - 1) / 2  # the middle
    right = amounts[2] * (SHIFT * width) + x * (1 - across + along * (y / x))
    down = amounts[3] * (SHIFT * height) + y * (1 - along * (x / y) - across)
    zeros = tf.zeros_like(across)
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([across, -along, right, along, across, down, zeros, zeros], axis=1),
        output_shape=[height, width],
        fill_value=0.0,
        interpolation="BILINEAR",
    )
    spread = NOISE * tf.abs(amounts[4])[:, None, None, None]
    return tf.clip_by_value(moved + spread * noise, 0.0, 1.0)
