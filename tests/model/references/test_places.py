"""Places at every second pixel, and what is gathered around them."""

import numpy as np
import pytest
import tensorflow as tf

from gcn_tf.model.references.layers import DrawnFromReferences
from gcn_tf.model.references.poses import AFFINE, NUMBERS, in_picture, in_template, picture_points, sample


def places_in_another_pose(own, wanted, points):
    return in_picture(own, in_template(wanted, tf.repeat(points[None], len(own), axis=0)))


@pytest.mark.parametrize(("height", "width"), [(64, 64), (28, 28), (45, 33)])
def test_places_between_every_second_pixel_are_within_a_twentieth_of_a_pixel(height, width):
    spread = np.where(np.arange(NUMBERS) < AFFINE, 0.08, 0.04)  # no smoother from point to point than chance
    own, wanted = np.random.default_rng(0).normal(0, spread, (2, 8, NUMBERS)).astype(np.float32)
    layer = DrawnFromReferences({"a": 2}, (height, width, 1), 1, (2, 2))
    some = places_in_another_pose(own, wanted, picture_points(*layer.half))
    exact = places_in_another_pose(own, wanted, picture_points(height, width))
    off = np.abs(layer._between(some) - exact) * [(height - 1) / 2, (width - 1) / 2]
    assert off.max() < 0.05


@pytest.mark.parametrize("cubic", [False, True])
def test_bytes_are_sampled_as_numbers_are(cubic):
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (2, 9, 11, 3), np.uint8)
    points = random.uniform(-1.3, 1.3, (2, 40, 2)).astype(np.float32)
    numbers = sample(tf.constant(pictures, tf.float32), points, cubic)
    np.testing.assert_array_equal(sample(tf.constant(pictures), points, cubic), numbers)


@pytest.mark.parametrize("cubic", [False, True])
def test_at_pixels_and_outside_a_picture_its_pixels_are_found(cubic):
    picture = np.random.default_rng(0).random((1, 9, 11, 2)).astype(np.float32)
    found = sample(tf.constant(picture), picture_points(9, 11)[None], cubic)
    np.testing.assert_allclose(found, picture.reshape(1, -1, 2), atol=1e-5)
    corner = sample(tf.constant(picture), np.array([[[1.5, 1.2], [-3, -1.1]]], np.float32), cubic)
    np.testing.assert_allclose(corner[0], [picture[0, -1, -1], picture[0, 0, 0]], atol=1e-5)
