"""How unlike a run's own pictures a given one is: a letter among hands, noise, a face upside down. Nothing is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from gcn_tf.errors import UserError, shown_text
from gcn_tf.metrics.two_sample import halved, laplacian, means_of_parts
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.split import Split

MOST_PICTURES = 1000  # of a run, that others are compared with
MOST_PIXELS = 2**24  # of them all; but at least so many pictures:
LEAST_COMPARED = 200
FEWEST_PICTURES = 10  # of a run; of fewer nothing is said
FOLDS = 8  # in which values are left out
CELLS, COLOR_CELLS = 8, 3  # rows and columns of parts whose brightness, and whose colors, are compared
SCALES = 3  # at which edges are measured, each half as large as the one before
FAINT = 0.02  # brightness that a ground may vary by: added to edges before their logarithm
LEAST_CONTRAST = 0.05  # standard deviation of brightness that a picture's shape is seen in
PICTURES_AT_ONCE = 100

# Variances that are added to those of the run's pictures: where these hardly vary, little is no difference.
FLOORS = {"brightness": 3e-3, "shape": 3e-3, "color": 3e-3, "texture": 3e-2}

# Largest distances of left-out pictures that are assumed at least. Another camera or another light changes how sharp pictures
# are, and all pictures of a run may be of one day; and what is most usual as it is need not be turned.
LEAST_SCALES = {"brightness": 0.0, "shape": 0.0, "color": 0.0, "texture": 2.0, "turned": 1.0}


def margin(values: int) -> float:
    """How far beyond the largest distance of left-out pictures the limit lies: the next person after forty is seldom much the most unusual
    one, the next after three often.

    >>> [round(margin(values), 2) for values in (3, 10, 40)]
    [2.88, 1.54, 1.2]
    """
    return 0.1 + (1 + 2 / values) ** 2


Described = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class _Spread:
    """Where the run's pictures lie in one respect: the mean (d,) and the inverse of the covariance (d, d)."""

    mean: np.ndarray
    precision: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, floor: float) -> Self:
        """Of float (N, d), with the covariance shrunk as Ledoit and Wolf (2004) do."""
        from sklearn.covariance import ledoit_wolf

        mean = values.mean(axis=0)
        covariance, _ = ledoit_wolf(values - mean, assume_centered=True)
        return cls(mean, np.linalg.inv(covariance + floor * np.eye(len(mean))))

    def distances(self, values: np.ndarray) -> np.ndarray:
        """Mahalanobis distances, 1 at the root mean square of usual ones: float (N, d) -> (N,)."""
        away = values - self.mean
        return np.sqrt(np.einsum("nd,de,ne->n", away, self.precision, away) / len(self.mean))


@dataclass(frozen=True)
class Likeness:
    """What the pictures of a run are like, and how unlike them another may be.

    A picture is compared in five respects: the brightness of its 8 x 8 parts; the same without its mean and contrast; the
    colors of its 3 x 3 parts; how strong edges are at three scales; and whether it would be more usual turned by a quarter, a half or three quarters.
    Each distance is one by Mahalanobis, in the scale of the largest among the run's pictures when their own value (person,
    writer) is left out. The largest of the five counts. Sharpness and contrast count less, as they change with the camera.

    Args:
        spreads: by respect.
        scales: float (5,) or (4,) of gray pictures: the largest distance of a left-out picture in every respect.
        unit: what counts as 1, the median of left-out pictures, as a share of `scales`.
        largest: the largest distance of a left-out picture.
        limit: distances above it are those of foreign pictures; infinite where a run has too few pictures or values to tell.

    Example:

    >>> import numpy as np
    >>> from gcn_tf.config.data import DataConfig
    >>> from gcn_tf.newcomers.likeness import Likeness
    >>> from gcn_tf.pipelines.dataset import load_dataset
    >>> from gcn_tf.pipelines.split import undivided
    >>> split = undivided(load_dataset(DataConfig.of("glyphs", writers="10")))
    >>> likeness = Likeness.of(split, ["writer"])
    >>> noise = np.random.default_rng(0).integers(0, 256, (1, 28, 28, 1)).astype(np.uint8)
    >>> (likeness.distances(split.dataset.images[:10]) > likeness.limit).any(), likeness.distances(noise) > likeness.limit
    (False, array([ True]))
    """

    spreads: Mapping[str, _Spread]
    scales: np.ndarray
    unit: float
    largest: float
    limit: float

    @classmethod
    def of(cls, split: Split, factors: Sequence[str], varied: bool = False) -> Self:
        """What the seen pictures of a run are like.

        Args:
            factors: that pictures to compare may show new values of. In turn, values of each are left out to measure how far a
                new one lies from the others.
            varied: as users see the pictures, in all colors and turns; otherwise the base images.
        """
        images, ids = _seen_pictures(split, varied)
        columns = [ids[:, split.dataset.space.names.index(name)] for name in factors]
        counts = [len(np.unique(column)) for column in columns]
        if len(images) < FEWEST_PICTURES or min(counts, default=0) < 2:
            return cls({}, np.ones(0), 1.0, 0.0, np.inf)
        described = _described(images)
        left_out = np.concatenate([_left_out(described, column) for column in columns])
        least = [LEAST_SCALES[name] for name in (*described, "turned")]
        scales = np.maximum(left_out.max(axis=0), least)
        shares = (left_out / scales).max(axis=1)
        unit = float(np.median(shares))
        largest = float(shares.max()) / unit
        limit = largest * margin(min(counts))
        return cls(_spreads(described), scales, unit, largest, limit)

    def distances(self, images: np.ndarray) -> np.ndarray:
        """Distances of pictures, in medians of the run's own left-out ones: uint8 (N, H, W, C) -> float (N,)."""
        if not self.spreads or not len(images):
            return np.zeros(len(images))
        found = _distances(self.spreads, _described(images))
        return np.asarray((found / self.scales).max(axis=1) / self.unit)

    def refusal(self, images: np.ndarray, names: Sequence[str]) -> str | None:
        """Why pictures are refused, in a line that names the most unlike one; None if all are like those of the run.

        Args:
            images: uint8 (N, H, W, C).
            names: N names to show.
        """
        distances = self.distances(images)
        worst = int(distances.argmax())
        if distances[worst] <= self.limit:
            return None
        more = int((distances > self.limit).sum()) - 1
        others = f" (and {more} more)" if more else ""
        return (
            f"{shown_text(names[worst])}{others} is nothing like the pictures of the run (distance {distances[worst]:.1f}; of its own "
            f"held-out ones at most {self.largest:.1f})"
        )

    def check(self, images: np.ndarray, names: Sequence[str]) -> None:
        """Raise UserError with `refusal` and the remedy unless all pictures are like those of the run."""
        if reason := self.refusal(images, names):
            raise UserError(f"{reason}: crop or turn it as they are, or --force")


def _seen_pictures(split: Split, varied: bool) -> tuple[np.ndarray, np.ndarray]:
    """Seen pictures, uint8 (N, H, W, C), and their ids, int (N, M); of many a sample."""
    dataset, rows = split.dataset, split.rows(unseen=False)
    numbers = rows if varied else np.unique(split.base[rows])
    height, width, channels = dataset.image_shape
    most = min(MOST_PICTURES, max(LEAST_COMPARED, MOST_PIXELS // (height * width * channels)))
    chosen = numbers[np.sort(np.random.default_rng(0).permutation(len(numbers))[:most])]
    if varied:
        return pixels(split, chosen), split.ids[chosen]
    return dataset.images[chosen], dataset.base_ids[chosen]


def _left_out(described: Described, values: np.ndarray) -> np.ndarray:
    """Distances of pictures from those of other values alone: int (N,) ids of a factor -> float (N, respects)."""
    names, position = np.unique(values, return_inverse=True)
    fold = np.random.default_rng(0).permutation(len(names))[position] % min(FOLDS, len(names))
    found = np.zeros((len(values), len(described) + 1))
    for number in np.unique(fold):
        out = fold == number
        spreads = _spreads({name: rows[~out] for name, rows in described.items()})
        found[out] = _distances(spreads, {name: rows[out] for name, rows in described.items()})
    return found


def _spreads(described: Described) -> dict[str, _Spread]:
    return {name: _Spread.of(rows, FLOORS[name]) for name, rows in described.items()}


def _distances(spreads: Mapping[str, _Spread], described: Described) -> np.ndarray:
    """Distances by respect, and last how much nearer the pictures would be if they were turned: float (N, respects + 1)."""
    found = {name: spread.distances(described[name]) for name, spread in spreads.items()}
    parts = described["brightness"]
    grid = parts.reshape(-1, CELLS, CELLS)
    turned = [np.rot90(grid, turns, (1, 2)).reshape(parts.shape) for turns in (1, 2, 3)]
    nearest = np.min([spreads["brightness"].distances(rows) for rows in turned], axis=0)
    return np.stack([*found.values(), found["brightness"] / np.maximum(nearest, 1e-6)], axis=1)


def _described(images: np.ndarray) -> dict[str, np.ndarray]:
    """What is compared of pictures, by respect: uint8 (N, H, W, C) -> float64 (N, d) each."""
    parts = [
        _described_few(images[start : start + PICTURES_AT_ONCE])
        for start in range(0, len(images), PICTURES_AT_ONCE)
    ]
    return {name: np.concatenate([part[name] for part in parts]).astype(np.float64) for name in parts[0]}


def _described_few(images: np.ndarray) -> dict[str, np.ndarray]:
    pictures = images.astype(np.float32) / 255
    light = pictures.mean(axis=-1, keepdims=True)  # (N, H, W, 1)
    brightness = means_of_parts(light, CELLS)  # (N, 64)
    shape = brightness - brightness.mean(axis=1, keepdims=True)
    contrast = np.maximum(shape.std(axis=1, keepdims=True), LEAST_CONTRAST)
    found = {"brightness": brightness, "shape": 0.2 * shape / contrast, "texture": _texture(light[..., 0])}
    if images.shape[-1] > 1:
        found["color"] = means_of_parts(pictures - light, COLOR_CELLS)  # (N, 9 * C)
    return found


def _texture(light: np.ndarray) -> np.ndarray:
    """Logarithms of contrast, and of means and root mean squares of edges at several scales: (N, H, W) -> (N, 9)."""
    down, across = np.gradient(light, axis=(1, 2))
    edges, scaled = [np.hypot(down, across)], light
    for _ in range(SCALES):
        edges.append(laplacian(scaled))
        scaled = halved(scaled)
    strengths = [light.std(axis=(1, 2))]
    for values in edges:
        strengths += [values.mean(axis=(1, 2)), np.sqrt((values**2).mean(axis=(1, 2)))]
    return np.log(np.stack(strengths, axis=1) + FAINT)
