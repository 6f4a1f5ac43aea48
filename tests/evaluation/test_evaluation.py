import csv
import dataclasses
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gcn_tf.config.data import DataConfig
from gcn_tf.evaluation.judge import judge_pictures
from gcn_tf.evaluation.report import evaluate, write_cells_csv
from gcn_tf.evaluation.scores import confusion, score_cells, score_repeats, scores_to_json, summarise
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.dataset import data_sha256, load_dataset
from gcn_tf.pipelines.excerpt import excerpt
from gcn_tf.pipelines.split import split_dataset
from gcn_tf.reporting.html import to_html
from gcn_tf.reporting.tables import label, score_table, unrecognised, unrecognised_text
from gcn_tf.runs.run_dir import open_run


class NearestJudge:
    """Reads the cell of the nearest real picture; features are the first pixels."""

    def __init__(self, split, name):
        self.name = name
        self.images = pixels(split, np.arange(len(split.ids))).reshape(len(split.ids), -1).astype(float)
        self.split = split
        self.recognised = split.dataset.space.names

    def classify(self, images):
        flat = images.reshape(len(images), -1).astype(float)
        squares = (self.images**2).sum(axis=1) - 2 * flat @ self.images.T
        return self.split.dataset.space.by_name(self.split.ids[squares.argmin(axis=1)])

    def features(self, images):
        return images.reshape(len(images), -1)[:, 1000:1020].astype(float)


@pytest.fixture(scope="module")
def split():
    dataset = load_dataset(DataConfig.of("glyphs", writers="3"))
    return split_dataset(dataset, ("digit=7 writer=1", "digit=2 writer=0 color=red"), 0)


@pytest.fixture(scope="module")
def judges(split):
    return (NearestJudge(split, "convolutional"), NearestJudge(split, "hog"))


@pytest.fixture(scope="module")
def drawn(split):
    """Real pictures, but the unseen 7 of writer 1 is drawn as writer 0's."""
    other = np.arange(len(split.ids))
    for n in split.groups()["unseen high-level"]:
        wanted = split.ids[n] * [1, 0, 1, 1]
        other[n] = np.flatnonzero((split.ids == wanted).all(axis=1))[0]
    return pixels(split, other)


def test_each_group_has_its_own_figures(split, judges, drawn):
    scores = summarise(score_cells(split, drawn, judges))
    assert list(scores) == ["seen", "unseen low-level", "unseen high-level"]
    low, high = scores["unseen low-level"], scores["unseen high-level"]
    assert low["psnr_db"].value == 60
    assert low["writer_accuracy/hog"].value == 1
    assert low["copying"].value == 0
    assert high["writer_accuracy/hog"].value == 0
    assert high["digit_accuracy/convolutional"].value == 1
    assert high["all_factors_accuracy/hog"].value == 0
    assert high["copying"].value == 1
    assert high["stray_ink"].value > 0.01
    assert high["psnr_db"].value < 25
    assert "copying" not in scores["seen"]
    assert np.isnan(high["psnr_db"].low), "one base image tells nothing about its spread"
    assert scores["seen"]["psnr_db"].low == 60


def test_images_are_scored_as_users_get_them(split, judges, drawn):
    with pytest.raises(TypeError, match="uint8"):
        score_cells(split, drawn.astype(np.float32) / 255, judges)


def test_real_repeats_tell_what_reality_reaches(split, judges):
    scored = score_repeats(split, judge_pictures(split.dataset), judges)
    assert len(scored.rows) == len(split.ids)
    values = scored.cells.values
    assert 10 < values["psnr_db"].mean() < 30
    assert values["color_accuracy/hog"].mean() > 0.9
    assert np.isnan(values["copying"][~split.unseen]).all()
    dataset = dataclasses.replace(split.dataset, repeats=None)
    bare = split_dataset(dataset, ("low-level",), 0)
    assert score_repeats(bare, judge_pictures(dataset), judges) is None


def test_confusion_counts_what_was_taken_for_what(split, judges, drawn):
    tables = confusion(score_cells(split, drawn, judges))
    assert tables["hog"]["writer"].table().tolist() == [[4, 0, 0], [12, 0, 0], [0, 0, 0]]
    assert tables["hog"]["digit"].table()[7, 7] == 12


def test_cells_csv_has_a_line_per_picture_with_what_the_judges_took_it_for(split, judges, drawn, tmp_path):
    write_cells_csv(score_cells(split, drawn, judges), tmp_path / "cells.csv")
    rows = list(csv.DictReader((tmp_path / "cells.csv").open()))
    assert len(rows) == len(split.ids)
    wrong = [row for row in rows if row["writer"] != row["writer_read/hog"]]
    assert {(row["digit"], row["writer"], row["group"]) for row in wrong} == {("7", "1", "unseen high-level")}
    assert rows[0]["copying"] == ""
    assert float(rows[0]["psnr_db"]) == 60


def test_the_table_puts_stray_ink_beside_the_accuracies():
    scores = {
        "seen": {
            "digit_accuracy/hog": {"value": 0.5, "low": 0.4, "high": 0.6},
            "psnr_db": {"value": 20.04, "low": None, "high": None},
            "stray_ink": {"value": 0.1, "low": 0.0, "high": 0.2},
        },
        "unseen low-level": {"psnr_db": {"value": 19, "low": 18, "high": 20}},
    }
    rows = score_table(scores)
    assert [row[0] for row in rows] == ["", "PSNR (dB)", "stray ink", "digit classified correctly, hog judge"]
    assert rows[1][1:] == ["20.0", "19.0 (18.0 to 20.0)"]
    assert rows[3][1:] == ["0.500 (0.400 to 0.600)", "-"]
    assert label("all_factors_accuracy/hog") == "all factors classified correctly, hog judge"


def test_a_factor_that_a_judge_does_not_recognise_is_left_out_and_marked(split, drawn, tmp_path):
    blind = NearestJudge(split, "hog")
    blind.recognised = ("digit", "color", "rotation")
    scored = score_cells(split, drawn, (NearestJudge(split, "convolutional"), blind))
    scores = scores_to_json(summarise(scored))
    assert scores["unseen high-level"]["all_factors_accuracy/hog"]["value"] == 1
    assert scores["unseen high-level"]["all_factors_accuracy/convolutional"]["value"] == 0
    told = {"held_out_accuracy": {"writer": 0.1234}, "unrecognised_factors": ["writer"]}
    report = {"judges": {"convolutional": {}, "hog": told}}
    assert unrecognised(report) == ["writer_accuracy/hog"]
    assert unrecognised_text(report).endswith("left out of the tables: writer by the hog judge (0.12).")
    rows = [row[0] for row in score_table(scores, unrecognised(report))]
    assert "writer classified correctly, hog judge" not in rows
    assert "writer classified correctly, convolutional judge" in rows
    assert "all factors but writer classified correctly, hog judge" in rows
    assert "all factors classified correctly, convolutional judge" in rows
    write_cells_csv(scored, tmp_path / "cells.csv", unrecognised(report))
    columns = next(csv.reader((tmp_path / "cells.csv").open()))
    marked = {"writer_accuracy/hog (not recognised)", "writer_read/hog (not recognised)"}
    assert {column for column in columns if "not recognised" in column} == marked


def test_a_judge_that_recognises_nothing_has_no_figure_of_all_factors(split, judges, drawn):
    blind = NearestJudge(split, "hog")
    blind.recognised = ()
    scores = summarise(score_cells(split, drawn, (judges[0], blind)))
    assert "all_factors_accuracy/hog" not in scores["seen"]
    assert "digit_accuracy/hog" in scores["seen"]


def test_reports_of_earlier_versions_leave_nothing_out():
    report = {"judges": {"hog": {"held_out_accuracy": {"writer": 0.0}}}}
    assert unrecognised(report) == []
    assert unrecognised_text(report) == ""


def test_a_title_is_no_markup():
    assert "<title>a &lt;b&gt; &amp; c</title>" in to_html("text", Path(), "a <b> & c")


def test_the_page_has_its_pictures_inside(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG pretended")
    page = to_html("# T\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n![told](a.png)\n", tmp_path, "t")
    assert "<td>1</td>" in page
    assert 'src="data:image/png;base64,iVBORyBwcmV0ZW5kZWQ="' in page
    assert "a.png" not in page
    assert "http" not in page


@pytest.mark.slow
def test_reports_of_one_run_say_what_it_was(toy_run, toy_judges, tmp_path):
    run = shutil.copytree(toy_run, tmp_path / "run")
    evaluate(run)
    report = json.loads((run / "report/report.json").read_text())
    assert report["config"]["learning_rate"] == 0.001
    assert len(report["made_with"]["data_sha256"]) == 64
    assert {"gcn-tf", "tensorflow", "keras", "scikit-learn"} <= set(report["made_with"]["versions"])
    for scores in report["scores"].values():
        for estimate in scores.values():
            assert estimate["low"] is None or estimate["low"] <= estimate["value"] <= estimate["high"]
    assert set(report["hand_correlation"]) == {"generated", "usual_hand", "real_repeats"}
    page = (run / "report/report.html").read_text()
    assert page.count("data:image/png") >= 6
    for told in ("mistaken for what", "Stray ink", "held out", "What real pictures reach", "Learning curves"):
        assert told in page
    for picture in (run / "report").glob("*.png"):
        assert max(Image.open(picture).size) <= 2_000
    assert "digit classified correctly, hog judge" in page
    text = (run / "report/report.md").read_text()
    opening = ("![Real pictures", "- **Unseen low-level** (", "- **Seen** (", "## Scores", "## The judges")
    assert sorted(opening, key=text.index) == list(opening)
    assert page.count("<details open>") == 1
    assert page.count("<details>") == text.count("\n## ") - 1
    assert not re.search(r"misread|read\sright|drawn|judge read", text)


@pytest.mark.slow
def test_a_report_of_many_pictures_looks_at_an_excerpt_and_says_so(
    toy_run, brief_judges, tmp_path, monkeypatch
):
    run = shutil.copytree(toy_run, tmp_path / "run")
    whole = open_run(run).load_split()
    monkeypatch.setattr("gcn_tf.evaluation.report.excerpt", lambda split: excerpt(split, most=60))
    evaluate(run)
    report = json.loads((run / "report/report.json").read_text())
    assert 30 < sum(report["pictures"].values()) <= 60 < len(whole.ids)
    assert len(list(csv.DictReader((run / "report/cells.csv").open()))) == sum(report["pictures"].values())
    assert report["made_with"]["data_sha256"] == data_sha256(whole.dataset)
    assert "pictures are looked at" in report["excerpt"]
    assert report["excerpt"] in (run / "report/report.md").read_text()


def test_some_cells_alone_score_as_they_do_among_all(split, judges, drawn):
    """Which pictures may be copied, and the scale of the errors, come from the whole split."""
    rows = split.rows(unseen=True)
    every, some = score_cells(split, drawn, judges), score_cells(split, drawn[rows], judges, rows)
    for name, values in every.cells.values.items():
        np.testing.assert_array_equal(some.cells.values[name], values[rows])
    np.testing.assert_array_equal(some.group, split.group()[rows])
    np.testing.assert_array_equal(some.base, split.base[rows])


def test_pictures_are_measured_in_parts_without_a_difference(split, judges, drawn, monkeypatch):
    whole = score_cells(split, drawn, judges).cells.values
    monkeypatch.setattr("gcn_tf.evaluation.scores.PICTURES_AT_ONCE", 7)
    for name, values in score_cells(split, drawn, judges).cells.values.items():
        np.testing.assert_allclose(values, whole[name], rtol=1e-6, err_msg=name)
