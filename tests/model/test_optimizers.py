import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from gcn_tf.config.schema import RunConfig
from gcn_tf.model.optimizers import FusedAdam, learning_rate

SETTINGS = {"learning_rate": 1e-2, "beta_1": 0.9, "beta_2": 0.99, "epsilon": 1e-8}


START = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)


def after_steps(adam, graph, count=29):
    variable = keras.Variable(START)
    adam.build([variable])

    def step(n):
        adam.apply([tf.sin(variable.value * n)], [variable])

    run = tf.function(step) if graph else step
    for n in range(1, count + 1):
        run(tf.constant(float(n)))
    assert int(adam.iterations) == count
    return variable.numpy()


@pytest.mark.parametrize("graph", [False, True])
def test_fused_adam_equals_keras_adam(graph):
    fused, plain = (after_steps(kind(**SETTINGS), graph) for kind in (FusedAdam, keras.optimizers.Adam))
    np.testing.assert_allclose(fused, plain, rtol=1e-5, atol=1e-6)
    assert np.abs(fused - START).max() > 0.05


def test_fused_adam_survives_serialization():
    adam = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(FusedAdam(**SETTINGS)))
    assert isinstance(adam, FusedAdam)
    assert adam.get_config()["beta_2"] == 0.99


def test_schedules_are_the_cosine_and_the_papers_halving():
    config = RunConfig(learning_rate=0.4, steps=100)
    cosine = learning_rate(config)
    np.testing.assert_allclose([cosine(0), cosine(50), cosine(100)], [0.4, 0.2, 0], atol=1e-6)
    halving = learning_rate(dataclasses.replace(config, schedule="halving"))
    np.testing.assert_allclose(
        [halving(0), halving(999), halving(1000), halving(3000)], [0.4, 0.4, 0.2, 0.05]
    )
    assert learning_rate(dataclasses.replace(config, schedule="constant")) == 0.4
