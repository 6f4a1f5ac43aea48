"""The Python API: arrays in; a run, its pictures and its scores out."""

import itertools
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

import gcn_tf
from gcn_tf import api
from gcn_tf.cli import main
from gcn_tf.config.files import read_config, resolve
from gcn_tf.errors import UserError
from gcn_tf.grid.factors import FactorError

pytestmark = pytest.mark.usefixtures("brief_judges")

PERSONS, GESTURES = ("anna", "ben", "cleo", "dan", "eva"), (1, 2, 3, 10)
CELLS = list(itertools.product(PERSONS, GESTURES))
IMAGES = np.random.default_rng(0).integers(0, 256, (len(CELLS), 32, 32, 3), np.uint8)
LABELS = {"person": [person for person, _ in CELLS], "gesture": [gesture for _, gesture in CELLS]}
TOY = {
    "preset": "folder",  # so nothing is planned
    "holdout": "person=ben gesture=10",
    "steps": 2,
    "batch_size": 4,
    "precision": "float32",
    "generator": {
        "tower_units": 8,
        "trunk": [16],
        "seed_tensor": [8, 8, 4],
        "upsampling": [
            {"filters": 4, "kernel": 4, "stride": 2, "pad": 1},
            {"filters": 3, "kernel": 4, "stride": 2, "pad": 1},
        ],
    },
    "classifier": {"convolutions": [{"filters": 4, "kernel": 3, "pool": 4}], "head_units": [8]},
}


@pytest.fixture(scope="module")
def trained(brief_judges, tmp_path_factory):
    """A run that was trained on arrays, with its report: read it, do not write to it."""
    data = gcn_tf.dataset_from_arrays(IMAGES, LABELS)
    return gcn_tf.train(data, tmp_path_factory.mktemp("runs") / "arrays", **TOY)


@pytest.fixture
def moved(trained, tmp_path):
    """A copy of that run in another place, by the name of another folder."""
    return shutil.copytree(trained.folder, tmp_path / "elsewhere")


def test_importing_the_package_is_quick_and_loads_no_tensorflow():
    code = (
        "import sys, time; start = time.process_time(); import gcn_tf; seconds = time.process_time() - start\n"
        "heavy = {'tensorflow', 'keras', 'numpy'} & set(sys.modules)\n"
        "assert not heavy and seconds < 0.1, (heavy, seconds)\n"
        "gcn_tf.dataset_from_arrays, gcn_tf.train, gcn_tf.Run\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_package_hands_on_every_name_of_the_api():
    assert gcn_tf.__all__ == api.__all__
    assert set(api.__all__) <= set(dir(gcn_tf))
    assert gcn_tf.open_run is api.open_run
    with pytest.raises(AttributeError, match="'trian'"):
        _ = gcn_tf.trian


@pytest.mark.parametrize(
    "images, channels",
    [
        (IMAGES, 3),
        (list(IMAGES), 3),
        (IMAGES[..., :1], 1),
        (IMAGES[..., 0], 1),
        (IMAGES / 255, 3),
        (tf.constant(IMAGES), 3),
    ],
)
def test_pictures_in_any_of_these_forms_keep_their_values(images, channels):
    data = gcn_tf.dataset_from_arrays(images, LABELS)
    assert data.images.dtype == np.uint8
    assert np.array_equal(data.images, IMAGES[..., :channels])


def test_labels_are_text_and_whole_numbers_have_no_point():
    labels = {
        "a": [1, 2.0, np.int64(1), np.float32(2)],
        "b": [" x", b"y", "x ", "y"],
        "c": [True, False, True, False],
        "d": np.array([0.5, 0.1, 0.5, 0.1], np.float32),
    }
    data = gcn_tf.dataset_from_arrays(IMAGES[:4], labels)
    assert data.labels == {
        "a": ("1", "2", "1", "2"),
        "b": ("x", "y", "x", "y"),
        "c": ("True", "False", "True", "False"),
        "d": ("0.5", "0.1", "0.5", "0.1"),
    }
    assert repr(data) == "<4 pictures 32x32x3: a 2, b 2, c 2, d 2>"


NOT_FINITE = np.where(np.arange(20)[:, None, None] == 7, np.nan, np.zeros((20, 32, 32)))


@pytest.mark.parametrize(
    "images, factors, said",
    [
        (IMAGES.astype(np.int64), LABELS, "of int64: give uint8"),
        (IMAGES.astype(np.float32), LABELS, "from 0 to 255: scale them to 0 to 1"),
        (IMAGES / 255 - 0.5, LABELS, "floats from -0.5 to 0.5"),
        (NOT_FINITE, LABELS, "image 7 has values that are not finite"),
        ([IMAGES[0], IMAGES[1, :16]], LABELS, "differ in size"),
        (IMAGES[0, :, :, 0], LABELS, r"has shape \(32, 32\)"),
        (np.zeros((20, 32, 32, 4), np.uint8), LABELS, r"has shape \(20, 32, 32, 4\)"),
        (IMAGES[:0], LABELS, r"has shape \(0, 32, 32, 3\)"),
        ("photographs", LABELS, "has shape"),
        (IMAGES, {}, "there is no factor"),
        (IMAGES, {"split": ["train", "test"] * 10}, "there is no factor"),
        (IMAGES, [LABELS["person"]], "factors is a list"),
        (IMAGES, LABELS | {"person": LABELS["person"][:19]}, "person has 19 labels for 20 images"),
        (IMAGES, LABELS | {"person": ["anna"] * 20}, "every image has the person anna"),
        (IMAGES, LABELS | {"person": "anna"}, "person is 'anna': give a list"),
        (IMAGES, LABELS | {"person": None}, "person is None: give a list"),
        (IMAGES, LABELS | {"person": [*PERSONS, None] * 3}, "person has 18 labels"),
        (IMAGES, LABELS | {"person": [None, *LABELS["person"][1:]]}, "label 0 of person is empty"),
        (IMAGES, LABELS | {"size": [*range(19), float("nan")]}, "label 19 of size is empty"),
        (IMAGES, LABELS | {"size": np.zeros((20, 2))}, "label 0 of size is a ndarray: give text or a number"),
        (IMAGES, LABELS | {"Person": LABELS["person"]}, "differ in case alone"),
        (IMAGES, LABELS | {"hair colour": LABELS["person"]}, "cannot be called 'hair colour'"),
        (IMAGES, LABELS | {"file_name": LABELS["person"]}, "cannot be called 'file_name'"),
        (IMAGES, LABELS | {3: LABELS["person"]}, "cannot be called 3"),
    ],
)
def test_unusable_arrays_are_refused_in_one_line(images, factors, said):
    with pytest.raises(UserError, match=said) as refused:
        gcn_tf.dataset_from_arrays(images, factors)
    assert "\n" not in str(refused.value)


def test_training_sees_the_pixels_of_the_arrays(trained):
    dataset = trained.opened.load_split().dataset
    assert trained.factors == {"person": PERSONS, "gesture": ("1", "2", "3", "10")}
    cells = [(PERSONS[person], GESTURES[gesture]) for person, gesture in dataset.base_ids]
    wanted = IMAGES[[CELLS.index(cell) for cell in cells]]
    assert len(cells) == len(CELLS)
    assert np.array_equal(dataset.images, wanted)


def test_grey_pictures_are_kept_as_grey_files(tmp_path):
    gcn_tf.dataset_from_arrays(IMAGES[..., 0], LABELS).write(tmp_path / "grey")
    files = sorted((tmp_path / "grey").glob("*.png"))
    assert [Image.open(path).mode for path in files] == ["L"] * 20
    assert np.array_equal([np.asarray(Image.open(path)) for path in files], IMAGES[..., 0])


def test_values_and_blends_make_one_picture_and_lists_make_several(trained):
    one = trained.generate(person="anna", gesture=10)
    assert (one.shape, one.dtype) == ((32, 32, 3), np.uint8)
    assert trained.generate(person="anna:0.5+ben:0.5", gesture="2").shape == (32, 32, 3)
    every = trained.generate(person=["ben", "anna"], gesture="*")
    assert every.shape == (8, 32, 32, 3)
    assert np.array_equal(every[7], one)  # the last factor varies fastest
    assert trained.generate(gesture=np.array([1]), person="cleo").shape == (1, 32, 32, 3)


@pytest.mark.parametrize(
    "values, said",
    [
        ({"person": "ana", "gesture": 1}, "no value 'ana', did you mean anna"),
        ({"persn": "anna", "gesture": 1}, "no factor 'persn', did you mean person"),
        ({"person": "anna"}, "gesture not given"),
        ({"person": "anna:0.5+ben:0.1", "gesture": 1}, "sum to 0.6"),
        ({"person": [], "gesture": 1}, "'person=' is not of the form"),
    ],
)
def test_unknown_values_are_refused(trained, values, said):
    with pytest.raises(FactorError, match=said):
        trained.generate(**values)


def test_the_report_is_read_or_made(trained, moved, monkeypatch):
    scores = trained.report()
    assert set(scores) == {"seen", "unseen high-level"}
    assert set(scores["seen"]["psnr_db"]) == {"value", "low", "high"}
    assert (trained.folder / "report" / "cells.png").is_file()
    shutil.rmtree(moved / "report")
    run = gcn_tf.open_run(moved)
    assert run.report() == scores
    monkeypatch.setattr("gcn_tf.evaluation.report.write_report", None)
    assert run.report() == scores


def test_commands_find_the_pictures_of_a_run_that_was_moved(trained, moved, capsys):
    assert read_config(moved / "config.yaml").manual_dir == str(moved / "pictures")
    hidden = trained.folder.rename(
        trained.folder.with_name("hidden")
    )  # or they could be found where they were
    try:
        main(["evaluate", str(moved), "--verify"])
        main(["augment", str(moved), "--fill", "unseen", "--out", str(moved / "missing")])
        main(["train", "--resume", str(moved), "--steps", "3", "--dry-run"])
    finally:
        hidden.rename(trained.folder)
    assert "19 cells seen and 1 unseen" in capsys.readouterr().out


@pytest.mark.long
def test_a_moved_run_is_lengthened_where_it_is(moved):
    run = gcn_tf.resume(moved, steps=3, report=False)
    assert int(run.model.step) == 3
    assert "manual_dir: pictures\n" in (moved / "config.yaml").read_text()
    assert resolve(config_file=moved / "config.yaml").manual_dir == str(moved / "pictures")


def test_without_its_pictures_a_run_says_what_it_still_can_do(moved):
    shutil.rmtree(moved / "pictures")
    shutil.rmtree(moved / "report")
    run = gcn_tf.open_run(moved)
    assert run.generate(person="anna", gesture=1).shape == (32, 32, 3)
    with pytest.raises(UserError, match="can still generate, export and augment --blend") as refused:
        run.report()
    assert str(moved / "pictures") in str(refused.value)


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"stepz": 3}, "unknown setting 'stepz', did you mean steps"),
        ({"limits": ["person=2"]}, "unknown setting 'limits', did you mean limit"),
        ({"steps": "many"}, "steps is 'many': expected int"),
        ({"batch_size": 0}, "batch_size is 0: give a number"),
        ({"writers": "3"}, "belongs to glyphs"),
        ({"manual_dir": "there"}, "manual_dir is 'there', but arrays have it already"),
        ({"preset": "facez"}, "preset 'facez' is unknown, did you mean faces"),
        ({"holdout": "persn=anna"}, "persn"),
        ({"image_size": 1}, "image_size is 1"),
    ],
)
def test_a_bad_setting_is_refused_and_leaves_nothing_behind(tmp_path, settings, said):
    data = gcn_tf.dataset_from_arrays(IMAGES, LABELS)
    with pytest.raises(UserError, match=said) as refused:
        gcn_tf.train(data, tmp_path / "run", **{**TOY, **settings})
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "run").exists()


def test_a_folder_with_something_in_it_is_left_alone(trained, tmp_path):
    data = gcn_tf.dataset_from_arrays(IMAGES, LABELS)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "holiday.png").write_bytes(b"mine")
    with pytest.raises(UserError, match="holds files that train did not write"):
        gcn_tf.train(data, tmp_path, **TOY)
    assert (tmp_path / "pictures" / "holiday.png").read_bytes() == b"mine"
    with pytest.raises(UserError, match="already holds a run"):
        gcn_tf.train(data, trained.folder, **TOY)


@pytest.mark.long
def test_a_folder_of_pictures_trains_to_the_same_weights(trained, tmp_path):
    run = gcn_tf.train(trained.folder / "pictures", tmp_path / "run", report=False, image_size=32, **TOY)
    assert run.config.manual_dir == str(trained.folder / "pictures")
    assert np.array_equal(run.generate(person="*", gesture="*"), trained.generate(person="*", gesture="*"))
    assert not (run.folder / "report").exists()


@pytest.mark.slow
def test_settings_that_are_not_given_are_planned(tmp_path, monkeypatch):
    monkeypatch.setattr("gcn_tf.planning.plan.seconds_per_step", lambda prepared: 100.0)
    monkeypatch.chdir(tmp_path)
    grey = gcn_tf.dataset_from_arrays(IMAGES[:, :28, :, 0], LABELS)
    run = gcn_tf.train(grey, batch_size=4, report=False)
    assert (run.config.steps, run.config.batch_size, run.config.image_size) == (3, 4, "28x32")
    assert run.folder.parent.name == "runs"
    assert (run.folder / "plan.yaml").is_file()
    assert run.generate(person="eva", gesture=1).shape == (28, 32, 1)
    dataset = run.opened.load_split().dataset
    assert np.array_equal(dataset.images, grey.images)


@pytest.mark.parametrize(
    "size, kept", [((28, 28), True), ((64, 48), True), ((50, 50), False), ((100, 100), False)]
)
def test_arrays_keep_a_size_that_layers_can_make(size, kept):
    data = gcn_tf.dataset_from_arrays(np.zeros((20, *size), np.uint8), LABELS)
    assert api.run._keep_size(data) == kept


@pytest.mark.parametrize("data", [IMAGES, (IMAGES, LABELS), None])
def test_what_is_no_dataset_is_refused(data):
    with pytest.raises(UserError, match="give dataset_from_arrays"):
        gcn_tf.train(data)


def elements():
    texts = [person.encode() for person in LABELS["person"]]
    return tf.data.Dataset.from_tensor_slices(
        {"image": IMAGES, "person": texts, "gesture": LABELS["gesture"]}
    )


def test_a_tf_data_dataset_is_read_to_its_end():
    data = gcn_tf.dataset_from_tf_data(elements(), ["person", "gesture"])
    assert np.array_equal(data.images, IMAGES)
    assert data.labels["person"] == tuple(LABELS["person"])
    assert data.labels["gesture"] == tuple(map(str, LABELS["gesture"]))


@pytest.mark.parametrize(
    "dataset, factors, said",
    [
        (elements().repeat(), ["person"], "has no end"),
        (elements().batch(4), ["person"], "unbatch"),
        (elements().map(lambda one: (one["image"], one["person"])), ["person"], "no dicts"),
        (elements(), ["persn"], "no feature 'persn', did you mean person"),
        (elements(), "person", "give a list"),
    ],
)
def test_an_unusable_tf_data_dataset_is_refused(dataset, factors, said):
    with pytest.raises(UserError, match=said):
        gcn_tf.dataset_from_tf_data(dataset, factors)


class Signs(tfds.core.GeneratorBasedBuilder):
    """Pictures whose persons are classes."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(32, 32, 3)),
            "person": tfds.features.ClassLabel(names=PERSONS),
            "gesture": tf.int64,
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for number, (image, (person, gesture)) in enumerate(zip(IMAGES, CELLS, strict=True)):
            yield number, {"image": image, "person": person, "gesture": gesture}


def test_classes_of_a_tfds_builder_have_their_names(tmp_path):
    builder = Signs(data_dir=tmp_path)
    with pytest.raises(UserError, match=r"signs: .*download_and_prepare"):
        gcn_tf.dataset_from_tfds(builder, ["person", "gesture"])
    builder.download_and_prepare()
    data = gcn_tf.dataset_from_tfds(builder, ["person", "gesture"])
    assert sorted(zip(data.labels["person"], data.labels["gesture"], strict=True)) == sorted(
        (person, str(gesture)) for person, gesture in CELLS
    )
    with pytest.raises(UserError, match="signs: "):
        gcn_tf.dataset_from_tfds(builder, ["person"], split="tests")
