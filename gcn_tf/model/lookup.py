"""Values looked up by their ids: what a generator makes of a one-hot code, without a product with thousands of zeros.

The network is the one of codes, with the same layers and weights. Where a factor has many values, its ids choose rows of the first kernel
of its tower. In float32 the pictures are the same to the bit, and gradients but for the order of sums: the gradient of a kernel stays dense,
since Adam moves the rows of all values in every step, those of values that a batch lacks by their moments.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from gcn_tf.model.operators import HideExplained

# Values of a factor. With fewer, the product takes no longer than the lookup (docs/performance.md), and trainings that began with it
# go on to the bit.
LOOKED_UP_FROM = 10_000


class ValueRows(layers.Layer):
    """What a dense layer makes of the one-hot codes of ids: int (B,) -> float (B, units).

    Args:
        dense: keras.layers.Dense. A layer of codes, built.
        hidden: scalar variable. 1 where operators explain the factor and the layer gets a uniform code, whatever the id; else 0.
    """

    def __init__(self, dense: layers.Dense, hidden: keras.Variable | None = None, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": dense.dtype_policy, "name": f"{dense.name}_rows"})
        self.dense, self.hidden = dense, hidden

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        kernel = tf.convert_to_tensor(self.dense.kernel.value)
        found = rows(kernel, ids)
        if self.hidden is not None:
            found += self.hidden * (tf.reduce_mean(kernel, axis=0) - found)
        return self.dense.activation(tf.cast(found, self.compute_dtype) + self.dense.bias)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape, self.dense.units)


@tf.custom_gradient
def rows(table: tf.Tensor, ids: tf.Tensor) -> tuple[tf.Tensor, Any]:
    """Rows of a table by number: float (K, D), int (B,) -> float (B, D); the gradient is as dense as the table."""

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, None]:
        return tf.math.unsorted_segment_sum(upstream, ids, tf.shape(table)[0]), None

    return tf.gather(table, ids), gradient


def looked_up_factors(network: keras.Model) -> tuple[str, ...]:
    """Factors whose ids a generator of codes can look up, and that have so many values that it should."""
    names = {layer.name for layer in network.layers}
    return tuple(
        name
        for name, code in network.input.items()
        if code.shape[-1] >= LOOKED_UP_FROM
        and f"{name}_tower_1" in names
        and f"{name}_neighbours" not in names
    )


def by_ids(network: keras.Model, looked_up: tuple[str, ...]) -> keras.Model:
    """The same network, for ids int (B,) of some factors and codes of the others.

    Args:
        network: {factor: code float (B, K_f)} -> pictures; it has a layer FACTOR_tower_1 for each factor.
        looked_up: factors whose ids are given.
    """
    given = {
        name: layers.Input((), name=name, dtype="int32")
        if name in looked_up
        else layers.Input(code.shape[1:], name=name)
        for name, code in network.input.items()
    }
    hidden: dict[str, keras.Variable] = {}

    def call(layer: layers.Layer, *inputs: Any, **named: Any) -> Any:
        if isinstance(layer, HideExplained):
            hidden.update(layer.hidden)
            shown = {name: code for name, code in inputs[0].items() if name not in looked_up}
            return {**inputs[0], **(layer(shown) if shown else {})}
        factor = layer.name.removesuffix("_tower_1")
        if factor in looked_up and isinstance(layer, layers.Dense):
            return ValueRows(layer, hidden.get(factor))(*inputs)
        return layer(*inputs, **named)

    return keras.models.clone_model(network, given, clone_function=lambda layer: layer, call_function=call)
