"""Layers in the form that LiteRT runs well.

Transposed convolutions become convolutions and a rearrangement of pixels, twice as fast: LiteRT has no fast kernel for them when the number of
pictures is free. Products of matrices that both are computed become products and sums of numbers: TensorFlow 2.21's LiteRT gives wrong
results for the former in int8, and nothing says which other versions do.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers


class DepthToSpace(layers.Layer):
    """Channels to blocks of pixels: (B, h, w, n * n * C) -> (B, n * h, n * w, C)."""

    def __init__(self, block: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.block = block

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return tf.nn.depth_to_space(x, self.block)

    def compute_output_shape(self, shape: tuple[int | None, int, int, int]) -> tuple[int | None, ...]:
        return (shape[0], shape[1] * self.block, shape[2] * self.block, shape[3] // self.block**2)


class MatrixProduct(layers.Layer):
    """Of matrices: (B, m, n) and (B, n, p) -> (B, m, p)."""

    def call(self, given: list[tf.Tensor]) -> tf.Tensor:
        one, other = given
        return tf.reduce_sum(one[..., None] * other[:, None], axis=2)

    def compute_output_shape(self, shapes: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return (*shapes[0][:2], shapes[1][2])


def suited_to_litert(network: keras.Model) -> keras.Model:
    """The same functional model, without `Conv2DTranspose` of a square kernel and stride, and without `Dot` of matrices."""

    def copied(layer: keras.layers.Layer, *given: Any, **named: Any) -> Any:
        if isinstance(layer, layers.Conv2DTranspose) and _is_square(layer):
            return _in_phases(layer, *given)
        if isinstance(layer, layers.Dot) and tuple(layer.axes) == (2, 1):
            return MatrixProduct()(*given)
        return layer(*given, **named)

    return keras.models.clone_model(network, clone_function=lambda layer: layer, call_function=copied)


def _is_square(layer: layers.Conv2DTranspose) -> bool:
    return len({*layer.kernel_size}) == len({*layer.strides}) == 1 and {*layer.dilation_rate} == {1}


def _in_phases(layer: layers.Conv2DTranspose, x: keras.KerasTensor) -> keras.KerasTensor:
    """Pixel stride * q + r of the whole result is the sum over j of x[q - j] * kernel[stride * j + r].

    That is a convolution over q, of `taps` pixels, whose channels are the phases r.
    """
    kernel, *bias = layer.get_weights()  # (k, k, out, in)
    size, stride = layer.kernel_size[0], layer.strides[0]
    taps = -(-size // stride)
    spare = taps * stride - size
    kernel = np.pad(kernel, [(0, spare), (0, spare), (0, 0), (0, 0)])
    kernel = kernel.reshape(taps, stride, taps, stride, *kernel.shape[2:])[::-1, :, ::-1]
    kernel = kernel.transpose(0, 2, 5, 1, 3, 4)  # (taps, taps, in, stride, stride, out)
    kernel = kernel.reshape(taps, taps, x.shape[-1], -1)
    whole = [(side - 1) * stride + size for side in x.shape[1:3]]
    wanted = layer.compute_output_shape(x.shape)[1:3]
    x = layers.ZeroPadding2D(taps - 1)(x) if taps > 1 else x
    convolution = layers.Conv2D(kernel.shape[-1], taps, use_bias=bool(bias))
    x = convolution(x)
    convolution.set_weights([kernel, *(np.tile(values, stride**2) for values in bias)])
    x = DepthToSpace(stride)(x) if stride > 1 else x
    before = [
        max(w - k, 0) // 2 if layer.padding == "same" else 0 for w, k in zip(whole, wanted, strict=True)
    ]
    after = [made - first - kept for made, first, kept in zip(x.shape[1:3], before, wanted, strict=True)]
    if not any(before + after):
        return x
    return layers.Cropping2D(tuple(zip(before, after, strict=True)))(x)
