"""What `teaching.py` compares: letters, variations of pictures, ways to start a classifier, and the classifier itself."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from PIL import Image
from scipy.ndimage import gaussian_filter1d

from gcn_tf.augmentation import moves
from gcn_tf.augmentation.moves import Moves
from gcn_tf.model.references.additive import fit_additive
from gcn_tf.model.references.moved import made_from_neighbours
from gcn_tf.model.references.poses import AFFINE, NUMBERS, in_picture, picture_points, sample
from gcn_tf.model.references.registration import register

SIDE, MOST_CLASSES, FEATURES = 28, 64, 128
BATCH, CHUNK = 32, 25  # pictures of a step, steps of a call
MIXUP = 0.3
AFFINE_REACH = np.array([0.14, 0.14, 0.3, 0.3, 0.5, 0.17])  # of strength 1: place, size, slant, turn
WAYS, QUERIES = 10, 4  # of an episode


@dataclass(frozen=True)
class Letters:
    """Alphabets of Omniglot.

    Args:
        images: float32 (N, 28, 28, 1) in [0, 1], ink bright.
        ids: int (N, 2), character and drawer; drawers of other alphabets are others.
    """

    images: np.ndarray
    ids: np.ndarray

    def __getitem__(self, chosen: np.ndarray) -> "Letters":
        return Letters(self.images[chosen], self.ids[chosen])


def load(folder: Path, alphabets: list[str]) -> Letters:
    """Alphabets as small pictures; strokes of less than a pixel are made brighter."""
    images, ids, character = [], [], 0
    for number, alphabet in enumerate(alphabets):
        for letter in sorted((folder / alphabet).iterdir()):
            for path in sorted(letter.glob("*.png")):
                ink = 255 - np.asarray(Image.open(path).convert("L"), np.float32)
                small = Image.fromarray(ink).resize((SIDE, SIDE), Image.Resampling.BOX)
                images.append(np.clip(np.asarray(small) / 160, 0, 1))
                ids.append((character, number * 20 + int(path.stem.split("_")[1]) - 1))
            character += 1
    return Letters(np.stack(images)[..., None].astype(np.float32), np.array(ids))


@dataclass(frozen=True)
class Method:
    """How a classifier starts, and how the pictures that it learns from are varied.

    Args:
        start: "nothing", "classes" (trained to classify the fuller grid) or "episodes" (a prototypical network of it).
        tuned: whether all layers then learn from the few pictures; otherwise the nearest mean of a class decides.
        affine: reach of random affine maps; elastic: standard deviation, in pixels, of random elastic warps.
        mixup: whether pictures and labels are mixed.
        learned: strength of the variation that was learned on the fuller grid, 1: as it was found.
        learned_start: the same in the training that the start comes from.
        drawn: share of the pictures drawn in the hands of the fuller grid's drawers.
        rate: learning rate of the tuning.
    """

    start: str = "nothing"
    tuned: bool = True
    affine: float = 0.0
    elastic: float = 0.0
    mixup: bool = False
    learned: float = 0.0
    learned_start: float = 0.0
    drawn: float = 0.0
    rate: float = 1e-3


def poses_of_pairs(
    images: np.ndarray, classes: np.ndarray, each: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Register pictures onto others of their class: (N, 28, 28, 1) -> poses (P, NUMBERS) and their classes (P,).

    The half of a class's pairs that come nearest to each other is kept: the others are drawn in other strokes. No class
    has a say in what is found of another one.

    Args:
        each: pairs of a class.
    """
    found, shown = [], []
    for one in np.unique(classes):
        rng = np.random.default_rng([seed, one])
        own = images[classes == one]
        template, picture = np.array([rng.permutation(len(own))[:2] for _ in range(each)]).T
        found.append(moves.poses_of_pairs(own, template, picture))
        shown.append(np.full(len(found[-1]), one))
    return np.concatenate(found), np.concatenate(shown)


def drawn_in_hands(
    few: np.ndarray, few_ids: np.ndarray, fuller: np.ndarray, fuller_ids: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The few pictures moved as each drawer of the fuller grid would draw their characters.

    Poses of all pictures are found together; an additive model of character and drawer predicts those of unseen cells.

    Args:
        few, fuller: (N, 28, 28, 1) in [0, 1]; few_ids, fuller_ids: int (N, 2), character and drawer.

    Returns:
        Pictures and their characters.
    """
    images = (np.concatenate([few, fuller]) * 255).astype(np.uint8)
    ids = np.concatenate([few_ids, fuller_ids])
    characters, ids[:, 0] = np.unique(ids[:, 0], return_inverse=True)
    sizes = {"character": len(characters), "drawer": int(ids[:, 1].max()) + 1}
    poses = register(images, ids, sizes)
    model = fit_additive(poses, ids, sizes)
    sources, wanted, shown = [], [], []
    for n in range(len(few)):
        for drawer in np.unique(fuller_ids[:, 1]):
            sources.append(n)
            change = [[ids[n, 0], drawer], [ids[n, 0], ids[n, 1]]]
            towards, own = model.predict(np.array(change), sizes)
            wanted.append(poses[n] + towards - own)
            shown.append(few_ids[n, 0])
    light = np.zeros((len(sources), SIDE * SIDE), np.float32)
    made = made_from_neighbours(images, poses, np.array(wanted), light, np.array(sources))
    return made, np.array(shown)


@tf.function(reduce_retracing=True, autograph=False)
def _warped(
    pictures: tf.Tensor, conventional: tf.Tensor | None, field: tf.Tensor | None, learned: tf.Tensor | None
) -> tf.Tensor:
    places = tf.repeat(picture_points(SIDE, SIDE)[None], tf.shape(pictures)[0], axis=0)
    places = places if conventional is None else in_picture(conventional, places)
    places = places if field is None else places + field
    places = places if learned is None else in_picture(learned, places)
    pictures = tf.ensure_shape(pictures, (None, SIDE, SIDE, 1))
    return tf.reshape(sample(pictures, places), (-1, SIDE, SIDE, 1))


def varied(
    pictures: np.ndarray,
    method: Method,
    variations: Moves | None,
    strength: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Pictures as a method varies them, each by itself: float32 (N, 28, 28, 1).

    Args:
        strength: of the learned variations.
    """
    count = len(pictures)
    conventional, field, learned = None, None, None
    if method.affine:
        conventional = np.zeros((count, NUMBERS), np.float32)
        conventional[:, :AFFINE] = rng.uniform(-1, 1, (count, AFFINE)) * AFFINE_REACH * method.affine
    if method.elastic:  # Simard 2003: noise, blurred
        noise = rng.normal(size=(count, SIDE, SIDE, 2)).astype(np.float32)
        for axis in (1, 2):
            noise = gaussian_filter1d(noise, 4.0, axis=axis, mode="constant", truncate=2)
        noise *= method.elastic * 2 / (SIDE - 1) / noise[:, 8:20, 8:20].std()
        field = noise.reshape(count, -1, 2)
    if strength and variations is not None:
        learned = variations.sampled(count, strength, rng)
    return _warped(pictures, conventional, field, learned).numpy()


class Classifier:
    """A small convolutional network that is built once and trained again and again."""

    def __init__(self) -> None:
        keras.utils.set_random_seed(0)
        block: Callable[[tf.Tensor, int, int, int], tf.Tensor] = lambda x, width, size, stride: layers.ReLU()(  # noqa: E731
            layers.BatchNormalization(momentum=0.9)(
                layers.Conv2D(width, size, stride, padding="same", use_bias=False)(x)
            )
        )
        pictures = keras.Input((SIDE, SIDE, 1))
        x = block(pictures, 24, 5, 2)  # (B, 28, 28, 1) -> (B, 14, 14, 24)
        x = block(x, 48, 3, 2)  # -> (B, 7, 7, 48)
        x = layers.MaxPooling2D(padding="same")(block(x, 48, 3, 1))  # -> (B, 4, 4, 48)
        x = layers.Dropout(0.2)(layers.Flatten()(x))
        features = layers.LayerNormalization(center=False, scale=False)(layers.Dense(FEATURES)(x))
        self.features = keras.Model(pictures, features)
        self.head = layers.Dense(MOST_CLASSES)
        self.network = keras.Model(pictures, self.head(features))
        self.adam = keras.optimizers.Adam(1e-3)
        self.adam.build(self.network.trainable_variables)
        self.fresh = self.network.get_weights()

    def begin(self, weights: list[np.ndarray] | None, seed: int) -> None:
        """Take weights, or new ones."""
        if weights is None:
            keras.utils.set_random_seed(seed)
            weights = keras.models.clone_model(self.network).get_weights()
        self.network.set_weights(weights)
        for variable in self.adam.variables:
            variable.assign(tf.zeros_like(variable))

    @tf.function(reduce_retracing=True)
    def _learn(self, images: tf.Tensor, labels: tf.Tensor, rates: tf.Tensor, absent: tf.Tensor) -> None:
        for n in tf.range(tf.shape(images)[0]):
            self.adam.learning_rate.assign(rates[n])
            with tf.GradientTape() as tape:
                logits = self.network(images[n], training=True) - 1e9 * absent
                loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels[n], logits))
            variables = self.network.trainable_variables
            self.adam.apply(tape.gradient(loss, variables), variables)

    @tf.function(reduce_retracing=True)
    def _learn_episodes(self, images: tf.Tensor, rates: tf.Tensor) -> None:
        for n in tf.range(tf.shape(images)[0]):
            self.adam.learning_rate.assign(rates[n])
            with tf.GradientTape() as tape:
                codes = self.features(images[n], training=True)
                codes = tf.reshape(codes, (-1, 1 + QUERIES, FEATURES))
                ways = tf.shape(codes)[0]
                asked = tf.reshape(codes[:, 1:], (-1, FEATURES))
                logits = -apart(asked, codes[:, 0])
                labels = tf.repeat(tf.range(ways), QUERIES)
                loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
            variables = self.features.trainable_variables
            gradients = tape.gradient(loss, variables)
            self.adam.apply(
                [*gradients, *(tf.zeros_like(v) for v in self.head.variables)],
                self.network.trainable_variables,
            )

    def learn(
        self, batches: Iterator[tuple[np.ndarray, np.ndarray]], steps: int, rate: float, classes: int
    ) -> None:
        """Steps with a cosine of the learning rate, from chunks of images (n, B, 28, 28, 1) and labels (n, B, 64)."""
        absent = tf.constant((np.arange(MOST_CLASSES) >= classes).astype(np.float32))
        for n in range(0, steps, CHUNK):
            images, labels = next(batches)
            self._learn(images, labels, cosine(n, steps, rate), absent)

    def learn_episodes(self, batches: Iterator[np.ndarray], steps: int, rate: float) -> None:
        for n in range(0, steps, CHUNK):
            self._learn_episodes(next(batches), cosine(n, steps, rate))

    def codes(self, images: np.ndarray) -> np.ndarray:
        return np.concatenate(
            [_codes(self.features, images[n : n + 500]) for n in range(0, len(images), 500)]
        )

    def take_means(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Make the head that of the nearest mean of a class."""
        codes = self.codes(images)
        means = np.zeros((MOST_CLASSES, FEATURES), np.float32)
        for one in np.unique(labels):
            means[one] = codes[labels == one].mean(axis=0)
        scale = FEATURES**-0.5
        self.head.set_weights([2 * scale * means.T, -scale * np.square(means).sum(axis=1)])

    def classify(self, images: np.ndarray, classes: int) -> np.ndarray:
        kernel, bias = self.head.get_weights()
        return (self.codes(images) @ kernel + bias)[:, :classes].argmax(axis=1)


def apart(one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    """Squared distances of codes, scaled: (A, F), (B, F) -> (A, B)."""
    squares = tf.reduce_sum(tf.square(one[:, None] - other[None]), axis=2)
    return squares * FEATURES**-0.5


_codes = tf.function(lambda network, images: network(images, training=False), reduce_retracing=True)


def cosine(first: int, steps: int, rate: float) -> np.ndarray:
    places = np.arange(first, first + CHUNK) / steps
    return (rate * (1 + np.cos(np.pi * np.minimum(places, 1))) / 2).astype(np.float32)
