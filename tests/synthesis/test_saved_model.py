import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from gcn_tf.errors import UserError
from gcn_tf.runs.run_dir import open_run
from gcn_tf.synthesis.draw import draw_codes
from gcn_tf.synthesis.saved_model import export_model

LOADER = """
import sys
sys.modules["gcn_tf"] = None  # a project that does not have this package
import numpy as np, tensorflow as tf, keras, json
folder, out = sys.argv[1:]
model = tf.saved_model.load(folder)
factors = {name: [v.decode() for v in values.numpy()] for name, values in model.signatures["factors"]().items()}
ids = {name: np.arange(5, dtype=np.int32) % len(values) for name, values in factors.items()}
images = model.signatures["serving_default"](**{n: tf.constant(i) for n, i in ids.items()})["image"].numpy()
weights = {n: np.eye(len(factors[n]), dtype=np.float32)[i] for n, i in ids.items()}
blended = model.signatures["blend"](**{n: tf.constant(w) for n, w in weights.items()})["image"].numpy()
read = model.signatures["classify"](image=tf.constant(images))
layer = keras.layers.TFSMLayer(folder, call_endpoint="serving_default")
layered = np.asarray(layer({n: tf.constant(i) for n, i in ids.items()})["image"])
one = model.signatures["serving_default"](**{n: tf.constant(i[:1]) for n, i in ids.items()})["image"]
assert one.shape[0] == 1
np.savez(out, images=images, blended=blended, layered=layered,
         **{"read_" + n: v.numpy() for n, v in read.items()})
print(json.dumps(factors))
"""


@pytest.fixture(scope="module")
def elsewhere(toy_run, tmp_path_factory):
    """What a fresh process without this package gets from the SavedModel."""
    out = tmp_path_factory.mktemp("elsewhere") / "images.npz"
    command = [sys.executable, "-c", LOADER, str(toy_run / "model"), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=out.parent, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1]), np.load(out)


def test_the_saved_model_carries_the_factors(elsewhere, toy_run):
    space = open_run(toy_run).space
    values = {factor.name: list(factor.values) for factor in space}
    assert elsewhere[0] == values
    assert json.loads((toy_run / "model" / "assets.extra" / "factors.json").read_text()) == values


def test_a_process_without_the_package_draws_the_pictures_of_the_run(elsewhere, toy_run):
    run, images = open_run(toy_run), elsewhere[1]
    ids = np.stack([np.arange(5) % size for size in run.space.sizes.values()], axis=1)
    expected = draw_codes(run, run.space.one_hot(ids))
    assert expected.std() > 1
    for kind in ("images", "blended", "layered"):
        assert images[kind].dtype == np.uint8
        np.testing.assert_array_equal(images[kind], expected)


def test_classify_gives_probabilities_by_factor(elsewhere, toy_run):
    for name, size in open_run(toy_run).space.sizes.items():
        probabilities = elsewhere[1][f"read_{name}"]
        assert probabilities.shape == (5, size)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.fixture(scope="module")
def run(toy_run):
    return open_run(toy_run)


def test_a_folder_with_other_things_is_refused_and_kept(run, tmp_path):
    folder = tmp_path / "model"
    (folder / "photographs").mkdir(parents=True)
    (folder / "photographs" / "first.png").write_bytes(b"dear")
    for refused in (folder, folder / "photographs", folder / "photographs" / "first.png"):
        with pytest.raises(UserError, match=f"{refused} .*name a new folder with --out"):
            export_model(run.model, run.space, refused)
    assert (folder / "photographs" / "first.png").read_bytes() == b"dear"
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "photographs", "first.png"]


class Archive:
    """In place of Keras's, which takes seconds."""

    def track(self, network):
        pass

    def add_endpoint(self, name, function, input_signature):
        pass

    def write_out(self, folder, verbose):
        Path(folder).mkdir()
        (Path(folder) / "saved_model.pb").write_text("new")


@pytest.mark.parametrize("old", [[], ["saved_model.pb", "assets.extra/of_old.txt"]])
def test_an_empty_folder_and_an_older_saved_model_are_taken(old, run, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.export, "ExportArchive", Archive)
    folder = tmp_path / "model"
    (folder / "assets.extra").mkdir(parents=True) if old else folder.mkdir()
    for name in old:
        (folder / name).write_text("old")
    assert export_model(run.model, run.space, folder) == folder
    assert (folder / "saved_model.pb").read_text() == "new"
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    extra = ["model/assets.extra", "model/assets.extra/factors.json"]
    assert found == ["model", *extra, "model/saved_model.pb"]
