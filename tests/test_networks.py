import numpy as np
import pytest

from gcn_tf.config import ConfigError, GeneratorConfig, Upsampling, resolve
from gcn_tf.networks import build_classifier, build_generator, check_image_side, generator_output_side

SIZES = {"digit": 10, "writer": 10, "color": 3, "rotation": 4}
TOY = GeneratorConfig(tower_units=4, trunk=(6,), seed_tensor=(7, 7, 2), upsampling=(Upsampling(3, 4, 4, 0),))


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
    assert network.get_layer("digit_tower_1_leaky").negative_slope == pytest.approx(0.1)
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
    assert network.get_layer("convolution_1_leaky").negative_slope == pytest.approx(0.2)


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
    config = GeneratorConfig(
        tower_units=2,
        trunk=(2,),
        seed_tensor=(start, start, 2),
        upsampling=tuple(Upsampling(2, *k[1:]) for k in layers),
    )
    assert generator_output_side(config) == side
    assert build_generator({"digit": 2}, config, "float32").output.shape[1:3] == (side, side)


def test_a_size_the_layers_cannot_make_is_named():
    with pytest.raises(
        ConfigError, match=r"make 28x28 images, the dataset has 32x32: change --image-size to 28"
    ):
        check_image_side(GeneratorConfig(), 32)


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
