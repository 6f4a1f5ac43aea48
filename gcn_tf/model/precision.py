"""Which arithmetic the hidden layers use."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import tensorflow as tf

from gcn_tf.config.files import read_yaml, with_settings
from gcn_tf.config.schema import Precision, RunConfig

GAIN_WANTED = 1.2  # below this, bfloat16's coarser weights buy nothing


ROUNDS = 5


def _seconds_by_type() -> dict[tf.DType, float]:
    """Time a matrix product and a convolution with its gradients in both types, in turn; of each the fastest round.

    A processor may have fast products of bfloat16 and convolutions that take ten times as long: AVX2 without AVX-512.
    """
    work = {dtype: _product_and_convolution(dtype) for dtype in (tf.float32, tf.bfloat16)}
    found = dict.fromkeys(work, float("inf"))
    for number in range(1 + ROUNDS):
        for dtype, once in work.items():
            start = time.perf_counter()
            once()
            if number:  # the first round compiles
                found[dtype] = min(found[dtype], time.perf_counter() - start)
    return found


def _product_and_convolution(dtype: tf.DType) -> Callable[[], Any]:
    def normal(*shape: int) -> tf.Tensor:
        return tf.cast(tf.random.stateless_normal(shape, (0, 0)), dtype)

    matrix, images, kernel = normal(768, 768), normal(4, 14, 14, 64), normal(3, 3, 64, 64)

    @tf.function
    def once() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch([images, kernel])
            convolved = tf.nn.conv2d(images, kernel, 1, "SAME")
        gradients = tape.gradient(convolved, [images, kernel])
        return [tf.reduce_sum(made) for made in (tf.linalg.matmul(matrix, matrix), convolved, *gradients)]

    return lambda: [made.numpy() for made in once()]


def resolve_precision(precision: Precision) -> Precision:
    """The dtype policy of `--precision`: "auto" times a matrix product and a convolution in both types on this machine.

    Returns:
        "float32" or "mixed_bfloat16", which needs no loss scaling; float16 would (one per optimizer).
    """
    if precision != "auto":
        return precision
    seconds = _seconds_by_type()
    return "mixed_bfloat16" if seconds[tf.float32] / seconds[tf.bfloat16] >= GAIN_WANTED else "float32"


def with_precision(config: RunConfig, stored: Path) -> RunConfig:
    """Resolve `auto`, but keep the precision with which work began: another measurement may give another result.

    Args:
        stored: YAML file with the settings of that work, if it has begun.
    """
    if config.precision == "auto" and stored.exists():
        return with_settings(config, {"precision": read_yaml(stored).get("precision")}, str(stored))
    return replace(config, precision=resolve_precision(config.precision))
