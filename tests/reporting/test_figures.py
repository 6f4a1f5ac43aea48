from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from gcn_tf.config.data import DataConfig
from gcn_tf.errors import UserError
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.dataset import Dataset, load_dataset
from gcn_tf.pipelines.split import split_dataset
from gcn_tf.reporting import lettering
from gcn_tf.reporting.figures import (
    Shown,
    _of_different_bases,
    named_cells_picture,
    write_cells_figure,
    write_contact_sheet,
    write_extremes_figure,
    write_grid_figure,
    write_rows_figure,
    write_samples_figure,
)
from gcn_tf.reporting.tiles import FRAME_COLOR, zoomed


def random_dataset(side, **sizes):
    """A full grid of random pictures without variations, a picture of its own for every cell."""
    space = FactorSpace(
        tuple(Factor(name, tuple(f"{n:03}" for n in range(size))) for name, size in sizes.items())
    )
    images = np.random.default_rng(0).integers(60, 256, (space.cell_count, side, side, 3)).astype(np.uint8)
    return Dataset("random", space, images, space.cells(), ())


DATASETS = {
    "persons": (lambda: random_dataset(64, person=40, gesture=10), ("fraction=0.08",)),
    "glyphs": (lambda: load_dataset(DataConfig()), ("low-level", "high-level")),
    "500 values": (lambda: random_dataset(28, person=500, mood=2), ("fraction=0.1",)),
    "all seen": (lambda: random_dataset(28, person=3, mood=2), ("none",)),
}


@pytest.fixture(scope="session", params=DATASETS)
def shown(request):
    """Pictures of a split, the generated ones inverted."""
    load, holdout = DATASETS[request.param]
    split = split_dataset(load(), holdout, 0)
    real = pixels(split, np.arange(len(split.ids)))
    return Shown(split, real, 255 - real)


@dataclass(frozen=True)
class Text:
    """A line on a page: its pixels (left, top, right, bottom)."""

    line: str
    box: tuple[int, int, int, int]


@pytest.fixture
def texts(monkeypatch):
    """The lines that sheets are written with, in order; turned ones on a page of their own."""
    written = []

    def draw_lines(canvas, lines, x, top, centered=True):
        for number, line in enumerate(lines):
            width = lettering.text_width(line)
            left, upper = (x - width // 2 if centered else x), top + number * lettering.LINE
            if canvas.height > lettering.LINE:
                written.append(Text(line, (left, upper, left + width, upper + lettering.LINE)))
                assert left >= 0
                assert upper >= 0
                assert left + width <= canvas.width
                assert upper + lettering.LINE <= canvas.height
            else:
                written.append(Text(line, (0, 0, 0, 0)))
        lettering.draw_lines(canvas, lines, x, top, centered)

    monkeypatch.setattr("gcn_tf.reporting.sheet.draw_lines", draw_lines)
    return written


def overlaps(texts):
    """Pairs of lines that share pixels."""
    boxes = np.array([text.box for text in texts])
    l1, t1, r1, b1 = boxes.T[:, :, None]
    l2, t2, r2, b2 = boxes.T[:, None, :]
    shared = (np.minimum(r1, r2) > np.maximum(l1, l2)) & (np.minimum(b1, b2) > np.maximum(t1, t2))
    return [(texts[i].line, texts[j].line) for i, j in zip(*np.nonzero(np.triu(shared, 1)), strict=True)]


def cells(shown, path):
    return write_cells_figure(shown, path)


def group(shown, path):
    return write_cells_figure(shown, path, shown.split.rows(unseen=False), 120)


def extremes(shown, path):
    rng = np.random.default_rng(0)
    ids = shown.split.dataset.space.by_name(shown.split.ids)
    wrong = {name: np.where(rng.random(len(i)) < 0.5, i, i[::-1]) for name, i in ids.items()}
    psnr_db = rng.uniform(10, 30, len(shown.real))
    return write_extremes_figure(shown, psnr_db, {"convolutional": wrong, "hog": wrong}, path)


def contact(shown, path):
    return write_contact_sheet(shown.split, shown.real, path)


def samples(shown, path):
    few = np.stack([shown.real[:24], shown.generated[:24]])
    return write_samples_figure({f"method {n} without imagined cells": few for n in range(8)}, path)


def grid(shown, path):
    """The first two factors with all their values."""
    space = shown.split.dataset.space
    words = [f"{f.name}={'*' if m < 2 else f.values[0]}" for m, f in enumerate(space)]
    pictures = space.select(words)
    return write_grid_figure(shown.real[: len(pictures)], pictures, path)


def line(shown, path):
    """The first factor with all its values."""
    space = shown.split.dataset.space
    pictures = space.select([f"{f.name}={f.values[0] if m else '*'}" for m, f in enumerate(space)])
    return write_grid_figure(shown.real[: len(pictures)], pictures, path)


FIGURES = [cells, group, extremes, contact, samples, grid, line]


@pytest.mark.parametrize("write", FIGURES)
def test_every_figure_fits_its_page_and_no_text_touches_another(write, shown, texts, tmp_path):
    width, height = Image.open(write(shown, tmp_path / "figure.png")).size
    assert max(width, height) <= 2_000
    assert min(width, height) >= 150
    assert 0.35 < width / height < 4
    assert texts
    assert not overlaps(texts)


@pytest.mark.parametrize("write", [cells, extremes])
def test_rows_say_which_pictures_are_real(write, shown, texts, tmp_path):
    write(shown, tmp_path / "figure.png")
    rows = [text for text in texts if text.line in ("real", "generated")]
    assert len(rows) >= 2
    assert [text.line for text in rows] == ["real", "generated"] * (len(rows) // 2)


@pytest.fixture
def persons():
    split = split_dataset(random_dataset(64, person=40, gesture=10), ("person=007,008 gesture=001,003",), 0)
    real = pixels(split, np.arange(len(split.ids)))
    return Shown(split, real, 255 - real)


def words(texts):
    return " ".join(text.line for text in texts)


def test_a_base_image_without_variations_is_a_pair_under_its_name(persons, texts, tmp_path):
    write_cells_figure(persons, tmp_path / "cells.png")
    for name in ("person=007", "person=008", "gesture=001", "gesture=003"):
        assert name in words(texts)
    assert words(texts).count("gesture=003") == 2
    assert "person=006" not in words(texts)
    assert "Framed: cells that training never saw" in words(texts)


def test_the_title_says_how_many_base_images_are_left_out(persons, texts, tmp_path):
    write_cells_figure(persons, tmp_path / "cells.png", persons.split.rows(unseen=False))
    assert "36 of 396 base images" in words(texts)


def test_the_title_says_how_many_values_are_left_out(texts, tmp_path):
    split = split_dataset(random_dataset(64, person=700, gesture=4), ("none",), 0)
    write_contact_sheet(split, pixels(split, np.arange(len(split.ids))), tmp_path / "contact.png")
    assert "of 700 values of person; pictures reduced from 64 to 32 pixels" in words(texts)
    assert "Framed" not in words(texts)


def test_extremes_say_what_a_picture_was_classified_as(persons, texts, tmp_path):
    ids = persons.split.dataset.space.by_name(persons.split.ids)
    wrong = {**ids, "gesture": (ids["gesture"] + 1) % 10}
    psnr_db = np.arange(400.0)
    write_extremes_figure(persons, psnr_db, {"convolutional": ids, "hog": wrong}, tmp_path / "extremes.png")
    written = words(texts)
    assert "best and the worst unseen cells" in written
    assert "83.0 dB classified as hog: gesture 004" in written
    assert "person 0" not in written, "both judges took it for the person that was wanted"
    texts.clear()
    write_extremes_figure(persons, psnr_db, {"convolutional": ids, "hog": ids}, tmp_path / "extremes.png")
    assert words(texts).count("classified correctly") == 4


def test_a_grid_of_generated_pictures_names_rows_columns_and_what_they_share(shown, texts, tmp_path):
    space = shown.split.dataset.space
    first, second = space.factors[:2]
    values = [f"{f.name}={f.values[0]}" for f in space.factors[2:]]
    pictures = space.select(
        [f"{first.name}={first.values[0]},{first.values[2]}", f"{second.name}=*", *values]
    )
    write_grid_figure(shown.real[: len(pictures)], pictures, tmp_path / "grid.png")
    lines = [text.line for text in texts]
    assert lines.count(f"{first.name}={first.values[2]}") >= 1
    for value in second.values:
        assert f"{second.name}={value}" in lines
    assert not values or " ".join(values) in lines


def test_a_labelled_grid_keeps_the_pixels(persons, tmp_path):
    pictures = persons.split.dataset.space.select(["person=000", "gesture=*"])
    page = np.asarray(Image.open(write_grid_figure(persons.real[:10], pictures, tmp_path / "g.png", zoom=2)))
    for picture in zoomed(persons.real[3], 2), zoomed(persons.real[9], 2):
        corners = np.argwhere((page[:-127, :-127] == picture[0, 0]).all(axis=-1))
        assert any((page[top : top + 128, left : left + 128] == picture).all() for top, left in corners)


def test_too_large_a_zoom_is_refused_with_labels_too(persons, tmp_path):
    pictures = persons.split.dataset.space.select(["person=*", "gesture=*"])
    with pytest.raises(UserError, match="lower --zoom"):
        write_grid_figure(persons.real, pictures, tmp_path / "g.png", zoom=64)
    assert not list(tmp_path.iterdir())


def test_rows_have_their_names_and_all_their_pictures(texts, tmp_path):
    colors = {"real": (200, 0, 100), "conventional": (200, 0, 101)}
    rows = {name: np.full((70, 28, 28, 3), color, np.uint8) for name, color in colors.items()}
    page = np.asarray(Image.open(write_rows_figure(rows, tmp_path / "rows.png")))
    assert {"real", "conventional"} <= {text.line for text in texts}
    areas = [(page == color).all(axis=-1).sum() for color in colors.values()]
    assert areas[0] == areas[1] > 0
    assert areas[0] % (70 * 28 * 28) == 0


def orange(path):
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    return (np.abs(pixels - FRAME_COLOR).sum(axis=-1) < 30).sum()


def test_the_contact_sheet_frames_the_unseen_cells(tmp_path):
    dataset = load_dataset(DataConfig.of(writers="2"))
    counts = []
    for holdout in (("none",), ("digit=7 writer=1 color=red",), ("digit=7 writer=1",)):
        split = split_dataset(dataset, holdout, 0)
        sheet = write_contact_sheet(split, pixels(split, np.arange(len(split.ids))), tmp_path / "s.png")
        counts.append(orange(sheet))
    assert counts[0] == 0
    assert 2.5 * counts[1] < counts[2] < 3.5 * counts[1]  # four cells, then twelve


def test_the_contact_sheet_says_what_runs_where(texts, tmp_path):
    split = split_dataset(load_dataset(DataConfig.of(writers="2")), ("none",), 0)
    write_contact_sheet(split, pixels(split, np.arange(len(split.ids))), tmp_path / "s.png")
    assert "digit down, writer across; in each block color (red, green, blue) down" in words(texts)
    assert [text.line for text in texts if text.line in split.dataset.space["digit"].values]


def test_shown_pictures_belong_to_the_cells(persons):
    with pytest.raises(ValueError, match="3 generated pictures of 400 cells"):
        Shown(persons.split, persons.real, persons.generated[:3])


def test_the_best_and_the_worst_are_of_different_base_images():
    base = np.array([0, 0, 1, 1, 2, 3])
    order = np.array([1, 0, 3, 2, 4, 5])  # best first
    assert _of_different_bases(order, base, 3).tolist() == [1, 3, 4]


def test_named_cells_have_the_generated_picture_right_below_the_real_one():
    split = split_dataset(random_dataset(28, person=3, mood=2), ("none",), 0)
    real = pixels(split, np.arange(6))
    drawn = named_cells_picture(split.dataset.space, split.ids, real, 255 - real, "Cells")
    assert max(drawn.shape) < 800

    def place(picture):
        wanted = zoomed(picture, 3)
        rows, columns = np.nonzero((drawn[: -len(wanted), : -len(wanted)] == wanted[0, 0]).all(axis=-1))
        return next(
            (int(y), int(x))
            for y, x in zip(rows, columns, strict=True)
            if (drawn[y : y + len(wanted), x : x + len(wanted)] == wanted).all()
        )

    for n in range(6):
        (top, left), (below, same) = place(real[n]), place(255 - real[n])
        assert same == left
        assert 84 <= below - top < 100
        assert (drawn[top - 60 : top - 8, left : left + 84] != 255).any(), "its name is above it"
