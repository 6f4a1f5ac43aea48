import numpy as np
import pytest
import tensorflow as tf

from gcn_tf.augmentation.training_input import blend
from gcn_tf.errors import UserError
from gcn_tf.runs.run_dir import open_run
from gcn_tf.synthesis.draw import generate

REAL = 99  # a label that no digit has


@pytest.fixture(scope="module")
def run(toy_run):
    return open_run(toy_run)


def real(count=600, channels=3, dtype=np.uint8, one_hot=False):
    images = np.full((count, 28, 28, channels), 1, dtype)
    labels = np.full((count, 10), REAL, np.float32) if one_hot else np.full(count, REAL)
    return tf.data.Dataset.from_tensor_slices((images, labels))


def elements(data):
    images, labels = zip(*data.as_numpy_iterator(), strict=True)
    return np.stack(images), np.stack(labels)


def test_the_share_of_blends_is_as_asked_and_the_length_that_of_the_real_data(run):
    data = blend(run, real(), share=0.3, label="digit")
    assert data.element_spec == real().element_spec
    assert data.cardinality() == 600
    images, labels = elements(data)
    drawn = labels != REAL
    assert drawn.mean() == pytest.approx(0.3, abs=0.06)
    assert set(labels[drawn]) == set(range(10))
    assert (images[~drawn] == 1).all()
    assert len(np.unique(images[drawn], axis=0)) > 0.9 * drawn.sum()
    assert len(blend(run, real(7).repeat(), share=0.5).take(50).batch(50).get_single_element()[1]) == 50


def test_every_epoch_has_other_blends_and_the_seed_repeats_them(run):
    data = blend(run, real(100), seed=3)
    first, second = elements(data)[1], elements(data)[1]
    assert (first != second).any()
    np.testing.assert_array_equal(elements(blend(run, real(100), seed=3))[1], first)
    assert (elements(blend(run, real(100), seed=4))[1] != first).any()


def test_a_picture_shows_its_label_and_the_chosen_values(run):
    words = ["digit=3,8", "writer=0,2", "color=red", "rotation=90"]
    images, labels = elements(blend(run, real(40), ["writer"], "0.5", 1.0, words=words))
    blends = [{"digit": d, "writer": "0:0.5+2:0.5", "color": "red", "rotation": "90"} for d in ("3", "8")]
    wanted = dict(zip((3, 8), generate(run, blends).astype(int), strict=True))
    assert set(labels) == {3, 8}
    for image, label in zip(images, labels, strict=True):
        np.testing.assert_allclose(image, wanted[label], atol=1)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float16])
def test_pictures_and_labels_take_the_kind_of_the_real_ones(run, dtype):
    """Grey ones show the ink, which fills one channel, at its full brightness."""
    words = ["digit=3", "writer=0,2", "color=blue", "rotation=90"]
    source = real(60, channels=1, dtype=dtype, one_hot=True)
    data = blend(run, source, ratio="0.5", share=0.5, words=words)
    assert data.element_spec == source.element_spec
    images, labels = elements(data)
    drawn = labels[:, 0] != REAL
    assert 0 < drawn.sum() < 60
    np.testing.assert_array_equal(labels[drawn], np.tile(np.eye(10)[3], (drawn.sum(), 1)))
    cell = {"digit": "3", "writer": "0:0.5+2:0.5", "color": "blue", "rotation": "90"}
    wanted = generate(run, [cell]).max(axis=-1, keepdims=True).astype(np.float32)
    scale = 1 if dtype == np.uint8 else 255
    np.testing.assert_allclose(images[drawn].astype(np.float32) * scale, wanted[[0] * drawn.sum()], atol=1)


def test_no_share_and_a_whole_share_are_possible(run):
    assert (elements(blend(run, real(20), share=0.0))[1] == REAL).all()
    assert (elements(blend(run, real(20), share=1.0))[1] != REAL).all()


def test_a_model_fits_on_it_from_a_folder(toy_run):
    import keras

    model = keras.Sequential(
        [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(100)]
    )
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(
        blend(str(toy_run), real(64), share=0.5).batch(16), epochs=2, verbose=0, shuffle=False
    )
    assert np.isfinite(history.history["loss"]).all()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"share": 1.5}, "share 1.5"),
        ({"share": float("nan")}, "share nan"),
        ({"factors": ["wrter"]}, "did you mean writer"),
        ({"label": "writer"}, "label writer is blended"),
        ({"factors": ["digit", "writer", "color", "rotation"]}, "every factor is blended"),
        ({"ratio": "much"}, "ratio 'much'"),
        ({"real": real().batch(8)}, "is batched"),
        ({"real": real().map(lambda x, y: x)}, "must be pairs"),
        ({"real": real(channels=2)}, r"images are \(28, 28, 2\)"),
        ({"real": real().map(lambda x, y: (x[:14], y))}, "the run draws .28, 28, 1 or 3."),
        ({"real": real(dtype=np.int32)}, "images are int32"),
        ({"real": real().map(lambda x, y: (x, tf.one_hot(y, 7)))}, r"labels are float32 \(7,\)"),
    ],
)
def test_what_does_not_fit_the_run_is_named(run, options, message):
    with pytest.raises(UserError, match=message):
        blend(run, **{"real": real(), **options})
