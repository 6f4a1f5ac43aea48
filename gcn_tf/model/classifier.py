"""The classifier: an AlexNet cut to size, with a head for every factor."""

import keras
from keras import layers

from gcn_tf.config.schema import IMAGE_SIDES, ClassifierConfig, ConfigError
from gcn_tf.model.activations import activated
from gcn_tf.model.local_response_normalization import LocalResponseNormalization


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
