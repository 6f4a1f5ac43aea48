import keras
import numpy as np
import pytest
import tensorflow as tf

from gcn_tf.model import transposed_convolution as convolutions
from gcn_tf.model.transposed_convolution import TransposedConvolution

SHAPES = [(4, 2, 1, 7), (2, 2, 0, 14), (3, 1, 1, 8), (5, 2, 0, 8), (5, 2, 1, 9)]  # kernel, stride, pad, side


def value_and_gradients(layer, crop, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
        y = y[:, crop : y.shape[1] - crop, crop : y.shape[2] - crop]
        weights = np.random.default_rng(1).normal(size=y.shape).astype(np.float32)
        loss = tf.reduce_sum(weights * tf.cast(y, tf.float32))
    return [y, *tape.gradient(loss, [x, layer.kernel.value])]


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-4), ("mixed_bfloat16", 0.05)])
@pytest.mark.parametrize("kernel, stride, pad, side", SHAPES)
def test_value_and_gradients_are_those_of_keras_cropped(
    kernel, stride, pad, side, dtype, tolerance, monkeypatch
):
    monkeypatch.setattr(convolutions, "MIN_CHANNELS", 1)  # so that the bfloat16 gradient is the own one
    x = tf.constant(np.random.default_rng(0).normal(size=(3, side, side, 4)).astype(np.float32))
    ours = TransposedConvolution(5, kernel, stride, pad, dtype=dtype)
    keras_layer = keras.layers.Conv2DTranspose(5, kernel, stride, padding="valid")
    ours(x), keras_layer(x)
    keras_layer.set_weights(ours.get_weights())
    made, expected = value_and_gradients(ours, 0, x), value_and_gradients(keras_layer, pad, x)
    assert made[0].shape[1] == (side - 1) * stride + kernel - 2 * pad
    for a, b in zip(made, expected, strict=True):
        scale = float(tf.reduce_max(tf.abs(b)))
        np.testing.assert_allclose(tf.cast(a, tf.float32), b, atol=tolerance * scale)


def test_the_layer_survives_serialization():
    layer = TransposedConvolution(5, 4, 2, 1, name="up")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert (again.filters, again.kernel_size, again.strides, again.pad) == (5, (4, 4), (2, 2), 1)
