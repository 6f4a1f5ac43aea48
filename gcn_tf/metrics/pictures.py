"""How good generated pictures are, one value per picture, measured on the clipped uint8 pictures that users get."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

PSNR_CEILING_DB = 60.0  # two equal images would give infinity and spoil every mean


STRAY_SHARE = 2 / 28  # how far ink may lie from the true ink, as a share of the image's side


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


def mean_distance(images: np.ndarray) -> float:
    """Mean Euclidean distance of all pairs of different images, uint8 (R, H, W, C), R at least 2."""
    flat = _flat(images)
    return float(np.sqrt(_squared_distances(flat, flat))[np.triu_indices(len(flat), 1)].mean())


def normalised_euclidean_error(real: np.ndarray, generated: np.ndarray, scale: float) -> np.ndarray:
    """||real - generated|| per image over the mean distance of two different images (Dosovitskiy and Brox 2016).

    0 is a perfect copy; the mean over a set is 1 when its images are as far as random other ones.

    Args:
        real, generated: uint8 (B, H, W, C).
        scale: `mean_distance` of real images, above 0.

    Returns:
        float64 (B,).
    """
    return np.linalg.norm(_flat(real) - _flat(generated), axis=1) / scale


def factor_accuracy(read: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Share of images whose value of each factor was classified correctly: ids int (B,) by factor name -> [0, 1]."""
    return {name: float(np.mean(read[name] == wanted[name])) for name in wanted}


def all_factors_correct(read: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray]) -> np.ndarray:
    """Which images were classified correctly in every factor: ids int (B,) by factor name -> bool (B,)."""
    return np.all([read[name] == wanted[name] for name in wanted], axis=0)


def stray_ink(real: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """Share of an image's energy that lies where the true image has no ink nearby, per image.

    `sum max(0, G - D)^2 / sum G^2` with D the true image after a grey dilation, in every channel, by a square that
    reaches 1/14 of the side (2 pixels at 28). It catches marks beside the figure and ink of a wrong colour; a figure of
    another shape has some as well, so compare it with that of another real picture of the same cell. It takes images
    with a dark ground, as digits have; on full photographs it measures what is too bright.

    Args:
        real, generated: uint8 (B, H, W, C).

    Returns:
        float64 (B,) in [0, 1]; 0 for a black image.
    """
    reach = max(1, round(STRAY_SHARE * real.shape[1]))
    allowed = np.asarray(tf.nn.max_pool2d(tf.cast(real, tf.float32), 2 * reach + 1, 1, "SAME"), np.float64)
    excess = np.maximum(generated - allowed, 0)
    return (excess**2).sum(axis=(1, 2, 3)) / np.maximum(
        (generated.astype(np.float64) ** 2).sum(axis=(1, 2, 3)), 1
    )


def sharpness(real: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """Energy of an image's gradient over that of the true image, per image.

    1 is as sharp as reality; an average of several pictures is well below. The focus measure "energy of gradient"
    (Subbarao, Choi and Nikzad 1993) as a ratio. PSNR cannot tell: it prefers an average to a stroke drawn elsewhere.

    Args:
        real, generated: uint8 (B, H, W, C).

    Returns:
        float64 (B,), at least 0.
    """

    def energy(images: np.ndarray) -> np.ndarray:
        pixels = images.astype(np.float64)
        down, across = np.diff(pixels, axis=1), np.diff(pixels, axis=2)
        return np.asarray((down**2).sum(axis=(1, 2, 3)) + (across**2).sum(axis=(1, 2, 3)))

    return energy(generated) / np.maximum(energy(real), 1)


def copied(real: np.ndarray, generated: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Which generated images of unseen cells are nearer to some training image than to their true image.

    Args:
        real, generated: uint8 (B, H, W, C).
        training: uint8 (N, H, W, C), the images that training saw.

    Returns:
        bool (B,), by Euclidean distance.
    """
    flat = _flat(generated)
    nearest = _squared_distances(flat, _flat(training)).min(axis=1)
    return nearest < ((flat - _flat(real)) ** 2).sum(axis=1)


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float64)


def _squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.maximum((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T, 0)
