"""Activations of hidden layers."""

import keras
from keras import layers


def activated(
    x: keras.KerasTensor, activation: str, negative_slope: float, dtype: str, name: str
) -> keras.KerasTensor:
    """Apply the activation of a network's hidden layers to `x`.

    PReLU learns one slope per unit or channel, starting at 0.25 (He et al. 2015); the others learn nothing.
    """
    name = f"{name}_activation"
    if activation == "leaky_relu":
        return layers.LeakyReLU(negative_slope, dtype=dtype, name=name)(x)
    if activation == "prelu":
        places = list(range(1, len(x.shape) - 1)) or None
        start = keras.initializers.Constant(0.25)
        return layers.PReLU(start, shared_axes=places, dtype=dtype, name=name)(x)
    return layers.Activation(activation, dtype=dtype, name=name)(x)
