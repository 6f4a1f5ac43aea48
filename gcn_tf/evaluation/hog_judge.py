"""A judge without a network: histograms of oriented gradients and nearest neighbours."""

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.feature import hog
from sklearn.neighbors import KNeighborsClassifier

from gcn_tf.grid.factors import FactorSpace

NEIGHBOURS = 10  # weighted by distance ** -8: a near copy of one known picture outvotes nine others


FAINT = 26  # of 255


BLUR = 0.7 / 28  # standard deviation as a share of the side


COLOR_WEIGHT = 3.0  # of the channels' shares beside the HOG blocks, whose length is at most 1 each


class HogJudge:
    """Histograms of oriented gradients and nearest neighbours: no layer, no gradient, nothing in common with a GCN."""

    name = "hog"

    def __init__(self, features: np.ndarray, ids: np.ndarray, space: FactorSpace) -> None:
        self.names = space.names
        self.known_accuracy: dict[str, float] = {}
        self.held_out_accuracy: dict[str, float] = {}
        self.recognised: tuple[str, ...] = ()
        count = min(NEIGHBOURS, len(features))
        self._neighbours = KNeighborsClassifier(count, weights=_nearness, algorithm="brute")
        self._neighbours.fit(features.astype(np.float32), ids)

    def classify(self, images: np.ndarray) -> dict[str, np.ndarray]:
        ids = self._neighbours.predict(hog_features(images).astype(np.float32))
        return {name: ids[:, m] for m, name in enumerate(self.names)}


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
