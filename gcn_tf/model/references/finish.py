"""The layers that learn: they move the points of a picture that was drawn from a reference.

They may move, and nothing else: layers that added light or strokes made the picture's unseen cells softer, or smeared (docs/results.md).
"""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

FARTHEST = 0.2  # that a point is moved, in halves of a side


@keras.saving.register_keras_serializable(package="gcn_tf")
class Finish(keras.layers.Layer):
    """How far to move every point, at half the size of what it sees.

    Takes a pair: pictures float (B, h, w, C), and float (B, d), how the codes of the wanted cells differ from the codes of the pictures that
    were taken for them. Gives float32 (B, h / 2, w / 2, 2), rounded up, in halves of a side; zero before training.

    Args:
        filters: at the full size, and below.
        activation: name of a Keras activation; leaky_relu has `negative_slope`.
    """

    def __init__(
        self, filters: tuple[int, ...], activation: str, negative_slope: float, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.settings = {"filters": list(filters), "activation": activation, "negative_slope": negative_slope}
        first, below = filters
        policy = self.dtype_policy
        self.parts = {
            "first": _convolution(first, 1, policy),
            "second": _convolution(below, 2, policy),
            "second_codes": Modulation(dtype=policy),
            "third": _convolution(below, 2, policy),
            "third_codes": Modulation(dtype=policy),
            "inner": _convolution(below, 1, policy),
            "enlarge": layers.Conv2DTranspose(below, 4, 2, "same", dtype=policy),
            "last": _convolution(below, 1, policy),
            "moves": _convolution(2, 1, policy, kernel_initializer="zeros"),
        }

    def build(self, input_shape: Any) -> None:
        picture, code = input_shape
        shapes = {"first": tuple(picture)}
        for name, after in (
            ("second", "first"),
            ("third", "second"),
            ("inner", "third"),
            ("enlarge", "third"),
            ("last", "second"),
            ("moves", "last"),
        ):
            shapes[name] = self.parts[after].compute_output_shape(shapes[after])
        for name in ("second", "third"):
            shapes[f"{name}_codes"] = self.parts[name].compute_output_shape(shapes[name]), code
        for name, layer in self.parts.items():
            layer.build(shapes[name])

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        x, code = inputs
        x = self._active(self.parts["first"](x))
        x = skip = self._active(self.parts["second_codes"]((self.parts["second"](x), code)))
        x = self._active(self.parts["third_codes"]((self.parts["third"](x), code)))
        x = x + self._active(self.parts["inner"](x))
        x = self.parts["enlarge"](x)[:, : skip.shape[1], : skip.shape[2]] + skip
        x = self._active(self.parts["last"](self._active(x)))
        return FARTHEST * tf.tanh(tf.cast(self.parts["moves"](x), tf.float32))

    def _active(self, x: tf.Tensor) -> tf.Tensor:
        if self.settings["activation"] == "leaky_relu":
            return tf.nn.leaky_relu(x, self.settings["negative_slope"])
        return keras.activations.get(self.settings["activation"])(x)

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, height, width, _ = input_shape[0]
        return (batch, -(-height // 2), -(-width // 2), 2)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.settings}


def _convolution(filters: int, stride: int, policy: Any, **kwargs: Any) -> layers.Conv2D:
    return layers.Conv2D(filters, 3, stride, "same", dtype=policy, **kwargs)


@keras.saving.register_keras_serializable(package="gcn_tf")
class Modulation(keras.layers.Layer):
    """Scale and shift every channel as a code says (FiLM, Perez 2018): float (B, h, w, C) and (B, d) -> (B, h, w, C).

    Linear in the code, without hidden layers: what values do adds up, so that no single cell is memorised.
    """

    def build(self, input_shape: Any) -> None:
        picture, code = input_shape
        self.change = layers.Dense(
            2 * picture[-1], use_bias=False, kernel_initializer="zeros", dtype=self.dtype_policy
        )
        self.change.build(code)

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        picture, code = inputs
        scale, shift = tf.split(self.change(code)[:, None, None, :], 2, axis=-1)
        return picture * (1 + scale) + shift

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]
