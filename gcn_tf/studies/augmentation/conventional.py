"""Conventional augmentation at several strengths: what pictures of a GCN have to be better than.

Keras layers where Keras has them. Digits are not turned (a turned 6 is a 9) and what comes in from outside is black;
photographs are mirrored and turned a little, and what comes in repeats their border.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import keras
import tensorflow as tf
from keras import layers

Pair = tuple[tf.Tensor, tf.Tensor]


Augmentation = Callable[[tf.Tensor, tf.Tensor], Pair]


MIXUP_BESIDE_AFFINE = 0.3


@keras.saving.register_keras_serializable(package="gcn_tf")
class RandomAffine(layers.Layer):
    """Every picture sheared, zoomed in both directions and moved by amounts of its own, about its middle, in one step.

    Keras has a layer for each of these, but its shear turns about a corner and moves the figure out of the picture.

    Args:
        strength: float. 1 shears by up to 0.5, zooms by up to exp(0.3) and moves by up to 7 % of the side.
        turn: bool. Turn by up to 10 degrees as well, and mirror half of the pictures.
        seed: int.
    """

    SHEAR, ZOOM, SHIFT, TURN_DEGREES = 0.5, 0.3, 0.07, 10.0

    def __init__(self, strength: float, turn: bool, seed: int) -> None:
        super().__init__()
        self.strength, self.turn = strength, turn
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """float32 (B, H, W, C) -> the same; H equal to W."""
        count, side = tf.shape(images)[0], images.shape[1]
        amounts = keras.random.uniform((6, count), -self.strength, self.strength, seed=self.generator)
        tall, wide = tf.exp(amounts[0] * self.ZOOM), tf.exp(amounts[1] * self.ZOOM)
        shear = amounts[2] * self.SHEAR * (0.2 if self.turn else 1.0)
        angle = amounts[3] * self.TURN_DEGREES * math.pi / 180 if self.turn else tf.zeros_like(tall)
        side_of = tf.sign(amounts[4]) if self.turn else tf.ones_like(tall)
        a, b = side_of * wide * tf.cos(angle), tall * (shear * tf.cos(angle) - tf.sin(angle))
        c, d = side_of * wide * tf.sin(angle), tall * (shear * tf.sin(angle) + tf.cos(angle))
        middle = (side - 1) / 2
        right = middle - (a + b) * middle + amounts[4] * self.SHIFT * side
        down = middle - (c + d) * middle + amounts[5] * self.SHIFT * side
        zeros = tf.zeros_like(a)
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=tf.stack([a, b, right, c, d, down, zeros, zeros], axis=1),
            output_shape=[side, side],
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="NEAREST" if self.turn else "CONSTANT",
        )


class UprightRandAugment(layers.RandAugment):
    """Keras's RandAugment without rotations."""

    _AUGMENT_LAYERS: ClassVar[list[str]] = [
        name for name in layers.RandAugment._AUGMENT_LAYERS if name != "random_rotation"
    ]


def _randaugment(strength: float, photographs: bool, seed: int) -> list[layers.Layer]:
    kind = layers.RandAugment if photographs else UprightRandAugment
    return [kind(value_range=(0, 1), factor=strength, seed=seed)]


def _mixup(strength: float, photographs: bool, seed: int) -> list[layers.Layer]:
    return [layers.MixUp(strength, seed=seed)]


def _cutmix(strength: float, photographs: bool, seed: int) -> list[layers.Layer]:
    return [layers.CutMix(strength, seed=seed)]


def _affine(strength: float, photographs: bool, seed: int) -> list[layers.Layer]:
    return [RandomAffine(strength, photographs, seed)]


def _affine_mixup(strength: float, photographs: bool, seed: int) -> list[layers.Layer]:
    return [RandomAffine(strength, photographs, seed), layers.MixUp(MIXUP_BESIDE_AFFINE, seed=seed + 1)]


@dataclass(frozen=True)
class Conventional:
    """One augmentation and the strengths among which validation chooses."""

    meaning: str
    layers: Callable[[float, bool, int], list[layers.Layer]]
    strengths: Sequence[float]


CONVENTIONAL = {
    "RandAugment": Conventional(
        "two of Keras's ten operations a batch; its factor", _randaugment, (0.1, 0.3)
    ),
    "MixUp": Conventional("two pictures and their labels mixed; its alpha", _mixup, (0.2, 0.5)),
    "CutMix": Conventional("a box of another picture pasted in; its factor", _cutmix, (0.3, 1.0)),
    "affine": Conventional(
        "shear, zoom and move (photographs: turn, mirror); its reach", _affine, (0.5, 1.0, 1.5)
    ),
    "affine + MixUp": Conventional(
        f"both, MixUp with alpha {MIXUP_BESIDE_AFFINE}; reach of the affine part",
        _affine_mixup,
        (0.5, 1.0, 1.5),
    ),
}


def augmentation(name: str, strength: float, photographs: bool, seed: int) -> Augmentation:
    """One of `CONVENTIONAL` as a graph function.

    Returns:
        (images float32 (B, H, W, C) in [0, 1], labels float32 (B, K)) -> the same, augmented.
    """
    made = CONVENTIONAL[name].layers(strength, photographs, seed)

    def apply(images: tf.Tensor, labels: tf.Tensor) -> Pair:
        for layer in made:
            if isinstance(layer, RandomAffine):
                images = layer(images)
            else:
                both = layer({"images": images, "labels": labels}, training=True)
                images, labels = both["images"], both["labels"]
        return images, labels

    return apply
