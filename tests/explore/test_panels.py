"""What the page shows of a run, without a browser."""

import base64
import io
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gcn_tf
from gcn_tf.cli import main
from gcn_tf.errors import UserError
from gcn_tf.explore import markup
from gcn_tf.explore.panels import MOST_CELLS, Panels
from gcn_tf.explore.pictures import gif
from gcn_tf.explore.real_pictures import NEVER, RealPictures
from gcn_tf.explore.selection import Selection
from gcn_tf.explore.shown_run import ShownRun
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.pipelines.batches import pixels
from gcn_tf.runs.run_dir import open_run

pytestmark = pytest.mark.usefixtures("toy_judges")


@pytest.fixture(scope="module")
def panels(toy_run):
    return Panels([ShownRun(toy_run)])


@pytest.fixture
def chosen(panels):
    return Selection.first(panels.space)


@pytest.fixture(scope="module")
def run(toy_run):
    return gcn_tf.open_run(toy_run)


def pictures_in(html):
    """The pictures that markup holds, in order."""
    found = re.findall(r"data:image/\w+;base64,([A-Za-z0-9+/=]+)", html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(one)))) for one in found]


def test_the_picture_is_the_one_of_generate_to_the_bit(panels, run, chosen):
    values = {**chosen.values, "digit": "7", "writer": "0:0.5+2:0.5"}
    (shown,) = pictures_in(panels.picture(replace(chosen, values=values)))
    assert np.array_equal(shown, run.generate(**values))


def test_the_grid_is_one_sheet_of_generate_s_pictures(panels, run, chosen):
    chosen = replace(chosen, rows="digit", columns="writer")
    (sheet,) = pictures_in(panels.grid(chosen))
    images = run.generate(digit="*", writer="*", color="red", rotation=0)
    rows, columns = (len(run.factors[name]) for name in ("digit", "writer"))
    for n, image in enumerate(images):
        row, column = divmod(n, columns)
        assert np.array_equal(sheet[row * 28 : row * 28 + 28, column * 28 : column * 28 + 28], image)
    assert sheet.shape == (rows * 28, columns * 28, 3)


def test_cells_are_framed_by_what_training_saw(panels, run, chosen):
    split = run.opened.load_split()
    space = split.dataset.space
    row = np.flatnonzero(split.unseen)[0]
    values = {factor.name: factor.values[i] for factor, i in zip(space, split.ids[row], strict=True)}
    html = panels.grid(replace(chosen, values=values, rows="digit", columns="writer"))
    classes = {title: kind for kind, title in re.findall(r'<button class="(\w+)"[^>]*?title="([^"]+)"', html)}
    title = next(title for title in classes if title.startswith(markup.words(values) + ","))
    assert classes[title] == "unseen"
    assert set(classes.values()) == {"seen", "unseen"}
    assert markup.LEGEND["unseen"] in html
    assert markup.LEGEND["never"] not in html


def test_cells_without_a_picture_are_never_photographed(toy_run):
    real = RealPictures(open_run(toy_run))
    cell = tuple(int(i) for i in real.split.ids[0])
    del real.row_of[int(np.ravel_multi_index(cell, real.sizes))]
    assert real.group_of(cell) == NEVER
    assert real.of_cell(cell) is None


def test_a_cell_stands_beside_its_real_and_its_nearest_picture_and_both_judges(panels, run, chosen):
    first, last = panels.cell(chosen)
    generated, real, nearest = pictures_in(first)
    split = run.opened.load_split()
    assert np.array_equal(generated, run.generate(**chosen.values))
    assert np.array_equal(real, RealPictures(run.opened).of_cell((0, 0, 0, 0)))
    seen = pixels(split, split.rows(unseen=False)).astype(float)
    distances = ((seen - generated) ** 2).sum(axis=(1, 2, 3))
    assert ((nearest - generated.astype(float)) ** 2).sum() == distances.min()
    assert "judges look at it" in first
    assert "convolutional judge" in last
    assert "hog judge" in last


def test_blends_are_no_cells(panels, chosen):
    first = next(iter(panels.cell(replace(chosen, values={**chosen.values, "writer": "0:0.5+1:0.5"}))))
    assert "a blend, no cell" in first
    assert len(pictures_in(first)) == 2


def test_what_another_run_lacks_is_said_in_its_place(panels, toy_run, chosen):
    other = ShownRun(toy_run)
    other.run = replace(other.run, space=FactorSpace((Factor("letter", ("a", "b")),)))
    html = Panels([*panels.runs, other]).picture(chosen)
    assert len(pictures_in(html)) == 1
    assert "letter" in html


def test_a_strip_goes_from_one_value_to_another(panels, run, chosen):
    chosen = replace(chosen, strip="writer", start="0", end="2", count=3)
    images = pictures_in(panels.strip(chosen))
    wanted = run.generate(**{**chosen.values, "writer": ["0", "0:0.5+2:0.5", "2"]})
    assert np.array_equal(np.stack(images), wanted)


def test_files_hold_the_same_pictures(panels, run, chosen, tmp_path):
    chosen = replace(chosen, strip="writer", start="0", end="2", count=3, rows="digit", columns="color")
    (picture,) = pictures_in(panels.picture_file(chosen))
    assert np.array_equal(picture[::8, ::8], run.generate(**chosen.values))
    (strip,) = pictures_in(panels.strip_picture(chosen))
    assert strip.shape == (28 * 8, 3 * 28 * 8, 3)
    subprocess_words = ["digit=*", "writer=0", "color=*", "rotation=0", "--out", str(tmp_path / "grid.png")]
    main(["generate", str(run.folder), *subprocess_words])
    (grid,) = pictures_in(panels.grid_file(chosen))
    assert np.array_equal(grid, np.asarray(Image.open(tmp_path / "grid.png")))


def test_a_gif_runs_there_and_back():
    images = (np.arange(3, dtype=np.uint8) * 100)[:, None, None, None] * np.ones((3, 20, 30, 1), np.uint8)
    film = Image.open(io.BytesIO(gif(images)))
    seen = []
    for n in range(film.n_frames):
        film.seek(n)
        seen.append(film.convert("L").getpixel((0, 0)))
    assert seen == [0, 100, 200, 100]
    assert min(film.size) == 160


@pytest.mark.slow
def test_the_five_lines_of_python_make_the_same(panels, run, chosen, tmp_path):
    html = panels.picture(chosen)
    lines = re.findall(r"<pre>(import.*?)</pre>", html, re.S)[0]
    text = unescape(lines)
    assert text.count("\n") == 4
    environment = {"PYTHONPATH": str(Path(gcn_tf.__file__).parents[1]), "PATH": ""}
    subprocess.run(
        [sys.executable, "-c", text], cwd=tmp_path, check=True, env=environment, capture_output=True
    )
    assert np.array_equal(np.asarray(Image.open(tmp_path / "picture.png")), run.generate(**chosen.values))


def test_large_grids_are_shown_in_parts(panels):
    space = FactorSpace((Factor("a", tuple(map(str, range(300)))), Factor("b", tuple(map(str, range(150))))))
    large = Panels(panels.runs)
    large.space = space
    shown, columns, said = large.grid_page(replace(Selection.first(space), top=295))
    assert columns == 100
    assert len(shown) == 5 * 100
    assert said == "rows 296 to 300 of 300, the first 100 of 150 columns"
    assert len(large.grid_page(Selection.first(space))[0]) == MOST_CELLS


def test_names_of_values_are_text_in_the_page():
    assert "<script" not in markup.card("<script>alert(1)</script>", None, "${x} `y` {{z}}")
    assert not set("${}`") & set(markup.text("${x} `y` {{z}}"))


@pytest.fixture
def copy(toy_run, tmp_path):
    shutil.copytree(toy_run, tmp_path / "run")
    return tmp_path / "run"


def test_newer_checkpoints_are_followed(copy):
    newest = sorted((copy / "checkpoints").glob("step-*.npz"))[-1]
    aside = newest.rename(copy / "aside.npz")
    shown = ShownRun(copy)
    before = int(shown.run.model.step)
    assert "the page follows new checkpoints" in shown.status
    assert not shown.refresh()
    aside.rename(newest)
    assert shown.refresh()
    assert int(shown.run.model.step) == 24 > before
    assert shown.status == f"{copy}: step 24 of 24"


def test_a_run_without_a_checkpoint_is_waited_for(copy):
    (copy / "checkpoints").rename(copy / "aside")
    shown = ShownRun(copy)
    assert "no checkpoint yet" in shown.status
    assert "no checkpoint yet" in Panels([shown]).picture(Selection.first(shown.space))
    (copy / "aside").rename(copy / "checkpoints")
    assert shown.refresh()
    assert shown.run is not None


def test_a_run_that_is_gone_stays_on_the_page(copy):
    shown = ShownRun(copy)
    shutil.rmtree(copy)
    assert shown.refresh()
    assert f"{copy} is gone" in shown.status
    assert not shown.refresh()
    assert len(pictures_in(Panels([shown]).picture(Selection.first(shown.space)))) == 1


def test_a_damaged_newer_checkpoint_leaves_the_old_picture_and_says_so(copy):
    shown = ShownRun(copy)
    for path in (copy / "checkpoints").glob("*.npz"):
        path.write_bytes(b"nothing")
    assert shown.refresh()
    assert "the page shows what it was" in shown.status
    assert shown.generate([Selection.first(shown.space).values]).shape == (1, 28, 28, 3)


@pytest.mark.parametrize(
    "place", ["nothing", "run/checkpoints/step-00000024.npz", "run/checkpoints/other.npz"]
)
def test_what_is_no_run_is_refused(copy, place):
    with pytest.raises(UserError):
        ShownRun(copy.parent / place)
