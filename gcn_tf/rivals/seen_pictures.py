"""The seen pictures, kept in a network that is asked by codes and needs a picture to start from."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf


@keras.saving.register_keras_serializable(package="gcn_tf")
class NearestSeen(keras.layers.Layer):
    """The seen picture that shares most factor values with a cell: {factor: codes (B, K_f)} -> float32 (B, H, W, C) in [0, 1].

    Of equals it takes one that differs in a late factor, then the first. A blend counts as the cell of its heaviest values. All is
    black before `assign`.

    Args:
        sizes: number of values by factor name.
        image_shape: (H, W, C).
        pictures: number of pictures that it keeps.
    """

    def __init__(
        self, sizes: Mapping[str, int], image_shape: tuple[int, int, int], pictures: int, **kwargs: Any
    ) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.sizes, self.image_shape, self.pictures = dict(sizes), tuple(image_shape), pictures

        def kept(name: str, dtype: str, *shape: int) -> keras.Variable:
            return self.add_weight(
                name=name, shape=(pictures, *shape), dtype=dtype, initializer="zeros", trainable=False
            )

        self.bank = kept("bank", "uint8", *self.image_shape)
        self.ids = kept("ids", "int32", len(self.sizes))

    def assign(self, images: np.ndarray, ids: np.ndarray) -> None:
        """Keep evenly chosen ones of the pictures, uint8 (N, H, W, C), and their value ids, int (N, M)."""
        chosen = np.linspace(0, len(images) - 1, self.pictures).astype(
            int
        )  # some repeatedly, if these are few
        self.bank.assign(images[chosen])
        self.ids.assign(ids[chosen])

    def call(self, codes: Mapping[str, tf.Tensor]) -> tf.Tensor:
        count = len(self.sizes)
        most = (
            count + 1
        ) ** 2  # more than all places together: the number of differing factors decides first
        costs = [tf.where(d, most - place, 0) for place, d in enumerate(self._differences(codes), start=1)]
        return self._picture(tf.argmin(tf.add_n(costs), axis=1))

    def partners(self, codes: Mapping[str, tf.Tensor], seed: tf.Tensor) -> tf.Tensor:
        """Random ones of those that share most values with a cell, but are of another cell: float32 (B, H, W, C) in [0, 1].

        Args:
            seed: int64 (2,). They depend on it alone.
        """
        number = tf.add_n([tf.cast(d, tf.float32) for d in self._differences(codes)])  # (B, N)
        order = number + tf.random.stateless_uniform(tf.shape(number), seed)
        return self._picture(tf.argmin(tf.where(number > 0, order, np.inf), axis=1))

    def _differences(self, codes: Mapping[str, tf.Tensor]) -> list[tf.Tensor]:
        """By factor, whether each kept picture has another value: bool (B, N)."""
        ids = self.ids.value
        wanted = [tf.argmax(codes[name], axis=1, output_type=tf.int32) for name in self.sizes]
        return [value[:, None] != ids[None, :, place] for place, value in enumerate(wanted)]

    def _picture(self, numbers: tf.Tensor) -> tf.Tensor:
        return tf.cast(tf.gather(self.bank.value, numbers), tf.float32) / 255.0

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (None, *self.image_shape)

    def get_config(self) -> dict[str, Any]:
        own = {"sizes": self.sizes, "image_shape": self.image_shape, "pictures": self.pictures}
        return {**super().get_config(), **own}
