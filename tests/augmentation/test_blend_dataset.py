import numpy as np
import pytest
import tensorflow as tf

from gcn_tf.augmentation.training_input import blend
from gcn_tf.errors import UserError
from gcn_tf.runs.run_dir import open_run
from gcn_tf.synthesis.draw import generate

REAL = 9  # the label of the real pictures; blends are of other digits where it matters
OTHERS = ["digit=0,1,2,3,4,5,6,7,8"]


@pytest.fixture(scope="module")
def run(toy_run):
    return open_run(toy_run)


def real(count=600, channels=3, dtype=np.uint8, one_hot=False):
    images = np.full((count, 28, 28, channels), 1, dtype)
    labels = np.full(count, REAL)
    labels = np.eye(10, dtype=np.float32)[labels] if one_hot else labels
    return tf.data.Dataset.from_tensor_slices((images, labels))


def elements(data):
    images, labels = zip(*data.as_numpy_iterator(), strict=True)
    return np.stack(images), np.stack(labels)


def test_the_share_of_blends_is_as_asked_and_the_length_that_of_the_real_data(run):
    data = blend(run, real(), share=0.3, label="digit", words=OTHERS)
    assert data.element_spec == real().element_spec
    assert data.cardinality() == 600
    images, labels = elements(data)
    blended = labels != REAL
    assert blended.mean() == pytest.approx(0.3, abs=0.06)
    assert set(labels[blended]) == set(range(9))
    assert (images[~blended] == 1).all()
    assert len(np.unique(images[blended], axis=0)) > 0.9 * blended.sum()
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
        np.testing.assert_array_equal(image, wanted[label])


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float16])
def test_pictures_and_labels_take_the_kind_of_the_real_ones(run, dtype):
    """Grey ones show the ink, which fills one channel, at its full brightness."""
    words = ["digit=3", "writer=0,2", "color=blue", "rotation=90"]
    source = real(60, channels=1, dtype=dtype, one_hot=True)
    data = blend(run, source, ratio="0.5", share=0.5, words=words)
    assert data.element_spec == source.element_spec
    images, labels = elements(data)
    blended = labels[:, REAL] != 1
    assert 0 < blended.sum() < 60
    np.testing.assert_array_equal(labels[blended], np.tile(np.eye(10)[3], (blended.sum(), 1)))
    cell = {"digit": "3", "writer": "0:0.5+2:0.5", "color": "blue", "rotation": "90"}
    wanted = generate(run, [cell]).max(axis=-1, keepdims=True).astype(np.float32)
    wanted = wanted.astype(np.uint8) if dtype == np.uint8 else (wanted / 255).astype(dtype)
    np.testing.assert_array_equal(images[blended], wanted[[0] * blended.sum()])


def test_no_share_and_a_whole_share_are_possible(run):
    assert (elements(blend(run, real(20), share=0.0, words=OTHERS))[1] == REAL).all()
    assert (elements(blend(run, real(20), share=1.0, words=OTHERS))[1] != REAL).all()


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
        ({"real": real().map(lambda x, y: (x[:14], y))}, r"the run generates \(28, 28, 1\) or \(28, 28, 3\)"),
        ({"real": real(dtype=np.int32)}, "images are int32"),
        ({"real": real().map(lambda x, y: (x, tf.one_hot(y, 7)))}, r"labels are float32 \(7,\)"),
        (
            {"real": real().map(lambda x, y: (tf.cast(x, tf.float32) * 200, y))},
            r"float images must be from 0 to 1 \(those from 0 to 255: .*x / 255.*, not from and to \[200. 200.\]$",
        ),
        ({"real": real().map(lambda x, y: (tf.cast(x, tf.float32) - 2, y))}, r"from and to \[-1. -1.\]$"),
        (
            {"real": real().map(lambda x, y: (tf.cast(x, tf.float32) * np.nan, y))},
            r"from and to \[nan nan\]$",
        ),
        ({"real": real().map(lambda x, y: (x, 15))}, r"labels of digit: give ids from 0 to 9, not 15$"),
        ({"real": real().map(lambda x, y: (x, -1))}, r"labels of digit: give ids from 0 to 9, not -1$"),
        (
            {"real": real().map(lambda x, y: (x, tf.one_hot(y, 10) * 2))},
            r"labels of digit: give 10 weights from 0 to 1 that sum to 1, not \[0. 0.* 2.\]$",
        ),
    ],
)
def test_what_does_not_fit_the_run_is_named(run, options, message):
    with pytest.raises(UserError, match=message):
        blend(run, **{"real": real(), **options})


def test_values_out_of_range_beyond_the_first_batches_stop_the_data(run):
    late = real(1000).enumerate().map(lambda n, pair: (pair[0], tf.where(n < 900, pair[1], 15)))
    data = blend(run, late)
    with pytest.raises(tf.errors.InvalidArgumentError, match="labels of digit: give ids from 0 to 9, not"):
        elements(data)


def test_checking_reads_two_batches_and_no_more(run):
    passes = []

    def count():
        passes.append(0)
        for image, label in real(1000).as_numpy_iterator():
            passes[-1] += 1
            yield image, label

    spec = (tf.TensorSpec((28, 28, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    data = blend(run, tf.data.Dataset.from_generator(count, output_signature=spec), batch_size=64)
    assert len(passes) == 1
    assert 128 <= passes[0] < 200
    assert len(elements(data)[1]) == 1000


def test_unsigned_labels_of_few_bits_are_taken(run):
    data = blend(run, real(20).map(lambda x, y: (x, tf.cast(y, tf.uint8))), share=0.5)
    assert elements(data)[1].dtype == np.uint8
