"""Rivals are runs like any other: trained, resumed, exported and asked for pictures by the same commands."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from gcn_tf import doors
from gcn_tf.config.files import with_settings
from gcn_tf.metrics.pictures import psnr_db
from gcn_tf.pipelines.batches import pixels
from gcn_tf.runs.checkpoints import CheckpointStore
from gcn_tf.runs.run_dir import open_run
from gcn_tf.synthesis.draw import generate_from_codes
from gcn_tf.synthesis.saved_model import export_model
from gcn_tf.training.fit import fit
from gcn_tf.training.prepare import prepare

WORDS = {"digit": "1", "writer": "2", "color": "red", "rotation": "90"}


def rival_config(toy_config, name, **settings):
    small = {"generator": {"kind": name, "parameters": 150_000}, "batch_size": 8, "classifier_share": 0.0}
    return with_settings(replace(toy_config, steps=4, checkpoint_steps=2), {**small, **settings}, "test")


def weights(model):
    return [np.asarray(variable) for variable in model.all_variables]


MAIN = ("cgan", "cvae", "pix2pix")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in MAIN else pytest.mark.long)
        for name in doors.RIVALS
    ],
)
def test_a_rival_is_a_run(name, toy_config, start_run, tmp_path):
    """It resumes to the same bits, and its SavedModel draws what the run draws."""
    config = rival_config(toy_config, name)
    prepared = start_run(config, tmp_path / "run")
    trained = fit(prepared, tmp_path / "run")
    (tmp_path / "run" / "checkpoints" / "step-00000004.npz").unlink()
    again = fit(prepare(config), tmp_path / "run")
    assert all(np.array_equal(a, b) for a, b in zip(weights(trained), weights(again), strict=True))
    run = open_run(tmp_path / "run")
    codes = run.space.codes([WORDS])
    picture = generate_from_codes(run.model, codes)
    export_model(run, tmp_path / "model")
    drawn = tf.saved_model.load(str(tmp_path / "model")).signatures["blend"](
        **{key: tf.constant(code, tf.float32) for key, code in codes.items()}
    )
    np.testing.assert_array_equal(drawn["image"].numpy(), picture)
    assert CheckpointStore(run.model, tmp_path / "run" / "checkpoints").latest is not None


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, steps, least, colors_right",
    [("cvae", 300, 16.0, 0.55), ("pix2pix", 100, 14.0, 0.0), ("cgan", 300, 10.0, 0.55)],
)
def test_a_rival_learns(name, steps, least, colors_right, toy_config, start_run, tmp_path):
    """Seen cells are nearer to their pictures than those of an untrained network, whose best is a grey field."""
    settings = {"generator": {"kind": name, "parameters": 300_000, "learning_rate": 1e-3}, "batch_size": 32}
    config = replace(
        rival_config(toy_config, name, **settings), steps=steps, image_steps=steps, checkpoint_steps=steps
    )
    prepared = start_run(config, tmp_path / "run")
    model = fit(prepared, tmp_path / "run")
    rows = prepared.split.rows(unseen=False)[::4]
    generated = generate_from_codes(model, prepared.split.dataset.space.one_hot(prepared.split.ids[rows]))
    real = pixels(prepared.split, rows)
    assert np.mean(psnr_db(real, generated, 255)) > least
    colors = generated.astype(float).mean(axis=(1, 2))  # (R, 3): red, green, blue
    wanted = prepared.split.ids[rows, 2]
    assert np.mean(colors.argmax(axis=1) == wanted) >= colors_right  # a third by chance
