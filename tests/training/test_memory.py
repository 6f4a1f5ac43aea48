import math
from dataclasses import replace

import pytest

from gcn_tf.config.files import resolve
from gcn_tf.errors import UserError
from gcn_tf.machine import available_bytes
from gcn_tf.model.build import build_model
from gcn_tf.model.size import check_weights, count_weights, least_bytes
from gcn_tf.pipelines.dataset import load_dataset
from gcn_tf.pipelines.split import split_dataset
from gcn_tf.training.memory import check_memory


@pytest.fixture(scope="module")
def model(toy_config):
    split = split_dataset(load_dataset(toy_config), toy_config.holdout, 0)
    return build_model(toy_config, split.dataset.space, split.dataset.image_shape)


def test_memory_grows_with_the_batch_by_what_the_layers_give(model):
    one = least_bytes(model, 2) - least_bytes(model, 1)
    images = 28 * 28 * 3 * 4
    assert one > 4 * images  # the generator's image, what the operators make of it, and the first convolution
    assert least_bytes(model, 1000) - least_bytes(model, 0) == 1000 * one


def test_the_system_says_how_much_there_is():
    there = available_bytes()
    assert there is None or 2**26 < there < 2**50


def test_a_training_that_can_not_fit_is_refused_before_it_starts(model, toy_config, monkeypatch):
    check_memory(model, toy_config)
    monkeypatch.setattr("gcn_tf.training.memory.available_bytes", lambda: 2**20)
    with pytest.raises(
        UserError, match=r"--batch-size 4096 .* GiB of memory, usually .*; 0\.0 are free: lower --batch-size"
    ):
        check_memory(model, replace(toy_config, batch_size=4096))
    monkeypatch.setattr("gcn_tf.training.memory.available_bytes", lambda: None)
    check_memory(model, replace(toy_config, batch_size=4096))


def weights_of(*networks):
    """Without biases and the slopes of PReLU."""
    return sum(
        math.prod(variable.shape)
        for network in networks
        for variable in network.trainable_variables
        if len(variable.shape) > 1 and variable.name != "alpha"
    )


def test_the_weights_of_a_run_are_counted_without_building_it(model, toy_config):
    sizes = {name: code.shape[1] for name, code in model.generator.input.items()}
    assert count_weights(toy_config, sizes, (28, 28, 3)) == weights_of(model.generator, model.classifier)


@pytest.mark.parametrize(
    "preset, sizes, activation, imagined",
    [
        ("glyphs", {"digit": 10, "writer": 7, "color": 3, "rotation": 4}, "leaky_relu", 1.0),
        ("glyphs", {"digit": 10, "writer": 7, "exemplar": 2}, "prelu", 0.0),
        ("kdef-published", {"person": 65, "emotion": 5, "transformation": 6}, "relu", 1.0),
    ],
)
def test_the_weights_of_a_preset_are_counted_without_building_it(preset, sizes, activation, imagined):
    config = replace(resolve(preset), imagined_class_weight=imagined)
    config = replace(
        config,
        generator=replace(config.generator, activation=activation),
        classifier=replace(config.classifier, activation=activation),
    )
    shape, precision = config.image_shape, "float16"
    networks = (
        config.generator.build(sizes, shape, precision),
        config.classifier.build(sizes, shape, precision, config.imagined_class),
    )
    assert count_weights(config, sizes, config.image_shape) == weights_of(*networks)


def test_a_training_that_will_hardly_fit_is_warned_of(model, toy_config, monkeypatch, capsys):
    least = least_bytes(model, toy_config.batch_size)
    for there, warned in ((least, True), (3 * least, True), (4 * least, False)):
        monkeypatch.setattr("gcn_tf.training.memory.available_bytes", lambda there=there: there)
        check_memory(model, toy_config)
        said = capsys.readouterr().err
        assert bool(said) == warned
        assert said.count("\n") == int(warned)


def test_networks_that_can_not_fit_are_refused_before_they_are_built(toy_config, monkeypatch):
    sizes = {"digit": 10, "writer": 3}
    weights = count_weights(toy_config, sizes, (28, 28, 3))
    monkeypatch.setattr("gcn_tf.model.size.available_bytes", lambda: 12 * weights)
    check_weights(toy_config, sizes, (28, 28, 3))
    for there in (12 * weights - 1, 0, -1):
        monkeypatch.setattr("gcn_tf.model.size.available_bytes", lambda there=there: there)
        with pytest.raises(
            UserError, match=rf"have {weights:,} weights .* GiB of memory, 0\.0 are free: make the layers"
        ):
            check_weights(toy_config, sizes, (28, 28, 3))
    monkeypatch.setattr("gcn_tf.model.size.available_bytes", lambda: None)
    check_weights(toy_config, sizes, (28, 28, 3))


def test_networks_of_terabytes_are_refused_by_training(toy_config):
    huge = replace(toy_config, generator=replace(toy_config.generator, trunk=(10**6, 10**6)))
    split = split_dataset(load_dataset(toy_config), toy_config.holdout, 0)
    with pytest.raises(UserError, match="the networks have"):
        build_model(huge, split.dataset.space, split.dataset.image_shape)
