import numpy as np
import pytest

from gcn_tf.pipelines.procedural.glyphs import draw_glyphs
from gcn_tf.studies.augmentation.pose import (
    UPRIGHT_HEIGHT,
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
