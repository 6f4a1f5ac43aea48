"""What `gcn-tf augment` writes is read back as a dataset, in every format."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from gcn_tf.augmentation import augment as augmentation
from gcn_tf.augmentation.config import AugmentationConfig
from gcn_tf.cli import main
from gcn_tf.config.data import DataConfig
from gcn_tf.errors import UserError
from gcn_tf.pipelines.dataset import load_dataset
from gcn_tf.runs.run_dir import open_run
from gcn_tf.synthesis.draw import generate_from_codes

FORMATS = ("tfds", "folders", "tfrecord")


@pytest.fixture(scope="module")
def run(toy_run):
    opened = open_run(toy_run)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gcn_tf.augmentation.augment.open_run", lambda folder: opened)
        yield opened


@pytest.fixture(scope="module")
def filled(run, tmp_path_factory):
    """The missing cells of the run, in every format."""
    root = tmp_path_factory.mktemp("filled")
    for name in FORMATS:
        config = AugmentationConfig(fill=True, format=name, part_size=30)
        assert augmentation.augment(run.folder, root / name, config, "1/1", lambda line: None)
    return root


@pytest.fixture(scope="module")
def blended(run, tmp_path_factory):
    """Blends of two writers, in every format."""
    root = tmp_path_factory.mktemp("blended")
    for name in FORMATS:
        config = AugmentationConfig(blend="writer", ratio="0.25", format=name, limit=60, part_size=30)
        assert augmentation.augment(run.folder, root / name, config, "1/1", lambda line: None)
    return root


def loaded(folder, tmp_path, **options):
    config = DataConfig.of(str(folder), image_size=28, data_dir=str(tmp_path / "data"))
    return load_dataset(config.with_options(**options))


def cells_of(dataset):
    """Pictures by cell, a frozenset of (factor, value)."""
    names = [
        frozenset((f.name, f.values[i]) for f, i in zip(dataset.space, ids, strict=True))
        for ids in dataset.base_ids
    ]
    return dict(zip(names, dataset.images, strict=True))


@pytest.mark.parametrize("name", FORMATS)
def test_cells_and_pictures_come_back(name, filled, run, tmp_path):
    found = cells_of(loaded(filled / name, tmp_path))
    split = run.load_split()
    missing = split.ids[split.unseen]
    assert len(found) == len(missing)
    for ids in missing:
        codes = {f.name: np.eye(len(f), dtype=np.float32)[[i]] for f, i in zip(run.space, ids, strict=True)}
        (expected,) = generate_from_codes(run.model, codes)
        cell = frozenset((f.name, f.values[i]) for f, i in zip(run.space, ids, strict=True))
        np.testing.assert_array_equal(found[cell], expected)


@pytest.mark.parametrize("name", FORMATS)
def test_blends_are_no_labels_and_are_counted(name, blended, tmp_path):
    dataset = loaded(blended / name, tmp_path)
    assert dataset.space.names == ("digit", "color", "rotation")
    assert any("blends of values, which are no labels: 60 of 60 labels of writer" in n for n in dataset.notes)


@pytest.mark.parametrize("name", FORMATS)
def test_a_factor_that_is_only_blended_cannot_be_asked_for(name, blended, tmp_path):
    with pytest.raises(UserError, match="no picture has a label of writer"):
        loaded(blended / name, tmp_path, factors="writer")


@pytest.mark.parametrize("name", FORMATS)
def test_the_command_shows_them(name, filled, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gcn_tf.planning.plan.seconds_per_step", lambda prepared: 0.01)
    main(["datasets", str(filled / name), "--data-dir", "data", "--image-size", "28", "--holdout", "none"])
    said = capsys.readouterr().out
    assert f"labels: {name}, written by gcn-tf augment" in said
    assert (tmp_path / f"{name}.png").exists()


@pytest.mark.parametrize("name", FORMATS)
def test_damage_is_one_line(name, filled, tmp_path):
    folder = tmp_path / name
    shutil.copytree(filled / name, folder)
    (folder / "augmentation.json").write_text(json.dumps({"plan": []}))
    with pytest.raises(UserError, match=r"augmentation.json is damaged \(no plan\)"):
        loaded(folder, tmp_path)
    (folder / "augmentation.json").unlink()
    with pytest.raises(UserError, match="is not complete: give the command of gcn-tf augment again"):
        loaded(folder, tmp_path)


def test_cut_records_are_one_line(filled, tmp_path):
    folder = tmp_path / "cut"
    shutil.copytree(filled / "tfrecord", folder)
    (first, *_) = sorted(folder.glob("*.tfrecord"))
    first.write_bytes(first.read_bytes()[:-9])
    with pytest.raises(UserError, match="is damaged"):
        loaded(folder, tmp_path)
    with tf.io.TFRecordWriter(str(first)) as file:
        file.write(b"no example")
    with pytest.raises(UserError, match="is damaged"):
        loaded(folder, tmp_path)


@pytest.mark.parametrize("form", ("tfds", "tfrecord"))
def test_many_pictures_are_packed(filled, tmp_path, form, monkeypatch):
    held = loaded(filled / form, tmp_path)
    monkeypatch.setattr("gcn_tf.pipelines.folder.pictures.PACKED_FROM", 0)
    packed = loaded(filled / form, tmp_path)
    assert len(list((tmp_path / "data" / "folder").glob("packed-*"))) == 1
    assert np.array_equal(held.images, packed.images)
