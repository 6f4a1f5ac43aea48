"""At which ratio two values are blended: fixed weights, or weights sampled from a Beta distribution."""

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from scipy.special import betaincinv

from gcn_tf.errors import UserError


@dataclass(frozen=True)
class Ratio:
    """Weights of the first of a pair: fixed ones, or sampled for every picture from a Beta distribution.

    A pair has no order, so an uneven ratio is taken both ways round: 0.25 gives a quarter of the first and a quarter of
    the second, 0.5 one blend.

    Args:
        weights: every fixed weight and its counterpart, in (0, 1); empty for a Beta distribution.
        beta: its two parameters, above 0.
    """

    weights: tuple[float, ...] = ()
    beta: tuple[float, float] | None = None

    @classmethod
    def parse(cls, text: str) -> "Ratio":
        """Read "0.5", "0.25,0.5", "beta:0.4" (both parameters) or "beta:2,5"; raises UserError otherwise."""
        kind, colon, parameters = text.rpartition(":")
        try:
            numbers = [float(word) for word in parameters.split(",")]
        except ValueError:
            numbers = []
        if kind == "beta" and len(numbers) in (1, 2) and all(0 < n < math.inf for n in numbers):
            return cls(beta=(numbers[0], numbers[-1]))
        if not colon and numbers and all(0 < n < 1 for n in numbers):
            return cls(weights=tuple(sorted({round(w, 9) for n in numbers for w in (n, 1 - n)})))
        raise UserError(
            f"ratio {text!r}: give weights between 0 and 1 such as 0.5 or 0.25,0.5, or beta:0.4, or beta:2,5"
        )

    @property
    def variants(self) -> int:
        """How many blends a pair has."""
        if self.beta is None:
            return len(self.weights)
        return 1 if self.beta[0] == self.beta[1] else 2

    def of(self, variants: np.ndarray, numbers: np.ndarray, seed: int) -> np.ndarray:
        """Weights float32 (B,) of the first of the pairs of pictures `numbers`, int64 (B,)."""
        if self.beta is None:
            return np.asarray(self.weights, np.float32)[variants]
        sampled = betaincinv(*self.beta, uniform(numbers, seed))
        return np.where(variants == 0, sampled, 1 - sampled).astype(np.float32)

    def random(self, count: int | tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Weights float32 (count,) at random, as a graph operation; `seed` is int64 (2,)."""
        if self.beta is None:
            chosen = tf.random.stateless_uniform([count], seed, 0, len(self.weights), tf.int32)
            return tf.gather(tf.constant(self.weights, tf.float32), chosen)
        streams = (seed + tf.constant([0, n], tf.int64) for n in range(2))
        first, second = (
            tf.random.stateless_gamma([count], stream, alpha)
            for stream, alpha in zip(streams, self.beta, strict=True)
        )
        return tf.math.divide_no_nan(first, first + second)


def uniform(numbers: np.ndarray, seed: int) -> np.ndarray:
    """A random float64 in (0, 1) for every number int64 (B,), by number and seed alone: SplitMix64 (Steele 2014)."""
    with np.errstate(over="ignore"):
        x = _mixed(np.asarray(numbers).astype(np.uint64) + _mixed(np.array([seed % 2**64], np.uint64)))
    return ((x >> np.uint64(12)).astype(np.float64) + 0.5) / 2**52


def _mixed(x: np.ndarray) -> np.ndarray:
    x = x * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
