"""pix2pix learns from pairs of two cells, by the true picture and by a critic."""

import numpy as np
import pytest
import tensorflow as tf
from test_rivals_contract import IMAGES, batch, rival

from gcn_tf.rivals.picture_rival import WAY, source_of, step_seed


def test_a_picture_is_never_its_own_partner_and_every_other_of_its_row_and_column_is():
    model = rival("pix2pix")
    codes, real = model.encode(batch()[0]), batch()[1]
    partners = set()
    for step in range(12):
        model.step.assign(step)
        given = np.asarray(source_of(model).partners(codes, step_seed(model, 40)))
        assert (np.abs(given - real).max(axis=(1, 2, 3)) > 0).all()
        which = np.abs(given[:, None] * 255 - IMAGES[None]).max(axis=(2, 3, 4)).argmin(axis=1)
        partners |= set(enumerate(which.tolist()))
    assert partners == {(0, 1), (0, 2), (1, 0), (1, 3), (2, 0), (2, 3), (3, 1), (3, 2)}


@pytest.mark.slow
def test_it_comes_nearer_to_the_true_picture_of_the_pair():
    model = rival("pix2pix", dropout=0.0, learning_rate=2e-3)
    step = tf.function(model.train_step)
    losses = [float(step(batch())["pixel_loss"]) for _ in range(60)]
    assert np.mean(losses[-5:]) < 0.85 * np.mean(losses[:5])


def test_dropout_is_for_training_alone():
    model = rival("pix2pix")
    way, inputs = model.generator.get_layer(WAY), (batch()[1], tf.eye(4))
    tf.debugging.assert_equal(way(inputs), way(inputs))
    assert np.abs(way(inputs, training=True) - way(inputs, training=True)).max() > 0
