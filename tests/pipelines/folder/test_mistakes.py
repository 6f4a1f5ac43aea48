"""What a stranger does wrong with own pictures gives one line with the remedy, and exit code 2."""

import numpy as np
import pytest
from PIL import Image

from gcn_tf.cli import main


def put(path, shade=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((30, 30), shade % 256, np.uint8)
    pixels[:10] = shade // 256
    Image.fromarray(pixels).save(path)


def table(folder, rows, name="labels.csv"):
    (folder / name).write_text("\n".join(",".join(map(str, row)) for row in rows))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Folders of every kind."""
    place = tmp_path_factory.mktemp("place")
    for person in range(4):
        for sign in range(3):
            put(place / f"good/p{person}_s{sign}.png", 60 * person + sign)
            put(place / f"tree/p{person}/s{sign}/a.png", 60 * person + sign)
    files = [(f"p{person}_s{sign}.png", person, sign) for person in range(4) for sign in range(3)]
    table(place / "good", [("file_name", "person", "sign"), *files])
    for name in ("missing", "constant", "textual"):
        (place / name).mkdir()
        for file, *_ in files:
            (place / name / file).symlink_to(place / "good" / file)
    table(place / "missing", [("file_name", "person", "sign"), *files, ("p9_s9.png", 9, 9)])
    table(
        place / "constant",
        [("file_name", "camera", "number"), *((f, "A", n) for n, (f, *_) in enumerate(files))],
    )
    (place / "empty").mkdir()
    (place / "textual/notes.txt").write_text("what I saw")
    (place / "documents").mkdir()
    (place / "documents/a.pdf").write_bytes(b"%PDF")
    for n in range(12):
        put(place / f"uneven/{'deep/' * (n % 2)}{n}.png", n)
        put(place / f"flat/{n}.png", n)
    for n in range(500):
        put(place / f"unique/{n:03}.png", n)
    rows = [(f"{n:03}.png", f"id{n}", "ab"[n % 2]) for n in range(500)]
    table(place / "unique", [("file_name", "serial", "side"), *rows])
    (place / "pictures.zip").write_bytes(b"PK")
    return place


MISTAKES = {
    "a wrong column": ("good --factors persons", "no such column, did you mean person"),
    "a column far from any": ("good --factors colour", "no such column; there are: person, sign"),
    "a file that is not there": ("missing", "p9_s9.png' (line 14)"),
    "two sources of labels": ("good --levels person --pattern {person}.png", "give one of them"),
    "a table beside --levels": ("good --levels person", "labels.csv"),
    "no factor left": ("constant", "camera is constant; number is another value for every picture"),
    "a factor of which every value is seen once": (
        "unique --factors serial,side",
        "leave that factor out, or give --holdout none",
    ),
    "an empty folder": ("empty", "holds no pictures"),
    "folders of uneven depth": ("uneven", "add a labels.csv, or give --labels, --levels or --pattern"),
    "pictures without labels": ("flat", "add a labels.csv, or give --labels, --levels or --pattern"),
    "a table that is not there": ("flat --labels none.csv", "none.csv"),
    "a table of another kind": ("flat --labels flat/0.png", "is no table by its suffix"),
    "a pattern that matches nothing": (
        "flat --pattern {person}-{sign}.png",
        "do not match, such as '0.png': describe",
    ),
    "levels deeper than the folders": (
        "tree --levels a/b/c",
        "do not lie below 3 folders, such as 'p0/s0/a.png': describe",
    ),
    "no pictures": ("documents", "holds no pictures"),
    "a file for a folder": (
        "pictures.zip",
        "is not a folder: name a folder of pictures; unpack an archive first",
    ),
    "a folder that is not there": ("./goood", "is not a folder"),
    "a limit of an unknown factor": ("good --limit persons=2", "did you mean person"),
    "a limit that is no number": ("good --limit person", "write factor=number"),
    "a colour by name": ("good --background white", "give red,green,blue"),
}


@pytest.mark.parametrize(
    "command", [["datasets"], ["train", "--run-dir", "run", "--dataset"]], ids=["datasets", "train"]
)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(mistake, command, place, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(place)
    words, said = MISTAKES[mistake]
    with pytest.raises(SystemExit) as stop:
        main([*command, *words.split()])
    out, err = capsys.readouterr()
    assert stop.value.code == 2
    assert err.startswith("gcn-tf: ")
    assert err.count("\n") == 1
    assert said in err
    assert out == ""
    assert not (place / "run").exists()
