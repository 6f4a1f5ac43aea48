"""A transposed convolution whose kernel gradient is fast in bfloat16 on a CPU."""

from typing import Any

import keras
import tensorflow as tf

MIN_CHANNELS = 128  # with fewer, TensorFlow's own operation is faster


def _whole(x: tf.Tensor, kernel: tf.Tensor, stride: int, pad: int) -> tf.Tensor:
    """TensorFlow's transposed convolution: (B, h, w, in) -> (B, (h - 1) * stride + k - 2 * pad, ..., out)."""
    size, out = kernel.shape[0], kernel.shape[2]
    batch, sides = tf.shape(x)[0], (x.shape[1], x.shape[2])
    if size - stride == 2 * pad:
        return tf.nn.conv2d_transpose(x, kernel, [batch, *(s * stride for s in sides), out], stride, "SAME")
    height, width = ((s - 1) * stride + size for s in sides)
    y = tf.nn.conv2d_transpose(x, kernel, [batch, height, width, out], stride, "VALID")
    return y[:, pad : height - pad, pad : width - pad]


def _transposed(x: tf.Tensor, kernel: tf.Tensor, stride: int, pad: int) -> tf.Tensor:
    """`_whole` with another gradient in bfloat16 on a CPU.

    There the kernel's gradient is written as a dilated convolution that sums over the batch as others do over
    channels: `dK[ky, kx, o, i] = sum_b,y,x g[b, s * y + ky - pad, s * x + kx - pad, o] * x[b, y, x, i]`.
    TensorFlow's own operation for it gains little from bfloat16 (43 ms against 20 ms this way for the 4x4,
    256-channel layer of the published digit network at batch 64 on two cores with AVX-512 BF16; 1.4 s against
    0.9 s for the 5x5, 256-channel layer from 19 to 39 of the face network, all of its gradients together).
    """
    gpu = bool(tf.config.list_physical_devices("GPU"))
    if x.dtype != tf.bfloat16 or gpu or min(kernel.shape[2:]) < MIN_CHANNELS:
        return _whole(x, kernel, stride, pad)
    pads = [[0, 0], [pad, pad], [pad, pad], [0, 0]]

    @tf.custom_gradient
    def product(x: tf.Tensor, kernel: tf.Tensor) -> Any:
        def gradient(g: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            by_image = tf.nn.conv2d(g, kernel, stride, pads)
            g_rows = tf.transpose(g, (3, 1, 2, 0))  # (out, H, W, B)
            x_taps = tf.transpose(x, (1, 2, 0, 3))  # (h, w, B, in)
            by_kernel = tf.nn.conv2d(g_rows, x_taps, 1, pads, dilations=stride)  # (out, k, k, in)
            return by_image, tf.transpose(by_kernel, (1, 2, 0, 3))

        return _whole(x, kernel, stride, pad), gradient

    return product(x, kernel)


@keras.saving.register_keras_serializable(package="gcn_tf")
class TransposedConvolution(keras.layers.Conv2DTranspose):
    """`Conv2DTranspose` with Caffe's padding: out = (in - 1) * stride + kernel - 2 * pad.

    Args:
        filters, kernel_size, strides: as in Keras; whole numbers.
        pad: int. Pixels cut from every side.
    """

    def __init__(self, filters: int, kernel_size: int, strides: int, pad: int, **kwargs: Any) -> None:
        super().__init__(filters, kernel_size, strides, **{**kwargs, "padding": "valid"})
        self.pad = pad

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        kernel, bias = tf.convert_to_tensor(self.kernel), tf.convert_to_tensor(self.bias)
        return tf.nn.bias_add(_transposed(inputs, kernel, self.strides[0], self.pad), bias)

    def compute_output_shape(self, input_shape: Any) -> Any:
        sides = [(s - 1) * self.strides[0] + self.kernel_size[0] - 2 * self.pad for s in input_shape[1:3]]
        return (input_shape[0], *sides, self.filters)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        whole = {name: config[name][0] for name in ("kernel_size", "strides")}
        return {**{k: v for k, v in config.items() if k != "padding"}, **whole, "pad": self.pad}
