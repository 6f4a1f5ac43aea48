"""Files for Keras and ONNX: written, loaded by processes without TensorFlow, and never in the place of anything else."""

import json
import subprocess
import sys
import zipfile
from dataclasses import replace

import keras
import numpy as np
import pytest

from gcn_tf.cli import main
from gcn_tf.errors import UserError
from gcn_tf.runs.run_dir import open_run
from gcn_tf.synthesis.draw import generate_from_codes
from gcn_tf.synthesis.formats.about import NAME, check_replaceable_file
from gcn_tf.synthesis.formats.export import SUFFIXES, export_files
from gcn_tf.synthesis.formats.onnx_graph import onnx_bytes, read_metadata

WITHOUT = """
import sys
sys.modules["gcn_tf"] = None  # a project that does not have this package
import json, numpy as np
generator, classifier, given, out = sys.argv[1:]
with np.load(given) as stored:
    codes = {name: stored[name] for name in stored.files if name != "image"}
    images = stored["image"]
"""
OF_ONNX = """
import onnxruntime
session = onnxruntime.InferenceSession(generator)
drawn = session.run(["image"], codes)[0]
one = session.run(["image"], {name: code[:1] for name, code in codes.items()})[0]
classifier = onnxruntime.InferenceSession(classifier)
found = dict(zip([o.name for o in classifier.get_outputs()], classifier.run(None, {"image": images})))
"""
OF_KERAS = """
import os
os.environ["KERAS_BACKEND"] = "jax"
import keras
network = keras.saving.load_model(generator)
drawn = np.asarray(network(codes))
one = np.asarray(network({name: code[:1] for name, code in codes.items()}))
found = {name: np.asarray(values) for name, values in keras.saving.load_model(classifier)(images).items()}
"""
SAVE = """
assert "tensorflow" not in sys.modules
np.savez(out, drawn=drawn, one=one, **{"found_" + name: values for name, values in found.items()})
"""


@pytest.fixture(scope="module")
def run(toy_run):
    return open_run(toy_run)


@pytest.fixture(scope="module")
def given(run, tmp_path_factory):
    """Weights of forty cells and of forty blends, and the pictures that the run makes of them."""
    random, sizes = np.random.default_rng(0), run.space.sizes
    ids = np.stack([random.integers(0, size, 40) for size in sizes.values()], axis=1)
    codes = {
        name: np.concatenate([code, random.dirichlet(np.ones(code.shape[1]), 40)]).astype(np.float32)
        for name, code in run.space.one_hot(ids).items()
    }
    images = generate_from_codes(run.model, codes)
    path = tmp_path_factory.mktemp("given") / "given.npz"
    np.savez(path, image=images / np.float32(255), **codes)
    return path, images


@pytest.mark.parametrize(
    "kind, runtime",
    [("onnx", OF_ONNX), pytest.param("keras", OF_KERAS, marks=pytest.mark.slow)],
)
def test_a_process_without_tensorflow_draws_and_classifies_what_the_run_does(
    kind, runtime, run, given, tmp_path
):
    paths = export_files(run, kind, tmp_path / f"digits.{kind}")
    assert [path.name for path in paths] == [f"digits.{kind}", f"digits-classifier.{kind}"]
    path, images = given
    words = [*map(str, paths), str(path), str(tmp_path / "out.npz")]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT + runtime + SAVE, *words], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(tmp_path / "out.npz") as found:
        drawn = np.round(found["drawn"] * 255)
        assert images.std() > 1
        assert np.abs(drawn - images).max() <= 1
        assert np.abs(np.round(found["one"] * 255) - images[:1]).max() <= 1
        probabilities = {name: found[f"found_{name}"] for name in run.space.names}
    expected = run.model.classify(images / np.float32(255))
    for name, logits in expected.items():
        np.testing.assert_allclose(probabilities[name], keras.ops.softmax(logits), atol=1e-4)


def test_a_keras_file_is_loaded_without_this_package_and_says_what_it_is(run, given, tmp_path):
    path, classifier = export_files(run, "keras", tmp_path / "digits.keras")
    with zipfile.ZipFile(path) as archive:
        about = json.loads(archive.read(NAME))
        assert "gcn_tf" not in archive.read("config.json").decode()  # so none of its layers is needed
    assert about["factors"] == {factor.name: list(factor.values) for factor in run.space}
    assert (about["format"], about["holds"], about["step"]) == ("keras", ["generator"], 24)
    assert (about["run"], about["checkpoint"]) == (run.identity.name, run.checkpoint)
    with np.load(given[0]) as stored:
        codes = {name: stored[name] for name in run.space.names}
    drawn = keras.saving.load_model(path)(codes)
    np.testing.assert_array_equal(np.round(np.asarray(drawn) * 255), given[1])
    assert list(keras.saving.load_model(classifier).output) == list(run.space.names)


def test_an_onnx_file_says_what_it_is(run, tmp_path):
    path, classifier = export_files(run, "onnx", tmp_path / "digits.onnx")
    for file, holds in ((path, "generator"), (classifier, "classifier")):
        about = json.loads(read_metadata(file)[NAME])
        assert about["holds"] == [holds]
        assert about["identity"] == run.identity.to_json()


def test_the_layers_that_onnx_has_not_are_named():
    x = keras.Input((4, 4, 3), name="image")
    with pytest.raises(UserError, match=r"--format onnx has no UpSampling2D, .*--format litert, keras"):
        onnx_bytes(keras.Model(x, keras.layers.UpSampling2D(2)(x)), {})


def test_onnx_without_its_package_says_what_to_install(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UserError, match=r"pip install 'gcn-tf\[onnx\]'"):
        export_files(run, "onnx", tmp_path / "digits.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"dear", b"PK\x03\x04 and no more", b"", b"\x08\x07"])
@pytest.mark.parametrize("kind", ["keras", "litert", "onnx"])
def test_what_is_no_export_is_kept(kind, content, run, tmp_path):
    path = tmp_path / f"digits{SUFFIXES[kind]}"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"{path} is no export of gcn-tf: move it away"):
        check_replaceable_file(path, run)
    assert path.read_bytes() == content


def test_an_export_without_identity_is_kept(run, tmp_path):
    path = tmp_path / "digits.tflite"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(NAME, json.dumps({"identity": {}}))
    with pytest.raises(UserError, match="does not say of which run it is"):
        check_replaceable_file(path, run)


@pytest.mark.parametrize("kind", [pytest.param("keras", marks=pytest.mark.slow), "onnx"])
def test_files_of_another_run_are_kept_and_those_of_this_one_replaced(kind, run, tmp_path):
    path = tmp_path / f"digits.{kind}"
    first = export_files(run, kind, path)
    kept = [file.read_bytes() for file in first]
    other = replace(run, identity=replace(run.identity, settings={**run.identity.settings, "seed": 7}))
    with pytest.raises(UserError, match="seed is 0 and 7"):
        export_files(other, kind, path)
    assert [file.read_bytes() for file in first] == kept
    assert export_files(run, kind, path) == first
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(file.name for file in first)


def test_a_classifier_of_another_run_stops_the_generator_as_well(run, tmp_path):
    (tmp_path / "digits-classifier.keras").write_bytes(b"dear")
    with pytest.raises(UserError, match=r"digits-classifier\.keras is no export"):
        export_files(run, "keras", tmp_path / "digits.keras")
    assert [path.name for path in tmp_path.iterdir()] == ["digits-classifier.keras"]


def test_no_file_is_written_into_another_run(run, tmp_path):
    (tmp_path / "config.yaml").touch()
    with pytest.raises(UserError, match="is a part of another run: export to another --out"):
        export_files(run, "keras", tmp_path / "model.keras")


@pytest.mark.parametrize("failing", [pytest.param("generator", marks=pytest.mark.slow), "classifier"])
def test_a_full_disk_leaves_both_files_as_they_were(failing, run, tmp_path, monkeypatch):
    before = [path.read_bytes() for path in export_files(run, "keras", tmp_path / "digits.keras")]
    save = keras.Model.save

    def full(network, path, *args, **kwargs):
        if network.name == failing:
            path.write_bytes(b"half")
            raise OSError(28, "No space left on device", str(path))
        save(network, path, *args, **kwargs)

    monkeypatch.setattr(keras.Model, "save", full)
    with pytest.raises(UserError, match=r"cannot write to .*digits.*keras: No space left on device"):
        export_files(run, "keras", tmp_path / "digits.keras")
    names = ["digits.keras", "digits-classifier.keras"]
    assert [(tmp_path / name).read_bytes() for name in names] == before
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "words, said",
    [
        (["--format", "tfjs"], "converter that does not install beside this TensorFlow"),
        (
            ["--format", "onx"],
            "--format onx: give one of savedmodel, keras, litert, onnx, did you mean onnx?",
        ),
        (["--format", "onnx", "--precision", "int8"], "--precision int8 is of --format litert alone"),
        (["--format", "litert", "--precision", "int4"], "give one of float32, float16, int8"),
        (
            ["--format", "keras", "--out", "digits.h5"],
            "--out digits.h5: files of --format keras end in .keras",
        ),
    ],
)
def test_what_export_does_not_take_is_told_in_one_line(words, said, toy_run, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["export", str(toy_run), *words])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.slow
def test_the_command_says_where_both_files_are(toy_run, tmp_path, capsys):
    main(["export", str(toy_run), "--format", "keras", "--out", str(tmp_path / "digits.keras")])
    said = capsys.readouterr().out.splitlines()
    assert [line.split(" (")[0] for line in said] == [
        f"generator: {tmp_path / 'digits.keras'}",
        f"classifier: {tmp_path / 'digits-classifier.keras'}",
    ]
