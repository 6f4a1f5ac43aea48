from fractions import Fraction

import numpy as np
import pytest

from gcn_tf.errors import UserError
from gcn_tf.reporting.tiles import (
    FRAME_COLOR,
    PAPER,
    in_pairs,
    scaled,
    scaled_side,
    tile,
    write_png,
    zoomed,
)

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(60, 256, (5, 4, 4, 3)).astype(np.uint8)


def framed_cells(sheet, columns, count, gap=3, side=4):
    frames = []
    for n in range(count):
        top, left = gap + n // columns * (side + gap), gap + n % columns * (side + gap)
        frames.append(tuple(sheet[top - 1, left]) == FRAME_COLOR)
    return frames


def test_tiles_keep_their_pixels_and_frames_stand_around_their_own_cell():
    mask = np.array([True, False, False, True, False])
    sheet = tile(IMAGES, 3, mask)
    assert sheet.shape == (2 * 7 + 3, 3 * 7 + 3, 3)
    np.testing.assert_array_equal(sheet[3:7, 10:14], IMAGES[1])
    np.testing.assert_array_equal(sheet[10:14, 3:7], IMAGES[3])
    assert framed_cells(sheet, 3, 5) == mask.tolist()
    assert tuple(sheet[3, 9]) == (PAPER,) * 3


def test_real_rows_stand_above_their_generated_ones():
    generated = 255 - IMAGES
    mask = np.array([False, False, True, False, True])
    images, frames = in_pairs(IMAGES, generated, 3, mask)
    sheet = tile(images, 3, frames)
    rows = [sheet[3 + r * 7 :][:4, 3:7] for r in range(4)]
    np.testing.assert_array_equal(rows[0], IMAGES[0])
    np.testing.assert_array_equal(rows[1], generated[0])
    np.testing.assert_array_equal(rows[2], IMAGES[3])
    np.testing.assert_array_equal(rows[3], generated[3])
    assert framed_cells(sheet, 3, 12) == [False] * 5 + [True] + [False] * 4 + [True, False]
    assert (sheet[17:21, 17:21] == PAPER).all(), "places without a picture look like gaps"


def test_zoom_repeats_pixels():
    assert zoomed(IMAGES[0], 3).shape == (12, 12, 3)
    np.testing.assert_array_equal(zoomed(IMAGES[0], 3)[1::3, 2::3], IMAGES[0])
    np.testing.assert_array_equal(scaled(IMAGES, Fraction(3))[:, 1::3, 2::3], IMAGES)


def test_reduced_pictures_are_averages():
    half = scaled(IMAGES, Fraction(1, 2))
    assert half.shape == (5, 2, 2, 3)
    np.testing.assert_allclose(half[0, 0, 0], IMAGES[0, :2, :2].mean(axis=(0, 1)), atol=1)


@pytest.mark.parametrize("side", [28, 31, 100])
@pytest.mark.parametrize("scale", [Fraction(1, 3), Fraction(1, 2), Fraction(1), Fraction(4)])
def test_the_size_is_known_before_pictures_are_scaled(side, scale):
    images = np.zeros((1, side, side, 3), np.uint8)
    assert scaled(images, scale).shape[1:3] == (scaled_side(side, scale),) * 2


def test_too_large_pictures_and_other_kinds_of_files_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"28000x28000 pixels: lower --zoom"):
        write_png(np.zeros((28, 28, 3), np.uint8), tmp_path / "a.png", 1000)
    with pytest.raises(UserError, match=r"ends with \.png"):
        write_png(IMAGES[0], tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("scale", [Fraction(2), Fraction(1, 2), Fraction(1, 3)])
def test_grey_rectangles_are_scaled_and_tiled_like_coloured_ones(scale):
    grey = RNG.integers(0, 256, (3, 24, 40, 1)).astype(np.uint8)
    small = scaled(grey, scale)
    assert small.shape == (3, scaled_side(24, scale), scaled_side(40, scale), 1)
    coloured = scaled(grey.repeat(3, axis=3), scale)
    np.testing.assert_array_equal(tile(small, 2), tile(coloured, 2))
