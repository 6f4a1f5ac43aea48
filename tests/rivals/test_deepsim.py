"""DeePSiM: the comparator's features, and a critic that rests when it is too good."""

import numpy as np
import pytest
import tensorflow as tf
from test_rivals_contract import batch, rival

from gcn_tf.rivals.deepsim import feature_loss, resting_critic


def test_only_the_same_picture_has_the_same_features():
    model, (_, real) = rival("deepsim"), batch()
    features, _ = model.others["comparator"](real, training=True)
    others, _ = model.others["comparator"](tf.reverse(real, [0]), training=True)
    again, _ = model.others["comparator"](real, training=True)
    assert float(feature_loss(features, again)) == 0
    assert float(feature_loss(features, others)) > 0.01
    np.testing.assert_allclose(
        feature_loss(tf.zeros((2, 3)), tf.constant([[1.0, 2.0, 0.0], [0.0, 0.0, 3.0]])), 7
    )


@pytest.mark.slow
def test_the_comparator_learns_the_factors_of_the_seen_pictures():
    model, data = rival("deepsim", learning_rate=2e-3), batch()
    step = tf.function(model.train_step)
    losses = [float(step(data)["comparator_loss"]) for _ in range(60)]
    assert losses[-1] < losses[0] / 2


def test_a_critic_that_is_hardly_wrong_rests():
    logit = tf.Variable(0.0)

    def pull(told, fooled):
        with tf.GradientTape() as tape:
            loss = resting_critic(told + logit, tf.constant(fooled))
        return float(loss), float(tape.gradient(loss, logit))

    assert pull(0.3, 2.0) == (np.float32(0.3), 1.0)
    assert pull(0.1, 2.0) == (np.float32(0.1), 0.0)
