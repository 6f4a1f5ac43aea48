"""What ids, weights and pictures from outside must be: checked in graphs, and by Python where values are at hand."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

TOLERANCE = 1e-3  # of the sum of a blend's weights, as `Factor.code` allows
FLOAT_PICTURES = (
    "float images must be from 0 to 1 (those from 0 to 255: data.map(lambda x, y: (x / 255, y))), "
    "not from and to"
)


@dataclass(frozen=True)
class InputCheck:
    """A condition on a batch.

    Args:
        met: bool scalar.
        text: what must be true, to be followed by what was found.
        found: the values to show when it is not.
    """

    met: tf.Tensor
    text: str
    found: tf.Tensor

    def assertion(self) -> tf.Operation:
        """For graphs; raises tf.errors.InvalidArgumentError where the graph runs."""
        return tf.debugging.Assert(self.met, [self.text, self.found], summarize=64)

    def message(self) -> str:
        """One line, or "" when the condition is met; for eager tensors."""
        if self.met:
            return ""
        found = np.array2string(np.squeeze(self.found.numpy()), max_line_width=10_000, threshold=64)
        return f"{self.text} {found}"


def check_codes(name: str, size: int, codes: tf.Tensor) -> InputCheck:
    """Of a factor with `size` values: integer ids (B,), or float weights (B, size)."""
    if codes.dtype.is_integer:
        ids = tf.cast(codes, tf.int64)
        good, text = (ids >= 0) & (ids < size), f"ids from 0 to {size - 1}"
    else:
        sums = tf.reduce_sum(tf.cast(codes, tf.float32), axis=-1)
        good = (tf.abs(sums - 1.0) <= TOLERANCE) & tf.reduce_all(codes >= 0, axis=-1)  # false for NaN
        text = f"{size} weights from 0 to 1 that sum to 1"
    return InputCheck(tf.reduce_all(good), f"{name}: give {text}, not", tf.boolean_mask(codes, ~good)[:1])


def check_weights_or_none(name: str, size: int, weights: tf.Tensor) -> InputCheck:
    """Of a factor with `size` values: float weights (B, size), or zeros where nothing is said."""
    sums = tf.reduce_sum(weights, axis=-1)
    good = ((tf.abs(sums - 1.0) <= TOLERANCE) | (sums == 0)) & tf.reduce_all(weights >= 0, axis=-1)
    text = f"{name}: give {size} weights from 0 to 1 that sum to 1, or zeros, not"
    return InputCheck(tf.reduce_all(good), text, tf.boolean_mask(weights, ~good)[:1])


def check_pictures(images: tf.Tensor) -> InputCheck:
    """Of float images (B, H, W, C)."""
    ends = tf.stack([tf.reduce_min(images), tf.reduce_max(images)])
    return InputCheck(tf.reduce_all((images >= 0) & (images <= 1)), FLOAT_PICTURES, ends)  # false for NaN


def check_same_length(tensors: dict[str, tf.Tensor]) -> InputCheck:
    lengths = tf.stack([tf.shape(tensor)[0] for tensor in tensors.values()])
    alike = tf.reduce_all(lengths == lengths[0])
    return InputCheck(alike, f"give as many rows of {', '.join(tensors)}, not", lengths)
