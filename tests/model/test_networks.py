import math
import runpy
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from gcn_tf.config.files import resolve
from gcn_tf.config.schema import ObjectiveConfig
from gcn_tf.errors import ConfigError
from gcn_tf.model.classifier import AlexNet, Convolution
from gcn_tf.model.gcn import GCN
from gcn_tf.model.generator import Deconvolution, Upsampling
from gcn_tf.model.local_response_normalization import LocalResponseNormalization

SIZES = {"digit": 10, "writer": 10, "color": 3, "rotation": 4}
FACES = {"person": 65, "emotion": 4, "session": 2, "rotation": 4}


def build_generator(sizes, config, dtype, side=28):
    return config.build(sizes, (side, side, 3), dtype)


def build_classifier(sizes, shape, config, dtype):
    return config.build(sizes, shape, dtype)


TOY = Deconvolution(tower_units=4, trunk=(6,), seed_tensor=(7, 7, 2), upsampling=(Upsampling(3, 4, 4, 0),))


def shapes(network):
    return {
        layer.name: tuple(layer.output.shape[1:])
        for layer in network.layers
        if hasattr(layer.output, "shape")
    }


def test_the_published_generator_has_the_published_layers():
    network = build_generator(SIZES, resolve("qmnist-published").generator, "float32")
    made = shapes(network)
    towers = {"digit": 512, "writer": 512, "color": 128, "rotation": 256}
    for name, units in towers.items():
        assert made[f"{name}_tower_1"] == made[f"{name}_tower_2"] == (units,)
    assert made["towers"] == (512 + 512 + 128 + 256,)
    assert made["trunk_1"] == made["trunk_2"] == (2048,)
    assert made["seed_tensor"] == (7, 7, 256)
    assert made["upsampling_1"] == (14, 14, 256)
    assert made["image"] == (28, 28, 3)
    first = [(k + 1) * u + (u + 1) * u for k, u in zip(SIZES.values(), towers.values(), strict=True)]
    trunk = (1408 + 1) * 2048 + (2048 + 1) * 2048 + (2048 + 1) * 7 * 7 * 256
    convolutions = 4 * 4 * 256 * 256 + 256 + 2 * 2 * 256 * 3 + 3
    assert network.count_params() == sum(first) + trunk + convolutions == 34_457_219
    assert network.get_layer("digit_tower_1_activation").negative_slope == pytest.approx(0.1)
    assert "operators" not in made


def test_the_published_style_and_transformation_towers_are_sized_too():
    sizes = {"digit": 10, "style": 10, "color": 3, "transformation": 6}
    made = shapes(build_generator(sizes, resolve("qmnist-published").generator, "float32"))
    assert made["style_tower_2"] == (512,)
    assert made["transformation_tower_2"] == (256,)


def test_the_published_classifier_has_the_published_layers():
    network = build_classifier(SIZES, (28, 28, 3), resolve("qmnist-published").classifier, "float32")
    made = shapes(network)
    assert [made[f"pool_{i}"] for i in (1, 2, 3)] == [(14, 14, 64), (7, 7, 128), (3, 3, 256)]
    assert {name: made[f"{name}_logits"] for name in SIZES} == {name: (size,) for name, size in SIZES.items()}
    convolutions = 75 * 64 + 64 + 9 * 64 * 128 + 128 + 9 * 128 * 256 + 256
    heads = sum(2304 * 256 + 256 + 256 * size + size for size in SIZES.values())
    assert network.count_params() == convolutions + heads
    assert network.get_layer("digit_dropout_1").rate == 0.5
    assert network.get_layer("convolution_1_activation").negative_slope == pytest.approx(0.2)


@pytest.mark.parametrize(
    "side, layers",
    [
        (28, [(256, 4, 2, 1), (3, 2, 2, 0)]),
        (31, [(8, 5, 2, 1), (3, 3, 2, 0)]),
        (158, [(256, 5, 2, 0), (256, 5, 2, 1), (92, 5, 2, 1), (3, 2, 2, 0)]),
    ],
)
def test_output_sizes_follow_the_published_formula(side, layers):
    start = 8 if side == 158 else 7
    config = Deconvolution(
        tower_units=2,
        trunk=(2,),
        seed_tensor=(start, start, 2),
        upsampling=tuple(Upsampling(2, *k[1:]) for k in layers),
    )
    assert config.output_side(start) == side
    assert build_generator({"digit": 2}, config, "float32", side).output.shape[1:3] == (side, side)


def test_the_seed_tensor_follows_from_the_image_size():
    for side, seed in {28: 7, 32: 8, 64: 16, 256: 64}.items():
        assert Deconvolution().seed_shape((side, side, 3)) == (seed, seed, 64)
    faces = replace(resolve("kdef-published").generator, seed_tensor=(0, 0, 256))
    assert [faces.seed_shape((side, side, 3))[0] for side in (78, 158, 174)] == [3, 8, 9]
    config = Deconvolution(
        tower_units=2, trunk=(2,), seed_tensor=(0, 0, 2), upsampling=(Upsampling(3, 5, 3, 1),)
    )
    made = build_generator({"digit": 2}, config, "float32", 30)
    assert shapes(made)["seed_tensor"] == (10, 10, 2)
    assert made.output.shape[1:] == (30, 30, 3)


def test_a_rectangle_of_one_channel_is_generated_and_classified():
    config = Deconvolution(tower_units=2, trunk=(2,), seed_tensor=(0, 0, 2))
    shape = (48, 32, 1)
    assert config.seed_shape(shape) == (12, 8, 2)
    network = config.build({"digit": 2}, shape, "float32")
    assert network.output.shape[1:] == shape
    kernels = sum(math.prod(w.shape) for w in network.trainable_weights if len(w.shape) > 1)
    assert config.count_weights({"digit": 2}, shape) == kernels
    classifier = AlexNet().build({"digit": 2}, shape, "float32")
    kernels = sum(math.prod(w.shape) for w in classifier.trainable_weights if len(w.shape) > 1)
    assert AlexNet().count_weights({"digit": 2}, shape) == kernels
    with pytest.raises(ConfigError, match="--image-size 30 does not fit"):
        config.check_fit((48, 30, 1))
    with pytest.raises(ConfigError, match="--image-size 7 is too small"):
        AlexNet().check_fit((48, 7, 1))


@pytest.mark.parametrize(
    "settings, side, message",
    [
        ({}, 65, "--image-size 65 does not fit the generator's layers: the nearest that do are 64 and 68$"),
        ({}, 30, "the nearest that do are 28 and 32$"),
        ({}, 300, "the nearest that does is 256$"),
        ({"upsampling": (Upsampling(3, 16, 16, 0),)}, 30, "the nearest that does is 48$"),
        ({"upsampling": (Upsampling(3, 999, 999, 0),)}, 30, "no size does, change generator.upsampling"),
        (
            {"seed_tensor": (7, 7, 64)},
            32,
            "make 28x28 images, the dataset has 32x32: change --image-size to 28",
        ),
        (
            {"seed_tensor": (7, 5, 64)},
            28,
            "make 28x20 images, the dataset has 28x28: change --image-size to 28x20",
        ),
        ({"upsampling": ()}, 28, "at least one layer of generator.upsampling"),
        ({"seed_tensor": (7, 7)}, 28, r"seed_tensor is \[7, 7\]"),
        ({"seed_tensor": (0, 0, 0)}, 28, r"seed_tensor is \[0, 0, 0\]"),
    ],
)
def test_a_size_the_layers_cannot_make_is_one_line_that_names_those_they_can(settings, side, message):
    config = Deconvolution(**settings)
    for check in (
        lambda c, s: c.check_fit((s, s, 3)),
        lambda c, s: build_generator({"digit": 2}, c, "float32", s),
    ):
        with pytest.raises(ConfigError, match=message) as error:
            check(config, side)
        assert "\n" not in str(error.value)


def test_a_classifier_names_the_smallest_image_it_fits():
    deep = AlexNet(convolutions=(Convolution(4, 3),) * 5)
    deep.check_fit((32, 32, 3))
    with pytest.raises(
        ConfigError, match=r"--image-size 31 is too small for .*: the smallest that fits is 32$"
    ):
        deep.check_fit((31, 31, 3))
    with pytest.raises(ConfigError, match="smallest that fits is 32"):
        build_classifier({"digit": 2}, (31, 31, 3), deep, "float32")
    published = resolve("kdef-published").classifier
    with pytest.raises(ConfigError, match=r"smallest that fits is 19$"):
        published.check_fit((18, 18, 3))
    made = shapes(build_classifier({"session": 2}, (19, 19, 3), replace(published, heads={}), "float32"))
    assert made["pool_5"] == (1, 1, 256)


def test_layers_that_leave_nothing_of_any_image_are_named():
    for pool in (2000, 10**12):
        with pytest.raises(ConfigError, match=r"no size does, change classifier\.convolutions"):
            AlexNet(convolutions=(Convolution(4, 3, pool),)).check_fit((28, 28, 3))


@pytest.mark.parametrize("side", [9, 28, 41, 64])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride, pool, pool_stride", [(1, 2, None), (2, 3, 2), (3, 1, None), (1, 2, 3)])
def test_the_classifiers_feature_side_is_that_of_the_network(side, padding, stride, pool, pool_stride):
    layer = Convolution(
        2, 3, pool, stride, padding, pool_stride=pool_stride, pool_padding=padding, normalize=True
    )
    config = AlexNet(convolutions=(layer,), head_units=(2,))
    features = build_classifier({"digit": 2}, (side, side, 3), config, "float32").get_layer("features")
    assert features.input.shape[1:3] == (config.feature_side(side),) * 2


def test_the_published_face_generator_has_the_published_layers():
    network = build_generator(FACES, resolve("kdef-published").generator, "float32", 158)
    made = shapes(network)
    towers = {"person": 512, "emotion": 512, "session": 128, "rotation": 256}
    for name, units in towers.items():
        assert made[f"{name}_tower_1"] == made[f"{name}_tower_2"] == (units,)
    assert made["towers"] == (512 + 512 + 128 + 256,)
    assert made["trunk_1"] == made["trunk_2"] == (2048,)
    assert made["seed_tensor"] == (8, 8, 256)
    assert [made[f"upsampling_{i}"] for i in (1, 2, 3)] == [(19, 19, 256), (39, 39, 256), (79, 79, 92)]
    assert made["image"] == network.output.shape[1:] == (158, 158, 3)
    first = [(k + 1) * u + (u + 1) * u for k, u in zip(FACES.values(), towers.values(), strict=True)]
    trunk = (1408 + 1) * 2048 + (2048 + 1) * 2048 + (2048 + 1) * 8 * 8 * 256
    convolutions = 2 * (25 * 256 * 256 + 256) + 25 * 256 * 92 + 92 + 4 * 92 * 3 + 3
    assert network.count_params() == sum(first) + trunk + convolutions == 45_165_743
    assert network.get_layer("upsampling_3_activation").negative_slope == pytest.approx(0.1)


def test_the_published_face_classifier_has_the_published_layers():
    network = build_classifier(FACES, (158, 158, 3), resolve("kdef-published").classifier, "float32")
    made = shapes(network)
    assert made["convolution_1"] == made["normalization_1"] == (74, 74, 96)
    assert made["pool_1"] == (37, 37, 96)
    assert made["convolution_2"] == made["normalization_2"] == (37, 37, 256)
    assert made["pool_2"] == (18, 18, 256)
    assert [made[f"convolution_{i}"] for i in (3, 4, 5)] == [(18, 18, 384), (18, 18, 384), (18, 18, 256)]
    assert made["pool_5"] == (9, 9, 256)
    assert not {"normalization_3", "pool_3", "pool_4"} & set(made)
    heads = {
        "person": (4096, 4096),
        "emotion": (1024, 4096),
        "session": (1024, 4096),
        "rotation": (1024, 4096),
    }
    for name, units in heads.items():
        assert [made[f"{name}_head_{i}"][0] for i in (1, 2)] == list(units)
        assert network.get_layer(f"{name}_dropout_2").rate == 0.5
    convolutions = (
        (121 * 3 * 96 + 96)
        + (25 * 96 * 256 + 256)
        + (9 * 256 * 384 + 384)
        + (9 * 384 * 384 + 384)
        + (9 * 384 * 256 + 256)
    )
    dense = sum(
        (9 * 9 * 256 + 1) * a + (a + 1) * b + (b + 1) * size
        for (a, b), size in zip(heads.values(), FACES.values(), strict=True)
    )
    assert network.count_params() == convolutions + dense == 182_073_803
    order = [layer.name for layer in network.layers]
    first = ["convolution_1", "convolution_1_activation", "normalization_1", "pool_1"]
    assert order[1:5] == first
    assert network.get_layer("convolution_1_activation").negative_slope == pytest.approx(0.2)


def test_the_operations_of_the_benchmarks_are_those_of_the_layers():
    script = Path(__file__).parents[2] / "benchmarks" / "training_step.py"
    forward_operations = runpy.run_path(str(script))["forward_operations"]
    preset = resolve("kdef-published")
    upsampling = 25 * 256 * 256 * (8**2 + 19**2) + 25 * 256 * 92 * 39**2 + 4 * 92 * 3 * 79**2
    dense = 65 * 512 + 4 * 512 + 2 * 128 + 4 * 256 + 2 * 512**2 + 128**2 + 256**2
    dense += 1408 * 2048 + 2048**2 + 2048 * 8 * 8 * 256
    generator = build_generator(FACES, preset.generator, "float32", 158)
    assert forward_operations(generator) == 2 * (upsampling + dense)
    convolutions = 121 * 3 * 96 * 74**2 + 25 * 96 * 256 * 37**2 + 9 * (2 * 256 + 384) * 384 * 18**2
    features, others = 9 * 9 * 256, (4, 2, 4)
    heads = features * 4096 + 4096 * 4096 + 4096 * 65
    heads += sum(features * 1024 + 1024 * 4096 + 4096 * size for size in others)
    classifier = build_classifier(FACES, (158, 158, 3), preset.classifier, "float32")
    assert forward_operations(classifier) == 2 * (convolutions + heads)


def caffe_lrn(x, size=5, alpha=1e-4, beta=0.75, k=1.0):
    """LRNLayer's formula for (..., C), channel by channel."""
    y = np.empty_like(x)
    for c in range(x.shape[-1]):
        around = x[..., max(0, c - size // 2) : c + size // 2 + 1]
        y[..., c] = x[..., c] / (k + alpha / size * (around**2).sum(axis=-1)) ** beta
    return y


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-6), ("mixed_bfloat16", 0.005)])
@pytest.mark.parametrize("settings", [{}, {"size": 3, "alpha": 0.5, "k": 2.0}])
def test_local_response_normalization_is_caffes(dtype, tolerance, settings):
    x = tf.cast(100 * np.random.default_rng(0).normal(size=(2, 3, 3, 9)), tf.float32)
    layer = LocalResponseNormalization(dtype=dtype, **settings)
    if dtype == "mixed_bfloat16":
        x = tf.cast(x, tf.bfloat16)
    y = layer(x)
    assert y.dtype == x.dtype
    expected = caffe_lrn(tf.cast(x, tf.float64).numpy(), **settings)
    np.testing.assert_allclose(tf.cast(y, tf.float64), expected, rtol=tolerance, atol=tolerance)


def test_the_gradient_of_local_response_normalization_is_the_librarys():
    x = tf.constant(100 * np.random.default_rng(0).normal(size=(2, 3, 3, 9)).astype(np.float32))
    weights = np.random.default_rng(1).normal(size=x.shape).astype(np.float32)
    gradients = []
    for function in (
        LocalResponseNormalization(),
        lambda x: tf.nn.local_response_normalization(x, 2, 1.0, 1e-4 / 5, 0.75),
    ):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(weights * function(x))
        gradients.append(tape.gradient(loss, x))
    np.testing.assert_allclose(*gradients, atol=1e-5)


ALEX = AlexNet(
    convolutions=(Convolution(6, 5, 3, 2, "valid", True, 2, "same"), Convolution(4, 3, 3, pool_stride=2)),
    head_units=(5,),
    heads={"digit": (7, 3)},
)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_a_step_with_a_normalizing_classifier_has_finite_gradients_and_moves_both_networks(dtype):
    generator = build_generator(SIZES, TOY, dtype)
    classifier = build_classifier(SIZES, (28, 28, 3), ALEX, dtype)
    model = GCN(
        generator,
        classifier,
        ObjectiveConfig(classification_weight=10.0, imagined_share=0.0, classifier_jitter=0.0),
    )
    model.compile()
    before = [[v.numpy() for v in network.trainable_variables] for network in (generator, classifier)]
    rng = np.random.default_rng(0)
    ids = {name: tf.constant(rng.integers(0, size, 8), tf.int32) for name, size in SIZES.items()}
    logs = tf.function(model.train_step)((ids, tf.constant(rng.random((8, 28, 28, 3)), tf.float32)))
    assert all(np.isfinite(float(value)) for value in logs.values())
    for network, old in zip((generator, classifier), before, strict=True):
        new = [v.numpy() for v in network.trainable_variables]
        assert all(np.isfinite(value).all() for value in new)
        assert all((a != b).any() for a, b in zip(new, old, strict=True) if a.ndim > 1)


def test_heads_are_sized_by_factor():
    made = shapes(build_classifier(SIZES, (28, 28, 3), ALEX, "float32"))
    assert (made["digit_head_1"], made["digit_head_2"]) == ((7,), (3,))
    assert made["color_head_1"] == (5,)
    assert "color_head_2" not in made


def test_a_normalizing_classifier_survives_its_file(tmp_path):
    network = build_classifier(SIZES, (28, 28, 3), ALEX, "mixed_bfloat16")
    network.save(tmp_path / "classifier.keras")
    again = keras.saving.load_model(tmp_path / "classifier.keras")
    image = np.random.default_rng(0).random((2, 28, 28, 3)).astype(np.float32)
    for name, logits in network(image).items():
        np.testing.assert_array_equal(again(image)[name], logits)
    layer = again.get_layer("normalization_1")
    assert (layer.size, layer.alpha, layer.k) == (5, 1e-4, 1.0)


def test_inputs_and_outputs_are_dicts_by_factor_name():
    generator = build_generator(SIZES, TOY, "float32")
    assert set(generator.input) == set(SIZES)
    codes = {name: np.eye(size, dtype=np.float32)[:2] for name, size in SIZES.items()}
    images = generator(codes)
    assert images.shape == (2, 28, 28, 3)
    classifier = build_classifier(SIZES, (28, 28, 3), resolve("qmnist").classifier, "mixed_bfloat16")
    logits = classifier(images)
    assert {name: (value.shape[1], value.dtype.name) for name, value in logits.items()} == {
        name: (size, "float32") for name, size in SIZES.items()
    }


def test_the_image_is_float32_and_linear_in_mixed_precision():
    generator = build_generator(SIZES, TOY, "mixed_bfloat16")
    generator.get_layer("image").bias.assign(np.full(3, -3.0))
    images = generator({name: np.eye(size, dtype=np.float32)[:2] for name, size in SIZES.items()})
    assert images.dtype.name == "float32"
    assert float(np.min(images)) < -1


@pytest.mark.parametrize("kind", ["relu", "leaky_relu", "prelu", "elu", "gelu"])
def test_both_networks_take_every_activation(kind):
    """Negative values through the layer after a dense one and after a convolution give what the formula says."""
    generator = build_generator(SIZES, Deconvolution(activation=kind), "float32", 28)
    classifier = build_classifier(SIZES, (28, 28, 3), AlexNet(activation=kind), "float32")
    expected = {
        "relu": 0.0,
        "leaky_relu": None,
        "prelu": -0.25,
        "elu": math.exp(-1) - 1,
        "gelu": -0.5 * (1 + math.erf(-1 / math.sqrt(2))),
    }[kind]
    for network, slope, names in (
        (generator, 0.1, ("trunk_1", "upsampling_1")),
        (classifier, 0.2, ("digit_head_1", "convolution_1")),
    ):
        for name in names:
            layer = network.get_layer(f"{name}_activation")
            out = np.asarray(layer(-np.ones((1, *layer.output.shape[1:]), np.float32)))
            np.testing.assert_allclose(out, -slope if expected is None else expected, atol=1e-5)


def test_prelu_learns_one_slope_per_unit_or_channel():
    network = build_generator(SIZES, Deconvolution(activation="prelu"), "float32", 28)
    assert [tuple(w.shape) for w in network.get_layer("trunk_1_activation").trainable_weights] == [(512,)]
    assert [tuple(w.shape) for w in network.get_layer("upsampling_1_activation").trainable_weights] == [
        (1, 1, 64)
    ]
