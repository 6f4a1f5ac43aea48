import numpy as np
import tensorflow as tf

from gcn_tf.model.jitter import SHIFT, jitter

RNG = np.random.default_rng(0)
IMAGES = tf.constant(np.pad(RNG.random((40, 12, 12, 3)), ((0, 0), (8, 8), (8, 8), (0, 0))), tf.float32)


def seed(*numbers):
    return tf.constant(numbers, tf.int64)


def test_equal_seeds_move_alike_and_others_differently():
    first, again = jitter(IMAGES, seed(1, 5)), jitter(IMAGES, seed(1, 5))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - jitter(IMAGES, seed(1, 6))).max() > 0.1


def test_strength_0_changes_nothing():
    np.testing.assert_allclose(jitter(IMAGES, seed(1, 5), 0.0), IMAGES, atol=1e-5)


def test_every_image_moves_by_an_amount_of_its_own_within_the_range():
    dot = np.zeros((400, 29, 29, 1), np.float32)
    dot[:, 13:16, 13:16] = 1  # in the middle, so that turning and zooming leave it there
    moved = np.asarray(jitter(tf.constant(dot), seed(2, 0)), np.float64)
    moved = np.where(moved > 0.35, moved, 0)  # without the noise
    weight = moved.sum(axis=(1, 2, 3))
    down = (moved.sum(axis=(2, 3)) * np.arange(29)).sum(axis=1) / weight - 14
    assert np.abs(down).max() < SHIFT * 29 * 1.15 + 0.4
    assert down.std() > 0.4 * SHIFT * 29
    assert abs(down.mean()) < 0.3


def test_images_stay_images_and_gradients_pass():
    moved = jitter(IMAGES, seed(3, 3), 2.0)
    assert float(tf.reduce_min(moved)) >= 0
    assert float(tf.reduce_max(moved)) <= 1
    with tf.GradientTape() as tape:
        tape.watch(IMAGES)
        total = tf.reduce_sum(jitter(IMAGES, seed(3, 3)) ** 2)
    gradient = tape.gradient(total, IMAGES)
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0.1


def test_rectangles_are_turned_about_their_middle():
    bar = np.zeros((50, 20, 40, 1), np.float32)
    bar[:, 9:11, 19:21] = 1
    moved = np.asarray(jitter(tf.constant(bar), seed(4, 0)), np.float64)
    moved = np.where(moved > 0.35, moved, 0)
    weight = moved.sum(axis=(1, 2, 3))
    across = (moved.sum(axis=(1, 3)) * np.arange(40)).sum(axis=1) / weight - 19.5
    down = (moved.sum(axis=(2, 3)) * np.arange(20)).sum(axis=1) / weight - 9.5
    assert np.abs(across).max() < SHIFT * 40 * 1.15 + 0.4
    assert np.abs(down).max() < SHIFT * 20 * 1.15 + 0.4
    assert across.std() > 1.4 * down.std()
