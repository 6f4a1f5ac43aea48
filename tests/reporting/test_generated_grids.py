import numpy as np
import pytest
from PIL import Image

from gcn_tf.errors import UserError
from gcn_tf.runs.run_dir import open_run
from gcn_tf.synthesis.draw import generate, write_picture

ALL_DIGITS = ["digit=*", "writer=1", "color=*", "rotation=0"]


@pytest.fixture(scope="module")
def run(toy_run):
    return open_run(toy_run)


@pytest.fixture
def lines(monkeypatch):
    """What is written into a picture."""
    written = []
    from gcn_tf.reporting import lettering

    def draw_lines(canvas, lines, *place, **how):
        written.extend(lines)
        lettering.draw_lines(canvas, lines, *place, **how)

    monkeypatch.setattr("gcn_tf.reporting.sheet.draw_lines", draw_lines)
    return written


def test_a_grid_names_its_rows_and_columns_and_fits_a_page(run, lines, tmp_path):
    page = Image.open(write_picture(run, ALL_DIGITS, tmp_path / "grid.png", zoom=8))
    assert max(page.size) <= 2_000
    assert {f"digit={n}" for n in range(10)} | {"color=red", "color=green", "color=blue"} <= set(lines)
    assert "writer=1 rotation=0" in lines


def test_a_grid_without_labels_is_pixels_alone(run, lines, tmp_path):
    sheet = np.asarray(Image.open(write_picture(run, ALL_DIGITS, tmp_path / "g.png", zoom=1, labels=False)))
    assert sheet.shape == (10 * 31 + 3, 3 * 31 + 3, 3)
    blue_4 = generate(run, [{"digit": "4", "writer": "1", "color": "blue", "rotation": "0"}])[0]
    np.testing.assert_array_equal(sheet[3 + 4 * 31 :][:28, 3 + 2 * 31 :][:, :28], blue_4)
    assert not lines


def test_a_blend_is_named_by_its_weights(run, lines, tmp_path):
    words = ["digit=7", "writer=0,0:0.5+1:0.5,1", "color=red", "rotation=0"]
    write_picture(run, words, tmp_path / "blend.png")
    assert [line for line in lines if line.startswith("writer")] == [
        "writer=0",
        "writer=0:0.5+1:0.5",
        "writer=1",
    ]


def test_a_value_that_is_named_twice_is_shown_once(run, lines, tmp_path):
    twice = write_picture(run, ["digit=7,7", "writer=1", "color=red", "rotation=0"], tmp_path / "a.png", 2)
    assert Image.open(twice).size == (56, 56)
    write_picture(run, ["digit=7,7", "writer=1", "color=red,blue,red", "rotation=0"], tmp_path / "b.png", 2)
    assert [line for line in lines if "=" in line and " " not in line] == ["color=red", "color=blue"]


def test_too_many_pixels_are_refused_before_anything_is_written(run, tmp_path):
    for labels in (True, False):
        with pytest.raises(UserError, match="lower --zoom"):
            write_picture(
                run, ["digit=*", "writer=*", "color=*", "rotation=*"], tmp_path / "x.png", 64, labels
            )
    assert not list(tmp_path.iterdir())
