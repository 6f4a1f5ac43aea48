"""Gaussian dropout in the generator: noise while training, none when pictures are drawn, the same after a resume."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from gcn_tf.model.generator import Deconvolution
from gcn_tf.training.fit import fit

CODES = {"digit": tf.one_hot([0, 1, 0], 2), "hand": tf.one_hot([2, 1, 0], 3)}


def test_it_disturbs_training_alone():
    config = Deconvolution(tower_units=8, trunk=(16,), seed_tensor=(0, 0, 4), gaussian_dropout=0.3)
    network = config.build({"digit": 2, "hand": 3}, (28, 28, 1), "float32")
    names = [layer.name for layer in network.layers if "dropout" in layer.name]
    assert sorted(names) == ["digit_tower_dropout", "hand_tower_dropout", "trunk_1_dropout"]
    drawn = [np.asarray(network(CODES, training=False)) for _ in range(2)]
    np.testing.assert_array_equal(*drawn)
    trained = [np.asarray(network(CODES, training=True)) for _ in range(2)]
    assert np.abs(trained[0] - trained[1]).max() > 0
    without = replace(config, gaussian_dropout=0.0).build({"digit": 2, "hand": 3}, (28, 28, 1), "float32")
    assert not [layer for layer in without.layers if "dropout" in layer.name]
    assert len(without.trainable_weights) == len(network.trainable_weights)


@pytest.mark.slow
def test_a_resumed_training_has_the_same_noise(toy_config, start_run, tmp_path):
    noisy = replace(toy_config.generator, gaussian_dropout=0.3)
    config = replace(toy_config, generator=noisy, steps=8, checkpoint_steps=4)
    prepared = start_run(config, tmp_path / "run")
    whole = fit(prepared, tmp_path / "run")
    (tmp_path / "run/checkpoints/step-00000008.npz").unlink()
    again = fit(prepared, tmp_path / "run")
    assert int(again.step) == 8
    for one, other in zip(whole.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
