import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from gcn_tf.errors import ConfigError, UserError
from gcn_tf.reporting.events import PREFIX
from gcn_tf.runs.checkpoints import CheckpointStore
from gcn_tf.runs.run_dir import check_same_settings, open_run, read_run_config
from gcn_tf.training.board import Board
from gcn_tf.training.fit import fit
from gcn_tf.training.prepare import Prepared, prepare
from gcn_tf.training.scoring import Evaluation
from gcn_tf.training.step_callback import Diverged, thinned


def weights(model):
    return [v.numpy() for v in CheckpointStore(model, Path("unused")).variables]


def test_a_run_directory_holds_what_the_contract_says(toy_run, toy_config):
    assert {"config.yaml", "factors.json", "checkpoints", "seen", "unseen", "metrics.jsonl", "model"} <= {
        p.name for p in toy_run.iterdir()
    }
    assert read_run_config(toy_run) == toy_config
    run = open_run(toy_run)
    assert int(run.model.step) == toy_config.steps
    assert run.space.sizes == {"digit": 10, "writer": 3, "color": 3, "rotation": 4}


def test_metrics_jsonl_has_losses_and_scores_of_seen_and_unseen_cells_apart(toy_run):
    lines = [json.loads(line) for line in (toy_run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [4, 8, 12, 16, 20, 24]
    assert all("train/generator_loss" in line and "train/learning_rate" in line for line in lines)
    for line in lines:
        assert ("unseen/psnr_db" in line) == ("seen/digit_accuracy" in line) == (line["step"] in (12, 24))


@pytest.mark.long
def test_tensorboard_stays_under_the_stated_bound_however_often_it_could_be_written(
    tmp_path, toy_config, monkeypatch, start_run
):
    for name, most in {"log.MOST_LINES": 8, "scoring.MOST_EVALUATIONS": 6, "board.MOST_PICTURES": 2}.items():
        monkeypatch.setattr(f"gcn_tf.training.{name}", most)
    made, bound = Board.__init__, []

    def noted(self, *arguments):
        made(self, *arguments)
        bound.append(self.largest_size)

    monkeypatch.setattr(Board, "__init__", noted)
    config = dataclasses.replace(toy_config, log_steps=1, image_steps=1)
    prepared = start_run(config, tmp_path / "run")
    said = []
    fit(prepared, tmp_path / "run", say=said.append)
    logged = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    scored = [line["step"] for line in logged if "seen/psnr_db" in line]
    assert scored == [4, 8, 12, 16, 20, 24]
    assert [line["step"] for line in logged] == sorted({*range(3, 25, 3), *scored})
    files = list((tmp_path / "run").rglob(f"{PREFIX}*"))
    assert 0.01 * bound[0] < sum(path.stat().st_size for path in files) < bound[0]
    records = [r.numpy() for path in files for r in tf.data.TFRecordDataset(str(path))]
    values = [tf.compat.v1.Event.FromString(record) for record in records]
    assert [e.step for e in values for v in e.summary.value if v.tag == "cells/seen"] == [
        5,
        10,
        12,
        15,
        20,
        24,
    ]
    (line,) = said
    assert line.startswith("on disk: checkpoints at most ")
    assert line.endswith(f"TensorBoard {bound[0] / 1e6:.0f} MB")


@pytest.mark.parametrize(
    ("every", "steps", "most", "expected"),
    [(25, 600, 20_000, 25), (250, 600, 2, 500), (1, 100, 10, 10), (3, 100, 10, 12), (500, 24, 2, 500)],
)
def test_what_would_happen_too_often_happens_at_multiples(every, steps, most, expected):
    assert thinned(every, steps, most) == expected
    assert steps // expected <= most


def test_training_lowers_the_loss(toy_run):
    lines = [json.loads(line) for line in (toy_run / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["train/pixel_loss"] < lines[0]["train/pixel_loss"]


def stop_after(monkeypatch, step_wanted):
    """Kill `fit` from within after a step, as a signal would."""
    original = Evaluation.step

    def step(self, step, logs):
        original(self, step, logs)
        if step == step_wanted:
            raise RuntimeError("killed")

    monkeypatch.setattr(Evaluation, "step", step)


@pytest.mark.slow  # `tests/test_survival.py` kills a process in the default tests
def test_a_killed_run_goes_on_and_ends_with_the_same_bits(
    tmp_path, toy_config, toy_run, monkeypatch, start_run
):
    folder = tmp_path / "run"
    prepared = start_run(toy_config, folder)
    for step in (11, 19):  # 3 steps after a checkpoint each
        with monkeypatch.context() as patch:
            stop_after(patch, step)
            with pytest.raises(RuntimeError, match="killed"):
                fit(prepared, folder)
    resumed = fit(prepared, folder)
    whole = open_run(toy_run).model
    for a, b in zip(weights(resumed), weights(whole), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (folder / "metrics.jsonl").read_text() == (toy_run / "metrics.jsonl").read_text()


@pytest.mark.long
def test_another_seed_gives_other_weights(tmp_path, toy_config, toy_run, start_run):
    prepared = start_run(dataclasses.replace(toy_config, seed=1), tmp_path / "run")
    other = fit(prepared, tmp_path / "run")
    whole = open_run(toy_run).model
    pairs = zip(weights(other), weights(whole), strict=True)
    assert sum(not np.array_equal(a, b) for a, b in pairs) > 20


def test_a_resume_with_other_settings_is_refused_with_the_differences(toy_run, toy_config):
    wanted = dataclasses.replace(toy_config, batch_size=8, learning_rate=0.5, manual_dir="/elsewhere")
    with pytest.raises(
        ConfigError, match=r"batch_size: 16 in the run, 8 now; learning_rate: 0.001 in the run, 0.5 now"
    ):
        check_same_settings(toy_config, wanted, toy_run)
    check_same_settings(toy_config, dataclasses.replace(toy_config, manual_dir="/elsewhere"), toy_run)


def test_a_second_run_never_overwrites_the_first(toy_run, toy_config, start_run):
    with pytest.raises(UserError, match="already holds a run: continue it with --resume"):
        start_run(toy_config, toy_run)


def test_a_folder_that_is_no_run_is_named(tmp_path):
    with pytest.raises(UserError, match="is not a run directory"):
        open_run(tmp_path)


def test_nan_stops_the_run_with_the_step_and_the_last_good_checkpoint(
    tmp_path, toy_config, monkeypatch, start_run
):
    prepared = start_run(toy_config, tmp_path / "run")
    build = Prepared.build

    def poisoned(prepared):
        model = build(prepared)
        train_step = model.train_step

        def step(data):
            logs = train_step(data)
            bad = tf.where(model.step.value > 13, float("nan"), 1.0)
            return {**logs, "pixel_loss": logs["pixel_loss"] * bad}

        model.train_step = step
        return model

    monkeypatch.setattr(Prepared, "build", poisoned)
    with pytest.raises(
        Diverged, match=r"pixel_loss is nan at step 14: .* last good checkpoint: .*step-00000008.npz"
    ):
        fit(prepared, tmp_path / "run")


def test_weights_that_are_not_finite_are_never_saved(tmp_path, toy_config, start_run):
    prepared = start_run(toy_config, tmp_path / "run")
    model = prepared.build()
    store = CheckpointStore(model, tmp_path / "run" / "checkpoints")
    assert store.finite()
    model.generator.trainable_variables[0].assign(model.generator.trainable_variables[0] * np.nan)
    assert not store.finite()


@pytest.mark.slow
def test_a_frozen_run_trains_the_classifier_first(tmp_path, toy_config, start_run):
    config = dataclasses.replace(toy_config, cooperation="frozen", classifier_steps=6, steps=6)
    prepared = start_run(config, tmp_path / "run")
    model = fit(prepared, tmp_path / "run")
    assert (int(model.step), int(model.optimizer.iterations)) == (12, 6)
    assert int(model.classifier_optimizer.iterations) == 6


def test_an_image_size_that_the_layers_cannot_make_is_refused_before_any_work(
    tmp_path, toy_config, start_run
):
    with pytest.raises(ConfigError, match="make 28x28 images, the dataset has 32x32"):
        start_run(dataclasses.replace(toy_config, image_size=32), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_ctrl_c_saves_says_how_to_go_on_and_exits_130(tmp_path, toy_config_file):
    run = tmp_path / "run"
    command = [sys.executable, "-m", "gcn_tf.cli", "train", "--config", str(toy_config_file)]
    command += ["--steps", "5000", "--checkpoint-steps", "5000", "--run-dir", str(run)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 90
    while not (run / "metrics.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert f"continue with: gcn-tf train --resume {run}" in said
    assert "Traceback" not in said
    model = open_run(run).model
    assert int(model.step) >= 4


@pytest.mark.long
def test_a_kill_between_two_checkpoints_of_a_step_loses_neither(toy_config, start_run, tmp_path, monkeypatch):
    config = dataclasses.replace(toy_config, steps=12, image_steps=12, checkpoint_steps=12)
    write = CheckpointStore._write

    def killed(self, *arguments):
        write(self, *arguments)
        raise KeyboardInterrupt

    runs = {name: start_run(config, tmp_path / name) for name in ("whole", "killed")}
    with monkeypatch.context() as patch:
        patch.setattr(CheckpointStore, "_write", killed)
        with pytest.raises(KeyboardInterrupt):
            fit(runs["killed"], tmp_path / "killed")
    (tmp_path / "killed/checkpoints/partial-gcn-tf-0123abcd-best.npz").touch()
    stored = []
    for name, prepared in runs.items():
        fit(prepared, tmp_path / name)
        stored.append({path.name for path in (tmp_path / name / "checkpoints").iterdir()})
    assert stored == [{"best.npz", "step-00000012.npz"}] * 2
    for name in stored[0]:
        one, other = (np.load(tmp_path / run / "checkpoints" / name) for run in runs)
        assert all(np.array_equal(one[key], other[key]) for key in one.files if key.isdigit())


def test_a_run_killed_before_its_last_step_deleted_an_old_checkpoint_keeps_the_newest_few(
    toy_run, toy_config, tmp_path
):
    folder = tmp_path / "run"
    shutil.copytree(toy_run, folder)
    kept = sorted((folder / "checkpoints").glob("step-*"))
    shutil.copy(kept[0], folder / "checkpoints" / "step-00000004.npz")
    fit(prepare(toy_config), folder)
    assert sorted((folder / "checkpoints").glob("step-*")) == kept
