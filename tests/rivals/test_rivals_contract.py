"""What all rivals have in common: a step of training, as many parameters as wanted, the pictures of a run."""

from dataclasses import replace
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf

from gcn_tf import doors
from gcn_tf.config.files import resolve, with_settings
from gcn_tf.errors import ConfigError
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.model.build import build_model
from gcn_tf.rivals.rival import Grid

SPACE = FactorSpace((Factor("digit", ("0", "1")), Factor("writer", ("a", "b"))))
IDS = {"digit": np.array([0, 0, 1, 1]), "writer": np.array([0, 1, 0, 1])}
SHAPE = (16, 16, 3)
IMAGES = np.random.default_rng(0).integers(0, 256, (4, *SHAPE), np.uint8)


def rival(name, width=8, **settings):
    """A small model of a rival on a grid of 2 x 2, which has looked at its pictures."""
    settings = {"generator": {"kind": name, **settings}, "image_size": 16, "precision": "float32"}
    config = with_settings(resolve(dataset="glyphs"), settings, "test")
    config = replace(config, generator=config.generator.resolved(4, 4))
    kind = config.generator
    with mock.patch.object(type(kind), "width", return_value=width):
        model = build_model(config, SPACE, SHAPE)
    ids = np.stack(list(IDS.values()), axis=1)
    kind.learn_before_training(model.generator, IMAGES, ids, SPACE.sizes)
    return model


def batch():
    return (
        {name: tf.constant(ids, tf.int32) for name, ids in IDS.items()},
        tf.constant(IMAGES / np.float32(255)),
    )


@pytest.mark.parametrize("name", doors.RIVALS)
def test_a_step_changes_every_network_but_the_classifier(name):
    model = rival(name)
    before = {
        part: [v.numpy().copy() for v in net.trainable_variables]
        for part, net in model.trained_networks.items()
    }
    classifier = [v.numpy().copy() for v in model.classifier.trainable_variables]
    logs = model.train_step(batch())
    assert all(np.isfinite(float(loss)) for loss in logs.values())
    for part, network in model.trained_networks.items():
        changed = [
            np.any(old != new.numpy())
            for old, new in zip(before[part], network.trainable_variables, strict=True)
        ]
        assert all(changed), (
            f"{part}: {[v.path for v, c in zip(network.trainable_variables, changed, strict=True) if not c]}"
        )
    assert all(
        np.array_equal(old, new.numpy())
        for old, new in zip(classifier, model.classifier.trainable_variables, strict=True)
    )
    assert int(model.step) == 1
    check_pictures(model)


def check_pictures(model):
    """A cell has one picture, whatever its batch."""
    together = model.predict(IDS, verbose=0)
    alone = model.predict({key: ids[2:3] for key, ids in IDS.items()}, verbose=0)
    assert together.shape == (4, *SHAPE)
    assert together.min() >= 0
    assert together.max() <= 1
    np.testing.assert_allclose(alone[0], together[2], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", doors.RIVALS)
def test_the_networks_have_nearly_the_wanted_parameters(name):
    kind = doors.find(doors.RIVALS[name])(parameters=1_000_000)
    networks = kind.built(Grid({"digit": 10, "writer": 10}, (28, 28, 3)))
    assert 0.8e6 <= sum(network.count_params() for network in networks.values()) <= 1.0e6


@pytest.mark.parametrize("name", ["gan", "cgan", "pix2pix"])
def test_a_rival_too_small_for_its_grid_is_refused(name):
    with pytest.raises(ConfigError, match=r"generator\.parameters is 10"):
        doors.find(doors.RIVALS[name])(parameters=10).built(Grid(SPACE.sizes, SHAPE))


def test_a_rival_survives_its_keras_file(tmp_path):
    model = rival("cgan")
    model.train_step(batch())
    model.save(tmp_path / "rival.keras")
    again = keras.saving.load_model(tmp_path / "rival.keras")
    np.testing.assert_array_equal(again.predict(IDS, verbose=0), model.predict(IDS, verbose=0))
    assert again.kind == model.kind
