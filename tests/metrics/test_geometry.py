import numpy as np
import pytest
from scipy.ndimage import affine_transform

from gcn_tf.metrics.geometry import GEOMETRY, figure_geometry, figure_weights

HEIGHT, WIDTH, SLANT, Y, X = range(5)
SIDE = 64


def letter() -> np.ndarray:
    """White ink on black: a stem with a serif and a bar, uint8 (64, 64, 1)."""
    image = np.zeros((SIDE, SIDE), np.float64)
    image[16:48, 28:33] = image[16:20, 28:44] = image[30:34, 28:40] = 255
    return image.astype(np.uint8)[..., None]


def moved(image: np.ndarray, matrix, shift=(0.0, 0.0)) -> np.ndarray:
    """The figure under a map of (y, x) about the middle of the picture, then shifted."""
    back = np.linalg.inv(np.asarray(matrix, float))
    middle = np.full(2, (SIDE - 1) / 2)
    offset = middle - back @ (middle + shift)
    drawn = affine_transform(image[..., 0].astype(float), back, offset, order=1)
    return np.clip(np.rint(drawn), 0, 255).astype(np.uint8)[..., None]


def change(image, matrix, shift=(0.0, 0.0)) -> np.ndarray:
    """What a map changes in the geometry."""
    before, after = figure_geometry(np.stack([image, moved(image, matrix, shift)]))
    return after - before


@pytest.mark.parametrize("shear", [-0.3, 0.15, 0.4])
def test_a_shear_moves_the_slant_by_its_amount_and_neither_height_nor_width(shear):
    found = change(letter(), [[1, 0], [shear, 1]])
    assert found[SLANT] == pytest.approx(shear, abs=0.02)
    np.testing.assert_allclose(found[[HEIGHT, WIDTH]], 0, atol=0.04)


@pytest.mark.parametrize("scale", [0.7, 1.25])
def test_height_and_width_follow_a_scale_in_logarithms(scale):
    taller, wider = change(letter(), [[scale, 0], [0, 1]]), change(letter(), [[1, 0], [0, scale]])
    assert taller[HEIGHT] == pytest.approx(np.log(scale), abs=0.03)
    assert wider[WIDTH] == pytest.approx(np.log(scale), abs=0.05)
    assert taller[WIDTH] == pytest.approx(0, abs=0.05)
    assert wider[HEIGHT] == pytest.approx(0, abs=0.03)


def test_the_place_is_a_share_of_the_sides():
    found = change(letter(), np.eye(2), shift=(4, -8))
    np.testing.assert_allclose(found, [0, 0, 0, 4 / SIDE, -8 / SIDE], atol=1e-3)
    middle = np.zeros((1, 20, 40, 3), np.uint8)
    middle[:, 8:12, 16:24] = 255
    np.testing.assert_allclose(figure_geometry(middle)[0, [Y, X]], 0.5)


def test_the_geometry_is_the_same_in_black_on_white_and_in_color_on_a_shaded_wall():
    ink = letter()
    share = ink[..., 0:1] / 255
    y, x = np.indices((SIDE, SIDE)) / (SIDE - 1) - 0.5
    wall = (190 - 60 * (x**2 + y**2))[..., None] * np.array([1, 0.97, 0.92])  # darker toward the corners
    wall = wall + np.random.default_rng(0).normal(0, 2, wall.shape)
    photograph = np.rint((1 - share) * wall + share * np.array([150, 95, 80])).astype(np.uint8)
    expected = figure_geometry(ink[None])[0]
    np.testing.assert_allclose(figure_geometry(255 - ink[None])[0], expected, atol=1e-6)
    np.testing.assert_allclose(figure_geometry(photograph[None])[0], expected, atol=0.07)


def test_fog_and_a_speck_change_little():
    ink = letter()
    foggy = np.maximum(ink, 30)
    foggy[3:30] = np.maximum(foggy[3:30], 50)
    specked = ink.copy()
    specked[2, 60] = 255
    geometry = figure_geometry(np.stack([ink, foggy, specked]))
    np.testing.assert_allclose(geometry[1], geometry[0], atol=0.03)
    np.testing.assert_allclose(geometry[2], geometry[0], atol=0.08)


def test_a_picture_without_a_figure_has_no_geometry():
    rng = np.random.default_rng(0)
    plain = np.full((2, 32, 32, 3), 128, np.uint8)
    plain[1] = np.rint(128 + rng.normal(0, 2, plain[1].shape))
    assert not figure_weights(plain).any()
    assert np.isnan(figure_geometry(plain)).all()
    assert figure_geometry(plain[:0]).shape == (0, len(GEOMETRY))


def test_pictures_are_measured_one_by_one():
    rng = np.random.default_rng(0)
    many = np.stack([np.roll(letter(), rng.integers(-8, 8, 2), (0, 1)) for _ in range(230)])
    found = figure_geometry(many)
    np.testing.assert_allclose(
        found[[0, 120, 229]], [figure_geometry(many[n : n + 1])[0] for n in (0, 120, 229)]
    )
