"""MultiGen: a GCN, and a critic beside it."""

import numpy as np
import pytest
import tensorflow as tf
from test_rivals_contract import batch, rival

from gcn_tf.config.schema import ObjectiveConfig
from gcn_tf.model.gcn import GCN
from gcn_tf.rivals.adversary import generator_loss


def restore(network, state):
    """Let dropout repeat itself."""
    for variable, value in zip(network.non_trainable_variables, state, strict=True):
        variable.assign(value)


def test_without_its_critic_it_has_the_gradient_of_a_gcn():
    model, (factors, real) = rival("multigen", adversarial_weight=0.0, classification_weight=7.0), batch()
    cooperator, variables = model.others["cooperator"], model.generator.trainable_variables
    objective = ObjectiveConfig(classification_weight=7.0, imagined_weight=0.0, classifier_jitter=0.0)
    gcn, codes = GCN(model.generator, cooperator, objective), model.encode(factors)
    state = [variable.numpy() for variable in cooperator.non_trainable_variables]
    with tf.GradientTape() as tape:
        loss = model.kind.losses(model, codes, real)["generator"]
    found = tape.gradient(loss, variables)
    restore(cooperator, state)
    with tf.GradientTape() as tape:
        wanted, _, _ = gcn.generator_objective(codes, real)
    for one, other in zip(found, tape.gradient(wanted, variables), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_its_critic_adds_its_word():
    model, (factors, real) = rival("multigen"), batch()
    codes, losses = model.encode(factors), []
    cooperator, critic = model.others["cooperator"], model.others["critic"]
    state = [variable.numpy() for variable in cooperator.non_trainable_variables]
    for weight in (0.0, 5.0):
        restore(cooperator, state)
        kind = type(model.kind)(adversarial_weight=weight)
        losses.append(float(kind.losses(model, codes, real)["generator"]))
    shown = tf.clip_by_value(model.generator(codes), 0, 1)
    assert losses[1] - losses[0] == pytest.approx(
        5 * float(generator_loss(critic(shown, training=True))), rel=1e-3
    )
