"""The main job on real handwriting, at full size, as a user runs it."""

import json
import os

import pytest

from gcn_tf.cli import main

FOLDER = os.environ.get("GCN_TF_QMNIST_DIR", "")


@pytest.mark.slow
@pytest.mark.skipif(not FOLDER, reason="set GCN_TF_QMNIST_DIR to a folder with the official QMNIST files")
def test_the_default_preset_reaches_its_targets_on_qmnist(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    data = str(tmp_path / "data")
    main(["train", "--dataset", "qmnist", "--manual-dir", FOLDER, "--data-dir", data, "--run-dir", "runs/q"])
    assert "look at: runs/q/report/cells.png" in capsys.readouterr().out
    report = json.loads((tmp_path / "runs/q/report/report.json").read_text())
    assert report["pictures"] == {"seen": 1152, "unseen low-level": 48}
    seen, unseen = (
        {name: estimate["value"] for name, estimate in report["scores"][group].items()}
        for group in ("seen", "unseen low-level")
    )
    for judge in ("convolutional", "hog"):
        assert report["judges"][judge]["trusted"]
        assert report["judges"][judge]["held_out_accuracy"]["digit"] >= 0.95
        assert unseen[f"digit_accuracy/{judge}"] >= 0.95
        assert unseen[f"writer_accuracy/{judge}"] >= 0.95
        assert unseen[f"color_accuracy/{judge}"] == 1
    assert seen["psnr_db"] >= 25
    assert unseen["psnr_db"] >= 21
    assert unseen["stray_ink"] <= seen["stray_ink"] + 0.002
