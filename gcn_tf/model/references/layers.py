"""The layers of a generator that looks at seen pictures."""

import itertools
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gcn_tf.model.operators import Operators
from gcn_tf.model.references.learn import CANDIDATES, Memory, redrawn_at
from gcn_tf.model.references.nearest import enlarging
from gcn_tf.model.references.poses import NUMBERS, picture_points

BLENDED = 8  # cells that a blend is made of at most, the heaviest
import os
GAIN = float(os.environ.get("GAIN", 0))
SHIFT = float(os.environ.get("SHIFT", 1))
MOVED = float(os.environ.get("MV", .1))  # farthest that the finish moves a point, in halves of a side
OWN_SHARE = 0.15  # of the training pictures that are shown to themselves: seen cells are to stay as they are


@keras.saving.register_keras_serializable(package="gcn_tf")
class NearestPictures(keras.layers.Layer):
    """Draw cells from the nearest seen pictures, in the poses and in the light that are known or predicted for them.

    Takes {factor: code float (B, K_f)}, and gives a pair: pictures float32 (B, H, W, C), and by how much the codes of the
    wanted cells differ from those of the pictures that were taken, float32 (B, sum of K_f). A blend is made of cells: their poses are
    mixed, and so are the pictures in the mixed pose. In training a cell never finds its own picture, except a share
    `OWN_SHARE`. Nothing is known before `assign`: all is black.

    Args:
        sizes: number of values by factor name.
        image_shape: (H, W, C).
        references: number of pictures that are kept.
        seed: of the choice among neighbours in training.
    """

    def __init__(
        self, sizes: dict[str, int], image_shape: tuple[int, int, int], references: int, filters=(24, 48), finishing_dtype="float32", seed: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.sizes, self.image_shape, self.references, self.seed = dict(sizes), tuple(image_shape), references, seed
        self.random = keras.random.SeedGenerator(seed)
        cells = int(np.prod(list(sizes.values())))
        height, width, channels = image_shape
        down, across = enlarging(height), enlarging(width)
        self.enlarge = tf.constant(down), tf.constant(across)

        def kept(name: str, dtype: str, *shape: int) -> keras.Variable:
            return self.add_weight(name=name, shape=shape, dtype=dtype, initializer="zeros", trainable=False)

        self.pictures = kept("pictures", "uint8", references, *image_shape)
        self.cells = kept("cells", "int32", references)
        self.poses = kept("poses", "float32", cells, NUMBERS)
        self.light = kept("light", "float32", cells, down.shape[1], across.shape[1], channels)
        self.sources = kept("sources", "int32", cells, 1 + CANDIDATES)
        self.hidden = kept("hidden", "float32", len(sizes))
        self.points = tf.constant(picture_points(height, width)[None])
        self.half_points = tf.constant(picture_points(-(-height // 2), -(-width // 2))[None])
        policy = keras.dtype_policies.get(finishing_dtype)
        conv = lambda n, stride=1, **k: keras.layers.Conv2D(n, 3, stride, "same", dtype=policy, **k)
        small, large = filters
        self.half, self.quarter, self.inner = conv(small), conv(large, 2), conv(large)
        self.eighth, self.deep, self.out = conv(large, 2), conv(large), conv(large)
        self.up = keras.layers.Conv2DTranspose(large, 4, 2, "same", dtype=policy)
        self.quarter_codes, self.eighth_codes = Modulation(dtype=policy), Modulation(dtype=policy)
        self.change = conv(2 + 2 * channels, kernel_initializer="zeros")
        self.activation = lambda x: tf.nn.leaky_relu(x, 0.1)

    def assign(self, memory: Memory, found: dict[str, Operators]) -> None:
        """Keep what was computed, and which factors operators draw: their codes are not looked at."""
        spare = self.references - len(memory.pictures)
        self.pictures.assign(np.pad(memory.pictures, ((0, spare), (0, 0), (0, 0), (0, 0))))
        self.cells.assign(np.pad(memory.cells, (0, spare)))
        for name in ("poses", "light", "sources"):
            getattr(self, name).assign(getattr(memory, name))
        self.hidden.assign([float(name in found and found[name].explain) for name in self.sizes])

    def build(self, input_shape: Any) -> None:
        height, width, channels = self.image_shape
        shape: Any = (None, -(-height // 2), -(-width // 2), channels)
        code = (None, sum(self.sizes.values()))
        for layer in (self.half, self.quarter, self.inner, self.eighth, self.deep):
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        quarter = self.quarter.compute_output_shape(self.half.compute_output_shape((None, -(-height // 2), -(-width // 2), channels)))
        self.up.build(shape)
        self.out.build(quarter)
        self.change.build(quarter)
        self.quarter_codes.build((quarter, code))
        self.eighth_codes.build((shape, code))

    def call(self, codes: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        codes = self._looked_at(codes)
        cells, weights = self._heaviest_cells(codes)
        wanted = tf.concat([codes[name] for name in self.sizes], axis=1)
        if training:
            cells, taken = cells[:, :1], self._neighbour(cells[:, 0])[:, None]
            return self._finished(cells, tf.ones_like(weights[:, :1]), taken, wanted)
        taken = tf.gather(self.sources[:, 0], cells)
        return tf.cond(
            tf.reduce_all((weights[:, 0] == 1.0) | (weights[:, 0] == 0.0)),
            lambda: self._finished(cells[:, :1], weights[:, :1], taken[:, :1], wanted),
            lambda: self._finished(cells, weights, taken, wanted),
        )

    def _finished(self, cells: tf.Tensor, weights: tf.Tensor, taken: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
        height, width, channels = self.image_shape
        theirs = tf.gather(self.cells, taken)
        preview = self._drawn(self.half_points, None, cells, weights, taken)
        preview = tf.reshape(preview, (-1, -(-height // 2), -(-width // 2), channels))
        shown = tf.reshape(self._codes_of(tf.reshape(theirs, (-1,))), (-1, cells.shape[1], wanted.shape[1]))
        difference = wanted - tf.reduce_sum(shown * weights[..., None], axis=1)
        x = self.activation(self.half(preview))
        x = skip = self.activation(self.inner(self.activation(self.quarter_codes((self.quarter(x), difference)))))
        x = self.activation(self.eighth_codes((self.eighth(x), difference)))
        x = x + self.activation(self.deep(x))
        x = self.activation(self.out(self.activation(self.up(x) + skip)))
        change = tf.image.resize(tf.cast(self.change(x), tf.float32), (height, width))
        change = tf.reshape(change, (-1, height * width, 2 + 2 * channels))
        moved, gain, shift = tf.split(change, [2, channels, channels], axis=2)
        drawn = self._drawn(self.points, MOVED * tf.tanh(moved), cells, weights, taken)
        return tf.reshape(drawn * (1 + GAIN * gain) + SHIFT * shift, (-1, height, width, channels))

    def _looked_at(self, codes: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The codes, with the first value for the factors that operators draw."""
        first = {name: tf.one_hot(tf.zeros_like(code[:, 0], tf.int32), code.shape[1]) for name, code in codes.items()}
        return {
            name: codes[name] + self.hidden[m] * (first[name] - codes[name]) for m, name in enumerate(self.sizes)
        }

    def _heaviest_cells(self, codes: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Cells that codes are made of, int32 (B, n), and their weights, float32 (B, n), which add up to 1."""
        per_factor = {1: 8, 2: 8, 3: 4, 4: 3}.get(len(self.sizes), 2)
        best = [tf.math.top_k(codes[name], min(per_factor, size)) for name, size in self.sizes.items()]
        stride, strides = 1, []
        for size in reversed(self.sizes.values()):
            strides.insert(0, stride)
            stride *= size
        choices = list(itertools.product(*(range(values.values.shape[1]) for values in best)))
        places = np.array(choices, np.int32)  # (combinations, M)
        cells: Any = 0
        weights: Any = 1.0
        for m, (values, step) in enumerate(zip(best, strides, strict=True)):
            cells += tf.gather(values.indices, places[:, m], axis=1) * step
            weights *= tf.gather(values.values, places[:, m], axis=1)
        heaviest = tf.math.top_k(weights, min(BLENDED, len(choices)))
        total = tf.reduce_sum(heaviest.values, axis=1, keepdims=True)
        weights = tf.math.divide_no_nan(heaviest.values, total)
        return tf.gather(cells, heaviest.indices, batch_dims=1), weights

    def _neighbour(self, cell: tf.Tensor) -> tf.Tensor:
        """A picture for each cell to learn from, int32 (B,): at random, nearer ones more often."""
        chance = keras.random.uniform((3, tf.shape(cell)[0]), seed=self.random)
        rank = tf.cast(tf.minimum(chance[0], chance[1]) * CANDIDATES, tf.int32) + 1
        rank = tf.where(chance[2] < OWN_SHARE, 0, rank)
        return tf.gather_nd(self.sources, tf.stack([cell, rank], axis=1))

    def _drawn(
        self, points: tf.Tensor, moved: tf.Tensor | None, cells: tf.Tensor, weights: tf.Tensor, taken: tf.Tensor
    ) -> tf.Tensor:
        """Mixtures of cells (B, n), each drawn from the picture taken for it: float32 (B, P, C)."""
        count = cells.shape[1]
        pose = tf.reduce_sum(tf.gather(self.poses, cells) * weights[..., None], axis=1)
        points = tf.repeat(points, tf.shape(cells)[0], axis=0)
        points = points if moved is None else points + moved
        taken = tf.reshape(taken, (-1,))
        theirs = tf.gather(self.cells, taken)
        change = tf.gather(self.light, tf.reshape(cells, (-1,))) - tf.gather(self.light, theirs)
        light = tf.einsum("Hh,nhwc,Ww->nHWc", self.enlarge[0], change, self.enlarge[1])
        light = tf.ensure_shape(light, (None, *self.image_shape))
        pictures = tf.cast(tf.gather(self.pictures, taken), tf.float32) / 255.0
        own, wanted = tf.gather(self.poses, theirs), tf.repeat(pose, count, axis=0)
        made = redrawn_at(tf.repeat(points, count, axis=0), pictures, own, wanted, light)
        made = tf.reshape(made, (-1, count, points.shape[1], self.image_shape[2]))
        return tf.reduce_sum(made * weights[..., None, None], axis=1)

    def _codes_of(self, cells: tf.Tensor) -> tf.Tensor:
        """One-hot codes of cells, side by side: int32 (B,) -> float32 (B, sum of K_f)."""
        parts = []
        for size in reversed(self.sizes.values()):
            parts.insert(0, tf.one_hot(cells % size, size))
            cells //= size
        return tf.concat(parts, axis=1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (None, *self.image_shape)

    def get_config(self) -> dict[str, Any]:
        own = {"sizes": self.sizes, "image_shape": self.image_shape, "references": self.references, "seed": self.seed}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="gcn_tf")
class Modulation(keras.layers.Layer):
    """Scale and shift every channel as a code says (FiLM, Perez 2018): float (B, h, w, C) and (B, d) -> (B, h, w, C).

    The code is not mixed before: what values do to a picture adds up, so that no single cell can be memorised.
    """

    def build(self, input_shape: Any) -> None:
        channels = input_shape[0][-1]
        self.change = keras.layers.Dense(2 * channels, use_bias=False, kernel_initializer="zeros", dtype=self.dtype_policy)
        self.change.build(input_shape[1])

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        picture, code = inputs
        scale, shift = tf.split(self.change(code)[:, None, None, :], 2, axis=-1)
        return picture * (1 + scale) + shift

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]
