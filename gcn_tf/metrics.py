"""How good generated images are, measured on the clipped uint8 images that users get.

Functions of images give one value per image, so that their mean has an interval; `kid` and `fid` compare two sets.
"""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

PSNR_CEILING_DB = 60.0  # two equal images would give infinity and spoil every mean
STRAY_SHARE = 2 / 28  # how far ink may lie from the true ink, as a share of the image's side


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
    """Share of images whose value of each factor was read right: ids int (B,) by factor name -> [0, 1]."""
    return {name: float(np.mean(read[name] == wanted[name])) for name in wanted}


def all_factors_right(read: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray]) -> np.ndarray:
    """Which images were read right in every factor: ids int (B,) by factor name -> bool (B,)."""
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


def kid(real: np.ndarray, generated: np.ndarray) -> float:
    """Kernel distance of two sets of features, unbiased: the MMD^2 of KID (Binkowski et al. 2018).

    The kernel is `(a.b / d + 1)^3`, the estimator the one for pairs (Gretton et al. 2012, eq. 3): an image is never
    compared with its own counterpart, so perfect copies have 0. The published KID takes Inception's features; these are
    whatever is given.

    Args:
        real, generated: float (N, d), N at least 2, row by row of the same cells.
    """

    def between_others(a: np.ndarray, b: np.ndarray) -> float:
        values = (a @ b.T / a.shape[1] + 1) ** 3
        return float((values.sum() - np.trace(values)) / (len(a) * (len(a) - 1)))

    a, b = np.asarray(real, np.float64), np.asarray(generated, np.float64)
    return between_others(a, a) + between_others(b, b) - 2 * between_others(a, b)


def fid(real: np.ndarray, generated: np.ndarray) -> float:
    """Frechet distance of two sets of features as Gaussians: FID's formula (Heusel et al. 2017, eq. 6).

    `|m - n|^2 + tr(S + T - 2 (S T)^(1/2))`. Biased upwards for small sets: compare sets of one size only.

    Args:
        real, generated: float (N, d) and (M, d), N and M at least 2.
    """
    a, b = np.asarray(real, np.float64), np.asarray(generated, np.float64)
    shift = a.mean(axis=0) - b.mean(axis=0)
    a = (a - a.mean(axis=0)) / np.sqrt(len(a) - 1)  # a.T @ a is the covariance
    b = (b - b.mean(axis=0)) / np.sqrt(len(b) - 1)
    # tr (S T)^(1/2) is the sum of the singular values of a b^T, and of those of the triangles of their QR
    # decompositions, which are no larger than d x d.
    shared = np.linalg.svd(_triangle(a) @ _triangle(b).T, compute_uv=False).sum()
    return float((shift**2).sum() + (a**2).sum() + (b**2).sum() - 2 * shared)


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.qr(x, mode="r")) if len(x) > x.shape[1] else x


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float64)


def _squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.maximum((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T, 0)
