"""The generator: Dosovitskiy's, from factor codes to a picture."""

import keras
from keras import layers

from gcn_tf.config.schema import IMAGE_SIDES, ConfigError, GeneratorConfig
from gcn_tf.model.activations import activated
from gcn_tf.model.mean_picture import MeanPicture
from gcn_tf.model.operators import FactorOperators, HideExplained
from gcn_tf.model.transposed_convolution import TransposedConvolution

# A smaller seed has no room for a picture, a larger one lacks a layer of upsampling.
SEED_SIDES = range(3, 65)


def generator_output_side(config: GeneratorConfig, seed: int) -> int:
    """Side of the image from that of the seed tensor: `(in - 1) * stride + kernel - 2 * pad`, layer after layer."""
    side = seed
    for layer in config.upsampling:
        side = (side - 1) * layer.stride + layer.kernel - 2 * layer.pad
    return side


def seed_side(config: GeneratorConfig, image_side: int | None) -> int:
    """Side of the seed tensor, stated or such that the layers end at the image's size.

    Raises:
        ConfigError: the layers cannot end there; it names the nearest sizes that fit.
    """
    sides, channels = config.seed_tensor[:2], config.seed_tensor[2:]
    if len(channels) != 1 or sides[0] != sides[1] or not channels[0]:
        raise ConfigError(
            f"generator.seed_tensor is {list(config.seed_tensor)}: give height, the same width (or twice 0: "
            "what the image size needs) and channels"
        )
    stated = sides[0]
    if stated:
        made = generator_output_side(config, stated)
        if image_side in (None, made):
            return stated
        raise ConfigError(
            f"the generator's layers make {made}x{made} images, the dataset has {image_side}x{image_side}: "
            f"change --image-size to {made}, or generator.seed_tensor and generator.upsampling in a --config file"
        )
    if image_side is None:
        raise ConfigError("generator.seed_tensor leaves its height to the image size: give one of them")
    seeds = {generator_output_side(config, seed): seed for seed in SEED_SIDES}
    if image_side in seeds:
        return seeds[image_side]
    raise ConfigError(
        f"--image-size {image_side} does not fit the generator's layers: {_nearest(image_side, list(seeds))}"
    )


def _nearest(side: int, fitting: list[int]) -> str:
    """The sizes below and above that fit and are allowed, in words."""
    allowed = [s for s in fitting if IMAGE_SIDES[0] <= s <= IMAGE_SIDES[1]]
    below, above = [s for s in allowed if s < side], [s for s in allowed if s > side]
    near = below[-1:] + above[:1]
    if not near:
        return "no size does, change generator.upsampling in a --config file"
    return f"the nearest that {'do are' if near[1:] else 'does is'} {' and '.join(map(str, near))}"


def build_generator(
    factor_sizes: dict[str, int], config: GeneratorConfig, dtype: str, image_side: int | None = None
) -> keras.Model:
    """Dosovitskiy's generator as Xu et al. use it: towers, trunk, seed tensor, transposed convolutions.

    Args:
        factor_sizes: number of values K_f by factor name, in order.
        config: layer sizes.
        dtype: dtype policy of the hidden layers, e.g. "float32" or "mixed_bfloat16".
        image_side: height and width of the image; not needed when `config` states the seed tensor's.

    Returns:
        keras.Model. {factor: float (B, K_f)} -> float32 image (B, H, W, C), linear: clip it to [0, 1].
    """

    def dense(x: keras.KerasTensor, units: int, name: str) -> keras.KerasTensor:
        return activated(layers.Dense(units, dtype=dtype, name=name)(x), config, dtype, name)

    codes = {name: layers.Input((size,), name=name) for name, size in factor_sizes.items()}
    known = HideExplained(name="hide_explained")(codes) if config.operators else codes
    towers = []
    for name, code in known.items():
        units = config.towers.get(name, config.tower_units)
        towers.append(dense(dense(code, units, f"{name}_tower_1"), units, f"{name}_tower_2"))
    x = layers.Concatenate(name="towers")(towers)  # (B, sum of tower units)
    for i, units in enumerate(config.trunk, 1):
        x = dense(x, units, f"trunk_{i}")
    side, channels = seed_side(config, image_side), config.seed_tensor[2]
    x = dense(x, side * side * channels, "seed")
    x = layers.Reshape((side, side, channels), name="seed_tensor")(x)
    for i, layer in enumerate(config.upsampling, 1):
        last = i == len(config.upsampling)
        name = "image" if last else f"upsampling_{i}"
        x = TransposedConvolution(
            layer.filters, layer.kernel, layer.stride, layer.pad, dtype=dtype, name=name
        )(x)
        if not last:
            x = activated(x, config, dtype, name)
    x = layers.Activation("linear", dtype="float32", name="linear")(x)
    if config.mean_picture:
        x = MeanPicture(name="mean_picture")(x)
    if config.operators:
        x = FactorOperators(name="operators")((x, codes))
    return keras.Model(codes, x, name="generator")


def check_image_side(config: GeneratorConfig, side: int) -> None:
    """Raise ConfigError unless the generator's layers end at the dataset's image size."""
    seed_side(config, side)
