"""Networks that turn a picture into another: the U-Net and the PatchGAN critic of pix2pix (Isola et al. 2017), told the wanted cell."""

from collections.abc import Callable
from typing import Any, Literal

import keras
import tensorflow as tf
from keras import layers

from gcn_tf.rivals.blocks import MOMENTUM, SLOPE, centred, picture_of, with_planes

SMALLEST_SIDE = 4  # of the bottleneck

# What channels are normalized over: a batch, or every picture by itself, which takes out much of what planes of codes say.
Normalized = Literal["batch", "picture", "not"]


def unet_filters(width: int) -> tuple[int, ...]:
    """Of the encoder, one layer for each halving; the decoder mirrors them.

    Example:

    >>> unet_filters(32)
    (32, 64, 128, 128)
    """
    return width, 2 * width, 4 * width, 4 * width


def patch_filters(width: int) -> tuple[int, ...]:
    """Of a critic of patches; all but the last halve the picture.

    Example:

    >>> patch_filters(32)
    (32, 64, 128)
    """
    return width, 2 * width, 4 * width


def translator_network(
    shape: tuple[int, int, int],
    codes: int,
    dtype: str,
    filters: tuple[int, ...],
    dropout: float = 0.0,
    name: str = "translator",
    masked: bool = False,
    normalized: Normalized = "batch",
) -> keras.Model:
    """The U-Net: image and codes float32 (B, K) -> image, both float32 (B, H, W, C) in [0, 1].

    The codes join the picture as planes, and the features of the bottleneck.

    Args:
        filters: of the encoder, one layer for each halving.
        dropout: share of the features that are dropped behind the first two layers of the decoder.
        masked: whether what comes out is mixed with the picture that went in, place by place, by a mask.
    """
    height, width, channels = shape
    image, code = layers.Input(shape, name="image"), layers.Input((codes,), name="codes")
    depth = next(
        (n for n in range(1, len(filters)) if -(-min(height, width) // 2**n) <= SMALLEST_SIDE), len(filters)
    )
    down, across = (-side % 2**depth for side in (height, width))  # to whole halvings
    margins = ((down // 2, down - down // 2), (across // 2, across - across // 2))
    x = layers.ZeroPadding2D(margins)(image)
    x = with_planes(x if masked else centred(x, dtype), code)
    skips = []
    for level, count in enumerate(filters[:depth]):
        skips.append(x)
        x = _block(
            layers.Conv2D(count, 4, 2, "same", dtype=dtype),
            x,
            normalized if 0 < level < depth - 1 else "not",
            dtype,
        )
    x = with_planes(x, code)
    for level in reversed(range(depth)):
        count = filters[max(level - 1, 0)]
        x = _block(
            layers.Conv2DTranspose(count, 4, 2, "same", dtype=dtype),
            x,
            normalized if level > 0 else "not",
            dtype,
        )
        if dropout and depth - 2 <= level and level > 0:
            x = layers.Dropout(dropout, dtype=dtype)(x)
        x = layers.Concatenate(dtype=dtype)([x, skips[level]])
    x = layers.Conv2D(channels + masked, 3, 1, "same", dtype="float32")(x)
    x = layers.Activation("sigmoid", dtype="float32")(x) if masked else picture_of(x)
    x = layers.Cropping2D(margins, dtype="float32")(x)  # (B, H, W, C), or one more for the mask
    if masked:
        drawn, mask = x[..., :channels], x[..., channels:]
        x = mask * drawn + (1 - mask) * image
    return keras.Model((image, code), x, name=name)


def patch_features(
    x: keras.KerasTensor, filters: tuple[int, ...], dtype: str, normalized: Normalized = "batch"
) -> keras.KerasTensor:
    """PatchGAN without its last layer: (B, H, W, c) -> (B, h, w, filters[-1]), each place of one patch of the picture.

    But for one that normalizes every picture by itself, black is -1: 0 would excite nothing.
    """
    x = x if normalized == "picture" else centred(x, dtype)
    for level, count in enumerate(filters):
        last = level == len(filters) - 1
        layer = layers.Conv2D(count, 4, 1 if last else 2, "same", dtype=dtype)
        x = _block(layer, x, normalized if level > 0 else "not", dtype)
    return x


def patch_logits(x: keras.KerasTensor, biased: bool = True) -> keras.KerasTensor:
    """The last layer of PatchGAN: features -> float32 (B, h, w, 1), real above 0."""
    return layers.Conv2D(1, 4, 1, "same", use_bias=biased, dtype="float32")(x)


def pair_critic(
    shape: tuple[int, int, int],
    codes: int,
    filters: tuple[int, ...],
    dtype: str = "float32",
    normalized: Normalized = "batch",
) -> keras.Model:
    """A conditional PatchGAN: image, codes and the picture to be judged -> logits (B, h, w, 1), real above 0."""
    image, code, judged = layers.Input(shape), layers.Input((codes,)), layers.Input(shape)
    x = with_planes(layers.Concatenate()([image, judged]), code)
    return keras.Model(
        (image, code, judged), patch_logits(patch_features(x, filters, dtype, normalized)), name="critic"
    )


def _block(
    layer: layers.Layer, x: keras.KerasTensor, normalized: Normalized, dtype: str
) -> keras.KerasTensor:
    """A convolution, normalization, and the activation."""
    x = layer(x)
    if normalized == "picture":
        x = layers.GroupNormalization(-1, dtype=dtype)(x)
    elif normalized == "batch":
        x = layers.BatchNormalization(momentum=MOMENTUM, dtype=dtype)(x)
    return layers.LeakyReLU(SLOPE, dtype=dtype)(x)


def there_and_back(
    way: Callable[..., tf.Tensor], real: tf.Tensor, own: tf.Tensor, wanted: tf.Tensor, **options: Any
) -> tuple[tf.Tensor, tf.Tensor]:
    """Pictures of the wanted cells, and these turned back: float32 (B, H, W, C), codes (B, K) twice -> two of (B, H, W, C)."""
    made = way((real, wanted), **options)
    return made, way((made, own), **options)
