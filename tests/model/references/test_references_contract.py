"""The kind as a kind: it builds at every shape, counts its weights, scales, refuses what it cannot be, and is saved."""

import math
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from figure_grids import SIZES, posed_grid

from gcn_tf.config.checks import check_config
from gcn_tf.doors import GENERATORS, find
from gcn_tf.errors import ConfigError
from gcn_tf.model.references.finish import FARTHEST, Finish
from gcn_tf.model.references.generator import LAYER, MOST_REFERENCES, References
from gcn_tf.model.references.registration import Stage

SMALL = References(references=5, filters=(4, 8))


def codes(sizes, count=2):
    return {name: np.eye(size, dtype=np.float32)[np.arange(count) % size] for name, size in sizes.items()}


def test_the_doors_name_it():
    assert find(GENERATORS["references"]) is References


@pytest.mark.parametrize("shape", [(28, 28, 3), (32, 24, 1), (30, 30, 3), (33, 27, 1), (64, 64, 3)])
@pytest.mark.parametrize("sizes", [SIZES, {"one": 3}, {"a": 2, "b": 3, "c": 2, "d": 2, "e": 2}])
def test_it_builds_for_pictures_and_grids_of_every_shape(shape, sizes):
    network = SMALL.build(sizes, shape, "float32")
    assert network.output.shape == (None, *shape)
    assert network.output.dtype == "float32"
    made = network(codes(sizes))
    assert made.shape == (2, *shape)
    assert (made.numpy() == 0).all()  # nothing is known yet


@pytest.mark.parametrize("shape", [(32, 24, 1), (30, 26, 1), (28, 28, 3)])
def test_it_learns_pictures_of_every_shape(shape, monkeypatch):
    monkeypatch.setattr("gcn_tf.model.references.registration.STAGES", (Stage(28, 2, 1, 0.1),))
    monkeypatch.setattr("gcn_tf.model.references.registration.STEPS", 2)
    grid = posed_grid(*shape)
    config = replace(SMALL, references=0).resolved(len(grid.seen), len(grid.seen))
    network = config.build(SIZES, shape, "float32")
    config.learn_before_training(network, grid.images[grid.seen], grid.ids[grid.seen], SIZES)
    ids = grid.ids[grid.seen]
    made = network({name: np.eye(6, dtype=np.float32)[ids[:, m]] for m, name in enumerate(SIZES)})
    np.testing.assert_allclose(made * 255, grid.images[grid.seen], atol=0.5)


@pytest.mark.parametrize("shape", [(28, 28, 3), (32, 24, 1)])
def test_the_weights_are_counted_from_the_settings_alone(shape):
    network = SMALL.build(SIZES, shape, "float32")
    weights = sum(math.prod(v.shape) for v in network.trainable_variables if len(v.shape) > 1)
    kept = math.prod(network.get_layer(LAYER).pictures.shape) // 4
    assert SMALL.count_weights(SIZES, shape) == weights + kept


def test_scaled_makes_the_layers_wider_and_keeps_the_pictures():
    wider = SMALL.scaled(2)
    assert (wider.filters, wider.references) == ((8, 16), 5)
    assert SMALL.scaled(1) == SMALL
    assert SMALL.count_weights(SIZES, (28, 28, 3)) < wider.count_weights(SIZES, (28, 28, 3))


def test_it_keeps_as_many_pictures_as_were_seen_and_no_more_than_it_has_room_for():
    assert References().resolved(17, 40).references == 17
    assert References().resolved(10**6, 10**6).references == MOST_REFERENCES


def test_a_generator_with_less_room_than_pictures_spreads_them_over_the_grid(monkeypatch):
    monkeypatch.setattr("gcn_tf.model.references.registration.STAGES", (Stage(28, 1, 1, 0.1),))
    grid = posed_grid()
    network = replace(SMALL, references=12).build(SIZES, (28, 28, 1), "float32")
    replace(SMALL, references=12).learn_before_training(network, grid.images, grid.ids, SIZES)
    cells = network.get_layer(LAYER).cells.numpy()
    assert len(set(cells.tolist())) == 12
    assert {cell // 6 for cell in cells.tolist()} == set(range(6))


def said_by(call):
    with pytest.raises(ConfigError) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_settings_that_make_no_network_are_refused_in_one_line(toy_config):
    shape = (28, 28, 3)
    assert "[1, 2, 3]: give two numbers" in said_by(
        lambda: replace(SMALL, filters=(1, 2, 3)).check_fit(shape)
    )
    assert "prelu: with kind references" in said_by(
        lambda: replace(SMALL, activation="prelu").check_fit(shape)
    )
    SMALL.check_fit(shape)
    large = {"person": 1000, "gesture": 100}
    assert "100,000 cells is too large" in said_by(lambda: SMALL.build(large, shape, "float32"))
    assert "references is 5000: give a number from 0 to 4096" in said_by(
        lambda: check_config(replace(toy_config, generator=replace(SMALL, references=5000)))
    )


def test_a_network_comes_back_from_its_config_with_its_weights(tmp_path):
    network = SMALL.build(SIZES, (30, 26, 1), "float32")
    again = keras.Model.from_config(network.get_config())
    assert [v.shape for v in again.variables] == [v.shape for v in network.variables]
    layer = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(network.get_layer(LAYER))
    )
    assert layer.get_config() == network.get_layer(LAYER).get_config()
    rng = np.random.default_rng(0)
    network.get_layer(LAYER).pictures.assign(rng.integers(0, 256, (5, 30, 26, 1), np.uint8))
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    expected = network(codes(SIZES)).numpy()
    assert expected.max() > 0.5
    np.testing.assert_array_equal(loaded(codes(SIZES)), expected)


def test_the_state_of_the_choice_among_neighbours_is_a_variable_that_checkpoints_keep():
    network = SMALL.build(SIZES, (28, 28, 1), "float32")
    layer = network.get_layer(LAYER)
    assert any(variable is layer.random.state for variable in network.variables)
    before = layer.random.state.numpy().copy()
    network(codes(SIZES))
    np.testing.assert_array_equal(layer.random.state, before)
    network(codes(SIZES), training=True)
    assert (layer.random.state.numpy() != before).any()


def test_half_precision_is_of_the_layers_that_learn_and_not_of_the_pictures():
    network = SMALL.build(SIZES, (28, 28, 3), "mixed_bfloat16")
    layer = network.get_layer(LAYER)
    assert layer.finish.parts["first"].compute_dtype == "bfloat16"
    assert layer.compute_dtype == "float32"
    rng = np.random.default_rng(0)
    layer.pictures.assign(rng.integers(0, 256, (5, 28, 28, 3), np.uint8))
    made = network(codes(SIZES))
    assert made.dtype == tf.float32
    expected = layer.pictures.numpy()[0] / 255
    np.testing.assert_allclose(made[0], expected, atol=1e-5)  # cell 0, from the picture that is of it
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(network(codes(SIZES), training=True) ** 2)
    assert all(np.isfinite(g).all() for g in tape.gradient(loss, network.trainable_variables))


@pytest.mark.parametrize("shape", [(14, 14), (15, 13), (16, 12)])
def test_moves_are_bounded_and_nothing_before_training(shape):
    finish = Finish((4, 8), "relu", 0.0)
    rng = np.random.default_rng(0)
    seen, code = rng.random((2, *shape, 3)).astype(np.float32), rng.random((2, 7)).astype(np.float32)
    finish.build(((None, *shape, 3), (None, 7)))
    half = tuple(-(-side // 2) for side in shape)
    assert finish((seen, code)).shape == (2, *half, 2) == (2, *finish.compute_output_shape([seen.shape])[1:])
    assert (finish((seen, code)).numpy() == 0).all()
    for variable in finish.trainable_variables:
        variable.assign(variable + 0.5 * rng.normal(size=variable.shape).astype(np.float32))
    made = np.abs(finish((seen, code)).numpy())
    assert 0.01 < made.max() <= FARTHEST
    other = finish((seen, code + 1)).numpy()
    assert np.abs(other - finish((seen, code))).max() > 0.01
