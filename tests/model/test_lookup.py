import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from gcn_tf.config.files import resolve
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.model import lookup
from gcn_tf.model.build import build_model
from gcn_tf.model.classifier import AlexNet, Convolution
from gcn_tf.model.gcn import GCN
from gcn_tf.model.generator import Deconvolution, Upsampling
from gcn_tf.model.operators import Operators
from gcn_tf.synthesis.draw import generate_from_codes, pictures_of, to_uint8

MANY = lookup.LOOKED_UP_FROM
SMALL = Deconvolution(tower_units=4, trunk=(6,), seed_tensor=(7, 7, 2), upsampling=(Upsampling(3, 4, 4, 0),))
CLASSIFIER = AlexNet((Convolution(4, 3, 4),), head_units=(8,), dropout=0.0)
RNG = np.random.default_rng(0)
IMAGES = tf.constant(RNG.random((12, 28, 28, 3), np.float32))


def gcn(writers: int, precision: str = "float32", **settings) -> GCN:
    factors = Factor("digit", ("0", "1", "2")), Factor("writer", tuple(map(str, range(writers))))
    config = dataclasses.replace(
        resolve("qmnist"), precision=precision, generator=SMALL, classifier=CLASSIFIER, steps=20, **settings
    )
    return build_model(config, FactorSpace(factors), (28, 28, 3))


def cells(writers: int) -> dict[str, tf.Tensor]:
    """Twelve cells, two of them of the same writer."""
    writer = RNG.integers(0, writers, 12)
    writer[1] = writer[0]
    return {"digit": tf.constant(RNG.integers(0, 3, 12), tf.int32), "writer": tf.constant(writer, tf.int32)}


def gradients(model: GCN, codes: dict[str, tf.Tensor]) -> list[np.ndarray]:
    with tf.GradientTape() as tape:
        objective = model.generator_objective(codes, IMAGES)[0]
    found = tape.gradient(objective, model.generator.trainable_variables)
    assert all(isinstance(gradient, tf.Tensor) for gradient in found)
    return [np.asarray(gradient) for gradient in found]


def test_few_values_are_multiplied_and_many_are_looked_up():
    assert gcn(MANY - 1).looked_up == ()
    assert gcn(MANY).looked_up == ("writer",)


@pytest.mark.parametrize("mask_weight, explained", [(0.0, False), (2.0, True)])
def test_pictures_and_gradients_of_ids_are_those_of_one_hot_codes(mask_weight, explained):
    model, ids = gcn(MANY, imagined_share=1.0, mask_weight=mask_weight), cells(MANY)
    if explained:
        turns = Operators(RNG.integers(0, 8, MANY), RNG.normal(size=(MANY, 3, 3)).astype(np.float32), 0.0)
        for name in ("operators", "hide_explained"):
            model.generator.get_layer(name).assign({"writer": turns})
    model.step.assign(20)  # imagined cells count
    ids_looked_up, one_hot = model.looked_at(ids), model.encode(ids)
    assert ids_looked_up["writer"].shape == (12,)
    for draw in (model, tf.function(model)):
        by_ids, by_codes = draw(ids), draw(one_hot)
        if explained:  # a mean of rows, instead of a product with a uniform code
            np.testing.assert_allclose(by_ids, by_codes, atol=1e-5)
        else:
            np.testing.assert_array_equal(by_ids, by_codes)
    for looked_up, multiplied in zip(gradients(model, ids_looked_up), gradients(model, one_hot), strict=True):
        assert np.abs(multiplied).max() > 0
        # A uniform code is 1 + (1 / K - 1) where the id is: cancellation leaves three digits of it.
        rounding = 1e-2 if explained else 1e-4
        np.testing.assert_allclose(looked_up, multiplied, rounding, 1e-5 * np.abs(multiplied).max())


def test_bfloat16_pictures_of_ids_are_those_of_one_hot_codes_within_its_rounding():
    model, ids = gcn(MANY, "mixed_bfloat16"), cells(MANY)
    np.testing.assert_allclose(model(ids), model(model.encode(ids)), atol=2**-8)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_users_get_the_same_pictures_of_ids_as_of_codes_to_the_bit(precision):
    model, ids = gcn(MANY, precision), cells(MANY)
    draw = tf.function(lambda factors: pictures_of(model, factors), autograph=False)
    np.testing.assert_array_equal(draw(ids), draw(model.encode(ids)))


def test_a_training_by_lookup_is_one_by_products(monkeypatch):
    looking_up = gcn(MANY, seed=5)
    monkeypatch.setattr(lookup, "LOOKED_UP_FROM", MANY + 1)
    multiplying = gcn(MANY, seed=5)
    kernel = looking_up.generator.get_layer("writer_tower_1").kernel
    steps = [(cells(MANY), IMAGES) for _ in range(3)]
    moved = []
    for model in (looking_up, multiplying):
        for step in steps:
            model.train_step(step)
        moved.append([np.asarray(variable) for variable in model.all_variables])
    assert [one.shape for one in moved[0]] == [other.shape for other in moved[1]]
    for one, other in zip(*moved, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=2e-5)
    once = steps[0][0]["writer"].numpy()[-1]
    before = kernel.numpy()[once]
    absent = cells(MANY)
    assert once not in absent["writer"].numpy()
    looking_up.train_step((absent, IMAGES))
    assert np.abs(kernel.numpy()[once] - before).max() > 0  # its moments go on, as in Keras's dense Adam


def test_a_factor_of_ten_thousand_values_trains_and_is_drawn():
    model, ids = gcn(MANY), cells(MANY)
    kernel = model.generator.get_layer("writer_tower_1").kernel
    before = kernel.numpy()
    logs = model.train_step((ids, IMAGES))
    assert all(np.isfinite(float(value)) for value in logs.values())
    moved = np.flatnonzero((kernel.numpy() != before).any(axis=1))
    assert set(ids["writer"].numpy()) <= set(moved.tolist())
    assert len(moved) <= 12 + 6  # and those of imagined cells
    space = FactorSpace((Factor("digit", ("0", "1", "2")), Factor("writer", tuple(map(str, range(MANY))))))
    words = space.select(["digit=1", "writer=9999,17:0.5+4000:0.5"])
    alone, blend = generate_from_codes(model, space.codes(words))
    np.testing.assert_array_equal(
        alone, to_uint8(model({"digit": tf.constant([1]), "writer": tf.constant([9_999])}))[0]
    )
    assert not np.array_equal(alone, blend)
