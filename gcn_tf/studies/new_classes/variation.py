"""Pictures varied anew in every step: by affine maps, elastic warps, moves learned on other classes, and what Keras has."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import tensorflow as tf
from keras import layers
from scipy.ndimage import gaussian_filter1d

from gcn_tf.augmentation.moves import Moves
from gcn_tf.model.references.poses import AFFINE, NUMBERS, in_picture, picture_points, sample

BATCH = 32
CHUNK = 25  # batches that are made at once
REACH = np.array([0.14, 0.14, 0.3, 0.3, 0.5, 0.17])  # of affine maps of strength 1: place, size, slant, turn
ELASTIC_GRID, ELASTIC_BLUR = (
    14,
    2.0,
)  # points along a side at which a warp is drawn at random, and how far it is blurred
ELASTIC_REACH = 2 / 27  # standard deviation of warps of strength 1, in halves of a side: a pixel of 28
CONTRAST, BRIGHTNESS = (
    0.35,
    0.15,
)  # reach of light of strength 1: logarithm of the contrast, and brightness in [0, 1]
MIXUP_ALPHA = 0.3

Further = Literal["", "MixUp", "CutMix", "RandAugment", "AugMix"]
Chunk = tuple[np.ndarray, np.ndarray]  # float32 (CHUNK, BATCH, H, W, C) and labels float32 (CHUNK, BATCH, K)


@dataclass(frozen=True)
class Strength:
    """How strongly pictures are varied.

    Args:
        affine: 1 moves by up to 7 % of a side, sizes by up to exp(0.3), slants by 0.5, turns by 10 degrees.
        elastic: 1 is a warp (Simard 2003) with a standard deviation of 1/28 of the side.
        learned: 1 is as large as the moves that were found.
        keras: factor of Keras's RandAugment or AugMix.
        light: 1 multiplies the contrast by up to exp(0.35) either way and moves the brightness by up to 0.15.
    """

    affine: float = 0.0
    elastic: float = 0.0
    learned: float = 0.0
    keras: float = 0.0
    light: float = 0.0


@dataclass
class Variation:
    """What varies pictures, each by itself, and how batches are mixed.

    Args:
        moves: those that `Strength.learned` is of.
        further: what is applied after everything else.
        refine: changes moved pictures, float32 (N, H, W, C) in [0, 1] -> the same.
        losses: how hard pictures are, (N, H, W, C), labels (N, K) -> (N,): of two variations of a picture the harder one is taken.
        soften: labels that doubt, (N, H, W, C), labels (N, K) -> (N, K).
    """

    strength: Strength
    moves: Moves | None
    further: Further
    rng: np.random.Generator
    refine: Callable[[np.ndarray], np.ndarray] | None = None
    losses: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    soften: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None

    def varied(self, images: np.ndarray) -> np.ndarray:
        """Pictures, float32 (N, H, W, C) in [0, 1] -> the same."""
        made = self._moved(images)
        if reach := self.strength.light:
            contrast, brightness = self.rng.uniform(-reach, reach, (2, len(made), 1, 1, 1)).astype(np.float32)
            made = (made - 0.5) * np.exp(CONTRAST * contrast) + 0.5 + BRIGHTNESS * brightness
            made = np.clip(made, 0, 1)
        return made

    def _moved(self, images: np.ndarray) -> np.ndarray:
        count, strength = len(images), self.strength
        affine = field = learned = None
        if strength.affine:
            affine = np.zeros((count, NUMBERS), np.float32)
            affine[:, :AFFINE] = self.rng.uniform(-1, 1, (count, AFFINE)) * REACH * strength.affine
        if strength.elastic:
            noise = self.rng.normal(size=(count, ELASTIC_GRID, ELASTIC_GRID, 2)).astype(np.float32)
            for axis in (1, 2):
                noise = gaussian_filter1d(noise, ELASTIC_BLUR, axis=axis, mode="constant", truncate=2)
            inside = noise[:, 4:-4, 4:-4].std()
            field = tf.image.resize(noise * (strength.elastic * ELASTIC_REACH / inside), images.shape[1:3])
        if strength.learned and self.moves is not None:
            learned = self.moves.sampled(count, strength.learned, self.rng)
        if affine is None and field is None and learned is None:
            return images
        made: np.ndarray = _warped(images.shape[1:])(images, affine, field, learned).numpy()
        return self.refine(made) if self.refine else made

    def mixed(self, images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pictures and their labels, float32 (N, K), after `further`."""
        match self.further:
            case "MixUp":
                share = self.rng.beta(MIXUP_ALPHA, MIXUP_ALPHA, (len(images), 1)).astype(np.float32)
                other = self.rng.permutation(len(images))
                pixels = share[..., None, None]
                mixed = pixels * images + (1 - pixels) * images[other]
                return mixed, share * labels + (1 - share) * labels[other]
            case "CutMix":
                return self._cut(images, labels)
            case "RandAugment" | "AugMix":
                return self._by_keras(images), labels
        return images, labels

    def _cut(self, images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A box of another picture in every second one (Yun 2019), its labels in proportion."""
        images, labels = images.copy(), labels.copy()
        first = images.copy(), labels.copy()
        other, (height, width) = self.rng.permutation(len(images)), images.shape[1:3]
        for n in np.flatnonzero(self.rng.random(len(images)) < 0.5):
            side = np.sqrt(self.rng.random())
            tall, wide = int(side * height), int(side * width)
            top, left = self.rng.integers(0, height - tall + 1), self.rng.integers(0, width - wide + 1)
            box = np.s_[top : top + tall, left : left + wide]
            images[n][box] = first[0][other[n]][box]
            share = tall * wide / (height * width)
            labels[n] = (1 - share) * first[1][n] + share * first[1][other[n]]
        return images, labels

    def _by_keras(self, images: np.ndarray) -> np.ndarray:
        layer, channels = _by_keras(self.further, self.strength.keras), images.shape[-1]
        colored = np.repeat(images, 3, axis=-1) if channels == 1 else images
        parts = [layer(colored[n : n + BATCH]).numpy()[..., :channels] for n in range(0, len(images), BATCH)]
        return np.clip(np.concatenate(parts), 0, 1).astype(np.float32)

    def chunks(self, images: np.ndarray, classes: np.ndarray, count: int) -> Iterator[Chunk]:
        """Batches without end, each picture as often as every other.

        Args:
            images: uint8 (N, H, W, C); classes: int (N,) in [0, count).
        """
        size = CHUNK * BATCH
        codes = np.eye(count, dtype=np.float32)
        while True:
            turns = [self.rng.permutation(len(images)) for _ in range(-(-size // len(images)))]
            rows = np.concatenate(turns)[:size]
            pictures, labels = images[rows].astype(np.float32) / 255, codes[classes[rows]]
            made = self.varied(pictures)
            if self.losses:
                other = self.varied(pictures)
                harder = self.losses(other, labels) > self.losses(made, labels)
                made = np.where(harder[:, None, None, None], other, made)
            if self.soften:
                labels = self.soften(made, labels)
            made, labels = self.mixed(made, labels)
            yield made.reshape(CHUNK, BATCH, *made.shape[1:]), labels.reshape(CHUNK, BATCH, count)

    def of_rows(self, images: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Varied pictures, uint8 (N, H, W, C), in the shape of their rows: float32 (*rows, H, W, C)."""
        made = self.varied(images[rows.ravel()].astype(np.float32) / 255)
        return made.reshape(*rows.shape, *made.shape[1:])


@functools.cache
def _by_keras(further: Further, factor: float) -> Callable[[tf.Tensor], tf.Tensor]:
    """One of Keras's layers as a graph, which takes a fraction of the time."""
    kind = {"RandAugment": layers.RandAugment, "AugMix": layers.AugMix}[further]
    layer = kind(value_range=(0, 1), factor=factor, seed=0)
    return tf.function(lambda images: layer(images, training=True), reduce_retracing=True)


@functools.cache
def _warped(shape: tuple[int, int, int]) -> Callable[..., tf.Tensor]:
    """Pictures of one shape at points that are moved by affine maps, then by warps, then by learned moves."""

    @tf.function(reduce_retracing=True, autograph=False)
    def warped(
        images: tf.Tensor, affine: tf.Tensor | None, field: tf.Tensor | None, learned: tf.Tensor | None
    ) -> tf.Tensor:
        images = tf.ensure_shape(images, (None, *shape))
        points = tf.repeat(picture_points(*shape[:2])[None], tf.shape(images)[0], axis=0)
        points = points if affine is None else in_picture(affine, points)
        points = points if field is None else points + tf.reshape(field, tf.shape(points))
        points = points if learned is None else in_picture(learned, points)
        return tf.reshape(sample(images, points), (-1, *shape))

    return warped
