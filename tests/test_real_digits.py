"""The main job, the study and what drawn pictures teach, on real handwriting at full size."""

import dataclasses
import json
import os

import numpy as np
import pytest

from gcn_tf.cli import main

FOLDER = os.environ.get("GCN_TF_QMNIST_DIR", "")
pytestmark = pytest.mark.skipif(
    not FOLDER, reason="set GCN_TF_QMNIST_DIR to a folder with the official QMNIST files"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """One folder for prepared data and judges."""
    return str(tmp_path_factory.mktemp("data"))


@pytest.mark.slow
def test_the_default_preset_reaches_its_targets_on_qmnist(data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["--dataset", "qmnist", "--manual-dir", FOLDER, "--data-dir", data, "--run-dir", "runs/q"]
    main(["train", *words, "--holdout", "low-level", "--holdout", "high-level"])
    assert "look at: runs/q/report/cells.png" in capsys.readouterr().out
    report = json.loads((tmp_path / "runs/q/report/report.json").read_text())
    assert list(report["pictures"]) == ["seen", "unseen low-level", "unseen high-level"]
    seen, low, high = (
        {name: estimate["value"] for name, estimate in scores.items()} for scores in report["scores"].values()
    )
    for judge in ("convolutional", "hog"):
        assert report["judges"][judge]["doubted_factors"] == []
        assert report["judges"][judge]["held_out_accuracy"]["digit"] >= 0.95
        assert low[f"digit_accuracy/{judge}"] >= 0.95
        assert low[f"writer_accuracy/{judge}"] >= 0.95
        assert low[f"color_accuracy/{judge}"] == 1
        assert high[f"digit_accuracy/{judge}"] >= 0.85  # ten digits: one may be misclassified
    assert seen["psnr_db"] >= 28
    assert low["psnr_db"] >= 21
    assert low["stray_ink"] <= 0.005
    assert high["stray_ink"] <= 0.03  # 0.032 with marks, before the classifier could tell imagined cells


@pytest.mark.long
def test_the_quick_study_compares_every_method_on_real_digits(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["--dataset", "qmnist", "--manual-dir", FOLDER, "--data-dir", data, "--out", "study"]
    main(["study", "cooperation", "--quick", *words])
    scores = json.loads((tmp_path / "study/report.json").read_text())["scores"]
    assert len(scores) == 18
    assert scores["nearest seen cell"]["unseen high-level"]["writer_accuracy/hog"]["value"] < 0.2
    assert scores["another real picture"]["unseen high-level"]["digit_accuracy/hog"]["value"] > 0.9
    assert (tmp_path / "study/report.html").stat().st_size > 100_000


@pytest.mark.long
def test_pictures_generated_from_a_hundred_real_digits_teach_to_classify_those_of_other_writers(data):
    """86.2 % of other writers' digits without them, 90.9 % with them, in docs/augmentation.md."""
    from gcn_tf.config.files import resolve
    from gcn_tf.studies.augmentation.downstream_classifier import (
        DownstreamConfig,
        Labelled,
        Material,
        train_downstream_classifier,
    )
    from gcn_tf.studies.augmentation.generated_pictures import generate_pictures, train_generator
    from gcn_tf.studies.augmentation.jobs import blendings
    from gcn_tf.studies.augmentation.task import choose_task, labelled_pictures

    config = dataclasses.replace(
        resolve(dataset="qmnist"), data_dir=data, manual_dir=FOLDER, precision="float32"
    )
    task = choose_task(labelled_pictures(config, 10), 10, 1, 10, seed=0)
    test = task.tests["other writers"]
    assert len(test.label) > 8_000
    blending = blendings(photographs=False)["gcn"]
    model = train_generator(config, task, blending.upright, 0)
    generated = generate_pictures(model, task, blending, 4_000, 0)
    labels, held = np.eye(10, dtype=np.float32)[task.label], task.validation
    real, validation = (Labelled(task.images[part], labels[part]) for part in (~held, held))
    settings = DownstreamConfig(config.classifier, round_steps=500, precision="float32")
    accuracy = []
    for more in (None, generated):
        classifier = train_downstream_classifier(settings, Material(real, more, validation))
        accuracy.append(np.mean(classifier.classify(test.images) == test.label))
    assert accuracy[0] > 0.8
    assert accuracy[1] > accuracy[0] + 0.02
