"""Codes of ordered factors, spread over neighbouring values: what the generator learns at one serves those beside it."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

WIDTH = 1.0  # standard deviation of the kernel, in distances to the nearest value; docs/results.md compares widths


def neighbour_kernel(distances: np.ndarray, width: float = WIDTH) -> np.ndarray:
    """The spread code of every value of an ordered factor: float32 (K, K), rows as long as one-hot codes.

    Args:
        distances: float (K, K) between the values.
        width: standard deviation of the Gaussian, in distances to the nearest value. Where values lie at unequal
            distances it is wider among the sparse ones, so that none is drowned by, or cut off from, the others.
    """
    nearest = np.where(np.eye(len(distances), dtype=bool), np.inf, distances).min(axis=1)
    weights = np.exp(-0.5 * np.square(distances / width) / np.outer(nearest, nearest))
    return (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype(np.float32)


@keras.saving.register_keras_serializable(package="gcn_tf")
class NeighbourCodes(keras.layers.Layer):
    """Spread codes by a fixed kernel, float (B, K) -> float32 (B, K): the code of a blend is the blend of the codes.

    Args:
        kernel: float (K, K). Row k is the spread code of value k.
    """

    def __init__(self, kernel: Any, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.kernel = np.asarray(kernel, np.float32)

    def call(self, code: tf.Tensor) -> tf.Tensor:
        return tf.matmul(code, self.kernel)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kernel": self.kernel.tolist()}
