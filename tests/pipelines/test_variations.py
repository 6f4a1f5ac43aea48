import numpy as np
import pytest
import tensorflow as tf

from gcn_tf.errors import UserError
from gcn_tf.pipelines.variations import COLORS, color, rotation, transformation, turns

RNG = np.random.default_rng(0)
INK = RNG.integers(0, 256, (12, 6, 6, 1)).astype(np.uint8)
NUMPY = {
    "0": lambda x: x,
    "90": lambda x: np.rot90(x, 1),
    "180": lambda x: np.rot90(x, 2),
    "270": lambda x: np.rot90(x, 3),
    "flip-up-down": np.flipud,
    "flip-left-right": np.fliplr,
    "flip-left-right-90": lambda x: np.rot90(np.fliplr(x), 1),
    "flip-left-right-270": lambda x: np.rot90(np.fliplr(x), 3),
}


def alone(variation, images, ids):
    return np.asarray(variation.apply(tf.constant(images), tf.constant(ids)))


def in_tf_data(variation, images, ids):
    data = tf.data.Dataset.from_tensor_slices((images, ids)).batch(len(ids)).map(variation.apply)
    return next(data.as_numpy_iterator())


@pytest.mark.parametrize("run", [alone, in_tf_data])
@pytest.mark.parametrize("variation", [rotation(), transformation(), transformation(8)])
def test_turns_and_mirrorings_are_numpys_to_the_pixel(run, variation):
    ids = np.arange(12, dtype=np.int32) % len(variation.factor)
    made = run(variation, INK, ids)
    assert made.dtype == np.uint8
    for image, i, base in zip(made, ids, INK, strict=True):
        np.testing.assert_array_equal(image, NUMPY[variation.factor.values[i]](base))


@pytest.mark.parametrize("variation", [rotation(), transformation(), transformation(8)])
def test_turns_and_mirrorings_are_undone(variation):
    ids = tf.constant(np.arange(12, dtype=np.int32) % len(variation.factor))
    back = variation.undo(variation.apply(tf.constant(INK), ids), ids)
    np.testing.assert_array_equal(back, INK)
    assert color().undo is None


@pytest.mark.parametrize("run", [alone, in_tf_data])
def test_a_color_fills_its_own_channel(run):
    ids = np.arange(12, dtype=np.int32) % 3
    made = run(color(), INK, ids)
    assert made.shape == (12, 6, 6, 3)
    for image, i, base in zip(made, ids, INK, strict=True):
        expected = np.zeros((6, 6, 3), np.uint8)
        expected[..., i] = base[..., 0]
        np.testing.assert_array_equal(image, expected)
    assert COLORS == ("red", "green", "blue")


def test_variations_work_on_rgb_images_too():
    rgb = RNG.integers(0, 256, (4, 5, 5, 3)).astype(np.uint8)
    made = alone(rotation(), rgb, np.array([1, 1, 1, 1], np.int32))
    np.testing.assert_array_equal(made, np.rot90(rgb, 1, (1, 2)))


def test_the_eight_transformations_are_all_different_and_the_first_six_are_the_authors():
    eight = transformation(8)
    assert eight.factor.values[:6] == transformation(6).factor.values
    made = alone(eight, np.repeat(INK[:1], 8, axis=0), np.arange(8, dtype=np.int32))
    assert len({image.tobytes() for image in made}) == 8


def test_turns_are_chosen_by_their_number():
    assert turns(1) == ()
    assert [len(v.factor) for n in (4, 6, 8) for v in turns(n)] == [4, 6, 8]
    assert turns(4)[0].factor.name == "rotation"


def test_images_that_are_not_square_are_refused():
    with pytest.raises(UserError, match="6x4 cannot be turned"):
        alone(rotation(), np.zeros((1, 6, 4, 1), np.uint8), np.array([0], np.int32))
