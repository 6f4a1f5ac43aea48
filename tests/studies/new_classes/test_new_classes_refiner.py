"""A refiner: pictures pass for real, and show what they showed."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from gcn_tf.studies.new_classes.refiner import Refiner
from gcn_tf.studies.new_classes.variation import Strength, Variation


@pytest.fixture(scope="module")
def bars():
    """Bars anywhere, crisp and blurred: uint8 (200, 16, 16, 1) each."""
    crisp = np.zeros((200, 16, 16, 1), np.uint8)
    for image, column in zip(crisp, np.random.default_rng(0).integers(2, 13, 200), strict=True):
        image[3:13, column : column + 2] = 255
    return crisp, np.rint(gaussian_filter(crisp.astype(float), (0, 1, 1, 0))).astype(np.uint8)


def batches(images, seed):
    variation = Variation(Strength(), None, "", np.random.default_rng(seed))
    return variation.chunks(images, np.zeros(len(images), int), 1)


def test_blurred_pictures_become_as_crisp_as_real_ones_where_they_are(bars):
    crisp, blurred = bars
    refiner = Refiner((16, 16, 1))
    given = blurred.astype(np.float32) / 255
    np.testing.assert_allclose(refiner(given), given, atol=1e-6)  # it begins with no change
    refiner.learn(batches(blurred, 1), batches(crisp, 2), 150, np.random.default_rng(0))
    refined, real = refiner(given), crisp / 255
    assert np.abs(refined - real).mean() < 0.9 * np.abs(given - real).mean()
    places = [
        images.sum(axis=(1, 3)) @ np.arange(16) / images.sum(axis=(1, 2, 3)) for images in (refined, given)
    ]
    assert np.abs(places[0] - places[1]).max() < 0.5


def test_weights_make_the_same_refiner(bars):
    given = bars[1][:5].astype(np.float32) / 255
    one, other = Refiner((16, 16, 1), 0), Refiner((16, 16, 1), 1)
    one.learn(batches(bars[1], 1), batches(bars[0], 2), 3, np.random.default_rng(0))
    assert not np.array_equal(one(given), other(given))
    other.weights = one.weights
    assert np.array_equal(one(given), other(given))
