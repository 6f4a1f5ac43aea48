"""Codes of ordered factors, spread over their neighbours."""

import keras
import numpy as np
import pytest

from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.model.build import build_model
from gcn_tf.model.generator import Deconvolution
from gcn_tf.model.neighbours import NeighbourCodes, neighbour_kernel

DEGREES = tuple(range(0, 360, 45))
ANGLE = Factor("angle", tuple(map(str, DEGREES)), DEGREES, period=360)
RANGE = Factor("angle", ANGLE.values, DEGREES)
SIZES, SHAPE = {"shape": 3, "angle": 8}, (28, 28, 3)
SMALL = Deconvolution(trunk=(16,))


def names(network):
    return [layer.name for layer in network.layers]


def test_the_kernel_falls_with_the_distance_and_goes_round_where_the_factor_does():
    kernel = neighbour_kernel(RANGE.distances())
    assert (np.diff(kernel[0]) < 0).all()
    np.testing.assert_allclose(np.linalg.norm(kernel, axis=1), 1, rtol=1e-6)
    around = neighbour_kernel(ANGLE.distances())
    np.testing.assert_allclose(around[0], np.roll(around, -1, axis=(0, 1))[0], rtol=1e-6)
    assert around[0, 7] == pytest.approx(around[0, 1])
    assert around[0, 4] == around[0].min()


def test_the_width_is_in_distances_of_neighbours():
    np.testing.assert_allclose(
        neighbour_kernel(RANGE.distances()), neighbour_kernel(RANGE.distances() / 45), rtol=1e-6
    )
    assert neighbour_kernel(RANGE.distances(), 2)[0, 1] > neighbour_kernel(RANGE.distances(), 0.5)[0, 1]


@pytest.mark.parametrize("numbers", [(1, 2, 4, 8, 16, 32, 64), (0, 1, 2, 100), (0, 0.001, 5, 10)])
def test_values_at_unequal_distances_stay_apart(numbers):
    factor = Factor("exposure", tuple(map(str, numbers)), numbers)
    kernel = neighbour_kernel(factor.distances())
    assert np.linalg.cond(kernel) < 50
    assert (kernel.argmax(axis=1) == range(len(numbers))).all()


def test_the_code_of_a_blend_is_the_blend_of_the_codes():
    spread = NeighbourCodes(neighbour_kernel(ANGLE.distances()))
    one, other, between = (spread(ANGLE.code(text)[None]).numpy() for text in ("0", "45", "22.5"))
    np.testing.assert_allclose(between, (one + other) / 2, rtol=1e-6)


def test_only_ordered_factors_are_spread():
    plain = SMALL.build(SIZES, SHAPE, "float32")
    ordered = SMALL.build(SIZES, SHAPE, "float32", {"angle": ANGLE.distances()})
    assert names(SMALL.build(SIZES, SHAPE, "float32", {})) == names(plain)
    assert set(names(ordered)) - set(names(plain)) == {"angle_neighbours"}
    assert [v.shape for v in ordered.variables] == [v.shape for v in plain.variables]


def test_pictures_of_neighbours_are_alike_from_the_beginning():
    keras.utils.set_random_seed(0)
    network = SMALL.build(SIZES, SHAPE, "float32", {"angle": ANGLE.distances()})
    shape = np.eye(3, dtype=np.float32)[np.zeros(8, int)]
    pictures = network({"shape": shape, "angle": np.eye(8, dtype=np.float32)}).numpy().reshape(8, -1)
    apart = np.linalg.norm(pictures[:, None] - pictures, axis=-1)
    beside = [apart[n, (n + 1) % 8] for n in range(8)]
    opposite = [apart[n, (n + 4) % 8] for n in range(8)]
    assert np.mean(beside) < 0.75 * np.mean(opposite)


def test_a_model_of_an_ordered_factor_is_built_and_survives_its_config(toy_config):
    space = FactorSpace((Factor("shape", ("a", "b", "c")), ANGLE))
    model = build_model(toy_config, space, SHAPE)
    kernel = model.generator.get_layer("angle_neighbours").kernel
    np.testing.assert_allclose(kernel, neighbour_kernel(ANGLE.distances()))
    again = type(model).from_config(model.get_config())
    np.testing.assert_allclose(again.generator.get_layer("angle_neighbours").kernel, kernel)
    assert (
        names(build_model(toy_config, FactorSpace((space["shape"],)), SHAPE).generator).count(
            "angle_neighbours"
        )
        == 0
    )
