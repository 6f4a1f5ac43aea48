"""The layer that draws cells from the nearest seen pictures, and what remembers and chooses them."""

import itertools
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gcn_tf.model.operators import Operators
from gcn_tf.model.references.finish import Finish
from gcn_tf.model.references.learn import CANDIDATES, Memory
from gcn_tf.model.references.nearest import enlarging
from gcn_tf.model.references.poses import NUMBERS, picture_points
from gcn_tf.model.references.redraw import redrawn_at

BLENDED = 8  # cells that a blend is made of at most, the heaviest
VALUES_BLENDED = {1: 8, 2: 8, 3: 4, 4: 3}  # of a factor, by the number of factors; with more factors 2


@keras.saving.register_keras_serializable(package="gcn_tf")
class DrawnFromReferences(keras.layers.Layer):
    """Draw cells from the nearest seen pictures, in the pose and the light that are known or predicted for them.

    Takes {factor: code float (B, K_f)} and gives pictures, float32 (B, H, W, C), linear. A blend is a mixture of cells: of their poses, and of
    the pictures that each of them gives in the mixed pose. A seen cell is its own picture, except in training, where it is
    drawn from a neighbour, like unseen ones. All is black before `assign`.

    Args:
        sizes: number of values by factor name.
        image_shape: (H, W, C).
        references: number of pictures that it keeps.
        filters: of the `Finish`.
        activation, negative_slope: the same.
        finish_dtype: dtype policy of the same.
        seed: of the choice among neighbours in training.
    """

    def __init__(
        self,
        sizes: Mapping[str, int],
        image_shape: tuple[int, int, int],
        references: int,
        filters: tuple[int, ...],
        activation: str = "leaky_relu",
        negative_slope: float = 0.1,
        finish_dtype: str = "float32",
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.sizes, self.image_shape, self.references = dict(sizes), tuple(image_shape), references
        self.settings = {
            "filters": list(filters),
            "activation": activation,
            "negative_slope": negative_slope,
            "finish_dtype": finish_dtype,
            "seed": seed,
        }
        height, width, channels = self.image_shape
        self.half = -(-height // 2), -(-width // 2)
        self.points = {side: picture_points(*side)[None] for side in ((height, width), self.half)}
        self.enlarge = enlarging(height), enlarging(width)
        self.strides = np.cumprod([1, *list(self.sizes.values())[:0:-1]])[::-1].astype(np.int32)
        self.random = keras.random.SeedGenerator(seed)
        self.finish = Finish(filters, activation, negative_slope, dtype=finish_dtype, name="finish")

        def kept(name: str, dtype: str, *shape: int) -> keras.Variable:
            return self.add_weight(name=name, shape=shape, dtype=dtype, initializer="zeros", trainable=False)

        cells = int(np.prod(list(self.sizes.values())))
        self.pictures = kept("pictures", "uint8", references, *self.image_shape)
        self.cells = kept("cells", "int32", references)
        self.poses = kept("poses", "float32", cells, NUMBERS)
        self.light = kept("light", "float32", cells, *(part.shape[1] for part in self.enlarge), channels)
        self.sources = kept("sources", "int32", cells, 1 + CANDIDATES)
        self.hidden = kept("hidden", "float32", len(self.sizes))

    def build(self, input_shape: Any) -> None:
        self.finish.build(((None, *self.half, self.image_shape[2]), (None, sum(self.sizes.values()))))

    def assign(self, memory: Memory, found: Mapping[str, Operators]) -> None:
        """Keep what was learned of the seen pictures; the codes of factors that operators draw are not looked at."""
        spare = self.references - len(memory.pictures)
        self.pictures.assign(np.pad(memory.pictures, ((0, spare), (0, 0), (0, 0), (0, 0))))
        self.cells.assign(np.pad(memory.cells, (0, spare)))
        self.poses.assign(memory.poses)
        self.light.assign(memory.light)
        self.sources.assign(memory.sources)
        self.hidden.assign([float(name in found and found[name].explain) for name in self.sizes])

    def call(self, codes: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        codes = self._looked_at(codes)
        wanted = tf.concat([codes[name] for name in self.sizes], axis=1)
        cells, weights = self._heaviest_cells(codes)
        if training:
            taken = self._neighbours(cells[:, 0])[:, None]
            return self._drawn(cells[:, :1], tf.ones_like(weights[:, :1]), taken, wanted)
        taken = tf.gather(self.sources[:, 0], cells)
        return tf.cond(
            tf.reduce_any(weights[:, 1:] > 0),
            lambda: self._drawn(cells, weights, taken, wanted),
            lambda: self._drawn(cells[:, :1], weights[:, :1], taken[:, :1], wanted),
        )

    def _looked_at(self, codes: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The codes, with the first value of every factor that operators draw."""
        first = {name: tf.one_hot(0, size)[None] for name, size in self.sizes.items()}
        return {
            name: codes[name] + self.hidden[m] * (first[name] - codes[name])
            for m, name in enumerate(self.sizes)
        }

    def _heaviest_cells(self, codes: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Cells that codes are mixtures of, int32 (B, n), and their weights, float32 (B, n), the heaviest first.

        The weights add up to 1, or are all 0 where the codes are.
        """
        count = VALUES_BLENDED.get(len(self.sizes), 2)
        best = [tf.math.top_k(codes[name], min(count, size)) for name, size in self.sizes.items()]
        places = np.array(list(itertools.product(*(range(found.values.shape[1]) for found in best))))
        cells, weights = tf.zeros((), tf.int32), tf.ones(())
        for m, found in enumerate(best):
            cells += tf.gather(found.indices, places[:, m], axis=1) * self.strides[m]
            weights *= tf.gather(found.values, places[:, m], axis=1)
        heaviest = tf.math.top_k(weights, min(BLENDED, len(places)))
        total = tf.reduce_sum(heaviest.values, axis=1, keepdims=True)
        weights = tf.math.divide_no_nan(heaviest.values, total)
        return tf.gather(cells, heaviest.indices, batch_dims=1), weights

    def _neighbours(self, cells: tf.Tensor) -> tf.Tensor:
        """Pictures to learn from, one for each cell, int32 (B,): at random, nearer ones more often."""
        chance = keras.random.uniform((2, tf.shape(cells)[0]), seed=self.random)
        rank = 1 + tf.cast(tf.reduce_min(chance, axis=0) * CANDIDATES, tf.int32)
        return tf.gather_nd(self.sources, tf.stack([cells, rank], axis=1))

    def _drawn(self, cells: tf.Tensor, weights: tf.Tensor, taken: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
        """Mixtures of cells, (B, n), each from the picture that is taken for it; `wanted` are their codes, side by side."""
        height, width, channels = self.image_shape
        preview = self._mixed(self.points[self.half], cells, weights, taken)
        shown = self._codes_of(tf.gather(self.cells, taken))  # (B, n, sum of K_f)
        difference = wanted - tf.reduce_sum(shown * weights[..., None], axis=1)
        moves = self.finish((tf.reshape(preview, (-1, *self.half, channels)), difference))
        differing = tf.reduce_max(
            tf.abs(difference), axis=1
        )  # 0 for a picture's own cell, which stays as it is
        moves = tf.image.resize(moves * differing[:, None, None, None], (height, width))
        points = self.points[height, width] + tf.reshape(moves, (-1, height * width, 2))
        return tf.reshape(self._mixed(points, cells, weights, taken), (-1, height, width, channels))

    def _mixed(self, points: tf.Tensor, cells: tf.Tensor, weights: tf.Tensor, taken: tf.Tensor) -> tf.Tensor:
        """Mixtures of cells (B, n) at points (B, P, 2), or at the same ones (1, P, 2): float32 (B, P, C)."""
        count = cells.shape[1]
        pose = tf.reduce_sum(tf.gather(self.poses, cells) * weights[..., None], axis=1)
        points = tf.broadcast_to(points, (tf.shape(cells)[0], points.shape[1], 2))
        cells, taken = tf.reshape(cells, (-1,)), tf.reshape(taken, (-1,))
        theirs = tf.gather(self.cells, taken)
        light = tf.gather(self.light, cells) - tf.gather(self.light, theirs)
        light = tf.einsum("Hh,nhwc,Ww->nHWc", self.enlarge[0], light, self.enlarge[1])
        made = redrawn_at(
            tf.repeat(points, count, axis=0),
            tf.cast(tf.gather(self.pictures, taken), tf.float32) / 255.0,
            tf.gather(self.poses, theirs),
            tf.repeat(pose, count, axis=0),
            tf.ensure_shape(light, (None, *self.image_shape)),
        )
        made = tf.reshape(made, (-1, count, points.shape[1], self.image_shape[2]))
        return tf.reduce_sum(made * weights[..., None, None], axis=1)

    def _codes_of(self, cells: tf.Tensor) -> tf.Tensor:
        """One-hot codes of cells, side by side: int32 (B, n) -> float32 (B, n, sum of K_f)."""
        sizes = list(self.sizes.values())
        ids = [cells // stride % size for stride, size in zip(self.strides, sizes, strict=True)]
        return tf.concat([tf.one_hot(values, size) for values, size in zip(ids, sizes, strict=True)], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (None, *self.image_shape)

    def get_config(self) -> dict[str, Any]:
        own = {"sizes": self.sizes, "image_shape": list(self.image_shape), "references": self.references}
        return {**super().get_config(), **own, **self.settings}
