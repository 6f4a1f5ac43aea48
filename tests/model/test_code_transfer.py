"""A picture of nobody that is known, in other cells, by a generator whose layers build pictures from codes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gcn_tf.model.code_transfer import CodeTransfer
from gcn_tf.model.generator import Deconvolution, Upsampling
from gcn_tf.model.transfer import adam_step, after_change, missed_share

SIZES = {"digit": 3, "writer": 4}
SHAPE = (8, 8, 1)


@pytest.fixture(scope="module")
def network():
    """A sum of what digits and writers add, as a linear layer draws it."""
    rng = np.random.default_rng(0)
    codes = {name: keras.layers.Input((size,), name=name) for name, size in SIZES.items()}
    parts = []
    for name, size in SIZES.items():
        layer = keras.layers.Dense(64, use_bias=False, name=f"of_{name}")
        parts.append(layer(codes[name]))
        layer.kernel.assign(0.5 * rng.random((size, 64)))
    return keras.Model(codes, keras.layers.Reshape(SHAPE)(keras.layers.Add()(parts)))


def codes(digit, writer):
    """One-hot codes of ids, the weights themselves, or zeros for None."""
    found = {}
    for (name, size), value in zip(SIZES.items(), (digit, writer), strict=True):
        zeros = np.zeros(size, np.float32)
        row = (
            zeros
            if value is None
            else np.eye(size, dtype=np.float32)[value]
            if np.ndim(value) == 0
            else value
        )
        found[name] = tf.constant(np.asarray(row, np.float32)[None])
    return found


def test_an_unknown_writer_is_drawn_as_the_mixture_that_meets_the_picture(network):
    mixture = [0.6, 0.1, 0.3, 0.0]
    picture = network(codes(0, mixture))
    made = CodeTransfer(network).draw(picture, codes(0, None), codes(2, None))
    true = network(codes(2, mixture))
    others = [np.abs(network(codes(2, writer)) - true).mean() for writer in range(4)]
    assert np.abs(made - true).mean() < 0.25 * min(others)


def test_a_known_writer_is_drawn_as_herself(network):
    made = CodeTransfer(network).draw(network(codes(0, 3)), codes(0, 1), codes(2, None))
    np.testing.assert_array_equal(made, network(codes(2, 1)))


def test_pictures_do_not_touch_each_other(network):
    transfer = CodeTransfer(network)
    pictures = tf.concat([network(codes(0, [0.5, 0.5, 0, 0])), network(codes(1, 2))], axis=0)
    known, wanted = (
        {name: tf.concat([one[name], other[name]], axis=0) for name in SIZES}
        for one, other in ((codes(0, None), codes(1, None)), (codes(2, None), codes(0, None)))
    )
    together = transfer.draw(pictures, known, wanted)
    alone = transfer.draw(pictures[1:], codes(1, None), codes(0, None))
    np.testing.assert_allclose(together[1:], alone, atol=1e-5)


def test_the_right_digit_is_missed_least(network):
    picture = network(codes(1, [0.2, 0.3, 0.5, 0]))
    missed = [float(CodeTransfer(network).missed(picture, codes(digit, None))[0]) for digit in range(3)]
    assert np.argmin(missed) == 1
    assert missed[1] < 0.2 * min(missed[0], missed[2])


def test_any_deconvolution_network_transfers_in_a_graph():
    kind = Deconvolution(trunk=(8,), tower_units=4, seed_tensor=(7, 7, 2), upsampling=(Upsampling(1, 2, 2),))
    network = kind.build(SIZES, (14, 14, 1), "mixed_bfloat16")
    transfer = kind.transfer(network)
    pictures = tf.random.stateless_uniform((2, 14, 14, 1), (1, 2))
    zeros = {name: tf.zeros((2, size)) for name, size in SIZES.items()}
    made = tf.function(transfer.draw, autograph=False)(
        pictures, zeros, {**zeros, "digit": tf.one_hot([0, 1], 3)}
    )
    assert made.dtype == tf.float32
    assert made.shape == (2, 14, 14, 1)
    assert np.isfinite(made).all()


def test_steps_are_those_of_keras():
    values = tf.Variable([1.0, -2.0])
    adam = keras.optimizers.Adam(0.3)
    state = (tf.constant(0), tf.constant([1.0, -2.0]), tf.zeros(2), tf.zeros(2))
    for _ in range(5):
        gradient = 2 * state[1]
        adam.apply([2 * values], [values])
        state = adam_step(state[0], state[1], gradient, state[2], state[3], 0.3)
    np.testing.assert_allclose(state[1], values, atol=1e-5)


def test_shares_and_changes():
    pictures = np.zeros((1, 2, 2, 1), np.float32)
    pictures[0, 0] = 1
    assert float(missed_share(tf.constant(pictures), tf.constant(pictures))[0]) == 0
    assert float(missed_share(tf.constant(pictures), tf.constant(1 - pictures))[0]) == pytest.approx(
        4, rel=0.01
    )
    known = tf.constant([[1.0, 0], [1, 0]])
    np.testing.assert_array_equal(after_change(known, tf.constant([[0.0, 1], [0, 0]])), [[0, 1], [1, 0]])
