"""How good generated images are, measured on the clipped uint8 images that users get."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

PSNR_CEILING_DB = 60.0  # two equal images would give infinity and spoil every mean


def to_uint8(images: np.ndarray | tf.Tensor) -> np.ndarray:
    """Images as users get them: float (..., in [0, 1] after clipping) -> uint8, rounded."""
    return np.rint(np.clip(np.asarray(images, np.float32), 0, 1) * 255).astype(np.uint8)


def psnr_db(real: tf.Tensor, generated: tf.Tensor, max_value: float) -> tf.Tensor:
    """Peak signal-to-noise ratio per image, `tf.image.psnr` with a ceiling of 60 dB.

    Args:
        real, generated: (B, H, W, C) of one dtype, in [0, max_value].

    Returns:
        float32 (B,) in dB.
    """
    return tf.minimum(tf.image.psnr(real, generated, max_val=max_value), PSNR_CEILING_DB)


def ssim(real: tf.Tensor, generated: tf.Tensor, max_value: float) -> tf.Tensor:
    """Structural similarity per image (Wang et al. 2004; `tf.image.ssim`, 11x11 Gaussian): float32 (B,)."""
    return tf.image.ssim(real, generated, max_val=max_value)


def normalised_euclidean_error(real: np.ndarray, generated: np.ndarray, reference: np.ndarray) -> float:
    """Mean ||real - generated|| over the mean ||a - b|| of pairs of different images.

    0 is a perfect copy, 1 as far as a random other image (Dosovitskiy and Brox 2016).

    Args:
        real, generated: uint8 (B, H, W, C).
        reference: uint8 (R, H, W, C), R at least 2. All pairs of different ones set the scale.
    """
    flat = reference.reshape(len(reference), -1).astype(np.float64)
    squares = (flat**2).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * flat @ flat.T, 0))
    scale = distances[np.triu_indices(len(flat), 1)].mean()
    difference = (real.astype(np.float64) - generated).reshape(len(real), -1)
    return float(np.linalg.norm(difference, axis=1).mean() / scale)


def factor_accuracy(read: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Share of images whose value of each factor was read right: ids int (B,) by factor name -> [0, 1]."""
    return {name: float(np.mean(read[name] == wanted[name])) for name in wanted}
