"""Two judges of different kinds that score generated images; neither ever trains or filters them.

The cooperating classifier is no judge of a generator that was trained to please it. These know all real pictures of
the grid, unseen cells included, and other pictures of the same cells where the dataset has some; part of the real
pictures is kept from them and tells how far each can be believed.
"""

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from scipy.ndimage import gaussian_filter
from skimage.feature import hog
from sklearn.neighbors import KNeighborsClassifier

from gcn_tf.errors import UserError
from gcn_tf.factors import FactorSpace
from gcn_tf.files import stored_arrays, write_beside
from gcn_tf.metrics import factor_accuracy, to_uint8
from gcn_tf.pipelines.batches import pixels, repeated_pictures, undivided
from gcn_tf.pipelines.registry import Dataset
from gcn_tf.precision import resolve_precision
from gcn_tf.progress import progress

JUDGE_SEED = 20190301
ROUNDS = 3  # at most, each with its own cosine of the learning rate, until the known pictures are read
STEPS = 500  # of a round
BATCH_SIZE = 100
LEARNING_RATE = 1e-3
GRID_SHARE = 0.5  # of a batch; the rest are repeats
COPIES = 4  # of every picture of the grid, one as it is, three augmented
REPEAT_LIMIT = 12_000  # pictures to learn from
HELD_OUT_LIMIT = 2_400  # pictures to be tested on
HELD_OUT_SHARE = 0.2  # of the grid, where there are no repeats
ROUND_ACCURACY = 0.97  # of every factor of the grid; below it another round follows
NEIGHBOURS = 10  # weighted by distance ** -8: a near copy of one known picture outvotes nine others
FAINT = 26  # of 255
BLUR = 0.7 / 28  # standard deviation as a share of the side
COLOR_WEIGHT = 3.0  # of the channels' shares beside the HOG blocks, whose length is at most 1 each
ACCURACY_WANTED = 0.95  # on pictures that a judge knows, of a factor; below it a judge is no yardstick for it


@dataclass(frozen=True)
class JudgePictures:
    """Real pictures for the judges: uint8 (N, H, W, 3) and value ids int32 (N, M).

    `grid` and `repeats` are theirs to learn, `held_out` is not; `repeats` may be empty.
    """

    space: FactorSpace
    grid: tuple[np.ndarray, np.ndarray]
    repeats: tuple[np.ndarray, np.ndarray]
    held_out: tuple[np.ndarray, np.ndarray]

    @property
    def known(self) -> tuple[np.ndarray, np.ndarray]:
        return (
            np.concatenate([self.grid[0], self.repeats[0]]),
            np.concatenate([self.grid[1], self.repeats[1]]),
        )


class Judge(Protocol):
    """Reads the factors of pictures.

    Attributes:
        name: str. "convolutional" or "hog".
        known_accuracy, held_out_accuracy: share of real pictures read right by factor name, of those that the judge
            learned from and of those that were kept from it.
    """

    name: str
    known_accuracy: dict[str, float]
    held_out_accuracy: dict[str, float]

    def read(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Value ids that the judge reads: uint8 (B, H, W, 3) -> int (B,) by factor name."""
        ...


def doubted_factors(judge: Judge) -> list[str]:
    """Factors that a judge does not even read in pictures that it knows."""
    return [name for name, share in judge.known_accuracy.items() if share < ACCURACY_WANTED]


def judge_pictures(dataset: Dataset) -> JudgePictures:
    """What the judges of a dataset learn from and are tested on; the hold-out of a run plays no part.

    With repeats every second one of each cell is held out, the first of all cells before the second of any; without,
    a fifth of the grid.
    """
    whole = undivided(dataset)
    grid, ids = pixels(whole, np.arange(len(whole.ids))), whole.ids
    again = repeated_pictures(dataset)
    if again is None:
        held = np.random.default_rng(JUDGE_SEED).random(len(ids)) < HELD_OUT_SHARE
        return JudgePictures(
            dataset.space, (grid[~held], ids[~held]), (grid[:0], ids[:0]), (grid[held], ids[held])
        )
    number = _number_within_cell(again.dataset.base_ids)[again.base]
    order = np.argsort(number, kind="stable")
    known = order[number[order] % 2 == 0][:REPEAT_LIMIT]
    held_out = order[number[order] % 2 == 1][:HELD_OUT_LIMIT]
    repeats, kept = ((pixels(again, rows), again.ids[rows]) for rows in (known, held_out))
    return JudgePictures(dataset.space, (grid, ids), repeats, kept)


def _number_within_cell(ids: np.ndarray) -> np.ndarray:
    """Of each row, how many rows before it have the same ids: int (N,)."""
    _, cell = np.unique(ids, axis=0, return_inverse=True)
    order = np.argsort(cell, kind="stable")
    starts = np.searchsorted(cell[order], cell[order])
    numbers = np.empty(len(ids), int)
    numbers[order] = np.arange(len(ids)) - starts
    return numbers


class ConvolutionalJudge:
    """A convolutional network of its own layers and seed, trained with conventional augmentation."""

    name = "convolutional"

    def __init__(self, network: keras.Model) -> None:
        self.network = network
        self.known_accuracy: dict[str, float] = {}
        self.held_out_accuracy: dict[str, float] = {}
        self._features = keras.Model(network.input, network.get_layer("features").output)

    def read(self, images: np.ndarray) -> dict[str, np.ndarray]:
        logits = self.network.predict(images, batch_size=256, verbose=0)
        return {name: values.argmax(axis=-1) for name, values in logits.items()}

    def features(self, images: np.ndarray) -> np.ndarray:
        """Last hidden layer, for `metrics.kid` and `metrics.fid`: uint8 (B, H, W, 3) -> float64 (B, 384)."""
        return self._features.predict(images, batch_size=256, verbose=0).astype(np.float64)


class HogJudge:
    """Histograms of oriented gradients and nearest neighbours: no layer, no gradient, nothing in common with a GCN."""

    name = "hog"

    def __init__(self, features: np.ndarray, ids: np.ndarray, space: FactorSpace) -> None:
        self.names = space.names
        self.known_accuracy: dict[str, float] = {}
        self.held_out_accuracy: dict[str, float] = {}
        self._neighbours = KNeighborsClassifier(NEIGHBOURS, weights=_nearness, algorithm="brute")
        self._neighbours.fit(features.astype(np.float32), ids)

    def read(self, images: np.ndarray) -> dict[str, np.ndarray]:
        ids = self._neighbours.predict(hog_features(images).astype(np.float32))
        return {name: ids[:, m] for m, name in enumerate(self.names)}


Judges = tuple[ConvolutionalJudge, HogJudge]


def _nearness(distances: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum(distances, 1e-3) ** -8.0)


def hog_features(images: np.ndarray) -> np.ndarray:
    """HOG (Dalal and Triggs 2005, scikit-image's) of the brightest channel, and each channel's share of the light.

    HOG takes the contrast out of every block, so light below `FAINT` is put out first (specks on a dark ground that
    nobody sees would count as much as strokes) and the rest is blurred a little.

    Args:
        images: uint8 (B, H, W, C).

    Returns:
        float16 (B, d): 7 x 7 cells, blocks of 3 x 3 cells, 9 orientations, L2-Hys; then C weighted shares.
    """
    cell = (images.shape[1] // 7, images.shape[2] // 7)
    brightest = images.max(axis=-1).astype(np.float32)
    reach = BLUR * images.shape[1]
    clear = gaussian_filter(np.where(brightest < FAINT, 0, brightest), (0, reach, reach))
    gradients = [
        hog(image, pixels_per_cell=cell, cells_per_block=(3, 3), block_norm="L2-Hys") for image in clear
    ]
    light = images.sum(axis=(1, 2), dtype=np.float64)
    shares = COLOR_WEIGHT * light / np.maximum(light.sum(axis=1, keepdims=True), 1)
    return np.hstack([gradients, shares]).astype(np.float16)


def _network(factor_sizes: dict[str, int], image_shape: tuple[int, int, int], dtype: str) -> keras.Model:
    image = layers.Input(image_shape, name="image")
    x = layers.Rescaling(1 / 255)(image)
    for filters, kernel, stride in ((32, 5, 2), (64, 3, 1), (128, 3, 2)):
        x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, dtype=dtype)(x)
        x = layers.ReLU(dtype=dtype)(layers.BatchNormalization(momentum=0.95, dtype=dtype)(x))
    while x.shape[1] > 8:
        x = layers.MaxPooling2D(dtype=dtype)(x)
    x = layers.Dropout(0.2, seed=JUDGE_SEED, dtype=dtype)(layers.Flatten(dtype=dtype)(x))
    features = layers.Dense(384, activation="relu", dtype=dtype, name="features")(x)
    x = layers.Dropout(0.2, seed=JUDGE_SEED + 1, dtype=dtype)(features)
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


def _fit(network: keras.Model, pictures: JudgePictures) -> None:
    """Rounds of training until every factor of the known pictures is read, or `ROUNDS` of them."""

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
    with progress(STEPS, "training the judge") as bar:
        tick = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: bar.update())
        for number in range(ROUNDS):
            bar.total = (number + 1) * STEPS
            rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, STEPS)
            network.compile(keras.optimizers.Adam(rate), losses, jit_compile=False)
            network.fit(data, steps_per_epoch=STEPS, epochs=1, verbose=0, shuffle=False, callbacks=[tick])
            read = _accuracy(ConvolutionalJudge(network), *pictures.grid, pictures.space)
            if min(read.values()) >= ROUND_ACCURACY:
                break


def _key(pictures: JudgePictures) -> str:
    digest = hashlib.sha256(f"{pictures.space.to_json()} {keras.__version__}".encode())
    digest.update(Path(__file__).read_bytes())
    for part in (*pictures.grid, *pictures.repeats, *pictures.held_out):
        digest.update(part.tobytes())
    return digest.hexdigest()[:16]


def _learn(pictures: JudgePictures) -> tuple[list[np.ndarray], np.ndarray]:
    """Weights of the convolutional judge, features of the HOG judge."""
    keras.utils.set_random_seed(JUDGE_SEED)
    learner = _network(pictures.space.sizes, pictures.grid[0].shape[1:], resolve_precision("auto"))
    _fit(learner, pictures)
    return learner.get_weights(), hog_features(pictures.known[0])


def _judges(pictures: JudgePictures, weights: list[np.ndarray], features: np.ndarray) -> Judges:
    """The network always reads in float32: the same figures whether it was trained a moment or a year ago, in whichever
    precision was faster then."""
    network = _network(pictures.space.sizes, pictures.grid[0].shape[1:], "float32")
    network.set_weights(weights)
    return ConvolutionalJudge(network), HogJudge(features, pictures.known[1], pictures.space)


def _write(path: Path, judges: Judges, weights: list[np.ndarray], features: np.ndarray) -> None:
    accuracy = {judge.name: [judge.known_accuracy, judge.held_out_accuracy] for judge in judges}
    arrays: dict[str, Any] = {f"weights/{i:02d}": array for i, array in enumerate(weights)}
    text = np.array(json.dumps(accuracy))
    write_beside(path, lambda beside: np.savez(beside, features=features, accuracy=text, **arrays))


def _read(path: Path, pictures: JudgePictures) -> Judges:
    """The judges that `_write` wrote; UserError when the file is damaged."""
    with stored_arrays(path, "the judges are trained anew") as file:
        weights = [file[name] for name in sorted(file.files) if name.startswith("weights/")]
        judges = _judges(pictures, weights, file["features"])
        accuracy = json.loads(str(file["accuracy"]))
        for judge in judges:
            judge.known_accuracy, judge.held_out_accuracy = (
                {name: float(shares[name]) for name in pictures.space.names}
                for shares in accuracy[judge.name]
            )
        judges[1].read(pictures.grid[0][:1])  # raises for features of another length
        return judges


def train_judges(pictures: JudgePictures, cache: Path) -> Judges:
    """Both judges, from the cache when the same pictures were judged before.

    Args:
        cache: folder for what they learned, in a file named by a hash of the pictures and of this file.
    """
    path = cache / f"{_key(pictures)}.npz"
    if path.exists():
        try:
            return _read(path, pictures)
        except UserError as damaged:
            print(f"gcn-tf: {damaged}", file=sys.stderr)
    weights, features = _learn(pictures)
    judges = _judges(pictures, weights, features)
    for judge in judges:
        judge.known_accuracy = _accuracy(judge, *pictures.grid, pictures.space)
        judge.held_out_accuracy = _accuracy(judge, *pictures.held_out, pictures.space)
    try:
        _write(path, judges, weights, features)
    except OSError as error:
        print(
            f"gcn-tf: cannot write to {cache} ({error.strerror}): the judges are trained anew next time",
            file=sys.stderr,
        )
    return judges


def _accuracy(judge: Judge, images: np.ndarray, ids: np.ndarray, space: FactorSpace) -> dict[str, float]:
    return factor_accuracy(judge.read(images), space.by_name(ids))
