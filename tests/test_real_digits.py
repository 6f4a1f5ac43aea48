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
    seen, unseen = report["scores"]["seen"], report["scores"]["unseen"]
    assert report["cells"] == {"seen": 1152, "unseen": 48}
    assert min(report["judge"]["real_accuracy"].values()) >= 0.99
    assert seen["psnr_db"] >= 28
    assert unseen["psnr_db"] >= 19
    assert unseen["digit_accuracy"] >= 0.95
    assert unseen["writer_accuracy"] >= 0.85
    assert unseen["color_accuracy"] == unseen["rotation_accuracy"] == 1
