"""The judge: a classifier of its own network and seed that scores generated images and never trains them.

It learns from all real pictures, unseen cells included, with conventional augmentation; the cooperating
classifier is no judge of a generator that was trained to please it.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from gcn_tf.metrics import factor_accuracy, to_uint8
from gcn_tf.pipelines.batches import Split, pixels
from gcn_tf.precision import resolve_precision
from gcn_tf.progress import progress

JUDGE_SEED = 20190301
STEPS = 700
BATCH_SIZE = 100
LEARNING_RATE = 1e-3
COPIES = 5  # of every real picture, one as it is, four augmented
ACCURACY_WANTED = 0.99  # on real pictures, of every factor; a judge below it is no yardstick


@dataclass(frozen=True)
class Judge:
    """A trained judge and how well it reads the real pictures.

    Args:
        network: keras.Model. Image (B, H, W, 3) in [0, 255] -> {factor: logits (B, K_f)}.
        real_accuracy: share of all real pictures read right, by factor name.
    """

    network: keras.Model
    real_accuracy: dict[str, float]

    def read(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Value ids that the judge reads: uint8 (B, H, W, 3) -> int64 (B,) by factor name."""
        logits = self.network.predict(images, batch_size=256, verbose=0)
        return {name: values.argmax(axis=-1) for name, values in logits.items()}

    @property
    def trusted(self) -> bool:
        return min(self.real_accuracy.values()) >= ACCURACY_WANTED


def _network(factor_sizes: dict[str, int], image_shape: tuple[int, int, int]) -> keras.Model:
    dtype = resolve_precision("auto")
    image = layers.Input(image_shape, name="image")
    x = layers.Rescaling(1 / 255)(image)
    for filters, kernel, stride in ((32, 5, 2), (64, 3, 1), (128, 3, 2)):
        x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, dtype=dtype)(x)
        x = layers.ReLU(dtype=dtype)(layers.BatchNormalization(momentum=0.95, dtype=dtype)(x))
    while x.shape[1] > 8:
        x = layers.MaxPooling2D(dtype=dtype)(x)
    x = layers.Dropout(0.2, seed=JUDGE_SEED, dtype=dtype)(layers.Flatten(dtype=dtype)(x))
    x = layers.Dropout(0.2, seed=JUDGE_SEED + 1, dtype=dtype)(
        layers.Dense(384, activation="relu", dtype=dtype)(x)
    )
    return keras.Model(image, {name: layers.Dense(size, name=name)(x) for name, size in factor_sizes.items()})


def _augmented(images: np.ndarray, copies: int, batch_size: int = 600) -> np.ndarray:
    """The images and some copies, each moved, turned, zoomed and roughened a little: uint8 (n * copies, H, W, 3)."""
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


def _fit(network: keras.Model, images: np.ndarray, wanted: dict[str, np.ndarray], steps: int) -> None:
    network.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)),
        loss={name: keras.losses.SparseCategoricalCrossentropy(from_logits=True) for name in wanted},
        jit_compile=False,
    )
    pictures = _augmented(images, COPIES)
    labels = {name: np.tile(ids, COPIES) for name, ids in wanted.items()}
    data = tf.data.Dataset.from_tensor_slices((pictures, labels))
    data = data.shuffle(len(pictures), seed=JUDGE_SEED).repeat().batch(BATCH_SIZE).prefetch(2)
    with progress(steps, "training the judge") as bar:
        tick = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: bar.update())
        network.fit(data, steps_per_epoch=steps, epochs=1, verbose=0, shuffle=False, callbacks=[tick])


def _key(images: np.ndarray, ids: np.ndarray) -> str:
    digest = hashlib.sha256(f"{STEPS} {images.shape} {keras.__version__}".encode())
    for part in (Path(__file__).read_bytes(), images.tobytes(), ids.tobytes()):
        digest.update(part)
    return digest.hexdigest()[:16]


def train_judge(split: Split, cache: Path) -> Judge:
    """The judge of a dataset, from the cache when the same data were judged before.

    Args:
        split: the pictures; all of them are used, seen and unseen.
        cache: folder for the weights, named by a hash of the data and of this file.
    """
    images = pixels(split, np.arange(len(split.ids)))
    space = split.dataset.space
    wanted = space.by_name(split.ids)
    keras.utils.set_random_seed(JUDGE_SEED)
    network = _network(space.sizes, split.dataset.image_shape)
    weights = cache / f"{split.dataset.name}-{_key(images, split.ids)}.weights.h5"
    if weights.exists():
        network.load_weights(weights)
    else:
        _fit(network, images, wanted, STEPS)
        weights.parent.mkdir(parents=True, exist_ok=True)
        beside = weights.with_name(f"partial-{os.getpid()}-{weights.name}")
        network.save_weights(beside)
        beside.replace(weights)
    read = Judge(network, {}).read(images)
    return Judge(network, factor_accuracy(read, wanted))
