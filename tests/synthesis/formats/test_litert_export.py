"""LiteRT files: converted in a process of their own, and run by LiteRT without TensorFlow."""

import json
import subprocess
import sys
import zipfile
from dataclasses import replace

import keras
import numpy as np
import pytest

from gcn_tf.config.files import with_settings
from gcn_tf.errors import UserError
from gcn_tf.model.references.generator import References
from gcn_tf.model.references.registration import Stage
from gcn_tf.pipelines.batches import pixels
from gcn_tf.runs.run_dir import open_run
from gcn_tf.synthesis.draw import generate_from_codes
from gcn_tf.synthesis.formats import litert
from gcn_tf.synthesis.formats.about import NAME
from gcn_tf.synthesis.formats.export import export_files
from gcn_tf.training.fit import fit

RUNTIME = """
import sys
sys.modules["gcn_tf"] = None
import json, numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.schema_py_generated import BuiltinOperator, Model
path, given, out = sys.argv[1:]
with np.load(given) as stored:
    codes = {name: stored[name] for name in stored.files if name != "image"}
    images = stored["image"]
interpreter = Interpreter(path)
assert sorted(interpreter.get_signature_list()) == ["blend", "classify", "serving_default"]
blend = interpreter.get_signature_runner("blend")
drawn = np.concatenate([blend(**{n: c[i : i + 32] for n, c in codes.items()})["image"] for i in range(0, len(images), 32)])
one = blend(**{name: code[:1] for name, code in codes.items()})["image"]
ids = {name: np.argmax(code[:40], axis=1).astype(np.int32) for name, code in codes.items()}
by_ids = interpreter.get_signature_runner("serving_default")(**ids)["image"]
found = interpreter.get_signature_runner("classify")(image=images)
with open(path, "rb") as file:
    model = Model.GetRootAsModel(file.read(), 0)
kinds = [model.OperatorCodes(i).BuiltinCode() for i in range(model.OperatorCodesLength())]
assert kinds and BuiltinOperator.CUSTOM not in kinds  # TensorFlow's own would be custom ones as well
assert "tensorflow" not in sys.modules
np.savez(out, drawn=drawn, one=one, by_ids=by_ids, **{"found_" + name: values for name, values in found.items()})
"""


def given_to(run, path):
    """Weights of forty cells, then of forty blends, and the pictures that the run makes of them, uint8."""
    random, sizes = np.random.default_rng(0), run.space.sizes
    ids = np.stack([random.integers(0, size, 40) for size in sizes.values()], axis=1)
    codes = {
        name: np.concatenate([code, random.dirichlet(np.ones(code.shape[1]), 40)]).astype(np.float32)
        for name, code in run.space.one_hot(ids).items()
    }
    images = generate_from_codes(run.model, codes)
    np.savez(path, image=images / np.float32(255), **codes)
    return images


def drawn_by_litert(run, precision, folder):
    """What LiteRT makes of `given_to`, and the run's own pictures."""
    images = given_to(run, folder / "given.npz")
    (path,) = export_files(run, "litert", folder / "model.tflite", precision)
    words = [str(path), str(folder / "given.npz"), str(folder / "out.npz")]
    done = subprocess.run([sys.executable, "-c", RUNTIME, *words], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(folder / "out.npz") as stored:
        return {name: stored[name] for name in stored.files}, images


def run_of(config, folder, start_run):
    prepared = start_run(config, folder)
    return prepared.run(folder, fit(prepared, folder))


@pytest.fixture(scope="module")
def run(toy_run):
    return open_run(toy_run)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_litert_draws_what_the_run_does_from_weights_and_ids(precision, run, tmp_path):
    found, images = drawn_by_litert(run, precision, tmp_path)
    assert images.std() > 1
    assert np.abs(np.round(found["drawn"] * 255) - images).max() <= 1
    assert np.abs(found["one"] - found["drawn"][:1]).max() < 1e-3
    np.testing.assert_allclose(found["by_ids"], found["drawn"][:40], atol=1e-6)
    for name, logits in run.model.classify(images / np.float32(255)).items():
        np.testing.assert_allclose(found[f"found_{name}"], keras.ops.softmax(logits), atol=1e-3)
    about = json.loads(zipfile.ZipFile(tmp_path / "model.tflite").read(NAME))
    assert (about["precision"], about["holds"]) == (precision, ["generator", "classifier"])
    other = replace(run, identity=replace(run.identity, settings={**run.identity.settings, "seed": 7}))
    with pytest.raises(UserError, match="seed is 0 and 7"):
        export_files(other, "litert", tmp_path / "model.tflite", precision)


@pytest.mark.slow
def test_int8_is_a_quarter_of_the_size_and_within_two_decibels(run, tmp_path):
    found, images = drawn_by_litert(run, "int8", tmp_path)
    error = np.square(found["drawn"] - images / 255).mean()
    assert (
        -10 * np.log10(error) > 35
    )  # of the run's own pictures, whose distance from real ones is several times as large
    assert np.abs(found["by_ids"] - found["drawn"][:40]).max() < 0.05
    weights = sum(
        variable.shape.num_elements()
        for n in (run.model.generator, run.model.classifier)
        for variable in n.variables
    )
    with zipfile.ZipFile(tmp_path / "model.tflite") as archive:
        assert json.loads(archive.read(NAME))["precision"] == "int8"
    assert (tmp_path / "model.tflite").stat().st_size < 4 * weights + 200_000


@pytest.mark.long
def test_pictures_of_64_pixels_are_drawn_as_well(toy_config, start_run, tmp_path):
    config = with_settings(toy_config, {"image_size": 64, "steps": 2}, "toy")
    config = replace(config, generator=replace(config.generator, seed_tensor=(16, 16, 4)))
    found, images = drawn_by_litert(run_of(config, tmp_path / "run", start_run), "float32", tmp_path)
    assert images.shape[1:] == (64, 64, 3)
    assert np.abs(np.round(found["drawn"] * 255) - images).max() <= 1


@pytest.mark.long
def test_a_generator_that_looks_at_pictures_is_drawn_in_float32_and_refused_in_int8(
    toy_config, start_run, tmp_path, monkeypatch
):
    monkeypatch.setattr("gcn_tf.model.references.registration.STAGES", (Stage(28, 5, 2, 0.1),))
    config = replace(with_settings(toy_config, {"steps": 2}, "toy"), generator=References())
    run = run_of(config, tmp_path / "run", start_run)
    found, images = drawn_by_litert(run, "float32", tmp_path)
    assert images.std() > 10
    assert np.abs(np.round(found["drawn"] * 255) - images).max() <= 1
    before = (tmp_path / "model.tflite").read_bytes()
    with pytest.raises(UserError, match=r"in int8, pictures of seen cells are \d+\.\d dB worse .*float16"):
        export_files(run, "litert", tmp_path / "model.tflite", "int8")
    assert (tmp_path / "model.tflite").read_bytes() == before
    with pytest.raises(UserError, match=r"--format onnx has no DrawnFromReferences, .*--format litert"):
        export_files(run, "onnx", tmp_path / "model.onnx")


def test_int8_is_calibrated_on_seen_cells_alone(run):
    given, split = litert._calibration(run), run.load_split()
    ids = np.stack([given[f"serving_default/{name}"] for name in run.space.names], axis=1)
    cells = {tuple(row) for row in ids.tolist()}
    assert len(cells) == len(ids) == min(litert.CALIBRATING, len(np.unique(split.ids[~split.unseen], axis=0)))
    assert cells <= {tuple(row) for row in split.ids[~split.unseen].tolist()}
    assert not cells & {tuple(row) for row in split.ids[split.unseen].tolist()}
    for name in run.space.names:
        assert (given[f"blend/{name}"].argmax(axis=1) == given[f"serving_default/{name}"]).all()
    seen = {picture.tobytes() for picture in pixels(split, split.rows(unseen=False))}
    shown = np.round(given["classify/image"] * 255).astype(np.uint8)
    assert {picture.tobytes() for picture in shown} <= seen


@pytest.mark.parametrize(
    "code, said",
    [
        ("import os; os.abort()", r"failed \(signal 6\)"),
        ("raise RuntimeError('no such operator')", r"failed \(RuntimeError: no such operator\)"),
    ],
)
def test_a_converter_that_fails_or_crashes_is_one_line_and_leaves_nothing(
    code, said, run, tmp_path, monkeypatch
):
    monkeypatch.setattr(litert, "_save", lambda run, folder: None)
    monkeypatch.setattr(litert, "CONVERTER", ("-c", code))
    with pytest.raises(
        UserError, match=rf"the LiteRT converter {said}: export with another --precision"
    ) as error:
        export_files(run, "litert", tmp_path / "model.tflite")
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_int8_that_loses_more_than_two_decibels_is_refused(run):
    given = litert._calibration(run)
    codes = {name: given[f"blend/{name}"] for name in run.space.names}
    own = generate_from_codes(run.model, codes) / np.float32(255)
    litert._check_int8(run, given, own)
    noise = np.random.default_rng(0).normal(0, 0.5, own.shape).astype(np.float32)
    with pytest.raises(UserError, match=r"\d dB worse than the run makes them, more than 2: .*float16"):
        litert._check_int8(run, given, np.clip(own + noise, 0, 1))
