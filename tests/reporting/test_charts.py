import json

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.metrics.confusion import Confusion
from gcn_tf.metrics.intervals import Estimate
from gcn_tf.reporting.charts import (
    _telling_names,
    spaced,
    write_accuracy_chart,
    write_confusion_chart,
    write_counts_chart,
    write_curves_chart,
    write_methods_chart,
)

RNG = np.random.default_rng(0)


def picture(path):
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


@pytest.fixture
def drawn(monkeypatch):
    """Texts with their pixels as a chart is saved, the last chart's alone."""
    texts = {}
    draw, save = Text.draw, Figure.savefig

    def draw_text(text, renderer):
        if text.get_visible() and text.get_text():
            texts[text] = text.get_window_extent(renderer)
        draw(text, renderer)

    def savefig(figure, *arguments, **settings):
        texts.clear()
        save(figure, *arguments, **settings)

    monkeypatch.setattr(Text, "draw", draw_text)
    monkeypatch.setattr(Figure, "savefig", savefig)
    return texts


def check_page(path, drawn):
    """A chart fits its page, and its texts are legible, inside it and apart; returns them."""
    width, height = Image.open(path).size
    assert max(width, height) <= 2_000
    assert drawn
    assert min(text.get_fontsize() for text in drawn) >= 7
    boxes = list(drawn.values())
    names = [text.get_text() for text in drawn]
    for n, box in enumerate(boxes):
        assert min(box.x0, box.y0, width - box.x1, height - box.y1) > -1, names[n]
        assert not [names[m] for m in range(n) if touching(box, boxes[m])], names[n]
    return names


def touching(one, other):
    return (
        min(one.x1, other.x1) - max(one.x0, other.x0) > 0.5
        and min(one.y1, other.y1) - max(one.y0, other.y0) > 0.5
    )


def estimate(value=None):
    value = RNG.random() if value is None else value
    return Estimate(value, value - 0.1, value + 0.1)


def test_the_methods_chart_shows_where_a_method_stands(tmp_path):
    def chart(value):
        scores = {"pixel": {"seen": {"psnr_db": Estimate(10, 9, 11)}}}
        scores["preset"] = {"seen": {"psnr_db": Estimate(value, np.nan, np.nan)}}
        return picture(
            write_methods_chart(scores, [("psnr_db", "PSNR"), ("ssim", "SSIM")], tmp_path / "m.png")
        )

    assert (chart(20) != chart(40)).any()
    assert (chart(20) == chart(20)).all()


METRICS = [(f"m{n}", f"transformation classified correctly, convolutional judge {n}") for n in range(12)]


@pytest.mark.parametrize("count", [1, 8, 70])
def test_the_methods_chart_fits_its_page(count, drawn, tmp_path):
    scores = {
        f"method {n} without imagined cells, frozen": {
            group: {name: estimate() for name, _ in METRICS}
            for group in ("seen", "unseen low-level", "unseen high-level")
        }
        for n in range(count)
    }
    texts = check_page(write_methods_chart(scores, METRICS, tmp_path / "chart.png"), drawn)
    assert any("of 70 methods" in text for text in texts) == (count == 70)
    assert "unseen high-level" in texts


def counted(table):
    pairs = np.argwhere(np.asarray(table))
    return Confusion(len(table), pairs, np.asarray(table)[tuple(pairs.T)])


def random_tables(space, high=4):
    return {
        judge: {f.name: counted(RNG.integers(0, high, (len(f), len(f)))) for f in space}
        for judge in ("convolutional", "hog")
    }


SPACES = {
    "glyphs": {"digit": 10, "writer": 10, "color": 3, "rotation": 4},
    "persons": {"person": 40, "gesture": 10},
    "70 values": {"person": 70, "session": 2, "emotion": 7, "mirroring": 2, "angle": 5},
    "500 values": {"person": 500, "mood": 2},
    "many factors": {"first": 40, **{f"factor_{n}": 2 for n in range(15)}},
    "one factor": {"digit": 20},
}


@pytest.mark.parametrize("high", [4, 2_000])
@pytest.mark.parametrize("name", SPACES)
def test_the_confusion_chart_stays_readable(name, high, drawn, tmp_path):
    sizes = SPACES[name]
    space = FactorSpace(
        tuple(Factor(n, tuple(f"the {n} number {v:03}" for v in range(k))) for n, k in sizes.items())
    )
    tables = random_tables(space, high)
    texts = check_page(write_confusion_chart(tables, space, tmp_path / "chart.png"), drawn)
    assert texts.count("classified as") == texts.count("wanted") == 2 * len(sizes)
    first = next(iter(sizes))
    assert any(text.startswith(f"{first}, hog judge") for text in texts)
    omitted = [text for text in texts if f"of {sizes[first]} values confused" in text.replace("\n", " ")]
    assert len(omitted) == 2 * (sizes[first] > 20)


def test_the_confusion_chart_colors_what_pictures_were_classified_as(tmp_path):
    space = FactorSpace((Factor("digit", ("0", "1")), Factor("writer", ("a", "b"))))
    right = {"digit": [[5, 0], [0, 5]], "writer": [[5, 0], [0, 5]]}
    wrong = {"digit": [[5, 0], [0, 5]], "writer": [[0, 5], [5, 0]]}
    charts = [
        picture(
            write_confusion_chart({"hog": {n: counted(t) for n, t in by.items()}}, space, tmp_path / "c.png")
        )
        for by in (right, right, wrong)
    ]
    assert (charts[0] == charts[1]).all()
    assert (charts[0] != charts[2]).any()


def test_long_names_lose_what_they_have_in_common():
    assert _telling_names(["red", "green"]) == ["red", "green"]
    assert _telling_names([f"person {n:03} of the city" for n in (17, 218)]) == ["017", "218"]
    assert _telling_names(["flip-left-right-90", "0"]) == ["flip-…ht-90", "0"]


def test_curves_need_a_log(tmp_path):
    assert not write_curves_chart(tmp_path / "absent.jsonl", tmp_path / "curves.png")


def test_curves_are_named_in_words(drawn, tmp_path):
    lines = [
        {"step": n, "train/generator_loss": 9.0 / n, "seen/psnr_db": 11.0 + n, "unseen/psnr_db": 10.0 + n}
        for n in (1, 2, 3)
    ]
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert write_curves_chart(tmp_path / "metrics.jsonl", tmp_path / "curves.png")
    texts = check_page(tmp_path / "curves.png", drawn)
    assert picture(tmp_path / "curves.png").std() > 5
    assert {
        "generator loss (weighted sum per picture)",
        "PSNR of unseen cells, dB",
        "PSNR of seen cells, dB",
    } <= set(texts)
    assert texts.count("training step") == 2
    assert {"loss", "PSNR, dB"} <= set(texts)
    assert not [text for text in texts if "psnr_db" in text or "train/" in text]
    assert "classifier loss (weighted sum per picture)" not in texts, "it was not logged"


@pytest.mark.parametrize("tests", [1, 2, 3, 7])
def test_the_accuracy_chart_fits_its_page(tests, drawn, tmp_path):
    counts = (35, 70, 140, 280, 290, 560)
    methods = ("original", "mixup", "GCN", "original + GCN + the best conventional augmentation")
    accuracy = {
        f"other persons, test {test}": {name: [(count, estimate()) for count in counts] for name in methods}
        for test in range(tests)
    }
    texts = check_page(write_accuracy_chart(accuracy, tmp_path / "chart.png"), drawn)
    assert texts.count("classified correctly (%)") == tests
    assert "GCN" in texts
    assert "290" in texts
    assert "280" not in texts


def test_labels_of_counts_stand_apart():
    assert spaced([7, 14, 28, 56], 12) == [7, 14, 28, 56]
    assert spaced([10, 99, 100], 12) == [10, 100]
    assert spaced([10], 12) == [10]


def test_the_chart_of_counts_has_a_panel_for_every_metric_and_one_legend(drawn, tmp_path):
    """A method that takes only one picture has a point, and the legend is whole."""
    methods = ("extended", "transfer", "a method with a name that is longer than any legend could hold")
    panels = {
        title: {
            name: [(count, estimate()) for count in ((1,) if name == "transfer" else (1, 2, 3, 5))]
            for name in (methods if title == "PSNR (dB)" else methods[:1])
        }
        for title in ("PSNR (dB)", "sharpness", "person classified correctly, convolutional judge", "SSIM")
    }
    texts = check_page(write_counts_chart(panels, "pictures given", tmp_path / "chart.png"), drawn)
    assert texts.count("pictures given") == 4
    assert texts.count("extended") == texts.count("transfer") == 1
    assert {"1", "2", "3", "5", "SSIM"} <= set(texts)
