"""The loss terms of Xu, Qin and Wan 2019, one function per term; each returns one value per example."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from gcn_tf.model.figure_mask import figure_mask

Codes = dict[str, tf.Tensor]


@dataclass(frozen=True)
class Examples:
    """The real pictures of a batch and those generated from their codes: the input of a loss term.

    Args:
        real: float32 (B, H, W, C) in [0, 1].
        generated: float32 (B, H, W, C), the unclipped output of the generator.
        codes: float32 (B, K_f) by factor name.
        mask_logits: float32 (B, H, W, 1), of the figure, where the generator makes a mask.
    """

    real: tf.Tensor
    generated: tf.Tensor
    codes: Codes
    mask_logits: tf.Tensor | None = None


Term = Callable[[Examples], tf.Tensor]
TERMS: dict[str, Term] = {}


def loss_term(function: Term) -> Term:
    """Register a term of the generator's objective under the function's name; it returns float32 (B,), one per example.

    Its weight is the setting NAME_weight of `gcn_tf.config.schema.ObjectiveConfig`; a term of weight 0 is not computed.
    The log shows its mean as NAME_loss.
    """
    TERMS[function.__name__] = function
    return function


@loss_term
def pixel(examples: Examples) -> tf.Tensor:
    """First term of eq. (2): the sum of squared pixel differences."""
    return sum_of_squares(examples.real, examples.generated)


def sum_of_squares(real: tf.Tensor, generated: tf.Tensor) -> tf.Tensor:
    """First term of eq. (2): squared Euclidean distance of two images.

    Args:
        real: float32 (B, H, W, C) in [0, 1].
        generated: float32 (B, H, W, C), the unclipped output of the generator.

    Returns:
        float32 (B,), at least 0.
    """
    return tf.reduce_sum(tf.square(real - generated), axis=(1, 2, 3))


@loss_term
def mask(examples: Examples) -> tf.Tensor:
    """Cross entropy of figure and ground, the mean of the pixels as in the authors' files.

    Their weight is 1 beside half of the squared differences: 2 here. Summed over the pixels, as the pixel loss is, it outweighs the picture.
    """
    logits = examples.mask_logits
    assert logits is not None  # a weight asks for a generator with a mask
    entropies = tf.nn.sigmoid_cross_entropy_with_logits(figure_mask(examples.real), logits)
    return tf.reduce_mean(entropies, axis=(1, 2, 3))


def encoded(factors: Mapping[str, Any], sizes: Mapping[str, int]) -> Codes:
    """Integer ids (B,) as one-hot codes, float32 (B, K_f); float codes pass unchanged."""
    codes = {}
    for name, size in sizes.items():
        value = tf.convert_to_tensor(factors[name])
        codes[name] = tf.one_hot(value, size) if value.dtype.is_integer else value
    return codes


def cross_entropies(logits: Codes, codes: Codes) -> dict[str, tf.Tensor]:
    """Eq. (1) and the second term of eq. (2), factor by factor.

    Args:
        logits: float32 (B, K_f), or (B, K_f + 1) with a class "imagined" that no code wants, by factor name.
        codes: float32 (B, K_f) by factor name, rows in [0, 1] that sum to 1.

    Returns:
        float32 (B,) in nats by factor name.
    """
    terms = {}
    for name, code in codes.items():
        wanted = tf.pad(code, [[0, 0], [0, logits[name].shape[-1] - code.shape[-1]]])
        terms[name] = keras.ops.categorical_crossentropy(wanted, logits[name], from_logits=True)
    return terms


def imagined_entropies(logits: Codes) -> dict[str, tf.Tensor]:
    """Cross entropy of the last class, "imagined": logits float32 (B, K_f + 1) -> (B,) in nats by factor name."""
    return {name: -tf.nn.log_softmax(values)[:, -1] for name, values in logits.items()}


def weighted_sum(terms: dict[str, tf.Tensor], weights: dict[str, float]) -> tf.Tensor:
    """`sum_f weight_f * term_f`: float32 (B,)."""
    return tf.add_n([weights[name] * term for name, term in terms.items()])


def clip_image(image: tf.Tensor) -> tf.Tensor:
    """Clip the generator's linear output to [0, 1], as images leave the model.

    The classifier sees clipped images in training too: on raw output it would reward values that no picture has.
    """
    return tf.clip_by_value(image, 0.0, 1.0)
