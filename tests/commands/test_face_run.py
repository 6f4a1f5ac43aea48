"""A run on photographs from the files to the report, and the procedural faces at their real size."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from gcn_tf.cli import main
from gcn_tf.runs.run_dir import open_run

TOY = """\
dataset: kdef
image_size: 32
emotions: NE,HA,SU
persons: all
transformations: 4
steps: 12
batch_size: 16
image_steps: 12
precision: float32
generator:
  kind: deconvolution
  mean_picture: true
  tower_units: 8
  trunk: [16]
  seed_tensor: [0, 0, 4]
  upsampling:
    - {filters: 4, kernel: 4, stride: 2, pad: 1}
    - {filters: 3, kernel: 2, stride: 2, pad: 0}
classifier:
  convolutions:
    - {filters: 4, kernel: 5, stride: 2, pool: 2, normalize: true}
  head_units: [8]
"""


@pytest.mark.slow
def test_files_in_kdefs_layout_are_trained_judged_and_drawn(kdef_files, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("gcn_tf.evaluation.convolutional_judge.STEPS", 10)
    monkeypatch.setattr("gcn_tf.evaluation.convolutional_judge.ROUNDS", 1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy.yaml").write_text(TOY)
    shutil.copytree(kdef_files, tmp_path / "drawn")
    (tmp_path / "drawn/KDEF/readme.jpg").write_bytes(b"")  # one misnamed file of 19 is more than 1 %
    blank = sorted((tmp_path / "drawn").glob("KDEF/A*/*HAS.JPG"))[0]
    Image.new("RGB", (562, 762), "white").save(blank)  # no face is found there; it stays in, and is named
    words = [
        "train",
        "--config",
        "toy.yaml",
        "--manual-dir",
        "drawn",
        "--run-dir",
        "runs/k",
        "--holdout",
        "high-level=1",
    ]
    with pytest.raises(SystemExit):
        main(words)
    assert "readme.jpg" in capsys.readouterr().err
    (tmp_path / "drawn/KDEF/readme.jpg").unlink()
    main(words)
    said = capsys.readouterr().out
    assert "without a face found" in said
    assert blank.name in said
    report = json.loads((tmp_path / "runs/k/report/report.json").read_text())
    assert report["pictures"] == {"seen": 64, "unseen high-level": 8}
    assert report["scores"]["seen"]["psnr_db"]["value"] > 12  # the mean picture alone gives that
    main(
        [
            "datasets",
            "kdef",
            "--emotions",
            "NE,HA,SU",
            "--persons",
            "all",
            "--image-size",
            "32",
            "--holdout",
            "none",
        ]
    )
    said = capsys.readouterr().out
    assert "person" in said
    assert "72 cells: 72 seen" in said  # prepared data need no --manual-dir
    main(["generate", "runs/k", "person=*", "emotion=SU", "session=A", "rotation=0"])
    drawn = capsys.readouterr().out.split()[-1]
    assert np.asarray(Image.open(drawn)).std() > 5
    network = open_run(tmp_path / "runs/k").model.generator
    assert float(network.get_layer("mean_picture").mean.numpy().mean()) > 0.2  # it is part of a checkpoint


@pytest.mark.long
def test_the_preset_draws_unseen_emotions_that_judges_read(tmp_path, monkeypatch):
    """Twelve persons and no rotations: a third of the time of the preset as it is."""
    monkeypatch.chdir(tmp_path)
    few = ["--persons", "12", "--transformations", "1", "--holdout", "high-level=4", "--steps", "300"]
    main(["train", "--dataset", "faces", "--classifier-share", "0", "--run-dir", "runs/faces", *few])
    report = json.loads((tmp_path / "runs/faces/report/report.json").read_text())
    scores = {name: e["value"] for name, e in report["scores"]["unseen high-level"].items()}
    for judge in ("convolutional", "hog"):
        assert report["judges"][judge]["doubted_factors"] == []
        assert scores[f"emotion_accuracy/{judge}"] >= 0.9
        assert scores[f"person_accuracy/{judge}"] >= 0.9
    assert scores["psnr_db"] >= 20.5  # the whole preset reaches 23.2
