"""A judge without a network: histograms of oriented gradients, and nearest neighbours or a discriminant analysis."""

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.feature import hog
from sklearn.neighbors import NearestNeighbors

from gcn_tf.evaluation.discriminant import AdditiveDiscriminant
from gcn_tf.grid.factors import FactorSpace

NEIGHBOURS = 10  # weighted by distance ** -8: a near copy of one known picture outvotes nine others


FAINT = 26  # of 255


BLUR = 0.7 / 28  # standard deviation as a share of the side


COLOR_WEIGHT = 3.0  # of the channels' shares beside the HOG blocks, whose length is at most 1 each


TILES = 14  # of a picture down and across, whose mean colors are features of a discriminant


INK = 0.1  # of the range: what differs from the ground by less is ground


GEOMETRY_WEIGHT = 10.0  # of places and sizes, as shares of the side, beside the HOG blocks


class HogJudge:
    """Histograms of oriented gradients: no layer, no gradient, nothing in common with a GCN.

    Where cells have several pictures, nearest neighbours classify; where they have one, a discriminant that is told the
    mean colors of tiles, and where the ink lies, as well.
    """

    name = "hog"

    def __init__(
        self, learned: np.ndarray | AdditiveDiscriminant, ids: np.ndarray, space: FactorSpace
    ) -> None:
        """Take what was learned: a discriminant of `layout_features`, or `hog_features` of the known pictures with ids `ids`."""
        self.names = space.names
        self.known_accuracy: dict[str, float] = {}
        self.held_out_accuracy: dict[str, float] = {}
        self.recognised: tuple[str, ...] = ()
        self._discriminant = learned if isinstance(learned, AdditiveDiscriminant) else None
        if isinstance(learned, np.ndarray):
            if len(learned) != len(ids):
                raise ValueError(f"features of {len(learned)} pictures, ids of {len(ids)}")
            count = min(NEIGHBOURS, len(learned))
            self._neighbours = NearestNeighbors(n_neighbors=count, algorithm="brute")
            self._neighbours.fit(learned.astype(np.float32))
            self._ids = ids

    def classify(self, images: np.ndarray) -> dict[str, np.ndarray]:
        if self._discriminant:
            ids = self._discriminant.classify(layout_features(images))
        else:
            distances, near = self._neighbours.kneighbors(hog_features(images).astype(np.float32))
            ids = np.stack([_elected(of[near], _nearness(distances)) for of in self._ids.T], axis=1)
        return {name: ids[:, m] for m, name in enumerate(self.names)}


def _elected(ids: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The ids with most weight, of two with the same the smaller one: int (B, n), float (B, n) -> int (B,).

    As scikit-learn's vote, which looks for every value in every row: its time is the product of both.

    >>> _elected(np.array([[3, 8, 8], [5, 2, 5]]), np.array([[0.6, 0.3, 0.2], [0.25, 0.5, 0.25]])).tolist()
    [3, 2]
    """
    same = ids[:, :, None] == ids[:, None, :]
    votes = np.where(same, weights[:, None, :].astype(np.float64), 0.0).sum(axis=2)
    most = votes == votes.max(axis=1, keepdims=True)
    return np.asarray(np.where(most, ids, ids.max() + 1).min(axis=1))


def _nearness(distances: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum(distances, 1e-3) ** -8.0)


def hog_features(images: np.ndarray) -> np.ndarray:
    """HOG (Dalal and Triggs 2005, scikit-image's) of the brightest channel, and each channel's share of the light.

    HOG takes the contrast out of every block, so light below `FAINT` is put out first (specks on a dark ground that
    nobody sees would count as much as strokes) and the rest is blurred a little.

    Args:
        images: uint8 (B, H, W, C).

    Returns:
        float16 (B, d): 7 x 7 cells (8 where a side is no multiple), blocks of 3 x 3 cells, 9 orientations, L2-Hys; then C weighted shares.
    """
    cell = (images.shape[1] // 7, images.shape[2] // 7)
    brightest = images.max(axis=-1).astype(np.float32)
    reach = (BLUR * images.shape[1], BLUR * images.shape[2])
    clear = gaussian_filter(np.where(brightest < FAINT, 0, brightest), (0, *reach))
    gradients = [
        hog(image, pixels_per_cell=cell, cells_per_block=(3, 3), block_norm="L2-Hys") for image in clear
    ]
    light = images.sum(axis=(1, 2), dtype=np.float64)
    shares = COLOR_WEIGHT * light / np.maximum(light.sum(axis=1, keepdims=True), 1)
    return np.hstack([gradients, shares]).astype(np.float16)


def layout_features(images: np.ndarray) -> np.ndarray:
    """HOG, mean colors and the geometry of what is not ground: what shows a value of a factor in a cell never seen.

    Args:
        images: uint8 (B, H, W, C).

    Returns:
        float32 (B, d): `hog_features`, mean colors of up to 14 x 14 tiles in [0, 1], `geometry` times 10.
    """
    tiles = images.astype(np.float32) / 255
    for axis in (1, 2):
        side = tiles.shape[axis]
        starts = np.arange(min(TILES, side)) * side // min(TILES, side)
        lengths = np.diff(np.append(starts, side)).astype(np.float32)
        shape = [-1 if a == axis else 1 for a in range(4)]
        tiles = np.add.reduceat(tiles, starts, axis=axis) / lengths.reshape(shape)
    flat = tiles.reshape(len(images), -1)
    return np.hstack([hog_features(images).astype(np.float32), flat, GEOMETRY_WEIGHT * geometry(images)])


def geometry(images: np.ndarray) -> np.ndarray:
    """Where what differs from the ground lies, how large it is, how it leans and how thick its strokes are.

    The ground is the median color of the border. Lengths are shares of the side; what differs by less than a tenth of the range is ground.

    Args:
        images: uint8 (B, H, W, C).

    Returns:
        float32 (B, 11): center down and across, spread down and across, slant (across per down), margins at the top, bottom,
        left and right, stroke width, root of the area. All 0 for a picture of one color, but for the margins, which are then 1.

    >>> picture = np.zeros((1, 28, 28, 1), np.uint8)
    >>> picture[:, 7:21, 14:21] = 255
    >>> geometry(picture)[0, [0, 1, 4, 5, 6, 7, 8]].round(3).tolist()
    [0.0, 0.125, 0.0, 0.25, 0.25, 0.5, 0.25]
    """
    return np.concatenate(
        [_geometry(images[start : start + 100]) for start in range(0, len(images), 100)]
    ).astype(np.float32)


def _geometry(images: np.ndarray) -> np.ndarray:
    border = [images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]]
    ground = np.median(np.concatenate(border, axis=1), axis=1).astype(np.float32)  # (B, C)
    ink = np.abs(images - ground[:, None, None]).mean(axis=-1) / 255  # (B, H, W)
    ink = np.where(ink < INK, 0, ink)
    height, width = ink.shape[1:]
    down, across = ((np.arange(side) + 0.5) / side - 0.5 for side in (height, width))
    mass = np.maximum(ink.sum(axis=(1, 2)), 1e-6)
    y = (ink.sum(axis=2) @ down) / mass
    x = (ink.sum(axis=1) @ across) / mass
    yy = (ink.sum(axis=2) @ down**2) / mass - y**2
    xx = (ink.sum(axis=1) @ across**2) / mass - x**2
    xy = np.einsum("bij,i,j->b", ink, down, across) / mass - x * y
    slant = xy / np.maximum(yy, 1e-3)
    marked: np.ndarray = ink > 0.25
    rows, columns = (np.asarray(marked.any(axis=axis)) for axis in (2, 1))
    margins = [_margin(lines) for lines in (rows, rows[:, ::-1], columns, columns[:, ::-1])]
    steps = np.hypot(np.diff(ink, axis=1)[:, :, :-1], np.diff(ink, axis=2)[:, :-1]).sum(axis=(1, 2))
    stroke = mass / np.maximum(steps, 1e-3) / width
    area = np.sqrt(marked.mean(axis=(1, 2)))
    spread = (np.sqrt(np.maximum(variance, 0)) for variance in (yy, xx))
    return np.stack([y, x, *spread, slant, *margins, np.minimum(stroke, 1), area], axis=1)


def _margin(lines: np.ndarray) -> np.ndarray:
    """Share of lines before the first marked one: bool (B, n) -> float (B,); 1 without any."""
    return np.where(lines.any(axis=1), lines.argmax(axis=1) / lines.shape[1], 1.0)
