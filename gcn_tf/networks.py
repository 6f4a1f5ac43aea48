"""Generator and classifier by the functional API, from a size and a list of layers."""

import keras
from keras import layers

from gcn_tf.config import ClassifierConfig, ConfigError, GeneratorConfig
from gcn_tf.convolutions import TransposedConvolution
from gcn_tf.operators import FactorOperators, HideExplained


def generator_output_side(config: GeneratorConfig) -> int:
    """Side of the image: `(in - 1) * stride + kernel - 2 * pad` from layer to layer."""
    side = config.seed_tensor[0]
    for layer in config.upsampling:
        side = (side - 1) * layer.stride + layer.kernel - 2 * layer.pad
    return side


def build_generator(factor_sizes: dict[str, int], config: GeneratorConfig, dtype: str) -> keras.Model:
    """Dosovitskiy's generator as Xu et al. use it: towers, trunk, seed tensor, transposed convolutions.

    Args:
        factor_sizes: number of values K_f by factor name, in order.
        config: layer sizes.
        dtype: dtype policy of the hidden layers, e.g. "float32" or "mixed_bfloat16".

    Returns:
        keras.Model. {factor: float (B, K_f)} -> float32 image (B, H, W, C), linear: clip it to [0, 1].
    """
    slope = config.negative_slope

    def dense(x: keras.KerasTensor, units: int, name: str) -> keras.KerasTensor:
        x = layers.Dense(units, dtype=dtype, name=name)(x)
        return layers.LeakyReLU(slope, dtype=dtype, name=f"{name}_leaky")(x)

    codes = {name: layers.Input((size,), name=name) for name, size in factor_sizes.items()}
    known = HideExplained(name="hide_explained")(codes) if config.operators else codes
    towers = []
    for name, code in known.items():
        units = config.towers.get(name, config.tower_units)
        towers.append(dense(dense(code, units, f"{name}_tower_1"), units, f"{name}_tower_2"))
    x = layers.Concatenate(name="towers")(towers)  # (B, sum of tower units)
    for i, units in enumerate(config.trunk, 1):
        x = dense(x, units, f"trunk_{i}")
    height, width, channels = config.seed_tensor
    x = dense(x, height * width * channels, "seed")
    x = layers.Reshape((height, width, channels), name="seed_tensor")(x)
    for i, layer in enumerate(config.upsampling, 1):
        last = i == len(config.upsampling)
        name = "image" if last else f"upsampling_{i}"
        x = TransposedConvolution(
            layer.filters, layer.kernel, layer.stride, layer.pad, dtype=dtype, name=name
        )(x)
        if not last:
            x = layers.LeakyReLU(slope, dtype=dtype, name=f"upsampling_{i}_leaky")(x)
    x = layers.Activation("linear", dtype="float32", name="linear")(x)
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
    slope = config.negative_slope
    image = layers.Input(image_shape, name="image")
    x = image
    for i, layer in enumerate(config.convolutions, 1):
        x = layers.Conv2D(layer.filters, layer.kernel, padding="same", dtype=dtype, name=f"convolution_{i}")(
            x
        )
        x = layers.LeakyReLU(slope, dtype=dtype, name=f"convolution_{i}_leaky")(x)
        if layer.pool > 1:
            x = layers.MaxPooling2D(layer.pool, dtype=dtype, name=f"pool_{i}")(x)
    features = layers.Flatten(dtype=dtype, name="features")(x)
    logits = {}
    for name, size in factor_sizes.items():
        x = features
        for i, units in enumerate(config.head_units, 1):
            x = layers.Dense(units, dtype=dtype, name=f"{name}_head_{i}")(x)
            x = layers.LeakyReLU(slope, dtype=dtype, name=f"{name}_head_{i}_leaky")(x)
            x = layers.Dropout(config.dropout, dtype=dtype, name=f"{name}_dropout_{i}")(x)
        logits[name] = layers.Dense(size + imagined_class, dtype="float32", name=f"{name}_logits")(x)
    return keras.Model(image, logits, name="classifier")


def check_image_side(config: GeneratorConfig, side: int) -> None:
    """Raise ConfigError unless the generator's layers end at the dataset's image size."""
    made = generator_output_side(config)
    if made != side:
        raise ConfigError(
            f"the generator's layers make {made}x{made} images, the dataset has {side}x{side}: "
            f"change --image-size to {made}, or generator.seed_tensor and generator.upsampling in a --config file"
        )
