"""Reports of runs beside each other."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from gcn_tf.cli import main
from gcn_tf.commands import compare as command
from gcn_tf.errors import UserError
from gcn_tf.evaluation.compare import choose_cells, compare
from gcn_tf.evaluation.compare_document import (
    compare_text,
    compare_to_json,
    difference_text,
    main_metrics,
    metrics_table,
    notes,
)
from gcn_tf.evaluation.differences import differences, differing_settings, match_cells
from gcn_tf.evaluation.report import evaluate
from gcn_tf.evaluation.reported import Reported, open_report
from gcn_tf.metrics.intervals import Estimate

BASES, EACH = 20, 3
HARD = np.repeat(np.random.default_rng(0).normal(0, 5, BASES), EACH)  # dB by which base images differ
JUDGE = {"known_accuracy": {"digit": 1.0}, "held_out_accuracy": {"digit": 0.9}}


def made(name: str, shift: float = 0.0, data: str = "a", **changes) -> Reported:
    """A report of 60 cells of 20 base images, of which the last 30 cells are unseen."""
    values = {
        "psnr_db": 25 + HARD + shift,
        "stray_ink": 0.01 - 0.001 * shift + 0 * HARD,
        "sharpness": np.full(BASES * EACH, 1 + 0.1 * shift),
        "copying": np.where(np.arange(60) < 30, np.nan, 0.0),
        "all_factors_accuracy/hog": np.ones(60),
    }
    config = {"steps": 10, "generator": {"kind": "deconvolution", "filters": 4}, "data_dir": f"/{name}"}
    report = {
        "config": config | changes.pop("config", {}),
        "steps": 10,
        "made_with": {"data_sha256": data * 64, "versions": {"gcn-tf": "1"}},
        "judges": {"hog": JUDGE},
    }
    cells = [(str(base), color) for base in range(BASES) for color in ("red", "green", "blue")]
    given = {
        "folder": Path("runs") / name,
        "checkpoint": "step-00000010.npz",
        "report": report,
        "factors": ("digit", "color"),
        "cells": cells,
        "group": np.repeat([0, 1], 30),
        "base": np.arange(BASES).repeat(EACH),
        "values": values,
    }
    return Reported(**given | changes)


def found_by_metric(*runs: Reported, group: str = "unseen low-level"):
    return {one.metric: one for one in differences(match_cells(runs))[group]}


def test_a_known_difference_has_a_far_narrower_interval_than_the_two_values():
    psnr = found_by_metric(made("a"), made("b", 2.0))["psnr_db"]
    assert psnr.differences[0].text(6) == "2.000000 (2.000000 to 2.000000)"
    assert psnr.values[0].high - psnr.values[0].low > 4
    assert psnr.values[0].high > psnr.values[1].low, "the intervals of the values overlap"
    assert psnr.outcome(1) == "better"


def test_the_interval_is_that_of_base_images_not_of_cells():
    rng, a, b = np.random.default_rng(1), made("a"), made("b")
    b.values["psnr_db"] = a.values["psnr_db"] + rng.normal(0, 1, BASES).repeat(EACH)
    one = found_by_metric(a, b)["psnr_db"].differences[0]
    per_base = (b.values["psnr_db"] - a.values["psnr_db"])[30:].reshape(-1, EACH).mean(axis=1)
    assert one.value == pytest.approx(per_base.mean())
    assert one.high - one.low == pytest.approx(2 * 1.96 * per_base.std() / np.sqrt(len(per_base)), rel=0.15)


def test_less_ink_is_better_and_sharpness_is_neither():
    found = found_by_metric(made("a"), made("b", 2.0))
    assert found["stray_ink"].outcome(1) == "better"
    assert found["sharpness"].outcome(1) == ""
    assert found_by_metric(made("a"), made("b", -2.0))["stray_ink"].outcome(1) == "worse"


def test_what_never_differs_has_the_exact_binomial_margin():
    found = found_by_metric(made("a"), made("b"))["all_factors_accuracy/hog"].differences[0]
    margin = 1 - 0.025 ** (1 / 10)
    assert (found.value, found.low, found.high) == pytest.approx((0, -margin, margin))


def test_metrics_that_do_not_apply_to_a_group_are_left_out():
    assert "copying" not in found_by_metric(made("a"), made("b"), group="seen")
    assert "copying" in found_by_metric(made("a"), made("b"))


def test_cells_meet_by_their_values_whatever_their_order():
    a, b = made("a"), made("b")
    order = np.random.default_rng(2).permutation(60)
    turned = made(
        "b",
        factors=("color", "digit"),
        cells=[b.cells[n][::-1] for n in order],
        group=b.group[order],
        base=b.base[order],
        values={name: values[order] for name, values in b.values.items()},
    )
    np.testing.assert_array_equal(match_cells([a, turned]).rows[1], np.argsort(order))
    assert found_by_metric(a, turned)["psnr_db"].differences[0].value == 0


def test_cells_of_another_group_and_of_one_run_are_left_out_and_counted():
    elsewhere, fewer = made("b"), made("c")
    elsewhere.group[:6] = 1
    fewer = made("c", cells=[("99", "red"), *fewer.cells[1:]])
    matched = match_cells([made("a"), elsewhere, fewer])
    assert matched.left_out == (2, 5)
    assert len(matched.base) == 54
    assert "left out: 2 that are not in all runs and 5 that some runs saw" in notes(matched)[0]
    assert notes(match_cells([made("a"), made("b")])) == [
        "60 pictures are compared; they are all that the runs have."
    ]


def test_runs_without_a_common_cell_or_with_other_factors_are_refused():
    with pytest.raises(UserError, match=r"runs/a has the factors digit, color, runs/b has writer, color"):
        match_cells([made("a"), made("b", factors=("writer", "color"))])
    with pytest.raises(UserError, match="no cell in common: compare runs of the same dataset"):
        match_cells([made("a"), made("b", cells=[(f"9{d}", c) for d, c in made("b").cells])])
    with pytest.raises(UserError, match="no cell in common that all of them saw, or none did"):
        match_cells([made("a"), made("b", group=np.full(60, 2))])


def test_settings_that_differ_are_named_by_their_place():
    other = made("b", config={"steps": 20, "generator": {"kind": "deconvolution", "filters": 8}})
    assert differing_settings([made("a"), other]) == {"steps": [10, 20], "generator.filters": [4, 8]}
    assert differing_settings([made("a"), made("b")]) == {}, "places of data are no settings"


def test_judges_of_other_pictures_are_not_compared():
    runs = made("a"), made("b", data="b")
    assert "all_factors_accuracy/hog" not in found_by_metric(*runs)
    assert "accuracies are left out" in notes(match_cells(runs))[1]


def test_all_factors_of_other_factors_are_not_compared():
    a, b = made("a"), made("b")
    b.report["judges"] = {"hog": {**JUDGE, "unrecognised_factors": ["color"]}}
    assert "all_factors_accuracy/hog" not in found_by_metric(a, b)


def test_unseen_cells_come_first_half_of_them_where_the_runs_differ_most():
    a, b = made("a"), made("b")
    b.values["psnr_db"][[30, 31, 45, 3]] += [9, 8, -7, 20]
    matched = match_cells([a, b])
    cells = choose_cells(matched, 4)
    assert cells[:2].tolist() == [30, 45], "31 is of the same base image as 30"
    assert (cells >= 30).all()
    assert len(set(choose_cells(matched, 16))) == 16
    few = choose_cells(matched, 40)
    assert (few[:30] >= 30).all()
    assert few[30] == 3


def test_the_page_says_what_is_better_by_how_much():
    matched = match_cells([made("a"), made("b", 2.0)])
    text = compare_text(matched, ["a", "b"], differences(matched), "", "")
    assert (
        "- **Unseen low-level** (30 pictures of 10 base images). `b` is better than `a` in PSNR (dB) +2.00"
        in text
    )
    assert "does not clearly differ in all factors classified correctly, hog judge" in text
    assert text.index("**Unseen low-level**") < text.index("**Seen**")
    assert "![" not in text
    assert "## Settings that differ\n\nNone." in text


def test_a_value_is_no_markup():
    other = made("b", config={"steps": "a|b `<b>`"})
    matched = match_cells([made("a"), other])
    assert "| steps | `10` | `a\\|b '<b>'` |" in compare_text(
        matched, ["a", "b"], differences(matched), "", ""
    )


def test_tables_have_a_column_per_run_and_one_per_difference():
    matched = match_cells([made("a"), made("b", 2.0), made("c", -1.0)])
    rows = metrics_table(main_metrics(differences(matched)["seen"]), ["a", "b", "c"])
    assert rows[0] == ["", "a", "b", "c", "b - a", "c - a"]
    assert [row[0] for row in rows[1:]] == [
        "PSNR (dB)",
        "sharpness",
        "all factors classified correctly, hog judge",
    ]
    assert rows[1][-2:] == ["+2.00 (+2.00 to +2.00)", "-1.00 (-1.00 to -1.00)"]
    assert difference_text("psnr_db", Estimate(1.0, np.nan, np.nan)) == "+1.00"


def test_programs_get_numbers():
    matched = match_cells([made("a"), made("b", 2.0)])
    about = json.loads(json.dumps(compare_to_json(matched, ["a", "b"], differences(matched), np.array([30]))))
    assert about["differences"]["b"]["seen"]["psnr_db"]["value"] == pytest.approx(2)
    assert about["scores"]["b"]["seen"]["psnr_db"]["value"] > about["scores"]["a"]["seen"]["psnr_db"]["value"]
    assert about["shown"] == [{"digit": "10", "color": "red"}]


def test_the_command_takes_runs_and_a_folder():
    options = command.parse(["runs/a", "runs/b", "--out", "there"])
    assert options.runs == (Path("runs/a"), Path("runs/b"))
    assert options.out == Path("there")


def error_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stop:
        main(["compare", *words])
    assert stop.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def test_what_cannot_be_compared_is_one_line(toy_run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = str(toy_run)
    assert "compare takes two runs or more" in error_of([run], capsys)
    assert "is named twice" in error_of([run, f"{run}/."], capsys)
    assert f"has no report: make one with gcn-tf evaluate {run}" in error_of([run, str(tmp_path)], capsys)
    assert "is not a run directory" in error_of([str(tmp_path), run], capsys)
    assert "holds a run" in error_of([run, str(tmp_path), "--out", run], capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def reported(toy_run, toy_judges, tmp_path_factory) -> Path:
    """A toy run with a report."""
    run = shutil.copytree(toy_run, tmp_path_factory.mktemp("runs") / "a")
    evaluate(run)
    return run


@pytest.mark.slow
def test_two_runs_are_compared_to_the_end(reported, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    other = shutil.copytree(reported, tmp_path / "b")
    cells = other / "report" / "cells.csv"
    with cells.open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["psnr_db"] = str(float(row["psnr_db"]) + 3)
    with cells.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert "cells.csv is not as it was written: make it again" in error_of([str(reported), "b"], capsys)
    monkeypatch.setattr("gcn_tf.runs.stamp.Stamp.check_files", lambda *_, **__: None)
    main(["compare", str(reported), "b"])
    said = capsys.readouterr().out
    assert "look at: comparisons/a-b/compare.html" in said
    assert "+3.00 (+3.00 to +3.00)" in said
    out = tmp_path / "comparisons" / "a-b"
    assert sorted(path.name for path in out.iterdir()) == [
        *("cells.png", "compare.html", "compare.json", "compare.md")
    ]
    about = json.loads((out / "compare.json").read_text())
    assert about["left_out"] == {"not in all runs": 0, "in another group": 0}
    assert len(about["shown"]) == 16
    page = (out / "compare.html").read_text()
    assert page.count("data:image/png") == 1
    assert "<details open>" in page


@pytest.mark.slow
def test_a_report_of_an_earlier_step_is_stale(reported, tmp_path):
    run = shutil.copytree(reported, tmp_path / "b")
    assert open_report(run).checkpoint == "step-00000024.npz"
    newest = run / "checkpoints" / "step-00000024.npz"
    newest.unlink()
    for best in run.glob("checkpoints/best.npz"):
        best.unlink()
    with pytest.raises(
        UserError, match=r"is of step 24, .* neither the newest nor the best .*: make the report again"
    ):
        open_report(run)


@pytest.mark.slow
def test_without_the_real_pictures_the_runs_are_drawn_alone(reported, tmp_path, monkeypatch):
    other = shutil.copytree(reported, tmp_path / "b")

    def gone(run):
        raise UserError("the pictures are gone")

    monkeypatch.setattr("gcn_tf.runs.run_dir.Run.load_split", gone)
    compared = compare([reported, other], tmp_path / "out")
    assert "Without real pictures: the pictures are gone." in compared.notes
    assert (tmp_path / "out" / "cells.png").exists()
    with pytest.raises(UserError, match="is a file"):
        compare([reported, other], tmp_path / "out" / "cells.png")
