"""Which arithmetic the hidden layers use."""

import time
from dataclasses import replace
from pathlib import Path

import tensorflow as tf

from gcn_tf.config.files import read_yaml, with_settings
from gcn_tf.config.schema import Precision, RunConfig

GAIN_WANTED = 1.2  # below this, bfloat16's coarser weights buy nothing


def _seconds_per_product(dtype: tf.DType, side: int = 768, repeats: int = 5) -> float:
    a = tf.cast(tf.random.stateless_normal((side, side), (0, 0)), dtype)
    product = tf.function(lambda: tf.linalg.matmul(a, a))
    product()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        product().numpy()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def resolve_precision(precision: Precision) -> Precision:
    """The dtype policy of `--precision`: "auto" times one matrix product in both types on this machine.

    Returns:
        "float32" or "mixed_bfloat16", which needs no loss scaling; float16 would (one per optimizer).
    """
    if precision != "auto":
        return precision
    gain = _seconds_per_product(tf.float32) / _seconds_per_product(tf.bfloat16)
    return "mixed_bfloat16" if gain >= GAIN_WANTED else "float32"


def with_precision(config: RunConfig, stored: Path) -> RunConfig:
    """Resolve `auto`, but keep the precision with which work began: another measurement may give another result.

    Args:
        stored: YAML file with the settings of that work, if it has begun.
    """
    if config.precision == "auto" and stored.exists():
        return with_settings(config, {"precision": read_yaml(stored).get("precision")}, str(stored))
    return replace(config, precision=resolve_precision(config.precision))
