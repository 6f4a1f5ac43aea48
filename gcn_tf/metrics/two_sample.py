"""A two-sample test: can a classifier tell generated pictures from real ones?"""

import numpy as np
from sklearn.linear_model import LogisticRegression

from gcn_tf.metrics.intervals import Estimate, bootstrap_mean

MOST = 500  # cells, so twice as many pictures


FEWEST = 10  # base images


FOLDS = 5


PERCENTILES = (5, 25, 50, 75, 90, 95, 99)


SCALES = 3  # at which edges are measured, each half as large as the one before


CELLS, COLOR_CELLS, ORIENTATIONS = 4, 6, 6  # of the local parts: rows and columns, and angles of the gradient


VISIBLE = (
    3 / 255
)  # what nobody sees gives nothing away: a background of 2 instead of 0, an edge of that height


SMALLEST_SPREAD = 0.01  # standard deviation of a statistic; one that hardly varies would otherwise count most


PICTURES_AT_ONCE = 100


def two_sample_accuracy(
    real: np.ndarray, generated: np.ndarray, clusters: np.ndarray, seed: int = 0
) -> Estimate | None:
    """Share of pictures that a classifier tells to be real or generated: 0.5 is the aim, 1 means that all are recognised.

    A logistic regression on `picture_statistics`, cross-validated: a picture is never classified by what was learned from its
    own base image, real or generated (the classifier two-sample test of Lopez-Paz and Oquab 2017).

    Args:
        real, generated: uint8 (N, H, W, C), row by row of the same cells. Of more than 500 cells as many are sampled.
        clusters: int (N,). Base image numbers.

    Returns:
        In [0, 1], with a 95 % interval over base images; None for fewer than 10 of them.

    >>> images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 1)).astype(np.uint8)
    >>> two_sample_accuracy(images, images // 2, np.arange(40)).text(2)
    '1.00 (0.91 to 1.00)'
    >>> two_sample_accuracy(images, images, np.arange(40)).value
    0.5
    """
    told = told_from_real(real, generated, clusters, seed)
    if told is None:
        return None
    tested = ~np.isnan(told)
    return bootstrap_mean([(told[tested], clusters[tested])], share=True)


def told_from_real(
    real: np.ndarray, generated: np.ndarray, clusters: np.ndarray, seed: int = 0
) -> np.ndarray | None:
    """What `two_sample_accuracy` is the mean of: for every cell the share of its two pictures that are told correctly.

    Args:
        real, generated, clusters: as of `two_sample_accuracy`.

    Returns:
        float64 (N,): 0, 0.5 or 1, NaN for cells that were not sampled; None for fewer than 10 base images.

    >>> images = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 1)).astype(np.uint8)
    >>> told_from_real(images, images // 2, np.arange(20)).min()
    np.float64(1.0)
    """
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(real))[:MOST])
    names, position = np.unique(clusters[chosen], return_inverse=True)
    if len(names) < FEWEST:
        return None
    both = np.concatenate([picture_statistics(images[chosen]) for images in (real, generated)])
    fold = np.tile((rng.permutation(len(names)) % FOLDS)[position], 2)
    is_real = np.arange(len(both)) < len(chosen)
    right = np.empty(len(both), bool)
    for number in range(FOLDS):
        tested = fold == number
        known = both[~tested]
        mean, spread = known.mean(axis=0), known.std(axis=0)
        scale = _importance(real.shape[1:]) / np.maximum(spread, SMALLEST_SPREAD)
        classifier = LogisticRegression(max_iter=1000).fit((known - mean) * scale, is_real[~tested])
        right[tested] = classifier.predict((both[tested] - mean) * scale) == is_real[tested]
    told = np.full(len(real), np.nan)
    told[chosen] = right.reshape(2, -1).mean(axis=0)
    return told


def picture_statistics(images: np.ndarray) -> np.ndarray:
    """What tells fog, blur, noise and patches: statistics of brightness and edges, and where they lie.

    Args:
        images: uint8 (N, H, W, C).

    Returns:
        float64 (N, d). First of the whole picture: percentiles of brightness, and percentiles and means of the gradient and of the
        Laplacian at three scales (logarithms). Then of 4 x 4 parts: orientations of the gradient, as in HOG, and energies of
        edges; and the mean colors of 6 x 6 parts.

    >>> picture_statistics(np.zeros((2, 28, 28, 3), np.uint8)).shape
    (2, 296)
    """
    parts = [images[start : start + PICTURES_AT_ONCE] for start in range(0, len(images), PICTURES_AT_ONCE)]
    return np.concatenate([np.hstack(_blocks(part)) for part in parts]).astype(np.float64)


def _importance(shape: tuple[int, ...]) -> np.ndarray:
    """Weights of the standardised statistics: each of the whole picture 1, every block of local ones 1 together."""
    whole, *local = (block.shape[1] for block in _blocks(np.zeros((1, *shape), np.uint8)))
    return np.concatenate([np.ones(whole), *(np.full(size, size**-0.5) for size in local)])


def _blocks(images: np.ndarray) -> list[np.ndarray]:
    """Statistics of whole pictures, then local ones of three kinds: float32 (N, d) each."""
    pixels = np.clip(images.astype(np.float32) / 255, VISIBLE, 1 - VISIBLE)
    light = pixels.mean(axis=-1)
    down, across = np.gradient(light, axis=(1, 2))
    gradient = np.hypot(down, across)
    edges = [gradient]
    scaled = light
    for _ in range(SCALES):
        edges.append(laplacian(scaled))
        scaled = halved(scaled)
    whole = [_percentiles(light), light.std(axis=(1, 2))[:, None], *(_energies(values) for values in edges)]
    angle = np.minimum(np.arctan2(down, across) % np.pi * (ORIENTATIONS / np.pi), ORIENTATIONS - 1).astype(
        int
    )
    oriented = gradient[..., None] * (angle[..., None] == np.arange(ORIENTATIONS))
    near = [np.log(means_of_parts(_visible(values)[..., None], CELLS) + VISIBLE) for values in edges[:-1]]
    return [
        np.hstack(whole),
        np.sqrt(means_of_parts(oriented, CELLS)),
        np.hstack(near),
        means_of_parts(pixels, COLOR_CELLS),
    ]


def laplacian(light: np.ndarray) -> np.ndarray:
    """The absolute Laplacian of brightness: float (N, H, W) -> the same.

    >>> laplacian(np.eye(3)[None])[0, 1]
    array([2., 4., 2.])
    """
    framed = np.pad(light, ((0, 0), (1, 1), (1, 1)), mode="edge")
    beside = framed[:, :-2, 1:-1] + framed[:, 2:, 1:-1] + framed[:, 1:-1, :-2] + framed[:, 1:-1, 2:]
    return np.asarray(np.abs(4 * light - beside))


def halved(light: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels: float (N, H, W) -> (N, H // 2, W // 2); a side of one pixel stays.

    >>> halved(np.eye(4)[None]).tolist()
    [[[0.5, 0.0], [0.0, 0.5]]]
    """
    for axis in (1, 2):
        pairs = light.shape[axis] // 2
        if pairs:
            first, second = (light.take(range(start, 2 * pairs, 2), axis) for start in (0, 1))
            light = (first + second) / 2
    return light


def _visible(edges: np.ndarray) -> np.ndarray:
    """What edges have above the height that nobody sees."""
    return np.maximum(edges - VISIBLE, 0)


def _energies(edges: np.ndarray) -> np.ndarray:
    """Logarithms of the mean, the root mean square and percentiles: (N, H, W) -> (N, 9)."""
    values = _visible(edges)
    mean, square = values.mean(axis=(1, 2)), np.sqrt((values**2).mean(axis=(1, 2)))
    found = np.hstack([mean[:, None], square[:, None], _percentiles(values)])
    return np.asarray(np.log(found + VISIBLE))


def _percentiles(values: np.ndarray) -> np.ndarray:
    """(N, H, W) -> (N, 7), each a value that occurs."""
    ordered = np.sort(values.reshape(len(values), -1), axis=1)
    return np.asarray(ordered[:, [(ordered.shape[1] - 1) * share // 100 for share in PERCENTILES]])


def means_of_parts(values: np.ndarray, cells: int) -> np.ndarray:
    """Means over a grid of parts: float (N, H, W, k) -> (N, cells * cells * k), row by row; fewer of pictures with fewer pixels.

    >>> means_of_parts(np.eye(4)[None, ..., None], 2).tolist()
    [[0.5, 0.0, 0.0, 0.5]]
    """
    for axis in (1, 2):
        side = values.shape[axis]
        starts = np.linspace(0, side, min(cells, side), endpoint=False).astype(int)
        counts = np.diff([*starts, side]).reshape([-1 if a == axis else 1 for a in range(4)])
        values = np.add.reduceat(values, starts, axis=axis) / counts
    return values.reshape(len(values), -1)
