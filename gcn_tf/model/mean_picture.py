"""The mean of the seen pictures, from which a generator of photographs starts."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gcn_tf.model.operators import Operators, contents


@keras.saving.register_keras_serializable(package="gcn_tf")
class MeanPicture(keras.layers.Layer):
    """Add a fixed picture, float32 (H, W, C), black before `assign`: the layers before it generate the difference."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})

    def build(self, input_shape: Any) -> None:
        self.mean = self.add_weight(name="mean", shape=input_shape[1:], initializer="zeros", trainable=False)

    def assign(self, picture: np.ndarray) -> None:
        self.mean.assign(picture)

    def call(self, pictures: tf.Tensor) -> tf.Tensor:
        return pictures + self.mean

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


def mean_content(
    images: np.ndarray, ids: np.ndarray, names: tuple[str, ...], operators: dict[str, Operators]
) -> np.ndarray:
    """Mean of the pictures as the layers generate them, before any operator: float32 (H, W, C) in [0, 1].

    Args:
        images: uint8 (N, H, W, C), seen pictures only.
        ids: int (N, M), their value ids in the order of `names`.
        operators: by factor name; the first value of a factor that they explain leaves the content as it is.
    """
    return np.asarray(
        images[contents(ids, names, operators)].mean(axis=0, dtype=np.float64) / 255, np.float32
    )
