"""Random numbers beside the codes: fresh ones in training, afterwards those of the cell."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf


@keras.saving.register_keras_serializable(package="gcn_tf")
class Latents(keras.layers.Layer):
    """Standard normal numbers for every picture: codes float32 (B, K) -> float32 (B, Z).

    In training they are fresh. Otherwise they are a fixed random linear function of the codes, so that a cell always has the same
    picture, a blend lies between its cells, and the numbers of any single cell are standard normal.

    Args:
        count: int. Z.
        factors: int. Number of factors, of which each has a code that sums to 1.
        seed: int. Of the fresh ones and of the table.
    """

    def __init__(self, count: int, factors: int, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.count, self.factors, self.seed = count, factors, seed
        self.fresh = keras.random.SeedGenerator(seed)

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.table = self.add_weight(shape=(shape[-1], self.count), trainable=False, name="table")
        self.choose(0)

    def choose(self, draw: int) -> None:
        """Let cells have other numbers: those of another draw."""
        random = np.random.default_rng([self.seed, draw])
        self.table.assign(random.standard_normal(self.table.shape) / np.sqrt(self.factors))

    def call(self, codes: tf.Tensor, training: bool = False) -> tf.Tensor:
        if training:
            return keras.random.normal((tf.shape(codes)[0], self.count), seed=self.fresh)
        return codes @ self.table.value

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "count": self.count, "factors": self.factors, "seed": self.seed}


def draw_again(generator: keras.Model, draw: int) -> bool:
    """Let a generator make other pictures of the same cells; False if it makes one of each.

    Args:
        draw: 0 is what it was trained with; every other number gives other pictures.
    """
    found = [layer for layer in generator.layers if isinstance(layer, Latents)]
    for layer in found:
        layer.choose(draw)
    return bool(found)
