import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from gcn_tf.metrics.two_sample import MOST, picture_statistics, told_from_real, two_sample_accuracy
from gcn_tf.pipelines.procedural.glyphs import draw_glyphs

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def figures() -> np.ndarray:
    """Digits of 30 writers in random order: uint8 (300, 28, 28, 1)."""
    glyphs = draw_glyphs(30).reshape(-1, 28, 28, 1)
    return glyphs[np.random.default_rng(0).permutation(len(glyphs))]


def as_uint8(pixels):
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def accuracy(real, generated):
    return two_sample_accuracy(real, generated, np.arange(len(real)))


def test_real_pictures_cannot_be_told_from_others_nor_from_themselves(figures):
    orders = [np.random.default_rng(seed).permutation(300) for seed in range(5)]
    found = [accuracy(figures[order[:100]], figures[order[100:200]]).value for order in orders]
    assert np.mean(found) == pytest.approx(0.5, abs=0.06)
    same = accuracy(figures[:60], figures[:60])
    assert (same.value, same.low, same.high) == (0.5, 0.5, 0.5)


def test_blur_noise_and_fog_give_pictures_away(figures):
    real = figures[:100]
    pixels = real.astype(float)
    others = gaussian_filter(figures[100:200].astype(float), (0, 3, 3, 0))
    assert accuracy(real, as_uint8(gaussian_filter(pixels, (0, 0.6, 0.6, 0)))).value > 0.95
    assert accuracy(real, as_uint8(pixels + RNG.normal(0, 5, pixels.shape))).value > 0.95
    assert accuracy(real, as_uint8(0.85 * pixels + 0.15 * others)).value > 0.9


def test_patches_of_other_pictures_give_them_away(figures):
    patched = figures[:150].copy()
    for n, (y, x) in enumerate(RNG.integers(0, 16, (150, 2))):
        patched[n, y : y + 12, x : x + 12] = figures[150 + n, y : y + 12, x : x + 12]
    assert accuracy(figures[:150], patched).low > 0.5


def test_what_nobody_sees_does_not(figures):
    faint = np.maximum(figures[:100], 2)
    assert accuracy(figures[:100], faint).value == 0.5


def test_pictures_of_one_base_image_are_never_on_both_sides(figures):
    """Eight pictures of each, nearly the same: who knows one of them knows whether the others are real."""
    base = np.repeat(np.arange(30), 8)
    real, generated = (
        as_uint8(some[base] + RNG.normal(0, 1, (240, 28, 28, 1))) for some in (figures[:30], figures[30:60])
    )
    assert two_sample_accuracy(real, generated, base).value < 0.65
    assert two_sample_accuracy(real, generated, np.arange(240)).value > 0.9


def test_few_base_images_tell_nothing_and_many_are_sampled(figures):
    assert two_sample_accuracy(figures[:40], figures[:40] // 2, np.arange(40) % 9) is None
    many = figures[np.arange(MOST + 100) % 300]
    found = two_sample_accuracy(many, many // 4, np.arange(len(many)))
    assert found == two_sample_accuracy(many, many // 4, np.arange(len(many)))
    assert found.value > 0.99


def test_statistics_know_where_and_of_what_color():
    """Of pictures of any side, and not of their neighbours."""
    left, right = np.zeros((2, 1, 24, 40, 3), np.uint8)
    left[:, 10:14, 4:8] = right[:, 10:14, 32:36] = 200
    blue = left * np.array([0, 0, 1], np.uint8)
    found = picture_statistics(np.concatenate([left, right, blue]))
    assert len(np.unique(found, axis=0)) == 3
    np.testing.assert_array_equal(picture_statistics(right)[0], found[1])
    assert np.isfinite(picture_statistics(np.zeros((1, 3, 2, 1), np.uint8))).all()


def test_every_cell_that_was_sampled_says_how_many_of_its_two_pictures_were_told(figures):
    real = figures[np.arange(600) % len(figures)]
    generated = as_uint8(0.9 * real.astype(float) + RNG.normal(0, 2, real.shape))
    told = told_from_real(real, generated, np.arange(600))
    assert set(told[~np.isnan(told)]) <= {0, 0.5, 1}
    assert np.isnan(told).sum() == 100
    assert np.nanmean(told) == pytest.approx(accuracy(real, generated).value)
    assert told_from_real(figures[:9], figures[:9], np.arange(9)) is None
