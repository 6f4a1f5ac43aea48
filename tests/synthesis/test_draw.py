import dataclasses
import gc
import time
import weakref
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gcn_tf.config.files import resolve
from gcn_tf.errors import UserError
from gcn_tf.model.build import build_model
from gcn_tf.runs.identity import Identity
from gcn_tf.runs.run_dir import Run, open_run
from gcn_tf.synthesis.draw import CHUNK, generate, generate_from_codes, pictures_of, write_picture
from gcn_tf.synthesis.saved_model import export_model


@pytest.fixture(scope="module")
def run(toy_run):
    return open_run(toy_run)


CELL = {"digit": "7", "writer": "2", "color": "red", "rotation": "90"}


def test_the_same_factors_give_the_same_picture(run):
    first, second = generate(run, [CELL, CELL])
    np.testing.assert_array_equal(first, second)
    assert first.shape == (28, 28, 3)
    assert first.dtype == np.uint8


SIZES = (
    *[1] * 50,
    2,
    3,
    7,
    64,
    65,
    300,
)  # in bfloat16, one pixel value of 10,000 of a single picture would differ
ROWS = 330


def default_run(precision, space, dataset="glyphs"):
    """The default networks of a dataset with random weights, whose pictures are noise over the whole range."""
    config = dataclasses.replace(resolve(dataset=dataset), precision=precision)
    model = build_model(config, space, (config.image_size, config.image_size, 3))
    ids = {name: np.arange(64, dtype=np.int32) % size for name, size in space.sizes.items()}
    kernel, bias = model.generator.get_layer("image").weights
    kernel.assign(kernel * (0.25 / np.std(model.generator(model.encode(ids)))))
    bias.assign(bias + 0.5)
    return Run(Path(), config, space, model, Identity.of(config, space))


@pytest.fixture(scope="module", params=["float32", "mixed_bfloat16"])
def large(request, run):
    return default_run(request.param, run.space)


@pytest.fixture(scope="module")
def codes(run):
    """One-hot weights of a third of the rows, blends in the others."""
    random = np.random.default_rng(0)
    blends = {
        n: random.dirichlet(np.full(k, 0.3), ROWS).astype(np.float32) for n, k in run.space.sizes.items()
    }
    return {
        n: np.where(np.arange(ROWS)[:, None] % 3, b, np.eye(b.shape[1])[b.argmax(1)])
        for n, b in blends.items()
    }


def rows_of(codes, rows):
    return {name: code[rows].astype(np.float32) for name, code in codes.items()}


def test_a_picture_does_not_depend_on_its_batch_nor_on_its_place_in_it(large, codes):
    alone = generate_from_codes(large.model, rows_of(codes, slice(None)))
    assert alone.std() > 30
    random = np.random.default_rng(1)
    for size in SIZES:
        rows = random.permutation(ROWS)[:size]
        np.testing.assert_array_equal(
            generate_from_codes(large.model, rows_of(codes, rows)), alone[rows], str(size)
        )


def test_no_pictures_are_an_empty_batch(large, codes):
    assert generate_from_codes(large.model, rows_of(codes, slice(0, 0))).shape == (0, 28, 28, 3)


@pytest.mark.slow
def test_the_saved_model_gives_the_pixels_of_generate(large, codes, tmp_path):
    signatures = tf.saved_model.load(str(export_model(large, tmp_path / "model"))).signatures
    expected = generate_from_codes(large.model, rows_of(codes, slice(None)))
    random = np.random.default_rng(2)
    for size in SIZES:
        rows = random.permutation(ROWS)[:size]
        weights = {n: tf.constant(c) for n, c in rows_of(codes, rows).items()}
        np.testing.assert_array_equal(signatures["blend"](**weights)["image"], expected[rows], str(size))
    cells = np.flatnonzero(np.arange(ROWS) % 3 == 0)
    ids = {n: tf.constant(c.argmax(1), tf.int32) for n, c in rows_of(codes, cells).items()}
    np.testing.assert_array_equal(signatures["serving_default"](**ids)["image"], expected[cells])


def test_pictures_inside_a_dataset_are_those_of_generate(large, codes):
    data = tf.data.Dataset.from_tensor_slices(rows_of(codes, slice(None))).batch(77)
    made = np.concatenate(list(data.map(lambda some: pictures_of(large.model, some)).as_numpy_iterator()))
    np.testing.assert_array_equal(made, generate_from_codes(large.model, rows_of(codes, slice(None))))


def test_the_generator_always_makes_as_many_pictures_at_once(run, monkeypatch):
    shapes = []

    def call(self, factors, training=False):
        shapes.extend(tuple(code.shape) for code in factors.values())
        return tf.zeros((CHUNK, 28, 28, 3))

    monkeypatch.setattr(type(run.model), "call", call)
    pictures_of(run.model, {n: tf.zeros((CHUNK + 1, k)) for n, k in run.space.sizes.items()})
    assert set(shapes) == {(CHUNK, size) for size in run.space.sizes.values()}


def test_what_was_compiled_for_a_model_does_not_outlive_it(toy_run):
    """A search trains many models in one process."""
    opened = open_run(toy_run)
    generate(opened, [CELL])
    model = weakref.ref(opened.model)
    del opened
    gc.collect()
    assert model() is None


def test_a_single_picture_is_fast_enough_for_an_interactive_page(run):
    faces = default_run("float32", run.space, "folder")
    assert generate(faces, [CELL]).shape == (1, 64, 64, 3)
    seconds = []
    for _ in range(10):  # the fastest: other processes take the processor too
        start = time.perf_counter()
        generate(faces, [CELL])
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.1


def test_a_blend_lies_between_and_is_no_cell(run):
    pictures = [{**CELL, "writer": w} for w in ("0", "1", "0:0.5+1:0.5", "0:1+1:0")]
    first, second, half, all_first = generate(run, pictures)
    np.testing.assert_array_equal(first, all_first)
    assert not np.array_equal(half, first)
    assert not np.array_equal(half, second)


def test_a_single_cell_is_one_zoomed_picture(run, tmp_path):
    path = write_picture(run, [f"{k}={v}" for k, v in CELL.items()], tmp_path / "cell.png", zoom=5)
    picture = np.asarray(Image.open(path))
    assert picture.shape == (140, 140, 3)
    np.testing.assert_array_equal(picture[::5, ::5], generate(run, [CELL])[0])


def test_a_grid_has_the_last_varied_factor_along_its_columns(run, tmp_path):
    words = ["digit=*", "writer=1", "color=*", "rotation=0"]
    path = write_picture(run, words, tmp_path / "grid.png", zoom=1, labels=False)
    sheet = np.asarray(Image.open(path))
    assert sheet.shape == (10 * 31 + 3, 3 * 31 + 3, 3)
    blue_4 = generate(run, [{**CELL, "digit": "4", "writer": "1", "color": "blue", "rotation": "0"}])[0]
    np.testing.assert_array_equal(sheet[3 + 4 * 31 :][:28, 3 + 2 * 31 :][:, :28], blue_4)


def test_too_many_pictures_are_refused_before_any_is_generated(run, monkeypatch):
    monkeypatch.setattr("gcn_tf.synthesis.draw.PICTURE_LIMIT", 11)
    with pytest.raises(UserError, match="12 pictures, more than 11"):
        write_picture(run, ["digit=1", "writer=1", "color=*", "rotation=*"], None)
