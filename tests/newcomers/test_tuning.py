"""Layers tuned to newcomers: old pictures stay within the limits, whatever the network would have done to them."""

import dataclasses
import re

import numpy as np
import pytest

from gcn_tf.cli import main
from gcn_tf.metrics.pictures import psnr_db
from gcn_tf.newcomers import tuning
from gcn_tf.newcomers.extend import extended_model
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.split import with_newcomers
from gcn_tf.runs.run_dir import open_run
from gcn_tf.synthesis.draw import generate_from_codes


@pytest.fixture(scope="module", autouse=True)
def few_steps():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gcn_tf.model.newcomer_codes.STEPS", 5)
        patch.setattr(tuning, "STEPS", 20)
        patch.setattr(tuning, "CHECKED", 96)
        yield


@pytest.fixture(scope="module")
def run(toy_run):
    return open_run(toy_run)


@pytest.fixture(scope="module")
def pictures(run):
    """Four digits of a new writer: those of a known one, a pixel to the right."""
    split = run.load_split()
    chosen = np.flatnonzero((split.dataset.base_ids[:, 1] == 1) & (split.dataset.base_ids[:, 0] < 4))
    images = np.roll(split.dataset.images[chosen], 1, axis=2)
    labels = {"digit": [str(n) for n in range(4)], "writer": ["anna"] * 4}
    return split, with_newcomers(split, images, labels)


@pytest.fixture
def model(run, pictures):
    split, grown = pictures
    config = dataclasses.replace(run.config, generator=run.config.generator.with_newcomers(4))
    return extended_model(run, config, split, grown)


def quality(model, split, grown, rows):
    made = generate_from_codes(model, grown.dataset.space.one_hot(grown.ids[rows]))
    return np.asarray(psnr_db(pixels(grown, rows), made, 255.0))


@pytest.mark.slow
def test_newcomers_are_met_better_and_old_pictures_lose_little(model, pictures):
    split, grown = pictures
    old, new = split.rows(unseen=False)[::7], np.arange(len(split.ids), len(grown.ids))
    before = quality(model, split, grown, old), quality(model, split, grown, new)
    tuned = tuning.tune_layers(model, split, grown)
    after = quality(model, split, grown, old), quality(model, split, grown, new)
    assert tuned.steps > 0
    assert 0 < tuned.share <= 1
    assert after[1].mean() > before[1].mean()
    lost = before[0] - after[0]
    assert lost.mean() <= tuning.MEAN_LOST + 0.05
    assert lost.max() <= tuning.MOST_LOST + 0.3  # of pictures beside those that were checked
    assert re.match(r"layers: tuned for \d+ steps; pictures of old cells lost -?\d", tuned.line())


@pytest.mark.slow
def test_a_change_that_spoils_old_cells_is_halved_or_given_up(model, pictures, monkeypatch):
    monkeypatch.setattr(tuning, "REPLAY", 0.0)
    monkeypatch.setattr(tuning, "RATE", 0.03)
    monkeypatch.setattr(tuning._Tuning, "_missed", lambda self, images, ids: _darker(self, ids))
    split, grown = pictures
    rows = split.rows(unseen=False)[::7]
    before = quality(model, split, grown, rows)
    tuned = tuning.tune_layers(model, split, grown)
    assert tuned.share < 1
    lost = before - quality(model, split, grown, rows)
    assert lost.mean() <= tuning.MEAN_LOST + 0.05


def _darker(self, ids):
    """What leads away from all pictures: everything white."""
    import tensorflow as tf

    return tf.reduce_mean((self.network(self._codes(ids)) - 1.0) ** 2)


def test_layers_that_help_nothing_stay_as_they_are(model, pictures, monkeypatch):
    monkeypatch.setattr(tuning._Tuning, "run", lambda self, *_: 0)
    split, grown = pictures
    before = [variable.numpy() for variable in model.generator.variables]
    tuned = tuning.tune_layers(model, split, grown)
    for one, other in zip(before, model.generator.variables, strict=True):
        np.testing.assert_array_equal(one, other.numpy())
    assert "stay" in tuned.line()


@pytest.mark.slow
def test_the_command_says_what_it_did_to_old_cells(toy_run, pictures, tmp_path, capsys):
    from PIL import Image

    grown = pictures[1]
    (tmp_path / "anna").mkdir()
    for digit, image in enumerate(grown.dataset.images[-4:, ..., 0]):
        Image.fromarray(image).save(tmp_path / "anna" / f"{digit}.png")
    words = [
        "--pictures",
        str(tmp_path / "anna"),
        "--pattern",
        "{digit}.png",
        "--run-dir",
        str(tmp_path / "new"),
    ]
    main(["extend", str(toy_run), "writer=anna", *words, "--depth", "layers"])
    assert "layers: " in capsys.readouterr().out
    assert open_run(tmp_path / "new").space["writer"].values[-1] == "anna"
