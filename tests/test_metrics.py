import numpy as np
import pytest
import tensorflow as tf
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from gcn_tf import metrics

RNG = np.random.default_rng(0)
REAL = RNG.integers(0, 256, (5, 28, 28, 3)).astype(np.uint8)
GENERATED = np.clip(REAL.astype(int) + RNG.integers(-60, 60, REAL.shape), 0, 255).astype(np.uint8)


def test_psnr_is_scikit_images():
    expected = [peak_signal_noise_ratio(r, g, data_range=255) for r, g in zip(REAL, GENERATED, strict=True)]
    np.testing.assert_allclose(metrics.psnr_db(REAL, GENERATED, 255), expected, rtol=1e-5)


def test_psnr_of_equal_images_is_the_ceiling_not_infinity():
    assert float(np.max(metrics.psnr_db(REAL, REAL, 255))) == metrics.PSNR_CEILING_DB


def test_ssim_is_scikit_images_gaussian_one():
    expected = [
        structural_similarity(
            r,
            g,
            data_range=255,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for r, g in zip(REAL, GENERATED, strict=True)
    ]
    made = metrics.ssim(tf.constant(REAL), tf.constant(GENERATED), 255)
    # scikit-image averages over a border that tf.image leaves out
    np.testing.assert_allclose(made, expected, atol=0.03)
    np.testing.assert_allclose(metrics.ssim(tf.constant(REAL), tf.constant(REAL), 255), 1, atol=1e-6)


def test_normalised_euclidean_error_is_0_for_copies_and_1_for_random_others():
    images = RNG.integers(0, 256, (60, 6, 6, 3)).astype(np.uint8)
    assert metrics.normalised_euclidean_error(images, images, images) == 0
    shuffled = metrics.normalised_euclidean_error(images, np.roll(images, 1, axis=0), images)
    assert shuffled == pytest.approx(1, abs=0.05)
    pairs = [np.linalg.norm(a - b) for i, a in enumerate(images * 1.0) for b in images[i + 1 :] * 1.0]
    distance = np.linalg.norm((images[0] * 1.0 - images[1]).ravel())
    expected = distance / np.mean(pairs)
    assert metrics.normalised_euclidean_error(images[:1], images[1:2], images) == pytest.approx(expected)


def test_to_uint8_clips_and_rounds_like_an_image_file():
    np.testing.assert_array_equal(
        metrics.to_uint8(np.array([-0.5, 0.0, 0.499 / 255, 0.501 / 255, 1.7])), [0, 0, 0, 1, 255]
    )


def test_factor_accuracy_is_the_share_read_right():
    read = {"digit": np.array([1, 2, 3, 4]), "color": np.array([0, 0, 0, 0])}
    wanted = {"digit": np.array([1, 2, 3, 3]), "color": np.array([0, 1, 1, 1])}
    assert metrics.factor_accuracy(read, wanted) == {"digit": 0.75, "color": 0.25}
