import dataclasses
import io
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gcn_tf.config.files import resolve
from gcn_tf.config.schema import to_dict
from gcn_tf.pipelines.split import load_split
from gcn_tf.reporting.events import PREFIX, flat_settings
from gcn_tf.training.fit import fit
from gcn_tf.training.prepare import prepare
from gcn_tf.training.scoring import CURVE_CELLS, Evaluation


def events(folder):
    """Values by (name, step) of the event files of a folder."""
    found = {}
    for path in sorted(folder.glob(f"{PREFIX}*")):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                found[value.tag, event.step] = value
    return found


def curve(folder, tag):
    found = events(folder)
    return {step: float(tf.make_ndarray(found[name, step].tensor)) for name, step in found if name == tag}


def png(value):
    return Image.open(io.BytesIO(value.tensor.string_val[2]))


def test_seen_and_unseen_cells_are_two_curves_of_every_chart(toy_run, toy_config):
    tags = {
        "quality/psnr_db",
        "losses/pixel",
        *(f"recognition/{n}" for n in ("digit", "writer", "color", "rotation")),
    }
    for group in ("seen", "unseen"):
        assert {tag for tag, _ in events(toy_run / group)} == tags
        assert sorted(curve(toy_run / group, "quality/psnr_db")) == [*range(1, toy_config.steps + 1)]


def test_the_last_points_are_the_scores_in_the_log(toy_run, toy_config):
    """Where a group is no larger than the sample."""
    assert load_split(toy_config).unseen.sum() <= CURVE_CELLS
    logged = [json.loads(line) for line in (toy_run / "metrics.jsonl").read_text().splitlines()]
    for line in logged:
        if "unseen/psnr_db" in line:
            for name, tag in {"psnr_db": "quality/psnr_db", "writer_accuracy": "recognition/writer"}.items():
                drawn = curve(toy_run / "unseen", tag)[line["step"]]
                assert drawn == pytest.approx(line[f"unseen/{name}"], rel=1e-6)


def test_a_default_training_has_twenty_points_and_more_before_the_generator_is_finished():
    config = resolve(dataset="glyphs")
    evaluation = Evaluation(
        0, load_split(config), config.image_steps, config.total_steps, main=config.main_steps
    )
    assert 20 <= config.main_steps // evaluation.points_every <= 50
    scored = []
    evaluation._scores = lambda groups: scored.append(groups) or {"seen": {"psnr_db": 1.0}}
    taken = []
    for step in range(1, config.total_steps + 1):
        scored.clear()
        evaluation.step(step, {})
        assert bool(evaluation.points) == bool(scored)
        if evaluation.points:
            assert scored[-1] is evaluation.sample
            taken.append((step, bool(evaluation.values)))
    assert all(evaluated for step, evaluated in taken if step >= config.main_steps)
    assert {step for step, evaluated in taken if evaluated} >= {config.main_steps, config.total_steps}


def test_the_run_itself_has_losses_speed_and_learning_rate(toy_run):
    found = events(toy_run)
    tags = {tag for tag, _ in found}
    assert {
        "losses/generator",
        "losses/pixel",
        "training/learning_rate",
        "training/images_per_second",
    } <= tags
    assert all(speed > 0 for speed in curve(toy_run, "training/images_per_second").values())
    logged = [json.loads(line) for line in (toy_run / "metrics.jsonl").read_text().splitlines()]
    assert curve(toy_run, "losses/generator") == pytest.approx(
        {line["step"]: line["train/generator_loss"] for line in logged}, rel=1e-6
    )


def test_names_of_groups_are_in_the_order_in_which_they_are_shown(toy_run):
    tags = {tag for folder in (toy_run, toy_run / "seen") for tag, _ in events(folder) if "/" in tag}
    order = ["cells", "losses", "quality", "recognition", "training"]  # TensorBoard has that of the alphabet
    assert sorted({tag.partition("/")[0] for tag in tags}) == order


def test_settings_are_a_table_by_flag(toy_run, toy_config):
    text = events(toy_run)["settings", 0].tensor.string_val[0].decode()
    rows = [line.strip("| ").split(" | ") for line in text.splitlines()[2:]]
    shown = {row[0]: row[1] for row in rows}
    assert list(shown) == list(flat_settings(to_dict(toy_config)))
    assert (shown["batch-size"], shown["generator"], shown["generator.trunk"]) == (
        "16",
        "deconvolution",
        "16",
    )


def test_pictures_of_every_group_have_real_above_generated_and_named_cells(toy_run, toy_config):
    found = events(toy_run)
    assert {tag for tag, _ in found if tag.startswith("cells/")} == {"cells/seen", "cells/unseen low-level"}
    assert [step for tag, step in found if tag == "cells/seen"] == [5, 10, 12, 15, 20, 24]
    early, late = (np.asarray(png(found["cells/unseen low-level", step])) for step in (5, 24))
    assert early.shape == late.shape
    assert 400 < late.shape[1] < 800
    changed = (early != late).any(axis=(1, 2))
    assert changed.any()
    assert not changed.all(), "names and real pictures stay the same"


@pytest.mark.slow
def test_pictures_are_not_drawn_again_once_the_generator_is_finished(toy_config, tmp_path, start_run):
    config = dataclasses.replace(toy_config, steps=7, image_steps=3, classifier_share=15.0, log_steps=50)
    fit(start_run(config, tmp_path / "run"), tmp_path / "run")
    found = events(tmp_path / "run")
    assert [step for tag, step in found if tag == "cells/seen"] == [3, 5, 6, 7]
    assert max(curve(tmp_path / "run" / "seen", "recognition/digit")) == 7 + 105


@pytest.mark.slow
def test_a_run_of_an_earlier_version_goes_on_beside_its_old_files(toy_run, toy_config, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(toy_run, folder, ignore=shutil.ignore_patterns(f"{PREFIX}*", "seen", "unseen", "model"))
    (folder / "logs").mkdir()
    (folder / "logs" / f"{PREFIX}1.old").write_bytes(b"old")
    longer = dataclasses.replace(toy_config, steps=28)
    fit(prepare(longer), folder)
    assert [p.name for p in (folder / "logs").iterdir()] == [f"{PREFIX}1.old"]
    assert min(curve(folder / "seen", "quality/psnr_db")) > toy_config.steps - 8
    text = events(folder)["settings", 0].tensor.string_val[0].decode()
    assert "| steps | 28 |" in text
