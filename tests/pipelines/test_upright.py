"""Figures set upright and in poses, and datasets of them."""

import numpy as np
import pytest

from gcn_tf.config.data import DataConfig
from gcn_tf.errors import ConfigError
from gcn_tf.pipelines.dataset import load_dataset
from gcn_tf.pipelines.procedural.glyphs import draw_glyphs
from gcn_tf.pipelines.upright import (
    UPRIGHT_HEIGHT,
    Upright,
    measure_poses,
    new_poses,
    set_in_pose,
    set_upright,
)


@pytest.fixture(scope="module")
def figures():
    return draw_glyphs(6).reshape(-1, 28, 28)[..., None].repeat(3, axis=-1)


def test_the_pose_of_a_slanted_stroke_is_measured():
    image = np.zeros((1, 28, 28, 3), np.uint8)
    for y in range(4, 24):
        image[0, y, 14 + round(0.3 * (y - 14))] = 255
    y, x, slant, height = measure_poses(image)[0]
    assert y * 28 == pytest.approx(13.5)
    assert slant == pytest.approx(0.3, abs=0.02)
    assert height * 28 == pytest.approx(np.std(np.arange(4, 24)))
    assert x * 28 == pytest.approx(14 - 0.15, abs=0.2)


def test_upright_figures_stand_in_the_middle_without_slant_at_one_height(figures):
    poses = measure_poses(set_upright(figures, measure_poses(figures)))
    np.testing.assert_allclose(poses[:, :2], 13.5 / 28, atol=0.5 / 28)
    assert np.abs(poses[:, 2]).mean() < 0.02 < np.abs(measure_poses(figures)[:, 2]).mean()
    np.testing.assert_allclose(poses[:, 3], UPRIGHT_HEIGHT, rtol=0.06)


def test_a_figure_set_upright_and_back_is_the_same_but_for_interpolation(figures):
    poses = measure_poses(figures)
    back = set_in_pose(set_upright(figures, poses), poses)
    away = set_in_pose(set_upright(figures, poses), poses[::-1])
    error, other = (np.abs(made - figures.astype(float)).mean() for made in (back, away))
    assert error < 0.35 * other


def test_new_poses_lie_near_known_ones(figures):
    known = measure_poses(figures)
    made = new_poses(known, 500, np.random.default_rng(0))
    spread = np.ptp(known[:, 2])
    assert known[:, 2].min() - 0.3 * spread <= made[:, 2].min()
    assert made[:, 2].max() <= known[:, 2].max() + 0.3 * spread
    assert made[:, 2].std() > 0.4 * known[:, 2].std()


def test_dark_figures_on_white_stand_as_light_ones_on_black(figures):
    light, dark = Upright.of(figures), Upright.of(255 - figures)
    assert dark.light
    assert not light.light
    assert light.height == pytest.approx(np.median(measure_poses(figures)[:, 3]))
    assert np.array_equal(255 - dark.set(255 - figures), light.set(figures))
    poses = light.known
    assert np.array_equal(
        255 - dark.in_pose(dark.set(255 - figures), poses), light.in_pose(light.set(figures), poses)
    )


@pytest.mark.parametrize(
    ("shape", "brightness", "message"),
    [((4, 28, 20, 1), 0, "pictures of 28x20: make them square"), ((4, 28, 28, 3), 128, "brightness 0.50")],
)
def test_pictures_that_have_no_figure_on_a_plain_ground_are_refused(shape, brightness, message):
    with pytest.raises(ConfigError, match=message):
        Upright.of(np.full(shape, brightness, np.uint8))


def test_a_dataset_is_set_upright_before_anything_learns_from_it():
    settings = {"writers": "6"}
    plain, upright = (
        load_dataset(DataConfig.of("glyphs", **settings, upright=upright)) for upright in (False, True)
    )
    assert np.array_equal(upright.images, Upright.of(plain.images).set(plain.images))
    slants = [np.abs(measure_poses(dataset.images)[:, 2]).mean() for dataset in (plain, upright)]
    assert slants[1] < 0.3 * slants[0]
    assert np.array_equal(plain.base_ids, upright.base_ids)
    assert "upright" in upright.notes[-1]
