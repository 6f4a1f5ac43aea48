"""A run whose generator looks at seen pictures, from the files to the SavedModel, and one that was killed."""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gcn_tf.cli import main
from gcn_tf.model.references.generator import LAYER
from gcn_tf.model.references.registration import Stage
from gcn_tf.runs.checkpoints import CheckpointStore
from gcn_tf.runs.run_dir import open_run, read_run_config
from gcn_tf.synthesis.draw import generate_from_codes
from gcn_tf.training.fit import fit
from gcn_tf.training.prepare import prepare
from gcn_tf.training.scoring import Evaluation

pytestmark = pytest.mark.slow  # a training, judges, a report and two processes

TOY = """\
dataset: folder
image_size: 36x30
steps: 4
batch_size: 8
checkpoint_steps: 2
precision: float32
deterministic: always
holdout: [fraction=0.1]
classifier:
  convolutions:
    - {filters: 4, kernel: 5, stride: 2, pool: 2}
  head_units: [8]
"""
LETTERS, DRAWERS = "abcd", "vwxyz"
TRAIN = ["train", "--config", "toy.yaml", "--dataset", "letters", "--pattern", "{letter}/{drawer}.png"]

LOADER = """
import sys
sys.modules["gcn_tf"] = None  # a project that does not have this package
import numpy as np, tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
letter, drawer = (ids.ravel().astype(np.int32) for ids in np.indices((4, 5)))
cells = model.signatures["serving_default"](letter=tf.constant(letter), drawer=tf.constant(drawer))["image"]
weights = np.full((2, 5), 0.2, np.float32)
weights[1] = [0, 0.5, 0, 0.5, 0]
letters = np.eye(4, dtype=np.float32)[:2]
blends = model.signatures["blend"](letter=tf.constant(letters), drawer=tf.constant(weights))["image"]
np.savez(sys.argv[2], cells=cells.numpy(), blends=blends.numpy())
"""


def write_letters(folder: Path) -> None:
    """Bars of a letter's own slope, where a drawer puts them."""
    y, x = np.indices((36, 30))
    for (a, letter), (b, drawer) in itertools.product(enumerate(LETTERS), enumerate(DRAWERS)):
        away = (x - 9 - 1.5 * b) * np.cos(a * 0.8) + (y - 12 - 2 * b) * np.sin(a * 0.8)
        picture = 255 * np.exp(-(away**2) / 6) * (np.hypot(x - 9 - 1.5 * b, y - 12 - 2 * b) < 9)
        (folder / letter).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture.astype(np.uint8)).save(folder / letter / f"{drawer}.png")


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("references")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gcn_tf.evaluation.convolutional_judge.STEPS", 2)
        patch.setattr("gcn_tf.evaluation.convolutional_judge.ROUNDS", 1)
        patch.setattr("gcn_tf.metrics.intervals.PIECES", 2)
        patch.setattr("gcn_tf.model.references.registration.STAGES", (Stage(28, 5, 2, 0.1),))
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.chdir(folder)
        (folder / "toy.yaml").write_text(TOY)
        write_letters(folder / "letters")
        main([*TRAIN, "--generator", "references", "--run-dir", "run"])
        yield folder


def test_the_run_keeps_the_pictures_that_it_saw(work):
    assert {"report", "model", "checkpoints"} <= {path.name for path in (work / "run").iterdir()}
    config = read_run_config(Path("run")).generator
    run = open_run("run")
    layer = run.model.generator.get_layer(LAYER)
    assert (config.kind, config.references) == ("references", 18)
    assert layer.pictures.shape == (18, 36, 30, 1)
    assert len(set(layer.cells.numpy().tolist())) == 18
    seen = layer.cells.numpy()
    codes = run.space.one_hot(np.stack(np.unravel_index(seen, (4, 5)), axis=1))
    np.testing.assert_array_equal(generate_from_codes(run.model, codes), layer.pictures.numpy())


def test_blends_are_written_and_the_run_is_scored_again(work):
    main(["generate", "run", "letter=a", "drawer=v:0.5+y:0.5", "--out", "blend.png", "--zoom", "1"])
    with Image.open("blend.png") as picture:
        assert (picture.mode, picture.size) == ("L", (30, 36))
        assert np.asarray(picture).max() > 60
    (work / "run" / "report" / "report.json").unlink()
    main(["evaluate", "run"])
    assert (work / "run" / "report" / "report.json").exists()


def test_tensorflow_alone_draws_the_same_bits(work):
    main(["export", "run", "--out", "exported"])
    done = subprocess.run(
        [sys.executable, "-c", LOADER, "exported", "made.npz"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    made, run = np.load("made.npz"), open_run("run")
    cells = generate_from_codes(run.model, run.space.one_hot(run.space.cells()))
    assert len(np.unique(cells.reshape(20, -1), axis=0)) == 20
    np.testing.assert_array_equal(made["cells"], cells)
    weights = np.full((2, 5), 0.2, np.float32)
    weights[1] = [0, 0.5, 0, 0.5, 0]
    codes = {"letter": np.eye(4, dtype=np.float32)[:2], "drawer": weights}
    np.testing.assert_array_equal(made["blends"], generate_from_codes(run.model, codes))


def test_a_cell_is_the_same_alone_and_among_blends(work):
    run = open_run("run")
    codes = {name: code.copy() for name, code in run.space.one_hot(run.space.cells()).items()}
    cells = generate_from_codes(run.model, codes)
    codes["drawer"][::3] = 0.2
    among = generate_from_codes(run.model, codes)
    assert (among[::3] != cells[::3]).any()
    kept = np.arange(20) % 3 != 0
    np.testing.assert_array_equal(among[kept], cells[kept])
    alone = generate_from_codes(run.model, {name: code[1:2] for name, code in codes.items()})
    np.testing.assert_array_equal(alone[0], cells[1])


def test_an_augmented_set_is_written(work):
    words = ["--blend", "drawer", "--limit", "6", "--format", "folders", "--out", "more"]
    main(["augment", "run", *words, "--min-distance", "0.01"])
    assert len(list(Path("more").rglob("*.png"))) >= 6


def variables(model):
    return [v.numpy() for v in CheckpointStore(model, Path("unused")).variables]


def test_a_killed_run_goes_on_and_ends_with_the_same_bits(work, start_run, monkeypatch):
    """The choice among neighbours is at random: its state has to be in the checkpoint."""
    whole = open_run("run").model
    prepared = start_run(read_run_config(Path("run")), work / "killed")
    original = Evaluation.step

    def step(self, number, logs):
        original(self, number, logs)
        if number == 3:
            raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(Evaluation, "step", step)
        with pytest.raises(RuntimeError, match="killed"):
            fit(prepared, work / "killed")
    monkeypatch.setattr("gcn_tf.model.references.generator.References.learn_before_training", None)
    resumed = fit(prepared, work / "killed")
    for one, other in zip(variables(resumed), variables(whole), strict=True):
        np.testing.assert_array_equal(one, other)
    state = resumed.generator.get_layer(LAYER).random.state
    assert any(v is state for v in CheckpointStore(resumed, Path("unused")).variables)
    fresh = prepare(read_run_config(Path("run"))).build().generator.get_layer(LAYER).random.state
    assert (state.numpy() != fresh.numpy()).any()
