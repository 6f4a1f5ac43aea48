"""Grey rectangles from the files to the report, the SavedModel and an augmented set."""

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gcn_tf.cli import main
from gcn_tf.runs.run_dir import open_run

TOY = """\
dataset: folder
image_size: 48x32
steps: 4
batch_size: 8
precision: float32
generator:
  tower_units: 8
  trunk: [16]
  seed_tensor: [0, 0, 4]
  upsampling:
    - {filters: 4, kernel: 4, stride: 2, pad: 1}
    - {filters: 3, kernel: 2, stride: 2, pad: 0}
classifier:
  convolutions:
    - {filters: 4, kernel: 5, stride: 2, pool: 2}
  head_units: [8]
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A run on grey pictures of 60x40."""
    folder = tmp_path_factory.mktemp("grey")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gcn_tf.evaluation.convolutional_judge.STEPS", 2)
        patch.setattr("gcn_tf.evaluation.convolutional_judge.ROUNDS", 1)
        patch.setattr("gcn_tf.metrics.intervals.PIECES", 2)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.chdir(folder)
        (folder / "toy.yaml").write_text(TOY)
        rng = np.random.default_rng(0)
        for letter, drawer in itertools.product("abc", "uvwxyz"):
            picture = Image.fromarray(rng.integers(0, 255, (60, 40), np.uint8))
            (folder / "letters" / letter).mkdir(parents=True, exist_ok=True)
            picture.save(folder / f"letters/{letter}/{drawer}.png")
        words = [
            "train",
            "--config",
            "toy.yaml",
            "--dataset",
            "letters",
            "--pattern",
            "{letter}/{drawer}.png",
        ]
        main([*words, "--run-dir", "run"])
        yield folder


@pytest.fixture(autouse=True)
def here(work, monkeypatch):
    monkeypatch.chdir(work)
    monkeypatch.setenv("XDG_CACHE_HOME", str(work / "cache"))


def test_the_run_remembers_the_shape():
    run = open_run("run")
    assert run.config.image_shape == (48, 32, 1)
    assert run.model.generator.output.shape[1:] == (48, 32, 1)


def test_the_report_has_pictures():
    with Image.open("run/report/cells.png") as picture:
        assert min(picture.size) > 100


def test_a_generated_picture_is_a_grey_file():
    main(["generate", "run", "letter=a", "drawer=v", "--out", "one.png", "--zoom", "1"])
    with Image.open("one.png") as picture:
        assert (picture.mode, picture.size) == ("L", (32, 48))
    main(["generate", "run", "letter=a", "drawer=*", "--out", "grid.png"])


def test_the_saved_model_gives_and_takes_one_channel():
    model = tf.saved_model.load("run/model")
    images = model.signatures["serving_default"](letter=tf.constant([0, 2]), drawer=tf.constant([1, 5]))
    assert images["image"].shape == (2, 48, 32, 1)
    assert set(model.signatures["classify"](**images)) == {"letter", "drawer"}


@pytest.mark.parametrize(
    "kind", ["folders", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("tfds", "tfrecord"))]
)
def test_an_augmented_set_is_grey(kind, capsys):
    words = ["--blend", "letter", "--limit", "6", "--format", kind, "--out", kind, "--min-distance", "0.1"]
    main(["augment", "run", *words])
    if kind == "folders":
        assert "color_mode='grayscale'" in capsys.readouterr().out
        made = next(path for path in sorted((open_run("run").folder.parent / kind).rglob("*.png")))
        assert cv2.imread(str(made), cv2.IMREAD_UNCHANGED).shape == (48, 32)


@pytest.mark.slow
def test_padding_is_cut_off_again():
    words = ["train", "--config", "toy.yaml", "--dataset", "letters", "--pattern", "{letter}/{drawer}.png"]
    main([*words, "--run-dir", "padded", "--image-size", "48"])
    run = open_run("padded")
    assert (run.config.image_shape, run.config.options.content_box) == ((48, 48, 1), (0, 8, 48, 32))
    main(["generate", "padded", "letter=a", "drawer=v", "--out", "upright.png", "--zoom", "1"])
    with Image.open("upright.png") as picture:
        assert picture.size == (32, 48)
    main(
        ["augment", "padded", "--blend", "letter", "--limit", "6", "--format", "folders", "--out", "upright"]
    )
    made = next(iter(sorted(Path("upright").rglob("*.png"))))
    assert cv2.imread(str(made), cv2.IMREAD_UNCHANGED).shape == (48, 32)
