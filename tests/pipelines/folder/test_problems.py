"""What is left out of a user's folder: told in a line, listed in a file beside what the command writes."""

import csv

import numpy as np
import pytest
from PIL import Image

from gcn_tf.cli import main
from gcn_tf.errors import UserError
from gcn_tf.pipelines.folder.problems import write_problems


@pytest.fixture
def signs(tmp_path, monkeypatch):
    """Grey squares by shade and person, 48 of them; returns their folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gcn_tf.planning.plan.seconds_per_step", lambda prepared: 0.01)
    folder = tmp_path / "signs"
    folder.mkdir()
    lines = ["file_name,person,shade"]
    for person in range(12):
        for shade in range(4):
            name = f"{person}-{shade}.png"
            pixels = np.full((30, 30), 60 * shade + person, np.uint8)
            Image.fromarray(pixels).save(folder / name)
            lines.append(f"{name},{person},{shade}")
    (folder / "labels.csv").write_text("\n".join(lines))
    return folder


def listed(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_what_is_left_out_is_listed_beside_the_sheet(signs, tmp_path, capsys):
    (signs / "3-1.png").write_bytes(b"")
    (signs / "7-2.png").write_bytes(b"no picture at all")
    text = (signs / "labels.csv").read_text()
    (signs / "labels.csv").write_text(
        text.replace("9-3.png,9,3", "9-3.png,,3").replace("8-0.png,8,0", "8-0.png,,")
    )
    before = sorted(path.name for path in signs.iterdir())
    main(["datasets", "signs", "--out", "out/sheet.png"])
    said = capsys.readouterr().out
    assert "2 of 46 pictures cannot be read (3-1.png: empty" in said
    assert "all that was left out, with the reasons: out/sheet-problems.csv" in said
    header, *rows = listed(tmp_path / "out/sheet-problems.csv")
    assert header == ["file", "reason"]
    assert [name for name, _ in rows] == ["3-1.png", "7-2.png", "8-0.png", "9-3.png"]
    assert [why for _, why in rows[2:]] == ["no label", "no label of person"]
    assert sorted(path.name for path in signs.iterdir()) == before


def test_nothing_left_out_gives_no_list(signs, tmp_path, capsys):
    main(["datasets", "signs"])
    assert "left out" not in capsys.readouterr().out
    assert not list(tmp_path.glob("*problems*"))


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["datasets", "signs", "--out", "sheet.png"], "sheet-problems.csv"),
        (["train", "--dataset", "signs", "--run-dir", "run"], "run/problems.csv"),
    ],
)
def test_too_many_are_an_error_that_names_the_list(words, place, signs, tmp_path, capsys):
    for shade in range(3):
        (signs / f"2-{shade}.png").write_bytes(b"GIF89a")
    for _ in range(2):  # the list that is there already is in nobody's way
        with pytest.raises(SystemExit) as stop:
            main(words)
        assert stop.value.code == 2
        err = capsys.readouterr().err
        assert "3 of 48 pictures cannot be read" in err
        assert err.endswith(f"all are listed in {place}\n")
        assert err.count("\n") == 1
        assert len(listed(tmp_path / place)) == 4


def test_names_that_a_spreadsheet_would_run_are_harmless(tmp_path):
    names = ["=1+1.png", "+a.png", "-b.png", "@c.png", "a=b.png", 'a"b,c.png']
    write_problems(tmp_path / "problems.csv", [(name, "empty") for name in names])
    found = [name for name, _ in listed(tmp_path / "problems.csv")[1:]]
    assert found == ["'=1+1.png", "'+a.png", "'-b.png", "'@c.png", "a=b.png", 'a"b,c.png']


@pytest.fixture
def thin(signs):
    """One person has a single picture."""
    lines = (signs / "labels.csv").read_text().splitlines()
    kept = [line for line in lines if not line.startswith("0-") or line.startswith("0-2")]
    (signs / "labels.csv").write_text("\n".join(kept))


WARNING = "seen in one cell only, which does not tell what is theirs: 1 of 16 values, person=0"


@pytest.mark.usefixtures("thin")
def test_the_sheet_says_how_full_the_grid_is(capsys):
    main(["datasets", "signs", "--holdout", "none"])
    said = capsys.readouterr().out
    assert "45 of 48 cells (93 %) have a picture; 3 have none, such as person=0 shade=0" in said
    assert WARNING in said


@pytest.mark.usefixtures("thin")
def test_training_says_what_to_beware_of_and_lists_what_is_left_out(signs, tmp_path, capsys, monkeypatch):
    (signs / "5-1.png").write_bytes(b"")

    def fit(*_, **__):
        raise UserError("far enough")

    monkeypatch.setattr("gcn_tf.api.training.fit", fit)
    with pytest.raises(SystemExit):
        main(["train", "--dataset", "signs", "--run-dir", "run", "--holdout", "none"])
    said, err = capsys.readouterr()
    assert err == "gcn-tf: far enough\n"
    assert WARNING in said
    assert "cells (" not in said
    assert "all that was left out, with the reasons: run/problems.csv" in said
    assert listed(tmp_path / "run/problems.csv")[1] == ["5-1.png", "empty: the file has no content"]
