"""Own pictures are planned: by `datasets` and `train`, with flags and files that go first."""

import itertools

import numpy as np
import pytest
import yaml
from PIL import Image

from gcn_tf.cli import main
from gcn_tf.config.files import read_config
from gcn_tf.training import speed

TINY = """\
dataset: folder
generator: {tower_units: 8, trunk: [16], seed_tensor: [0, 0, 4], upsampling: [{filters: 4, kernel: 4, stride: 4}]}
classifier: {convolutions: [{filters: 4, kernel: 5, stride: 2, pool: 2}], head_units: [8]}
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home") / "letters"
    rng = np.random.default_rng(0)
    for letter, drawer in itertools.product("abc", "uvwxyz"):
        (folder / letter).mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(rng.integers(150, 255, (60, 45), np.uint8))
        picture.save(folder / letter / f"{drawer}.png")
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("gcn_tf.planning.plan.seconds_per_step", lambda prepared: 0.25)
    monkeypatch.setattr("gcn_tf.evaluation.convolutional_judge.STEPS", 2)
    monkeypatch.setattr("gcn_tf.evaluation.convolutional_judge.ROUNDS", 1)
    monkeypatch.setattr("gcn_tf.metrics.intervals.PIECES", 2)
    monkeypatch.chdir(tmp_path)


def words(folder):
    return [str(folder), "--pattern", "{letter}/{drawer}.png"]


@pytest.mark.slow
def test_datasets_prints_the_plan_and_writes_it_to_be_edited(pictures, tmp_path, capsys):
    main(["datasets", *words(pictures)])
    said = capsys.readouterr().out
    assert "plan         image_size 64x48: the pictures are 60x45 at the median" in said
    assert "plan         steps 600: " in said
    assert (tmp_path / "letters.png").exists()
    text = (tmp_path / "letters-plan.yaml").read_text()
    assert "# the pictures are 60x45 at the median\nimage_size: 64x48\n" in text
    planned = yaml.safe_load(text)
    assert planned["holdout"] == ["fraction=0.17"]
    assert planned["generator"]["kind"] == "references"
    edited = tmp_path / "edited.yaml"
    edited.write_text(text.replace("steps: 600", "steps: 3"))
    main(["train", "--config", str(edited), "--dry-run"])
    assert "3 steps" in capsys.readouterr().out


@pytest.mark.slow
def test_train_follows_the_plan_where_nothing_else_is_given(pictures, tmp_path, capsys):
    (tmp_path / "tiny.yaml").write_text(TINY)
    given = ["--config", "tiny.yaml", "--steps", "4", "--batch-size", "8", "--run-dir", "run"]
    main(["train", "--dataset", *words(pictures), *given])
    config = read_config(tmp_path / "run" / "config.yaml")
    assert (config.image_size, config.options.channels, config.holdout) == ("64x48", 1, ("fraction=0.17",))
    assert (config.steps, config.batch_size, config.generator.trunk) == (4, 8, (16,))
    planned = yaml.safe_load((tmp_path / "run" / "plan.yaml").read_text())
    assert planned["image_size"] == "64x48"
    assert "batch_size: 32" not in capsys.readouterr().out
    main(["train", "--resume", "run", "--steps", "5"])
    assert "plan " not in capsys.readouterr().out
    assert read_config(tmp_path / "run" / "config.yaml").steps == 5


def test_a_preset_that_is_named_needs_no_plan(pictures, capsys):
    main(["train", "--dataset", *words(pictures), "--preset", "folder", "--dry-run", "--batch-size", "2"])
    said = capsys.readouterr().out
    assert "plan " not in said
    assert "64x64x1" in said


def test_the_speed_of_a_step_is_measured(toy_config):
    from gcn_tf.training.prepare import prepare

    assert 0 < speed.seconds_per_step(prepare(toy_config)) < 5
