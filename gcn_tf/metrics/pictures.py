"""How good generated pictures are, one value per picture, measured on the clipped uint8 pictures that users get."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

PSNR_CEILING_DB = 60.0  # two equal images would give infinity and spoil every mean
PICTURES_AT_ONCE = 1_000  # that are compared with as many others
NEAR = 0.05  # difference of brightness from 0 to 1 that counts as none
DRAWN = 0.5  # share of plain ground in drawings: letters have 0.86 and more, photographed hands 0.25
STRAY_SHARE = 2 / 28  # largest distance of ink from the true ink, as a share of the image's smaller side


def psnr_db(real: tf.Tensor, generated: tf.Tensor, max_value: float) -> tf.Tensor:
    """Peak signal-to-noise ratio per image, `tf.image.psnr` with a ceiling of 60 dB.

    Args:
        real, generated: (B, H, W, C) of one dtype, in [0, max_value].

    Returns:
        float32 (B,) in dB.

    >>> black, grey = np.zeros((1, 28, 28, 3), np.float32), np.full((1, 28, 28, 3), 0.1, np.float32)
    >>> psnr_db(black, grey, 1.0).numpy().round(1).tolist(), psnr_db(black, black, 1.0).numpy().tolist()
    ([20.0], [60.0])
    """
    return tf.minimum(tf.image.psnr(real, generated, max_val=max_value), PSNR_CEILING_DB)


def ssim(real: tf.Tensor, generated: tf.Tensor, max_value: float) -> tf.Tensor:
    """Structural similarity per image (Wang et al. 2004; `tf.image.ssim`, 11x11 Gaussian): float32 (B,).

    >>> picture = np.random.default_rng(0).random((1, 28, 28, 3), np.float32)
    >>> ssim(picture, picture, 1.0).numpy().round(3).tolist()
    [1.0]
    """
    return tf.image.ssim(real, generated, max_val=max_value)


def ground_brightness(images: np.ndarray) -> float:
    """Median brightness along the border of pictures: uint8 (N, H, W, C) -> 0 to 1.

    >>> ground_brightness(np.full((1, 9, 9, 1), 255, np.uint8))
    1.0
    """
    grey = images.max(axis=-1)
    border = np.concatenate([grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]], axis=1)
    return float(np.median(border)) / 255


def plain_share(images: np.ndarray) -> float:
    """Share of the pixels whose brightness is the median one along the border, nearly: uint8 (N, H, W, C) -> 0 to 1.

    >>> picture = np.zeros((1, 10, 10, 1), np.uint8)
    >>> picture[:, 2:7, 3:8] = 200
    >>> plain_share(picture)
    0.75
    """
    brightness = images.max(axis=-1).astype(np.float32) / 255
    return float(np.mean(np.abs(brightness - ground_brightness(images)) < NEAR))


def mean_distance(images: np.ndarray) -> float:
    """Mean Euclidean distance of all pairs of different images, uint8 (R, H, W, C), R at least 2.

    >>> mean_distance(np.array([0, 2, 4], np.uint8).reshape(3, 1, 1, 1)).__round__(3)
    2.667
    """
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

    >>> real = np.array([0, 10], np.uint8).reshape(2, 1, 1, 1)
    >>> normalised_euclidean_error(real, np.full_like(real, 5), mean_distance(real)).tolist()
    [0.5, 0.5]
    """
    return np.linalg.norm(_flat(real) - _flat(generated), axis=1) / scale


def factor_accuracy(
    classified: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Share of images whose value of each factor was classified correctly: ids int (B,) by factor name -> [0, 1].

    >>> factor_accuracy({"digit": np.array([7, 1])}, {"digit": np.array([7, 7])})
    {'digit': 0.5}
    """
    return {name: float(np.mean(classified[name] == wanted[name])) for name in wanted}


def all_factors_correct(classified: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray]) -> np.ndarray:
    """Which images were classified correctly in every factor: ids int (B,) by factor name -> bool (B,).

    >>> wanted = {"digit": np.array([7, 7]), "color": np.array([0, 1])}
    >>> all_factors_correct({"digit": np.array([7, 7]), "color": np.array([0, 0])}, wanted).tolist()
    [True, False]
    """
    return np.all([classified[name] == wanted[name] for name in wanted], axis=0)


def stray_ink(real: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """Share of an image's energy that lies where the true image has no ink nearby, per image.

    `sum max(0, G - D)^2 / sum G^2` with D the true image after a grey dilation, in every channel, by a square that
    reaches 1/14 of the smaller side (2 pixels at 28). It measures marks beside the figure and ink of a wrong colour; a figure of
    another shape has some as well, so compare it with that of another real picture of the same cell. It is meant for
    images on a dark background, such as digits; on photographs it measures what is too bright.

    Args:
        real, generated: uint8 (B, H, W, C).

    Returns:
        float64 (B,) in [0, 1]; 0 for a black image.

    >>> real, generated = np.zeros((2, 1, 28, 28, 3), np.uint8)
    >>> real[:, 10:18, 10:18] = generated[:, 10:18, 10:18] = 255
    >>> generated[:, 2:4, 2:4] = 255  # a blot in the corner: 4 of 68 pixels
    >>> stray_ink(real, generated).round(3).tolist()
    [0.059]
    """
    reach = max(1, round(STRAY_SHARE * min(real.shape[1:3])))
    allowed = np.asarray(tf.nn.max_pool2d(tf.cast(real, tf.float32), 2 * reach + 1, 1, "SAME"), np.float64)
    excess = np.maximum(generated - allowed, 0)
    return (excess**2).sum(axis=(1, 2, 3)) / np.maximum(
        (generated.astype(np.float64) ** 2).sum(axis=(1, 2, 3)), 1
    )


def sharpness(real: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """Energy of an image's gradient over that of the true image, per image.

    1 is as sharp as reality; an average of several pictures is well below. The focus measure "energy of gradient"
    (Subbarao, Choi and Nikzad 1993) as a ratio. PSNR does not show it: it prefers an average to a displaced stroke.

    Args:
        real, generated: uint8 (B, H, W, C).

    Returns:
        float64 (B,), at least 0.

    >>> checkered = np.indices((28, 28)).sum(axis=0)[None, ..., None] % 2 * np.uint8(200)
    >>> sharpness(checkered, checkered).tolist(), sharpness(checkered, checkered // 2).tolist()
    ([1.0], [0.25])
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

    >>> real, training = np.full((1, 2, 2, 1), 100, np.uint8), np.full((1, 2, 2, 1), 200, np.uint8)
    >>> copied(real, training - 10, training).tolist(), copied(real, real + 10, training).tolist()
    ([True], [False])
    """
    parts = [slice(start, start + PICTURES_AT_ONCE) for start in range(0, len(generated), PICTURES_AT_ONCE)]
    nearest = np.full(len(generated), np.inf)
    for start in range(0, len(training), PICTURES_AT_ONCE):
        some = _flat(training[start : start + PICTURES_AT_ONCE])
        for part in parts:
            found = _squared_distances(_flat(generated[part]), some).min(axis=1)
            nearest[part] = np.minimum(nearest[part], found)
    own = [((_flat(generated[part]) - _flat(real[part])) ** 2).sum(axis=1) for part in parts]
    return nearest < np.concatenate([np.empty(0), *own])


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float64)


def _squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.maximum((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T, 0)
