import keras
import numpy as np

from gcn_tf.model.mean_picture import MeanPicture, mean_content
from gcn_tf.model.operators import estimate_operators

RNG = np.random.default_rng(0)


def test_the_layer_adds_the_picture_that_it_was_given():
    image = keras.Input((4, 4, 3))
    model = keras.Model(image, MeanPicture(name="mean_picture")(image))
    zeros = np.zeros((2, 4, 4, 3), np.float32)
    np.testing.assert_array_equal(model(zeros), zeros)
    mean = RNG.random((4, 4, 3)).astype(np.float32)
    model.get_layer("mean_picture").assign(mean)
    np.testing.assert_array_equal(model(zeros)[1], mean)
    assert not model.trainable_variables


def test_the_mean_is_of_pictures_that_no_operator_has_turned():
    content = RNG.integers(0, 256, (6, 8, 8, 3)).astype(np.uint8)
    images = np.concatenate([np.rot90(content, k, (1, 2)) for k in range(4)])
    ids = np.stack([np.tile(np.arange(6), 4), np.repeat(np.arange(4), 6)], axis=1)
    operators = estimate_operators(images, ids, {"person": 6, "rotation": 4})
    assert operators["rotation"].explain
    assert not operators["person"].explain
    mean = mean_content(images, ids, ("person", "rotation"), operators)
    np.testing.assert_allclose(mean, content.mean(axis=0) / 255, atol=1e-6)
    everything = mean_content(images, ids, ("person", "rotation"), {})
    np.testing.assert_allclose(everything, images.mean(axis=0) / 255, atol=1e-6)
