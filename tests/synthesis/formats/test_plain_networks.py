from dataclasses import replace

import keras
import numpy as np
import pytest

from gcn_tf import doors
from gcn_tf.config.files import resolve
from gcn_tf.config.schema import ObjectiveConfig
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.model.build import build_model
from gcn_tf.model.classifier import AlexNet, Convolution
from gcn_tf.model.gcn import GCN
from gcn_tf.model.generator import Deconvolution, Upsampling
from gcn_tf.model.operators import Operators
from gcn_tf.synthesis.formats.litert_layers import DepthToSpace, suited_to_litert
from gcn_tf.synthesis.formats.plain import foreign_modules, plain_classifier, plain_generator

SIZES = {"digit": 4, "tone": 3, "turn": 4}
SMALL = {"tower_units": 4, "trunk": (8,)}
# Kernel, stride and pad with every way to end: cut evenly, cut unevenly, not cut, stride above the kernel.
LAYERS = (Upsampling(6, 4, 2, 1), Upsampling(5, 5, 2, 2), Upsampling(4, 2, 3, 0), Upsampling(3, 3, 1, 1))


def noisy(network: keras.Model) -> keras.Model:
    """The network with random weights, biases included, so that no layer leaves its input as it is."""
    random = np.random.default_rng(0)
    for variable in network.trainable_variables:
        variable.assign(random.normal(0, 0.3, variable.shape))
    return network


def codes(count: int = 6) -> dict[str, np.ndarray]:
    """Blends: random weights that sum to 1."""
    random = np.random.default_rng(1)
    return {name: random.dirichlet(np.ones(size), count).astype(np.float32) for name, size in SIZES.items()}


def gcn(generator: Deconvolution, side: int, classifier: AlexNet | None = None, **kept) -> GCN:
    """A GCN of random weights; in its generator, tones mix channels and turns mirror and turn."""
    distances = {"digit": np.abs(np.subtract.outer(range(4), range(4)) * 1.0)}
    build = generator.build_masked if kept.get("mask") else generator.build
    network = noisy(build(SIZES, (side, side, 3), kept.get("dtype", "float32"), distances))
    mixing = np.random.default_rng(2).normal(0, 0.5, (2, 4, 3, 3)).astype(np.float32)
    if generator.operators:
        found = {
            "tone": Operators(np.array([0, 0, 4]), mixing[0, :3], 0.0),
            "turn": Operators(np.array([0, 1, 6, 3]), mixing[1], 0.0),
        }
        for name in ("operators", "hide_explained"):
            network.get_layer(name).assign(found)
    if generator.mean_picture:
        network.get_layer("mean_picture").assign(np.random.default_rng(3).random((side, side, 3)))
    classifier = classifier or AlexNet((Convolution(4, 3, pool=4),), (8,))
    objective = ObjectiveConfig(mask_weight=1.0 if kept.get("mask") else 0.0)
    return GCN(network, noisy(classifier.build(SIZES, (side, side, 3), "float32")), objective)


@pytest.mark.parametrize(
    "settings, mask",
    [
        ({"mean_picture": True}, False),
        ({"activation": "prelu", "gaussian_dropout": 0.2}, True),
        ({"operators": False, "activation": "gelu"}, False),
    ],
)
def test_layers_of_keras_alone_draw_what_the_generator_draws(settings, mask):
    model = gcn(Deconvolution(**SMALL, seed_tensor=(3, 3, 4), upsampling=LAYERS, **settings), 32, mask=mask)
    network = plain_generator(model)
    assert foreign_modules(network) == []
    expected = model(codes())
    assert np.std(expected) > 0.02
    np.testing.assert_allclose(network(codes()), expected, atol=1e-5)
    other = suited_to_litert(network)
    assert not {keras.layers.Dot, keras.layers.Conv2DTranspose} & {type(layer) for layer in other.layers}
    np.testing.assert_allclose(other(codes()), expected, atol=1e-5)


def test_a_rectangle_is_turned_by_half_turns_alone():
    generator = Deconvolution(**SMALL, seed_tensor=(3, 4, 4), upsampling=(Upsampling(3, 4, 2, 1),))
    network = noisy(generator.build(SIZES, (6, 8, 3), "float32"))
    network.get_layer("operators").assign(
        {"turn": Operators(np.array([0, 2, 4, 6]), np.stack([np.eye(3, dtype=np.float32)] * 4), 0.0)}
    )
    model = GCN(network, noisy(AlexNet((Convolution(4, 3),), (8,)).build(SIZES, (6, 8, 3), "float32")))
    drawn = plain_generator(model)(codes())
    np.testing.assert_allclose(drawn, model(codes()), atol=1e-5)


def test_in_bfloat16_a_copy_draws_the_same_and_one_in_float32_nearly():
    model = gcn(Deconvolution(**SMALL), 28, dtype="mixed_bfloat16")
    expected = model(codes())
    np.testing.assert_allclose(plain_generator(model)(codes()), expected, atol=1e-5)
    network = plain_generator(model, "float32")
    assert {layer.compute_dtype for layer in network.layers} == {"float32"}
    difference = np.abs(np.asarray(network(codes())) - expected)
    assert 0 < difference.mean() < 0.02 < np.std(expected)  # single pixels differ by more, by processor
    weights = network.get_layer("trunk_1").get_weights()[0]
    low_bits = weights.view(np.uint32) & 0xFFFF
    assert not low_bits.any()  # as the run uses them


def test_a_classifier_keeps_normalization_and_temperatures_and_leaves_imagined_out():
    layers = (Convolution(8, 3, pool=2, normalize=True), Convolution(6, 5, stride=2, padding="valid"))
    model = gcn(Deconvolution(**SMALL), 28, AlexNet(layers, (8,)))
    imagining = AlexNet(layers, (8,)).build(SIZES, (28, 28, 3), "float32", imagined_class=True)
    model = GCN(model.generator, noisy(imagining))
    for number, name in enumerate(SIZES):
        model.temperatures[name].assign(1.5 + number)
    images = np.random.default_rng(4).random((5, 28, 28, 3), np.float32)
    network = plain_classifier(model)
    assert foreign_modules(network) == []
    found = network(images)
    for name, logits in model.classify(images).items():
        np.testing.assert_allclose(found[name], keras.ops.softmax(logits), atol=1e-5)


@pytest.mark.parametrize(
    "kernel, stride, padding",
    [(4, 2, "same"), (5, 2, "same"), (3, 1, "same"), (5, 3, "valid"), (2, 3, "valid")],
)
def test_phases_give_what_a_transposed_convolution_gives(kernel, stride, padding):
    x = keras.Input((5, 6, 3))
    network = noisy(keras.Model(x, keras.layers.Conv2DTranspose(4, kernel, stride, padding)(x)))
    other = suited_to_litert(network)
    kinds = [type(layer) for layer in other.layers]
    assert keras.layers.Conv2DTranspose not in kinds
    assert (DepthToSpace in kinds) == (stride > 1)
    pictures = np.random.default_rng(5).random((2, 5, 6, 3), np.float32)
    np.testing.assert_allclose(other(pictures), network(pictures), atol=1e-5)


KEEPING = {"pix2pix", "cyclegan", "discogan", "stargan", "caae", "drgan"}  # which draw from seen pictures


@pytest.mark.slow
@pytest.mark.parametrize("kind", doors.RIVALS)
def test_a_rival_is_drawn_by_layers_of_keras_as_far_as_it_keeps_no_pictures(kind):
    space = FactorSpace(tuple(Factor(n, tuple(map(str, range(k)))) for n, k in SIZES.items()))
    rival = replace(doors.find(doors.RIVALS[kind])(), parameters=100_000)
    config = replace(resolve(dataset="glyphs"), generator=rival, precision="float32", factor_weights={})
    model = build_model(config, space, (28, 28, 3))
    noisy(model.generator)
    network = plain_generator(model)
    expected = model(codes())
    np.testing.assert_allclose(network(codes()), expected, atol=1e-5)
    assert foreign_modules(network) == (["gcn_tf.rivals.seen_pictures"] if kind in KEEPING else [])
