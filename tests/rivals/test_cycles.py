"""CycleGAN, DiscoGAN and StarGAN: what is turned there and back should be what it was."""

import numpy as np
import pytest
import tensorflow as tf
from test_rivals_contract import batch, rival

from gcn_tf.rivals import cyclegan, stargan
from gcn_tf.rivals.stargan import gradient_penalty
from gcn_tf.rivals.translator import there_and_back


def losses(model):
    return {
        name: float(loss)
        for name, loss in model.kind.losses(model, model.encode(batch()[0]), batch()[1]).items()
    }


@pytest.mark.parametrize(
    ("name", "module"), [("cyclegan", cyclegan), ("discogan", cyclegan), ("stargan", stargan)]
)
def test_the_cycle_loss_is_zero_for_the_identity_alone(name, module, monkeypatch):
    model = rival(name)
    assert losses(model)["cycle"] > 1e-3
    monkeypatch.setattr(module, "way_of", lambda model: lambda inputs, training: inputs[0])
    assert losses(model)["cycle"] == 0


def test_the_way_back_is_to_the_own_cell_from_what_was_made():
    calls = []

    def way(inputs):
        calls.append(inputs)
        return inputs[0] + inputs[1]

    made, back = there_and_back(way, tf.constant(1.0), tf.constant(10.0), tf.constant(100.0))
    assert (float(made), float(back)) == (101.0, 111.0)


@pytest.mark.slow
def test_stargan_pictures_are_classified_better_as_what_was_wanted_after_some_steps():
    model = rival("stargan", learning_rate=2e-3, classification_weight=10.0, reconstruction_weight=0.1)
    step = tf.function(model.train_step)
    logged = [float(step(batch())["classification_loss"]) for _ in range(40)]
    assert np.mean(logged[-5:]) < 0.5 * np.mean(logged[:5])


def test_the_gradient_penalty_is_zero_where_gradients_have_length_one():
    pictures = tf.constant(np.random.default_rng(0).random((3, 4, 4, 2), np.float32))

    def plane(slope):
        return lambda x: slope * x[:, :1, :1, :1]

    assert float(gradient_penalty(plane(1.0), pictures)) == pytest.approx(0, abs=1e-6)
    assert float(gradient_penalty(plane(3.0), pictures)) == pytest.approx(4, rel=1e-5)
