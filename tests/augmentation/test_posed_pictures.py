"""A run that learned upright figures: what augment writes stands in poses of the seen pictures, or upright if asked."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gcn_tf.augmentation.augment import augment
from gcn_tf.augmentation.config import AugmentationConfig
from gcn_tf.augmentation.posed_pictures import PosedPictures
from gcn_tf.cli import main
from gcn_tf.errors import UserError
from gcn_tf.newcomers.pictures import in_form
from gcn_tf.pipelines.dataset import load_dataset
from gcn_tf.pipelines.upright import Upright, measure_poses
from gcn_tf.pipelines.variations import rotation
from gcn_tf.synthesis.saved_model import export_model
from gcn_tf.training.fit import fit


@pytest.fixture(scope="module")
def upright_run(toy_config, start_run, tmp_path_factory):
    """Three writers' glyphs, set upright, two steps."""
    folder = tmp_path_factory.mktemp("upright") / "run"
    prepared = start_run(dataclasses.replace(toy_config, upright=True, steps=2, classifier_share=0), folder)
    export_model(prepared.run(folder, fit(prepared, folder)), folder / "model")
    return folder


@pytest.fixture(scope="module")
def figures(toy_config):
    """Base images as they are, and how they are set upright."""
    images = load_dataset(toy_config).images.repeat(3, axis=-1)
    return images, Upright.of(images)


def test_pictures_get_poses_of_the_known_and_each_its_own(figures):
    images, upright = figures
    posed = PosedPictures(upright, np.arange(len(images)), (), 0)
    standing, numbers = upright.set(images), np.arange(len(images))
    made = posed(standing, {}, numbers)
    slants = [measure_poses(some)[:, 2].std() for some in (standing, images, made)]
    assert slants[0] < 0.3 * slants[1]
    assert slants[2] > 0.6 * slants[1]
    assert np.array_equal(posed(standing[7:9], {}, numbers[7:9]), made[7:9])  # whatever else is in the batch
    other = dataclasses.replace(posed, seed=1)(standing, {}, numbers)
    assert not np.array_equal(other, made)


def test_a_turned_picture_is_posed_as_if_it_had_been_turned_afterwards(figures):
    images, upright = figures
    turn, standing = rotation(), upright.set(images[:8])
    ids = np.arange(8, dtype=np.int32) % 4
    posed = PosedPictures(upright, np.arange(len(images)), (), 0)
    afterwards = turn.apply(tf.constant(posed(standing, {}, np.arange(8))), tf.constant(ids))
    turned = turn.apply(tf.constant(standing), tf.constant(ids)).numpy()
    codes = {"rotation": np.eye(4, dtype=np.float32)[ids]}
    assert np.array_equal(dataclasses.replace(posed, turns=(turn,))(turned, codes, np.arange(8)), afterwards)


def stored(folder):
    return sorted(path.read_bytes() for path in folder.rglob("*.png"))


def test_augment_sets_pictures_in_poses_or_leaves_them_upright(upright_run, tmp_path):
    sets = {}
    for name, shard, upright in (("posed", "1/1", False), ("upright", "1/1", True)):
        config = AugmentationConfig(blend="writer", limit=60, part_size=30, format="folders", upright=upright)
        assert augment(upright_run, tmp_path / name, config, shard, lambda line: None)
        sets[name] = stored(tmp_path / name)
    assert len(sets["posed"]) == len(sets["upright"]) == 60
    assert not set(sets["posed"]) & set(sets["upright"])
    config = AugmentationConfig(blend="writer", limit=60, part_size=30, format="folders")
    for shard in ("2/2", "1/2"):
        augment(upright_run, tmp_path / "shards", config, shard, lambda line: None)
    assert stored(tmp_path / "shards") == sets["posed"]
    assert "upright" not in json.loads((tmp_path / "posed" / "plan.json").read_text())


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("upright", {"for_": "digit", "copies": 3}, "--for digit moves pictures as they are"),
        (
            "plain",
            {"blend": "writer", "upright": True},
            "--upright: this run learned its pictures as they are",
        ),
    ],
)
def test_what_does_not_fit_the_run_is_one_line(upright_run, toy_run, tmp_path, kind, settings, message):
    folder = upright_run if kind == "upright" else toy_run
    with pytest.raises(UserError, match=message):
        augment(folder, tmp_path / "out", AugmentationConfig(**settings), "1/1", lambda line: None)


def test_photographs_are_refused_on_the_command_line(tmp_path, capsys):
    words = ["train", "--dataset", "faces", "--upright", "--persons", "3", "--image-size", "32"]
    with pytest.raises(SystemExit) as stop:
        main([*words, "--steps", "1", "--run-dir", str(tmp_path / "run")])
    assert stop.value.code == 2
    assert "--upright: the border of the pictures has the brightness" in capsys.readouterr().err


def test_given_pictures_are_set_upright_as_the_runs_own(toy_config, figures, tmp_path):
    images, _ = figures
    slanted = int(np.abs(measure_poses(images)[:, 2]).argmax())
    Image.fromarray(images[slanted]).save(tmp_path / "given.png")
    config = dataclasses.replace(toy_config, upright=True)
    given = in_form(
        config, (28, 28, 3), [tmp_path / "given.png"], ["given.png"], load_dataset(config).upright
    )
    _, _, slant, height = measure_poses(given)[0]
    assert abs(slant) < 0.05 < abs(measure_poses(images)[slanted, 2])
    assert height == pytest.approx(Upright.of(images).height, rel=0.1)
