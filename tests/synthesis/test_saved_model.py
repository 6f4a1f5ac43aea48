import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from gcn_tf.cli import main
from gcn_tf.config.files import write_config
from gcn_tf.errors import UserError
from gcn_tf.model.references.generator import References
from gcn_tf.pipelines.batches import pixels
from gcn_tf.runs.run_dir import open_run, read_run_config
from gcn_tf.synthesis.draw import generate_from_codes
from gcn_tf.synthesis.saved_model import export_model, read_stamp

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
classified = model.signatures["classify"](image=tf.constant(images))
bare = keras.layers.TFSMLayer(folder, call_endpoint="classify")(tf.constant(images))
assert all((bare[n].numpy() == v.numpy()).all() for n, v in classified.items())
layer = keras.layers.TFSMLayer(folder, call_endpoint="serving_default")
layered = np.asarray(layer({n: tf.constant(i) for n, i in ids.items()})["image"])
one = model.signatures["serving_default"](**{n: tf.constant(i[:1]) for n, i in ids.items()})["image"]
assert one.shape[0] == 1
np.savez(out, images=images, blended=blended, layered=layered,
         **{"classified_" + n: v.numpy() for n, v in classified.items()})
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


def test_a_process_without_the_package_generates_the_pictures_of_the_run(elsewhere, toy_run):
    run, images = open_run(toy_run), elsewhere[1]
    ids = np.stack([np.arange(5) % size for size in run.space.sizes.values()], axis=1)
    expected = generate_from_codes(run.model, run.space.one_hot(ids))
    assert expected.std() > 1
    for kind in ("images", "blended", "layered"):
        assert images[kind].dtype == np.uint8
        np.testing.assert_array_equal(images[kind], expected)


def test_classify_gives_probabilities_by_factor(elsewhere, toy_run):
    for name, size in open_run(toy_run).space.sizes.items():
        probabilities = elsewhere[1][f"classified_{name}"]
        assert probabilities.shape == (5, size)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.fixture(scope="module")
def run(toy_run):
    return open_run(toy_run)


@pytest.fixture(scope="module")
def loaded(toy_run):
    return tf.saved_model.load(str(toy_run / "model")).signatures


def layer(toy_run, endpoint):
    return keras.layers.TFSMLayer(str(toy_run / "model"), call_endpoint=endpoint)


def with_row(factors, name, row):
    """Two pictures of valid factors, but for one factor of the second."""
    return {n: tf.constant([rows[0], row if n == name else rows[1]]) for n, rows in factors.items()}


@pytest.mark.parametrize("name, bad", [("digit", 10), ("digit", -1), ("color", 3), ("rotation", 2**31 - 1)])
def test_ids_out_of_range_are_named_with_the_range(name, bad, run, loaded, toy_run):
    ids = with_row({n: [0, 0] for n in run.space.names}, name, bad)
    said = rf"{name}: give ids from 0 to {run.space.sizes[name] - 1}, not\] \[{bad}\]"
    with pytest.raises(tf.errors.InvalidArgumentError, match=said):
        loaded["serving_default"](**ids)
    with pytest.raises(tf.errors.InvalidArgumentError, match=said):
        layer(toy_run, "serving_default")(ids)


@pytest.mark.parametrize("bad", [[0.0, 0, 0], [0.5, 0.5, 0.5], [2.0, -1, 0], [float("nan"), 0, 1]])
def test_weights_that_are_no_blend_are_named(bad, run, loaded, toy_run):
    rows = {n: np.eye(k, dtype=np.float32)[[0, 1]].tolist() for n, k in run.space.sizes.items()}
    weights = with_row(rows, "color", bad)
    said = "color: give 3 weights from 0 to 1 that sum to 1, not"
    with pytest.raises(tf.errors.InvalidArgumentError, match=said):
        loaded["blend"](**weights)
    with pytest.raises(tf.errors.InvalidArgumentError, match=said):
        layer(toy_run, "blend")(weights)


def test_rounded_weights_are_a_blend(run, loaded):
    weights = {n: tf.fill((3, k), round(1 / k, 4)) for n, k in run.space.sizes.items()}
    assert loaded["blend"](**weights)["image"].shape[0] == 3


def test_factors_of_different_lengths_are_named(run, loaded):
    ids = {n: tf.zeros(2 if n == "color" else 1, tf.int32) for n in run.space.names}
    with pytest.raises(tf.errors.InvalidArgumentError, match="give as many rows of digit, writer"):
        loaded["serving_default"](**ids)


def test_a_keras_model_takes_the_classifier_as_a_layer(toy_run, loaded):
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28, 3), np.uint8)
    image = keras.Input((28, 28, 3), dtype="uint8")
    model = keras.Model(image, layer(toy_run, "classify")(image)["digit"])
    expected = loaded["classify"](image=tf.constant(images))["digit"]
    np.testing.assert_allclose(model.predict(images, verbose=0), expected, rtol=1e-5)
    as_dict = layer(toy_run, "classify")({"image": tf.constant(images)})["digit"]
    np.testing.assert_array_equal(as_dict, expected)


def test_every_weight_is_stored_once(run, toy_run):
    weights = {
        v.path: v for network in (run.model.generator, run.model.classifier) for v in network.variables
    }
    size = sum(np.asarray(weight).nbytes for weight in weights.values())
    stored = sum(path.stat().st_size for path in (toy_run / "model" / "variables").iterdir())
    assert size < stored < 1.2 * size + 10_000


def test_a_folder_with_other_things_is_refused_and_kept(run, tmp_path):
    folder = tmp_path / "model"
    (folder / "photographs").mkdir(parents=True)
    (folder / "photographs" / "first.png").write_bytes(b"dear")
    for refused in (folder, folder / "photographs", folder / "photographs" / "first.png"):
        with pytest.raises(UserError, match=f"{refused} .*--out"):
            export_model(run, refused)
    assert (folder / "photographs" / "first.png").read_bytes() == b"dear"
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "photographs", "first.png"]


class Archive:
    """In place of Keras's, which takes seconds."""

    _tf_trackable = SimpleNamespace(variables=[], trainable_variables=[], non_trainable_variables=[])

    def track(self, network):
        pass

    def add_endpoint(self, name, function, input_signature=None):
        pass

    def write_out(self, folder, verbose):
        (Path(folder) / "saved_model.pb").write_text("new")


@pytest.fixture
def quick_export(monkeypatch):
    monkeypatch.setattr(keras.export, "ExportArchive", Archive)


@pytest.mark.slow
def test_an_export_without_references_holds_no_picture_of_the_training(toy_run, run, tmp_path):
    main(["export", str(toy_run), "--out", str(tmp_path / "model"), "--without-references"])
    written = b"".join(path.read_bytes() for path in (tmp_path / "model").rglob("*") if path.is_file())
    assert run.model.classifier.weights[0].numpy().tobytes() in written  # numbers lie there as they are
    split = run.load_split()
    for picture in pixels(split, split.rows(unseen=False)[::40]):
        for pixel in (picture, picture.max(axis=-1)):  # in its color, and its ink
            for middle in (pixel[12:16].tobytes(), (pixel[12:16] / np.float32(255)).tobytes()):
                assert any(middle)
                assert middle not in written


def test_a_run_that_draws_from_its_pictures_is_not_exported_without_them(toy_run, tmp_path, capsys):
    folder = tmp_path / "run"
    folder.mkdir()
    config = replace(read_run_config(toy_run), generator=References(references=4))
    write_config(config, folder / "config.yaml")
    with pytest.raises(SystemExit) as stop:
        main(["export", str(folder), "--out", str(tmp_path / "model"), "--without-references"])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "kind references draws from the pictures it was trained on" in said
    assert "train with --generator deconvolution" in said
    assert not (tmp_path / "model").exists()


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


WRITTEN = ["assets.extra/factors.json", "assets.extra/identity.json", "saved_model.pb"]


@pytest.mark.parametrize(
    "old", [[], ["saved_model.pb", "variables/variables.index", "assets.extra/factors.json"]]
)
def test_an_empty_folder_and_an_older_export_are_taken(old, run, tmp_path, quick_export):
    folder = tmp_path / "model"
    folder.mkdir()
    for name in old:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("old")
    for _ in range(2):
        assert export_model(run, folder) == folder
        assert (folder / "saved_model.pb").read_text() == "new"
        assert files_below(folder) == WRITTEN
        assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize(
    "others",
    [
        ["saved_model.pb"],
        ["saved_model.pb", "assets.extra/factors.json", "notes.txt"],
        ["sub/saved_model.pb"],
    ],
)
def test_what_no_export_wrote_is_kept(others, run, tmp_path, quick_export):
    for name in others:
        (tmp_path / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / name).write_text("dear")
    with pytest.raises(UserError, match=r"model holds .*: move it away, or export to a new --out"):
        export_model(run, tmp_path / "model")
    assert files_below(tmp_path / "model") == sorted(others)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_the_saved_model_of_another_run_is_not_replaced(run, tmp_path, quick_export):
    export_model(run, tmp_path / "model")
    (tmp_path / "config.yaml").touch()
    with pytest.raises(UserError, match="model is a part of another run"):
        export_model(run, tmp_path / "model")


def test_a_link_stays_and_what_it_leads_to_is_replaced(run, tmp_path, quick_export):
    (tmp_path / "model").symlink_to(tmp_path / "models" / "first")
    (tmp_path / "models" / "first").mkdir(parents=True)
    for _ in range(2):
        export_model(run, tmp_path / "model")
        assert (tmp_path / "model").is_symlink()
        assert files_below(tmp_path / "models") == [f"first/{name}" for name in WRITTEN]


@pytest.mark.parametrize("folder", [".", ".."])
def test_the_folder_that_one_is_in_is_refused(folder, run, tmp_path, quick_export, monkeypatch):
    (tmp_path / "here" / "deeper").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here" / "deeper")
    with pytest.raises(UserError, match="is the folder that you are in: name a new one with --out"):
        export_model(run, Path(folder))
    assert files_below(tmp_path) == []


def test_the_old_export_stays_until_the_new_one_is_complete(run, tmp_path, quick_export, monkeypatch):
    export_model(run, tmp_path / "model")

    def fail(self, folder, verbose):
        assert files_below(tmp_path / "model") == WRITTEN
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Archive, "write_out", fail)
    with pytest.raises(UserError, match=r"cannot write to .*model: .*No space left"):
        export_model(run, tmp_path / "model")
    assert files_below(tmp_path) == [f"model/{name}" for name in WRITTEN]
    read_stamp(tmp_path / "model").check_files(whole=True)


def test_a_saved_model_says_which_run_it_is_of(toy_run, run):
    export = read_stamp(toy_run / "model")
    assert (export.step, export.identity) == (24, run.identity)
    assert sorted(export.files) == [name for name in files_below(toy_run / "model") if "identity" not in name]
    export.check_files(whole=True)
