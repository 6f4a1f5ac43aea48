"""A folder of own pictures as a dataset: what a path means, and what is loaded."""

import csv

import numpy as np
import pytest
from PIL import Image

from gcn_tf.cli import main
from gcn_tf.config.data import DataConfig
from gcn_tf.config.files import resolve
from gcn_tf.errors import ConfigError, UserError
from gcn_tf.pipelines.dataset import load_dataset
from gcn_tf.pipelines.split import load_split

HUES = {"red": (200, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 200)}


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """Bars at four heights in three hues, one cell missing, another there twice."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "bars"
    folder.mkdir()
    rows = [(hue, height) for hue in HUES for height in (10, 20, 30, 40) if (hue, height) != ("red", 10)]
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["file_name", "hue", "height"])
        for number, (hue, height) in enumerate([*rows, ("blue", 40)]):
            image = np.zeros((50, 50, 3), np.uint8)
            image[50 - height :] = HUES[hue]
            Image.fromarray(image).save(folder / f"{number}.png")
            table.writerow([f"{number}.png", hue, height])
    return folder


@pytest.mark.parametrize("of", [resolve, lambda dataset: DataConfig.of(dataset, image_size=64)])
def test_a_path_is_a_dataset(of, pictures, monkeypatch):
    monkeypatch.chdir(pictures.parent)
    for path in (str(pictures), "./bars", "bars"):
        config = of(dataset=path)
        assert (config.dataset, config.manual_dir) == ("folder", str(pictures))


def test_what_is_loaded(pictures):
    dataset = load_dataset(resolve(dataset=str(pictures)))
    assert {f.name: f.values for f in dataset.space} == {
        "hue": ("blue", "green", "red"),
        "height": ("10", "20", "30", "40"),
    }
    assert dataset.images.shape == (11, 64, 64, 3)
    assert dataset.repeats[0].shape == (1, 64, 64, 3)
    assert dataset.repeats[1].tolist() == [[0, 3]]
    for image, (hue, height) in zip(dataset.images, dataset.base_ids, strict=True):
        assert image[-1, 32].argmax() == [2, 1, 0][hue]
        assert abs((image[:, 32].max(axis=-1) > 100).sum() - 12.8 * (height + 1)) <= 1
    assert "labels: labels.csv" in dataset.notes
    every = load_dataset(resolve(dataset=str(pictures)).with_options(exemplars="all"))
    assert len(every.images) == 12
    assert every.repeats is None


def test_only_cells_that_have_a_picture_are_held_out(pictures):
    split = load_split(resolve(dataset=str(pictures)))
    assert split.unseen.sum() == 1


def test_a_column_split_holds_out_its_rows(pictures):
    labels = (pictures / "labels.csv").read_text().splitlines()
    held = {2, 7}
    lines = [
        labels[0] + ",split",
        *(f"{row},{'test' if n in held else 'train'}" for n, row in enumerate(labels[1:])),
    ]
    (pictures / "labels.csv").write_text("\n".join(lines))
    config = resolve(dataset=str(pictures))
    split = load_split(type(config)(**{**vars(config), "holdout": ("split",)}))
    assert np.flatnonzero(split.unseen).tolist() == sorted(held)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--factors", "hues"], "--factors hues: no such column, did you mean hue"),
        (["--limit", "hue"], "--limit hue: write factor=number"),
        (["--limit", "persons=3"], "--limit persons=3: no such factor"),
        (["--background", "white"], "--background white: give red,green,blue from 0 to 255"),
        (["--labels", "none.csv"], "none.csv"),
        (["--manual-dir", "elsewhere"], "name one folder"),
    ],
)
def test_mistakes_are_one_line(words, said, pictures, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["datasets", str(pictures), *words])
    assert stop.value.code == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_folders_that_hold_nothing_or_are_none(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "empty").mkdir()
    for name in ("empty", "missing"):
        with pytest.raises(UserError, match=name):
            load_dataset(resolve(dataset=str(tmp_path / name)))
    with pytest.raises(ConfigError, match="of which folder"):
        load_dataset(resolve(dataset="folder"))


def test_too_many_unreadable_pictures_are_refused_by_name(pictures):
    (pictures / "3.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"1 of 12 pictures cannot be read \(3.png: .*, at most 5% may be"):
        load_dataset(resolve(dataset=str(pictures)))
