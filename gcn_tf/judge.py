"""The judge: a classifier of its own network and seed that scores generated images and never trains them.

It learns from all real pictures, unseen cells included, with conventional augmentation; the cooperating
classifier is no judge of a generator that was trained to please it.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from gcn_tf.pipelines.batches import Split, pixels
from gcn_tf.progress import progress

JUDGE_SEED = 20190301
ACCURACY_WANTED = 0.99  # on real pictures, of every factor; a judge below it is no yardstick


@dataclass(frozen=True)
class Judge:
    """A trained judge and how well it reads the real pictures.

    Args:
        network: keras.Model. Image float32 (B, H, W, 3) in [0, 1] -> {factor: logits (B, K_f)}.
        real_accuracy: share of all real pictures read right, by factor name.
    """

    network: keras.Model
    real_accuracy: dict[str, float]

    def read(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Value ids that the judge reads: uint8 (B, H, W, 3) -> int64 (B,) by factor name."""
        logits = self.network.predict(images.astype(np.float32) / 255, batch_size=256, verbose=0)
        return {name: values.argmax(axis=-1) for name, values in logits.items()}

    @property
    def trusted(self) -> bool:
        return min(self.real_accuracy.values()) >= ACCURACY_WANTED


def _network(factor_sizes: dict[str, int], image_shape: tuple[int, int, int]) -> keras.Model:
    seeds = iter(range(JUDGE_SEED, JUDGE_SEED + 100))
    image = layers.Input(image_shape, name="image")
    x = image
    for augmentation in (
        layers.RandomTranslation(0.07, 0.07, fill_mode="constant", seed=next(seeds)),
        layers.RandomRotation(10 / 360, fill_mode="constant", seed=next(seeds)),
        layers.RandomZoom(0.1, fill_mode="constant", seed=next(seeds)),
        layers.GaussianNoise(0.08, seed=next(seeds)),
    ):
        x = augmentation(x)
    for filters, kernel, stride in ((32, 5, 2), (64, 3, 1), (128, 3, 2)):
        x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.95)(x))
    while x.shape[1] > 8:
        x = layers.MaxPooling2D()(x)
    x = layers.Dropout(0.3, seed=next(seeds))(layers.Flatten()(x))
    x = layers.Dropout(0.2, seed=next(seeds))(layers.Dense(384, activation="relu")(x))
    return keras.Model(image, {name: layers.Dense(size, name=name)(x) for name, size in factor_sizes.items()})


def _key(images: np.ndarray, ids: np.ndarray, steps: int) -> str:
    digest = hashlib.sha256(f"{JUDGE_SEED} {steps} {images.shape} {keras.__version__}".encode())
    digest.update(Path(__file__).read_bytes())
    digest.update(images.tobytes())
    digest.update(ids.tobytes())
    return digest.hexdigest()[:16]


def _fit(
    network: keras.Model, images: np.ndarray, wanted: dict[str, np.ndarray], steps: int, batch_size: int
) -> None:
    network.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps)),
        loss={name: keras.losses.SparseCategoricalCrossentropy(from_logits=True) for name in wanted},
        jit_compile=False,
    )
    data = tf.data.Dataset.from_tensor_slices((images, wanted)).cache()
    data = data.shuffle(len(images), seed=JUDGE_SEED).repeat().batch(batch_size)
    data = data.map(lambda x, y: (tf.cast(x, tf.float32) / 255.0, y)).prefetch(2)
    with progress(steps, "training the judge") as bar:
        tick = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: bar.update())
        network.fit(data, steps_per_epoch=steps, epochs=1, verbose=0, callbacks=[tick])


def train_judge(split: Split, cache: Path, steps: int = 2000, batch_size: int = 100) -> Judge:
    """The judge of a dataset, from the cache when the same data and settings were judged before.

    Args:
        split: the pictures; all of them are used, seen and unseen.
        cache: folder for the weights, named by a hash of data and settings.
        steps: training steps.
    """
    images = pixels(split, np.arange(len(split.ids)))
    space = split.dataset.space
    wanted = space.by_name(split.ids)
    keras.utils.set_random_seed(JUDGE_SEED)
    network = _network(space.sizes, split.dataset.image_shape)
    weights = cache / f"{split.dataset.name}-{_key(images, split.ids, steps)}.weights.h5"
    if weights.exists():
        network.load_weights(weights)
    else:
        _fit(network, images, wanted, steps, batch_size)
        weights.parent.mkdir(parents=True, exist_ok=True)
        beside = weights.with_name("partial-" + weights.name)
        network.save_weights(beside)
        beside.replace(weights)
    judge = Judge(network, {})
    read = judge.read(images)
    return Judge(network, {name: float(np.mean(read[name] == wanted[name])) for name in wanted})
