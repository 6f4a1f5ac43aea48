"""A judge that is a convolutional network."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from gcn_tf.evaluation.discriminant import AdditiveDiscriminant
from gcn_tf.evaluation.judge import JUDGE_SEED, JudgePictures, judge_accuracy
from gcn_tf.progress import progress
from gcn_tf.synthesis.draw import to_uint8

ROUNDS = 3  # at most, each with its own cosine of the learning rate, while known pictures are misclassified and it helps


STEPS = 500  # of a round


BATCH_SIZE = 100


LEARNING_RATE = 1e-3


GRID_SHARE = 0.5  # of a batch; the rest are repeats


COPIES = 4  # of every picture of the grid, one as it is, three augmented


FIRST_SIDE = 14  # of what the first layer gives, about


LARGE_SIDE = 64  # pixels; pictures of twice as many are averaged first


ROUND_ACCURACY = 0.97  # of every factor of the grid; below it another round follows


ROUND_GAIN = 0.01  # of some factor's accuracy below that; a round that brings less is the last


SHAPES_SIDE = 4  # of the second layer's activations, averaged for a discriminant


class ConvolutionalJudge:
    """A convolutional network of its own layers and seed, trained with conventional augmentation.

    Where cells have several pictures, the network's outputs classify; where they have one, they know cells by heart,
    and a discriminant of the second layer's activations classifies instead.
    """

    name = "convolutional"

    def __init__(self, network: keras.Model, discriminant: AdditiveDiscriminant | None = None) -> None:
        self.network = network
        self.known_accuracy: dict[str, float] = {}
        self.held_out_accuracy: dict[str, float] = {}
        self.recognised: tuple[str, ...] = ()
        self.discriminant = discriminant
        self._features = keras.Model(network.input, network.get_layer("features").output)
        shapes = network.get_layer("shapes").output
        pool = [-(-side // SHAPES_SIDE) for side in shapes.shape[1:3]]
        shapes = layers.AveragePooling2D(pool, padding="same", dtype="float32")(shapes)  # up to 4 x 4 x 64
        self._shapes = keras.Model(network.input, layers.Flatten(dtype="float32")(shapes))

    def classify(self, images: np.ndarray) -> dict[str, np.ndarray]:
        if self.discriminant:
            ids = self.discriminant.classify(self.shapes(images))
            return {name: ids[:, m] for m, name in enumerate(self.network.output)}
        logits = self.network.predict(images, batch_size=256, verbose=0)
        return {name: values.argmax(axis=-1) for name, values in logits.items()}

    def shapes(self, images: np.ndarray) -> np.ndarray:
        """Second layer's activations, averaged to at most 4 x 4: uint8 (B, H, W, C) -> float32 (B, d)."""
        return np.asarray(self._shapes.predict(images, batch_size=256, verbose=0))

    def features(self, images: np.ndarray) -> np.ndarray:
        """Last hidden layer, for `metrics.kid` and `metrics.fid`: uint8 (B, H, W, C) -> float64 (B, 384)."""
        return self._features.predict(images, batch_size=256, verbose=0).astype(np.float64)


def first_strides(image_shape: tuple[int, ...]) -> tuple[int, int]:
    """Strides of the first layer down and across, after the reduction of large pictures.

    >>> first_strides((28, 28, 3)), first_strides((64, 40, 1)), first_strides((256, 64, 3))
    ((2, 2), (4, 2), (4, 4))
    """
    height, width = (max(2, side // max(1, side // LARGE_SIDE) // FIRST_SIDE) for side in image_shape[:2])
    return height, width


def judge_network(factor_sizes: dict[str, int], image_shape: tuple[int, int, int], dtype: str) -> keras.Model:
    """A network whose cost hardly depends on the size of the pictures: the first layer goes in larger steps over larger ones."""
    image = layers.Input(image_shape, name="image")
    x = layers.Rescaling(1 / 255)(image)
    if max(image_shape[:2]) >= 2 * LARGE_SIDE:
        x = layers.AveragePooling2D([max(1, side // LARGE_SIDE) for side in image_shape[:2]], dtype=dtype)(x)
    steps = first_strides(image_shape)
    kernel = tuple(2 * step + 1 for step in steps)
    for filters, size, stride in ((32, kernel, steps), (64, 3, 1), (128, 3, 2)):
        x = layers.Conv2D(filters, size, stride, padding="same", use_bias=False, dtype=dtype)(x)
        x = layers.BatchNormalization(momentum=0.95, dtype=dtype)(x)
        x = layers.ReLU(dtype=dtype, name="shapes" if filters == 64 else None)(x)
    while max(x.shape[1:3]) > 8:
        x = layers.MaxPooling2D([1 + (side > 8) for side in x.shape[1:3]], dtype=dtype)(x)
    x = layers.Dropout(0.2, seed=JUDGE_SEED, dtype=dtype)(layers.Flatten(dtype=dtype)(x))
    features = layers.Dense(384, activation="relu", dtype=dtype, name="features")(x)
    x = layers.Dropout(0.2, seed=JUDGE_SEED + 1, dtype=dtype)(features)
    return keras.Model(image, {name: layers.Dense(size, name=name)(x) for name, size in factor_sizes.items()})


def _augmented(images: np.ndarray, copies: int, batch_size: int = 600) -> np.ndarray:
    """The images and some copies, each moved, turned, zoomed and roughened a little: uint8 (n * copies, H, W, C)."""
    seeds = range(JUDGE_SEED + 2, JUDGE_SEED + 6)
    augmentation = keras.Sequential(
        [
            layers.RandomTranslation(0.04, 0.04, fill_mode="constant", seed=seeds[0]),
            layers.RandomRotation(6 / 360, fill_mode="constant", seed=seeds[1]),
            layers.RandomZoom(0.06, fill_mode="constant", seed=seeds[2]),
            layers.GaussianNoise(0.04, seed=seeds[3]),
        ]
    )
    made = [images]
    for _ in range(copies - 1):
        for start in range(0, len(images), batch_size):
            part = images[start : start + batch_size].astype(np.float32) / 255
            made.append(to_uint8(augmentation(part, training=True)))
    return np.concatenate(made)


def train_network(network: keras.Model, pictures: JudgePictures) -> None:
    """Rounds of training, at most `ROUNDS`, until the known pictures are classified correctly or a round brings nothing.

    One round where a discriminant classifies: more of them hardly change its layer.
    """

    def stream(part: tuple[np.ndarray, np.ndarray], copies: int) -> tf.data.Dataset:
        images = _augmented(part[0], copies)
        labels = {name: np.tile(ids, copies) for name, ids in pictures.space.by_name(part[1]).items()}
        data = tf.data.Dataset.from_tensor_slices((images, labels))
        return data.shuffle(len(images), seed=JUDGE_SEED).repeat()

    data = stream(pictures.grid, COPIES)
    if len(pictures.repeats[0]):
        both = [data, stream(pictures.repeats, 1)]
        data = tf.data.Dataset.sample_from_datasets(both, [GRID_SHARE, 1 - GRID_SHARE], seed=JUDGE_SEED)
    data = data.batch(BATCH_SIZE).prefetch(2)
    losses = {
        name: keras.losses.SparseCategoricalCrossentropy(from_logits=True) for name in pictures.space.names
    }
    before: dict[str, float] = {}
    with progress(STEPS, "training the judge") as bar:
        tick = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: bar.update())
        for number in range(1 if pictures.lone else ROUNDS):
            bar.total = (number + 1) * STEPS
            rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, STEPS)
            network.compile(keras.optimizers.Adam(rate), losses, jit_compile=False)
            network.fit(data, steps_per_epoch=STEPS, epochs=1, verbose=0, shuffle=False, callbacks=[tick])
            after = judge_accuracy(ConvolutionalJudge(network), *pictures.grid, pictures.space)
            if not another_round_helps(before, after):
                break
            before = after


def another_round_helps(before: dict[str, float], after: dict[str, float]) -> bool:
    """Whether some factor is still misclassified in known pictures, and the last round did something about it.

    Args:
        before, after: accuracy by factor name before and after a round; `before` is empty for the first one.

    >>> another_round_helps({"digit": 0.8, "writer": 0.2}, {"digit": 0.99, "writer": 0.2})
    False
    """
    missing = [name for name, share in after.items() if share < ROUND_ACCURACY]
    return any(after[name] >= before.get(name, 0) + ROUND_GAIN for name in missing)
