"""A mask of the figure as a second output of a generator: which pixels are figure, and which ground.

The authors' data of digits hold a mask beside every picture, 1 where the digit has ink, and a layer for it, with a softmax cross
entropy, stands in one of their digit networks (commented out: https://github.com/Xharlie/MultiGen). The chairs of
Dosovitskiy et al. 2015 have such a mask as well.
"""

from typing import Any

import keras
import tensorflow as tf

GROUND_CONTRAST = (
    0.1  # of [0, 1]; what differs less from the ground, noise of a camera or of JPEG, belongs to it
)
LAYER = "without_mask"
WITH_PICTURE = "picture_and_mask"  # the layer that puts both side by side


def figure_mask(pictures: tf.Tensor) -> tf.Tensor:
    """Where the figure is: wherever a channel differs from the ground by more than `GROUND_CONTRAST`.

    The ground is plain, and its colour the median of the picture's border in every channel. The authors' digits, on black ground,
    have a figure wherever a pixel is not 0.

    Args:
        pictures: float32 (B, H, W, C) in [0, 1].

    Returns:
        float32 (B, H, W, 1), 1 for figure and 0 for ground.

    Example:

    >>> import numpy as np
    >>> from gcn_tf.model.figure_mask import figure_mask
    >>> picture = np.full((1, 4, 4, 1), 0.9, np.float32)
    >>> picture[0, 1:3, 2] = 0.2
    >>> figure_mask(picture)[0, ..., 0].numpy().astype(int).tolist()
    [[0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    """
    sides = pictures[:, 0], pictures[:, -1], pictures[:, :, 0], pictures[:, :, -1]
    border = tf.sort(tf.concat(sides, axis=1), axis=1)  # (B, 2 * (H + W), C)
    ground = border[:, border.shape[1] // 2, None, None]  # (B, 1, 1, C)
    contrast = tf.reduce_max(tf.abs(pictures - ground), axis=-1, keepdims=True)
    return tf.cast(contrast > GROUND_CONTRAST, tf.float32)


@keras.saving.register_keras_serializable(package="gcn_tf")
class WithoutMask(keras.layers.Layer):
    """Leave the last channel, a mask, out of what a generator gives: (B, H, W, C + 1) -> (B, H, W, C)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})

    def call(self, both: tf.Tensor) -> tf.Tensor:
        return both[..., :-1]

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], input_shape[-1] - 1)


def with_mask(generator: keras.Model) -> keras.Model:
    """The same network, with the logits of the mask as a last channel: {factor: float (B, K_f)} -> float32 (B, H, W, C + 1).

    Args:
        generator: made by `build_masked` of its kind.
    """
    return keras.Model(generator.input, generator.get_layer(LAYER).input, name="generator_with_mask")
