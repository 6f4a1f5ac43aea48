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
from gcn_tf.model.references.poses import NUMBERS, in_picture, in_template, picture_points, sample
from gcn_tf.model.replica import drawn_rows

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
        height, width = self.image_shape[:2]
        self.half = -(-height // 2), -(-width // 2)
        self.points = picture_points(*self.half)[None]
        self.double = tuple(
            _interpolation(few, many) for few, many in zip(self.half, (height, width), strict=True)
        )
        self.strides = np.cumprod([1, *list(self.sizes.values())[:0:-1]])[::-1].astype(np.int32)
        self.random = keras.random.SeedGenerator(seed)
        self.finish = Finish(filters, activation, negative_slope, dtype=finish_dtype, name="finish")

        def kept(name: str, dtype: str, *shape: int) -> keras.Variable:
            return self.add_weight(name=name, shape=shape, dtype=dtype, initializer="zeros", trainable=False)

        cells = int(np.prod(list(self.sizes.values())))
        self.pictures = kept("pictures", "uint8", references, *self.image_shape)
        self.cells = kept("cells", "int32", references)
        self.poses = kept("poses", "float32", cells, NUMBERS)
        self.light = kept("light", "float32", sum(self.sizes.values()), *self.image_shape)
        self.sources = kept("sources", "int32", cells, 1 + CANDIDATES)
        self.hidden = kept("hidden", "float32", len(self.sizes))
        self.pose_share = kept("pose_share", "float32", 2)
        self.light_sides = kept("light_sides", "int32", len(self.sizes))
        self.hand_share = kept("hand_share", "float32")

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
        self.pose_share.assign(memory.pose_share)
        self.light_sides.assign(memory.light_sides)
        self.hand_share.assign(memory.hand_share)
        self.hidden.assign([float(name in found and found[name].explain) for name in self.sizes])

    def memory(self) -> Memory:
        """What `assign` was given."""
        own = self.sources.numpy()[self.cells.numpy(), 0] == np.arange(
            self.references
        )  # not so where none is kept
        count = int(own.sum())
        share, sides = self.pose_share.numpy().tolist(), self.light_sides.numpy().tolist()
        return Memory(
            self.pictures.numpy()[:count],
            self.cells.numpy()[:count],
            self.poses.numpy(),
            self.light.numpy(),
            self.sources.numpy(),
            (share[0], share[1]),
            tuple(sides),
            float(self.hand_share.numpy()),
        )

    def call(self, codes: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        codes = self._looked_at(codes)
        wanted = tf.concat([codes[name] for name in self.sizes], axis=1)
        cells, weights = self.heaviest_cells(codes)
        if training:
            taken = self._neighbours(cells[:, 0])[:, None]
            return self._drawn(cells[:, :1], tf.ones_like(weights[:, :1]), taken, wanted)
        return self._drawn(cells, weights, tf.gather(self.sources[:, 0], cells), wanted)

    def _looked_at(self, codes: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The codes, with the first value of every factor that operators draw."""
        first = {name: tf.one_hot(0, size)[None] for name, size in self.sizes.items()}
        return {
            name: codes[name] + self.hidden[m] * (first[name] - codes[name])
            for m, name in enumerate(self.sizes)
        }

    def heaviest_cells(self, codes: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
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
        rows = drawn_rows()
        count = rows.total if rows else tf.shape(cells)[0]
        chance = keras.random.uniform((2, count), seed=self.random)
        chance = rows.of(chance, axis=1) if rows else chance
        rank = 1 + tf.cast(tf.reduce_min(chance, axis=0) * CANDIDATES, tf.int32)
        return tf.gather_nd(self.sources, tf.stack([cells, rank], axis=1))

    def _drawn(self, cells: tf.Tensor, weights: tf.Tensor, taken: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
        """Mixtures of cells, (B, n), each from the picture that is taken for it; `wanted` are their codes, side by side."""
        theirs = tf.gather(self.cells, taken)
        own = tf.gather(self.poses, theirs)
        pose = tf.reduce_sum(tf.gather(self.poses, cells) * weights[..., None], axis=1)
        difference = wanted - tf.reduce_sum(self.codes_of(theirs) * weights[..., None], axis=1)
        light = tf.tensordot(difference, self.light, 1)
        light = tf.ensure_shape(light, (None, *self.image_shape))

        points = tf.repeat(self.points, tf.shape(pose)[0], axis=0)
        template = in_template(pose, points)
        missed = points - in_picture(pose, template)  # so that a picture in its own pose is itself exactly
        preview = self._mixed(template, missed, own, weights, taken) + sample(light, template)
        moves = self.finish((tf.reshape(preview, (-1, *self.half, self.image_shape[2])), difference))
        # A picture's own cell, which differs in nothing, stays as it is.
        differing = tf.reduce_max(tf.abs(difference), axis=1)
        moves = tf.image.resize(moves * differing[:, None, None, None], self.half)
        points += tf.reshape(moves, tf.shape(points))
        template = in_template(pose, points)
        missed = points - in_picture(pose, template)
        drawn = self._mixed(template, missed, own, weights, taken, finished=True)
        drawn += self._between(sample(light, template))
        return tf.reshape(drawn, (-1, *self.image_shape))

    def _mixed(
        self,
        template: tf.Tensor,
        missed: tf.Tensor,
        own: tf.Tensor,
        weights: tf.Tensor,
        taken: tf.Tensor,
        finished: bool = False,
    ) -> tf.Tensor:
        """Mixtures of pictures in other poses.

        Args:
            template: float32 (B, P, 2). Places in the template, of every second pixel.
            missed: float32 (B, P, 2). What is added to places in the pictures.
            own: float32 (B, n, NUMBERS), poses of the pictures.
            weights: float32 (B, n), of the pictures, the heaviest first.
            taken: int32 (B, n), numbers of the pictures.
            finished: whether all pixels are drawn, and crisp.

        Returns:
            float32 (B, P or H * W, C) in [0, 1], about.
        """

        def weighted(n: int | tf.Tensor) -> tf.Tensor:
            places = in_picture(tf.gather(own, n, axis=1), template) + missed
            picture = tf.gather(self.pictures, tf.gather(taken, n, axis=1))
            values = sample(picture, self._between(places) if finished else places, cubic=finished)
            return values * (tf.gather(weights, n, axis=1) / 255.0)[:, None, None]

        if own.shape[1] == 1:
            return weighted(0)
        used = tf.reduce_max(tf.reduce_sum(tf.cast(weights > 0, tf.int32), axis=1))
        # one after the other: what others in the batch are mixed of does not change the order of a sum
        return tf.while_loop(
            lambda n, total: n < used, lambda n, total: (n + 1, total + weighted(n)), (1, weighted(0))
        )[1]

    def _between(self, values: tf.Tensor) -> tf.Tensor:
        """Values at every second pixel, at all of them, smoothly: (B, P, D) -> (B, H * W, D)."""
        down, across = self.double
        depth = values.shape[2]
        rows = tf.matmul(down, tf.reshape(values, (-1, self.half[0], self.half[1] * depth)))
        rows = tf.reshape(rows, (-1, self.half[1], depth))  # (B * H, w, D)
        return tf.reshape(tf.matmul(across, rows), (-1, self.image_shape[0] * self.image_shape[1], depth))

    def codes_of(self, cells: tf.Tensor) -> tf.Tensor:
        """One-hot codes of cells, side by side: int32 (...) -> float32 (..., sum of K_f)."""
        sizes = list(self.sizes.values())
        ids = [cells // stride % size for stride, size in zip(self.strides, sizes, strict=True)]
        return tf.concat([tf.one_hot(values, size) for values, size in zip(ids, sizes, strict=True)], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (None, *self.image_shape)

    def get_config(self) -> dict[str, Any]:
        own = {"sizes": self.sizes, "image_shape": list(self.image_shape), "references": self.references}
        return {**super().get_config(), **own, **self.settings}


def _interpolation(few: int, many: int) -> np.ndarray:
    """Matrix that takes values at `few` points of [-1, 1] to `many`: float32 (many, few), by Keys's cubic convolution.

    Beyond both ends values go on straight, so that straight lines stay straight.
    """
    at = np.linspace(0, few - 1, many)[:, None] - np.arange(-1, few + 1)
    away = np.abs(at)
    near, far = (1.5 * away - 2.5) * away**2 + 1, ((-0.5 * away + 2.5) * away - 4) * away + 2
    weights = np.where(away < 1, near, np.where(away < 2, far, 0))
    inner = weights[:, 1:-1].copy()
    inner[:, 0] += 2 * weights[:, 0]
    inner[:, 1] -= weights[:, 0]
    inner[:, -1] += 2 * weights[:, -1]
    inner[:, -2] -= weights[:, -1]
    return inner.astype(np.float32)
