import numpy as np
import pytest
import tensorflow as tf
from scipy.linalg import sqrtm
from scipy.ndimage import grey_dilation
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from gcn_tf.metrics import pictures
from gcn_tf.metrics.pictures import (
    PSNR_CEILING_DB,
    all_factors_correct,
    copied,
    factor_accuracy,
    mean_distance,
    normalised_euclidean_error,
    psnr_db,
    sharpness,
    ssim,
    stray_ink,
)
from gcn_tf.metrics.sets import fid, kid
from gcn_tf.synthesis.draw import to_uint8

RNG = np.random.default_rng(0)
REAL = RNG.integers(0, 256, (5, 28, 28, 3)).astype(np.uint8)
GENERATED = np.clip(REAL.astype(int) + RNG.integers(-60, 60, REAL.shape), 0, 255).astype(np.uint8)


def test_psnr_is_scikit_images():
    expected = [peak_signal_noise_ratio(r, g, data_range=255) for r, g in zip(REAL, GENERATED, strict=True)]
    np.testing.assert_allclose(psnr_db(REAL, GENERATED, 255), expected, rtol=1e-5)


def test_psnr_of_equal_images_is_the_ceiling_not_infinity():
    assert float(np.max(psnr_db(REAL, REAL, 255))) == PSNR_CEILING_DB


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
    made = ssim(tf.constant(REAL), tf.constant(GENERATED), 255)
    # scikit-image averages over a border that tf.image leaves out
    np.testing.assert_allclose(made, expected, atol=0.03)
    np.testing.assert_allclose(ssim(tf.constant(REAL), tf.constant(REAL), 255), 1, atol=1e-6)


def test_normalised_euclidean_error_is_0_for_copies_and_1_for_random_others():
    images = RNG.integers(0, 256, (60, 6, 6, 3)).astype(np.uint8)
    pairs = [np.linalg.norm(a - b) for i, a in enumerate(images * 1.0) for b in images[i + 1 :] * 1.0]
    scale = mean_distance(images)
    assert scale == pytest.approx(np.mean(pairs))
    assert (normalised_euclidean_error(images, images, scale) == 0).all()
    shuffled = normalised_euclidean_error(images, np.roll(images, 1, axis=0), scale)
    assert shuffled.mean() == pytest.approx(1, abs=0.05)
    assert shuffled[1] == pytest.approx(np.linalg.norm(images[1] * 1.0 - images[0]) / np.mean(pairs))


def test_to_uint8_clips_and_rounds_like_an_image_file():
    np.testing.assert_array_equal(
        to_uint8(np.array([-0.5, 0.0, 0.499 / 255, 0.501 / 255, 1.7])), [0, 0, 0, 1, 255]
    )


def test_factor_accuracy_is_the_share_classified_correctly():
    read = {"digit": np.array([1, 2, 3, 4]), "color": np.array([0, 0, 0, 0])}
    wanted = {"digit": np.array([1, 2, 3, 3]), "color": np.array([0, 1, 1, 1])}
    assert factor_accuracy(read, wanted) == {"digit": 0.75, "color": 0.25}


def test_all_factors_right_needs_every_factor():
    read = {"digit": np.array([1, 2, 3]), "color": np.array([0, 0, 1])}
    wanted = {"digit": np.array([1, 2, 4]), "color": np.array([0, 1, 1])}
    assert all_factors_correct(read, wanted).tolist() == [True, False, False]


def test_stray_ink_is_the_energy_above_the_dilated_true_image():
    dilated = np.stack([grey_dilation(image, size=(5, 5, 1), mode="nearest") for image in REAL]).astype(float)
    excess = np.maximum(GENERATED - dilated, 0)
    expected = (excess**2).sum(axis=(1, 2, 3)) / (GENERATED.astype(float) ** 2).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(stray_ink(REAL, GENERATED), expected)


def test_stray_ink_forgives_a_moved_stroke_and_catches_a_mark_and_a_wrong_color():
    real = np.zeros((1, 28, 28, 3), np.uint8)
    real[:, 6:22, 13:15, 0] = 255
    marked = real.copy()
    marked[:, 1:5, 1:5, 0] = 255
    black = np.zeros_like(real)
    assert stray_ink(real, real) == stray_ink(real, np.roll(real, 2, axis=2)) == 0
    assert stray_ink(real, marked) == pytest.approx(16 / (16 + 32))
    assert stray_ink(real, real[..., ::-1]) == 1
    assert stray_ink(real, black) == 0


def test_sharpness_is_1_for_copies_and_falls_for_averages():
    assert sharpness(REAL, REAL) == pytest.approx(1)
    average = ((REAL.astype(int) + REAL[::-1]) // 2).astype(np.uint8)
    assert (sharpness(REAL, average)[:2] < 0.75).all()
    assert sharpness(REAL, np.zeros_like(REAL)) == pytest.approx(0)
    step = np.zeros((1, 8, 8, 3), np.uint8)
    step[:, :, 4:] = 200
    half = step // 2
    assert sharpness(step, half) == pytest.approx(0.25)


def test_copied_tells_a_neighbour_from_the_true_image():
    training = RNG.integers(0, 256, (20, 8, 8, 3)).astype(np.uint8)
    real = RNG.integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    near = np.clip(real[0].astype(int) + RNG.integers(-20, 20, real[0].shape), 0, 255).astype(np.uint8)
    assert copied(real, np.stack([near, training[7]]), training).tolist() == [False, True]


def test_kid_is_the_unbiased_mmd_of_the_cubic_kernel_over_pairs():
    a, b = RNG.normal(size=(7, 5)), RNG.normal(0.5, 1, (7, 5))

    def kernel(x, y):
        return (x @ y / 5 + 1) ** 3

    pairs = [(i, j) for i in range(7) for j in range(7) if i != j]
    expected = np.mean(
        [kernel(a[i], a[j]) + kernel(b[i], b[j]) - kernel(a[i], b[j]) - kernel(a[j], b[i]) for i, j in pairs]
    )
    assert kid(a, b) == pytest.approx(expected)
    assert kid(a, a) == pytest.approx(0)


def test_kid_of_two_halves_of_one_set_is_0_on_average():
    values = [kid(*np.split(np.random.default_rng(s).normal(size=(80, 4)), 2)) for s in range(200)]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values))


def test_fid_is_the_frechet_distance_by_the_matrix_root():
    a, b = RNG.normal(size=(40, 5)), RNG.normal(0.3, 2, (50, 5))
    s, t = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s + t - 2 * sqrtm(s @ t).real)
    assert fid(a, b) == pytest.approx(expected)
    assert fid(a, a) == pytest.approx(0, abs=1e-9)
    few = RNG.normal(size=(4, 12))  # singular covariances
    assert fid(few, few) == pytest.approx(0, abs=1e-6)


def test_grey_rectangles_are_measured():
    rng = np.random.default_rng(0)
    real, other, training = (rng.integers(0, 256, (3, 24, 40, 1)).astype(np.uint8) for _ in range(3))
    for figures in (
        psnr_db(real, other, 255),
        ssim(tf.constant(real), tf.constant(other), 255),
        sharpness(real, other),
        normalised_euclidean_error(real, other, mean_distance(training)),
        copied(real, other, training),
    ):
        assert np.asarray(figures).shape == (3,)
    blot = np.zeros_like(real)
    blot[:, 4:8, 4:8] = 255
    near, far = (np.roll(blot, moved, axis=2) for moved in (2, 3))  # 1/14 of the smaller side is 2 pixels
    assert not stray_ink(blot, near).any()
    assert stray_ink(blot, far).all()


def test_copies_are_found_a_part_at_a_time(monkeypatch):
    rng = np.random.default_rng(0)
    training = rng.integers(0, 256, (23, 8, 8, 1), np.uint8)
    real = rng.integers(0, 256, (11, 8, 8, 1), np.uint8)
    generated = real.copy()
    generated[[0, 4, 10]] = training[[22, 0, 9]]
    monkeypatch.setattr(pictures, "PICTURES_AT_ONCE", 4)
    assert np.flatnonzero(copied(real, generated, training)).tolist() == [0, 4, 10]
