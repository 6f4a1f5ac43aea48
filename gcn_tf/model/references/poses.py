"""Poses: where the points of a template lie in a picture, and pictures drawn in another pose.

A pose is an affine map and a smooth displacement on top of it, as `NUMBERS` numbers. Lengths are in halves of the height or of the width: a
picture reaches from -1 to 1 both ways. All zeros is the template's own pose. The mean of two poses is a pose between them.
"""

import numpy as np
import tensorflow as tf

AFFINE = 6  # centre y and x, logarithms of height and width, slant, turn in radians
GRID = 5  # control points of the displacement, a uniform cubic B-spline, along either side
NUMBERS = AFFINE + 2 * GRID**2
ITERATIONS = 4  # of the fixed point that inverts a pose


def picture_points(height: int, width: int) -> np.ndarray:
    """Centres of all pixels, row by row: float32 (H * W, 2), y and x."""
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return np.stack([y, x], axis=-1).reshape(-1, 2).astype(np.float32)


def in_picture(poses: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    """Points of the template in pictures: poses (B, NUMBERS), points (B, P, 2) -> float32 (B, P, 2)."""
    matrix, shift = _affine(poses)
    return tf.matmul(points, matrix, transpose_b=True) + shift + _displacement(poses, points)


def in_template(poses: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    """Points of pictures in the template, the inverse of `in_picture`: poses (B, NUMBERS), points (B, P, 2) -> float32 (B, P, 2).

    The displacement is inverted by a fixed point: with those that `register` finds, to a hundredth of a pixel.
    """
    matrix, shift = _affine(poses)
    inverse = _inverse(matrix)
    found = tf.matmul(points - shift, inverse, transpose_b=True)
    for _ in range(ITERATIONS):
        moved = points - shift - _displacement(poses, found)
        found = tf.matmul(moved, inverse, transpose_b=True)
    return found


def _affine(poses: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Matrix (B, 2, 2) and shift (B, 1, 2): scale, then slant, then turn."""
    y, x, height, width, slant, turn = tf.unstack(poses[:, :AFFINE], axis=1)
    height, width, cos, sin = tf.exp(height), tf.exp(width), tf.cos(turn), tf.sin(turn)
    lean = slant * height
    rows = [[cos * height - sin * lean, -sin * width], [sin * height + cos * lean, cos * width]]
    matrix = tf.stack([tf.stack(row, axis=-1) for row in rows], axis=1)
    return matrix, tf.stack([y, x], axis=-1)[:, None]


def _inverse(matrix: tf.Tensor) -> tf.Tensor:
    """Of matrices (B, 2, 2)."""
    (a, b), (c, d) = ((matrix[:, row, 0], matrix[:, row, 1]) for row in (0, 1))
    rows = [tf.stack([d, -b], axis=-1), tf.stack([-c, a], axis=-1)]
    return tf.stack(rows, axis=1) / (a * d - b * c)[:, None, None]


def _displacement(poses: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    """The displacements at points of the template, float32 (B, P, 2)."""
    control = tf.reshape(poses[:, AFFINE:], (-1, GRID, GRID * 2))
    places = tf.transpose((points + 1) * ((GRID - 1) / 2), (2, 0, 1))  # points last: several times as fast
    y, x = tf.unstack(_spline(places[:, :, None]))  # (B, GRID, P) each
    along = tf.reshape(tf.matmul(control, y, transpose_a=True), (-1, GRID, 2, tf.shape(points)[1]))
    return tf.transpose(tf.reduce_sum(along * x[:, :, None], axis=1), (0, 2, 1))


def _spline(places: tf.Tensor) -> tf.Tensor:
    """Weights of the control points: places float32 (2, B, 1, P) in their distances -> float32 (2, B, GRID, P)."""
    away = tf.abs(places - tf.range(GRID, dtype=tf.float32)[:, None])
    near, far = tf.nn.relu(1 - away), tf.nn.relu(2 - away)
    return (far * far * far - 4 * near * near * near) / 6


def sample(pictures: tf.Tensor, points: tf.Tensor, cubic: bool = False) -> tf.Tensor:
    """Values of pictures at points: uint8 or float32 (B, H, W, C) and float32 (B, P, 2) -> float32 (B, P, C).

    Outside of a picture its border goes on.

    Args:
        cubic: by the cubic B-spline through all pixels (Unser 1999), which keeps pictures crisp; otherwise bilinear.
    """
    if cubic:
        pictures = _coefficients(tf.cast(pictures, tf.float32))
    height, width, channels = pictures.shape[1:]
    before, after = (1, 2) if cubic else (0, 1)
    border, taps = (before, after), before + 1 + after
    padded = tf.pad(pictures, [(0, 0), border, border, (0, 0)], "SYMMETRIC")
    beside = tf.concat([padded[:, :, n : n + width] for n in range(taps)], axis=3)  # gathered at once
    beside = tf.reshape(beside, (-1, taps * channels))
    (top, down), (left, across) = (
        _weights((points[..., axis] + 1) * ((side - 1) / 2), side, cubic)
        for axis, side in enumerate((height, width))
    )
    first = tf.range(tf.shape(points)[0])[:, None] * ((height + taps - 1) * width) + top * width + left
    rows = [
        weight[..., None] * tf.cast(tf.gather(beside, first + n * width), tf.float32)
        for n, weight in enumerate(down)
    ]
    columns = tf.split(tf.add_n(rows), taps, axis=2)
    return tf.add_n([weight[..., None] * column for weight, column in zip(across, columns, strict=True)])


def _coefficients(pictures: tf.Tensor) -> tf.Tensor:
    """Of the cubic B-spline that goes through all pixels: float32 (B, H, W, C)."""
    height, width, channels = pictures.shape[1:]
    rows = tf.matmul(_through_pixels(height), tf.reshape(pictures, (-1, height, width * channels)))
    columns = tf.matmul(_through_pixels(width), tf.reshape(rows, (-1, width, channels)))
    return tf.reshape(columns, (-1, height, width, channels))


def _through_pixels(side: int) -> np.ndarray:
    """Matrix from pixels along a side to coefficients, mirrored at both ends: float32 (side, side)."""
    values = (4 * np.eye(side) + np.eye(side, k=1) + np.eye(side, k=-1)) / 6
    values[[0, -1], [0, -1]] += 1 / 6
    return np.linalg.inv(values).astype(np.float32)


def _weights(places: tf.Tensor, side: int, cubic: bool) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """The pixels before places along one side, int32 (B, P), and weights of those around, float32 (B, P) each."""
    places = tf.clip_by_value(places, 0.0, float(side - 1))
    first = tf.floor(places)
    past = places - first
    if cubic:
        weights = [
            ((-past / 6 + 0.5) * past - 0.5) * past + 1 / 6,
            (0.5 * past - 1.0) * past * past + 2 / 3,
            ((-0.5 * past + 0.5) * past + 0.5) * past + 1 / 6,
            past * past * past / 6,
        ]
    else:
        weights = [1.0 - past, past]
    return tf.cast(first, tf.int32), weights
