"""Pictures in other cells by a whole run: what is told of them, and the signature of the SavedModel."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from gcn_tf.runs.run_dir import open_run
from gcn_tf.synthesis.draw import generate
from gcn_tf.synthesis.transfer import CHUNK, PictureTransfer

ELSEWHERE = """
import sys
sys.modules["gcn_tf"] = None  # a project that does not have this package
import numpy as np, tensorflow as tf
folder, given, out = sys.argv[1:]
transfer = tf.saved_model.load(folder).signatures["transfer"]
np.savez(out, **{name: values.numpy() for name, values in transfer(**{n: tf.constant(v) for n, v in np.load(given).items()}).items()})
"""


@pytest.fixture(scope="module")
def run(toy_run):
    return open_run(toy_run)


@pytest.fixture(scope="module")
def transfer(run):
    made = PictureTransfer(run)

    def function(*batch):
        found = made(*batch)
        return found.images, found.shown, found.likely

    return tf.function(function, reduce_retracing=True, autograph=False)


@pytest.fixture(scope="module")
def pictures(run):
    cells = run.space.select(["digit=1,4", "writer=0:0.5+1:0.5", "color=red,blue", "rotation=0,90,180"])
    return generate(run, cells)


def zeros(run, count):
    return {name: np.zeros((count, size), np.float32) for name, size in run.space.sizes.items()}


def all_of(run, count, **values):
    """Zeros, but for one value of some factors."""
    named = {
        name: np.tile(run.space[name].code(value), (count, 1)).astype(np.float32)
        for name, value in values.items()
    }
    return {**zeros(run, count), **named}


def test_what_changes_and_what_formulas_draw_is_told_and_the_rest_is_somebody_new(run, transfer, pictures):
    count = len(pictures)
    _, shown, likely = transfer(pictures, zeros(run, count), all_of(run, count, digit="7"))
    for name, size in run.space.sizes.items():
        assert shown[name].shape == likely[name].shape == (count, size)
        np.testing.assert_allclose(likely[name].numpy().sum(axis=1), 1, atol=1e-4)
        assert (likely[name].numpy() >= -1e-6).all()
    np.testing.assert_array_equal(shown["writer"], np.zeros((count, 3)))
    for name in ("digit", "color", "rotation"):
        told = np.eye(run.space.sizes[name])[likely[name].numpy().argmax(axis=1)]
        np.testing.assert_array_equal(shown[name], told)


class _Sure(tf.Module):
    """A kind of generator that meets one digit exactly."""

    def __init__(self, digit):
        super().__init__()
        self.digit = digit

    def draw(self, pictures, known, wanted):
        return pictures

    def missed(self, pictures, known):
        return 1 - known["digit"][:, self.digit]


@pytest.mark.parametrize("met, told", [(2, 2), (0, 0), (5, 0)])
def test_the_generator_decides_among_what_the_classifier_finds_likely(met, told):
    """Of six digits the classifier finds the first likeliest, and the last two less likely than four others."""
    alone = np.array([0.4, 0.2, 0.2, 0.1, 0.06, 0.04], np.float32)
    logits = {"digit": tf.constant(np.tile(np.log(alone), (8, 1)))}
    run = SimpleNamespace(
        model=SimpleNamespace(
            classify=lambda pictures: logits,
            generator=None,
            classifier=SimpleNamespace(input=tf.zeros((1, 4, 4, 1))),
        ),
        space=SimpleNamespace(sizes={"digit": 6}),
        config=SimpleNamespace(
            generator=SimpleNamespace(transfer=lambda network: _Sure(met), exact_factors=lambda network: ())
        ),
    )
    wanted = {"digit": tf.one_hot([3, 3, 3], 6)}
    made = PictureTransfer(run)(tf.zeros((3, 4, 4, 1), tf.uint8), {"digit": tf.zeros((3, 6))}, wanted)
    np.testing.assert_array_equal(made.shown["digit"], np.eye(6)[[told] * 3])
    likely = made.likely["digit"].numpy()[0]
    np.testing.assert_allclose(likely[4:], alone[4:], atol=1e-6)
    if met < 4:
        assert likely[met] == pytest.approx(0.9, abs=0.01)  # of all four together


def test_a_known_value_is_taken_as_it_is(run, transfer, pictures):
    count = len(pictures)
    known = all_of(run, count, digit="3", color="green")
    _, shown, _ = transfer(pictures, known, all_of(run, count, digit="7"))
    for name in ("digit", "color"):
        np.testing.assert_array_equal(shown[name], known[name])


def test_known_pictures_of_known_cells_are_those_that_generate_draws(run, transfer):
    cell = ["digit=4", "writer=1", "color=green", "rotation=90"]
    given = generate(run, run.space.select(cell))
    known = all_of(run, 1, digit="4", writer="1", color="green", rotation="90")
    made = transfer(given, known, all_of(run, 1, digit="7", color="blue"))[0].numpy()
    expected = generate(run, run.space.select(["digit=7", "writer=1", "color=blue", "rotation=90"]))
    assert np.abs(made.astype(int) - expected).max() <= 1
    assert (given != expected).any()
    assert expected.any()


def test_a_picture_does_not_depend_on_how_many_there_are(run, transfer, pictures):
    count = len(pictures)
    assert count > CHUNK
    known, wanted = zeros(run, count), all_of(run, count, digit="7")
    together = transfer(pictures, known, wanted)
    for n in (0, count - 1):
        alone = transfer(pictures[n : n + 1], zeros(run, 1), all_of(run, 1, digit="7"))
        np.testing.assert_array_equal(alone[0][0], together[0][n])
        for name in run.space.names:
            np.testing.assert_array_equal(alone[1][name][0], together[1][name][n])


@pytest.mark.slow
def test_another_project_transfers_pictures_by_the_saved_model_alone(
    run, transfer, pictures, toy_run, tmp_path
):
    count = len(pictures)
    known, wanted = all_of(run, count, color="red"), all_of(run, count, digit="7", rotation="0")
    given = {"image": pictures, **{f"known_{n}": v for n, v in known.items()}}
    given |= {f"wanted_{n}": v for n, v in wanted.items()}
    np.savez(tmp_path / "given.npz", **given)
    words = [str(toy_run / "model"), str(tmp_path / "given.npz"), str(tmp_path / "made.npz")]
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, *words], capture_output=True, text=True, cwd=tmp_path, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    made = np.load(tmp_path / "made.npz")
    images, shown, _ = transfer(pictures, known, wanted)
    assert made["image"].dtype == np.uint8
    np.testing.assert_array_equal(made["image"], images)
    for name in run.space.names:
        np.testing.assert_array_equal(made[f"known_{name}"], shown[name])


@pytest.fixture(scope="module")
def signature(toy_run):
    return tf.saved_model.load(str(toy_run / "model")).signatures["transfer"]


@pytest.mark.parametrize("bad", [[0.5, 0.0, 0.0], [2.0, -1.0, 0.0], [float("nan"), 0, 1]])
def test_weights_that_are_no_blend_and_no_zeros_are_named(bad, run, signature):
    given = {f"known_{n}": v for n, v in zeros(run, 1).items()}
    given |= {f"wanted_{n}": v for n, v in {**zeros(run, 1), "color": np.array([bad], np.float32)}.items()}
    said = "wanted_color: give 3 weights from 0 to 1 that sum to 1, or zeros, not"
    with pytest.raises(tf.errors.InvalidArgumentError, match=said):
        signature(image=tf.zeros((1, 28, 28, 3), tf.uint8), **{n: tf.constant(v) for n, v in given.items()})
