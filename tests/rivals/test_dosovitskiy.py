"""Dosovitskiy's generator: any size, and the squared error alone."""

import numpy as np
import pytest
import tensorflow as tf
from test_rivals_contract import batch, rival

from gcn_tf.model.generator import Deconvolution
from gcn_tf.rivals.deconvolution import deconvolution
from gcn_tf.rivals.rival import Grid


@pytest.mark.parametrize("shape", [(12, 12, 1), (17, 17, 3), (30, 30, 3), (45, 28, 3)])
def test_every_size_has_its_generator(shape):
    network = deconvolution(Grid({"digit": 2, "writer": 3}, shape), 1)
    assert network.output_shape == (None, *shape)
    assert 6 <= min(network.get_layer("seed_tensor").output.shape[1:3]) <= 11


def test_at_a_width_of_32_it_is_the_generator_of_the_default_gcn():
    sizes, shape = {"digit": 10, "writer": 10}, (28, 28, 3)
    default = Deconvolution(operators=False).build(sizes, shape, "float32")
    found = deconvolution(Grid(sizes, shape), 32)
    assert [v.shape for v in found.trainable_variables] == [v.shape for v in default.trainable_variables]


def test_its_loss_is_the_sum_of_squares_and_falls():
    model, data = rival("dosovitskiy", learning_rate=5e-3), batch()
    generated = model.generator(model.encode(data[0])).numpy()
    step = tf.function(model.train_step)
    losses = [float(step(data)["generator_loss"]) for _ in range(40)]
    squares = np.square(generated - data[1].numpy()).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(losses[0], squares.mean(), rtol=1e-5)
    assert losses[-1] < losses[0] / 2
