import numpy as np
import pytest
from PIL import Image

from gcn_tf.errors import UserError
from gcn_tf.runs.run_dir import open_run
from gcn_tf.synthesis.draw import draw_codes, generate, write_picture


@pytest.fixture(scope="module")
def run(toy_run):
    return open_run(toy_run)


CELL = {"digit": "7", "writer": "2", "color": "red", "rotation": "90"}


def test_the_same_factors_give_the_same_picture(run):
    first, second = generate(run, [CELL, CELL])
    np.testing.assert_array_equal(first, second)
    assert first.shape == (28, 28, 3)
    assert first.dtype == np.uint8


def test_a_picture_does_not_depend_on_its_batch(run):
    codes = run.space.one_hot(run.space.cells())
    np.testing.assert_allclose(draw_codes(run, codes, 7).astype(int), draw_codes(run, codes, 256), atol=1)


def test_a_blend_lies_between_and_is_no_cell(run):
    pictures = [{**CELL, "writer": w} for w in ("0", "1", "0:0.5+1:0.5", "0:1+1:0")]
    first, second, half, all_first = generate(run, pictures)
    np.testing.assert_array_equal(first, all_first)
    assert not np.array_equal(half, first)
    assert not np.array_equal(half, second)


def test_a_single_cell_is_one_zoomed_picture(run, tmp_path):
    path = write_picture(run, [f"{k}={v}" for k, v in CELL.items()], tmp_path / "cell.png", zoom=5)
    picture = np.asarray(Image.open(path))
    assert picture.shape == (140, 140, 3)
    np.testing.assert_array_equal(picture[::5, ::5], generate(run, [CELL])[0])


def test_a_grid_has_the_last_varied_factor_along_its_columns(run, tmp_path):
    path = write_picture(run, ["digit=*", "writer=1", "color=*", "rotation=0"], tmp_path / "grid.png", zoom=1)
    sheet = np.asarray(Image.open(path))
    assert sheet.shape == (10 * 31 + 3, 3 * 31 + 3, 3)
    blue_4 = generate(run, [{**CELL, "digit": "4", "writer": "1", "color": "blue", "rotation": "0"}])[0]
    np.testing.assert_array_equal(sheet[3 + 4 * 31 :][:28, 3 + 2 * 31 :][:, :28], blue_4)


def test_too_many_pictures_are_refused_before_drawing(run, monkeypatch):
    monkeypatch.setattr("gcn_tf.synthesis.draw.PICTURE_LIMIT", 11)
    with pytest.raises(UserError, match="12 pictures, more than 11"):
        write_picture(run, ["digit=1", "writer=1", "color=*", "rotation=*"], None)
