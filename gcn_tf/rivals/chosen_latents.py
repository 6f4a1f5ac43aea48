"""A generator that cannot be asked for a cell becomes one that can: draw many pictures, and keep the best of each cell.

It is what a user of such a generator could do, given a classifier: of `DRAWS` pictures, that of a cell is the one whose values the
classifier finds likeliest.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from gcn_tf.errors import ConfigError
from gcn_tf.model.objective import clip_image
from gcn_tf.rivals.blocks import joined
from gcn_tf.rivals.rival import Grid

if TYPE_CHECKING:
    from gcn_tf.rivals.training import Rival

DRAWS = 10_000
MOST_CELLS = 50_000
PICTURES_AT_ONCE = 500
CELLS_AT_ONCE = 250  # 10 MB of scores

Seed: TypeAlias = int | keras.random.SeedGenerator


@keras.saving.register_keras_serializable(package="gcn_tf")
class ChosenLatents(layers.Layer):
    """The latent vector of a cell: codes of all factors, float32 (B, K_f) each -> float32 (B, Z); that of a blend is the mean of its cells'.

    A cell has one of `DRAWS` vectors that are always the same ones: its number is kept, not the vector, so that a large grid takes no
    weights from the networks. Before there are choices, cells have different draws. Training does not use them: it takes `fresh` ones.

    Args:
        count: int. Standard normal numbers of a vector.
        categories: ints. Sizes of the one-hot codes, equally likely, that a vector begins with. Defaults to none.
        seed: int. Of the draws and of the fresh ones.
    """

    def __init__(self, count: int, categories: Sequence[int] = (), seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.count, self.categories, self.seed = count, tuple(categories), seed
        self.generator = keras.random.SeedGenerator(seed)

    def build(self, shapes: Sequence[tuple[int | None, ...]]) -> None:
        cells = math.prod(int(shape[-1] or 0) for shape in shapes)
        self.choice = self.add_weight(
            shape=(cells,), dtype="int32", initializer="zeros", trainable=False, name="choice"
        )
        self.choice.assign(np.arange(cells) % DRAWS)

    def fresh(self, count: int | tf.Tensor) -> tf.Tensor:
        """Vectors that are new at every call: float32 (count, Z)."""
        return self._sampled(count, itertools.repeat(self.generator))

    def draws(self) -> tf.Tensor:
        """Those that cells can have: float32 (DRAWS, Z)."""
        return self._sampled(DRAWS, itertools.count(self.seed))

    def _sampled(self, count: int | tf.Tensor, seeds: Iterator[Seed]) -> tf.Tensor:
        parts = [
            tf.one_hot(keras.random.randint((count,), 0, size, seed=next(seeds)), size)
            for size in self.categories
        ]
        return tf.concat([*parts, keras.random.normal((count, self.count), seed=next(seeds))], axis=1)

    def call(self, codes: Sequence[tf.Tensor]) -> tf.Tensor:
        return cell_weights(codes) @ tf.gather(self.draws(), self.choice.value)

    def get_config(self) -> dict[str, Any]:
        own = {"count": self.count, "categories": self.categories, "seed": self.seed}
        return {**super().get_config(), **own}


def cell_weights(codes: Sequence[tf.Tensor]) -> tf.Tensor:
    """Weights of all cells, in the order of `numpy.ravel`: float32 (B, K_f) of each factor -> float32 (B, product of all K_f)."""
    weights = codes[0]
    for code in codes[1:]:
        product = weights[:, :, None] * code[:, None, :]
        weights = tf.reshape(product, (-1, product.shape[1] * product.shape[2]))
    return weights


def generator_of_cells(
    synthesis: keras.Model, latents: ChosenLatents, grid: Grid, method: str
) -> keras.Model:
    """{factor: codes} -> picture, by a model that makes pictures of latent vectors alone: (B, Z) -> (B, H, W, C).

    Raises:
        ConfigError: the grid has more than `MOST_CELLS` cells.
    """
    cells = math.prod(grid.sizes.values())
    if cells > MOST_CELLS:
        raise ConfigError(
            f"method {method} keeps a draw for every cell: the grid has {cells:,} cells, more than {MOST_CELLS:,}; "
            "choose fewer values or variations"
        )
    codes, _ = joined(grid)
    return keras.Model(codes, synthesis(latents(list(codes.values()))), name="generator")


def choose(model: "Rival") -> None:
    """Let every cell have the draw whose picture the classifier finds most probable to be of its values."""
    latents = model.generator.get_layer("latents")
    synthesis = model.generator.get_layer("synthesis")

    @tf.function(reduce_retracing=True)
    def judged(vectors: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = model.classify(clip_image(synthesis(vectors, training=False)))
        return {name: tf.nn.log_softmax(values) for name, values in logits.items()}

    draws = latents.draws()
    parts = [judged(draws[start : start + PICTURES_AT_ONCE]) for start in range(0, DRAWS, PICTURES_AT_ONCE)]
    likely = [np.concatenate([part[name].numpy() for part in parts]).T for name in model.factor_sizes]
    latents.choice.assign(best_draws(likely))


def best_draws(likely: Sequence[np.ndarray]) -> np.ndarray:
    """For every cell the draw of the highest joint log-probability: float (K_f, D) of each factor -> int32 (product of all K_f,).

    >>> import numpy as np
    >>> digit = np.log([[0.9, 0.6, 0.2], [0.1, 0.4, 0.8]])  # of 2 values, for 3 draws
    >>> writer = np.log([[0.8, 0.3, 0.5], [0.2, 0.7, 0.5]])
    >>> best_draws([digit, writer]).tolist()
    [0, 1, 2, 2]
    """
    shape = tuple(len(values) for values in likely)
    cells = math.prod(shape)
    best = np.empty(cells, np.int32)
    for start in range(0, cells, CELLS_AT_ONCE):
        numbers = np.arange(start, min(start + CELLS_AT_ONCE, cells))
        ids = np.unravel_index(numbers, shape)
        joint = sum(values[chosen] for values, chosen in zip(likely, ids, strict=True))
        best[numbers] = np.argmax(joint, axis=1)
    return best
