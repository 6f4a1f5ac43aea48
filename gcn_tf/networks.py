"""Generator and classifier by the functional API, from a size and a list of layers."""

import keras
from keras import layers

from gcn_tf.config import IMAGE_SIDES, ClassifierConfig, ConfigError, GeneratorConfig
from gcn_tf.convolutions import TransposedConvolution
from gcn_tf.mean_picture import MeanPicture
from gcn_tf.normalization import LocalResponseNormalization
from gcn_tf.operators import FactorOperators, HideExplained

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


def activated(
    x: keras.KerasTensor, config: GeneratorConfig | ClassifierConfig, dtype: str, name: str
) -> keras.KerasTensor:
    """`x` through the activation of a network's hidden layers.

    PReLU learns one slope per unit or channel, from 0.25 (He et al. 2015); the others have nothing to learn.
    """
    name = f"{name}_activation"
    if config.activation == "leaky_relu":
        return layers.LeakyReLU(config.negative_slope, dtype=dtype, name=name)(x)
    if config.activation == "prelu":
        places = list(range(1, len(x.shape) - 1)) or None
        start = keras.initializers.Constant(0.25)
        return layers.PReLU(start, shared_axes=places, dtype=dtype, name=name)(x)
    return layers.Activation(config.activation, dtype=dtype, name=name)(x)


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


def build_classifier(
    factor_sizes: dict[str, int],
    image_shape: tuple[int, int, int],
    config: ClassifierConfig,
    dtype: str,
    imagined_class: bool = False,
) -> keras.Model:
    """AlexNet cut to size, with dense layers, dropout and logits of its own for every factor.

    Args:
        factor_sizes: number of values K_f by factor name, in order.
        image_shape: (H, W, C).
        imagined_class: whether every head has one more class, "imagined", after those of the factor.

    Returns:
        keras.Model. Image (B, H, W, C) in [0, 1] -> {factor: float32 logits (B, K_f) or (B, K_f + 1)}.
    """
    check_classifier_side(config, image_shape[0])
    image = layers.Input(image_shape, name="image")
    x = image
    for i, layer in enumerate(config.convolutions, 1):
        x = layers.Conv2D(
            layer.filters, layer.kernel, layer.stride, layer.padding, dtype=dtype, name=f"convolution_{i}"
        )(x)
        x = activated(x, config, dtype, f"convolution_{i}")
        if layer.normalize:
            x = LocalResponseNormalization(dtype=dtype, name=f"normalization_{i}")(x)
        if layer.pool > 1:
            x = layers.MaxPooling2D(
                layer.pool, layer.pool_stride, layer.pool_padding, dtype=dtype, name=f"pool_{i}"
            )(x)
    features = layers.Flatten(dtype=dtype, name="features")(x)
    logits = {}
    for name, size in factor_sizes.items():
        x = features
        for i, units in enumerate(config.heads.get(name, config.head_units), 1):
            x = layers.Dense(units, dtype=dtype, name=f"{name}_head_{i}")(x)
            x = activated(x, config, dtype, f"{name}_head_{i}")
            x = layers.Dropout(config.dropout, dtype=dtype, name=f"{name}_dropout_{i}")(x)
        logits[name] = layers.Dense(size + imagined_class, dtype="float32", name=f"{name}_logits")(x)
    return keras.Model(image, logits, name="classifier")


def classifier_feature_side(config: ClassifierConfig, image_side: int) -> int:
    """Side of what the convolutions leave of an image; below 1: nothing."""

    def slid(side: int, window: int, stride: int, padding: str) -> int:
        return -(-side // stride) if padding == "same" else (side - window) // stride + 1

    side = image_side
    for layer in config.convolutions:
        side = slid(side, layer.kernel, layer.stride, layer.padding)
        if layer.pool > 1:
            side = slid(side, layer.pool, layer.pool_stride or layer.pool, layer.pool_padding)
    return side


def check_classifier_side(config: ClassifierConfig, image_side: int) -> None:
    """Raise ConfigError unless the classifier's convolutions and pools leave something of an image."""
    if classifier_feature_side(config, image_side) < 1:
        larger = range(image_side + 1, IMAGE_SIDES[1] + 1)
        smallest = next((side for side in larger if classifier_feature_side(config, side) >= 1), None)
        raise ConfigError(
            f"--image-size {image_side} is too small for the classifier's layers: "
            + (
                f"the smallest that fits is {smallest}"
                if smallest
                else "no size does, change classifier.convolutions in a --config file"
            )
        )


def check_image_side(config: GeneratorConfig, side: int) -> None:
    """Raise ConfigError unless the generator's layers end at the dataset's image size."""
    seed_side(config, side)
