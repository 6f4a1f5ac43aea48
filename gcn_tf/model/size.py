"""How large networks are: weights and bytes, from settings alone or from a model."""

import math
from collections.abc import Mapping

import keras
import tensorflow as tf

from gcn_tf.config.schema import RunConfig
from gcn_tf.errors import UserError
from gcn_tf.machine import available_bytes
from gcn_tf.model.gcn import GCN

COPIES = 4  # of every weight: itself, its gradient and Adam's two moments


def count_weights(
    config: RunConfig, factor_sizes: Mapping[str, int], image_shape: tuple[int, int, int]
) -> int:
    """Weights of both networks without biases, from the settings alone: nothing is built."""
    classes = {name: size + config.imagined_class for name, size in factor_sizes.items()}
    generator = config.generator.count_weights(factor_sizes, image_shape)
    generator += config.generator.count_mask_weights() if config.mask_weight else 0
    return generator + config.classifier.count_weights(classes, image_shape)


def check_weights(
    config: RunConfig, factor_sizes: Mapping[str, int], image_shape: tuple[int, int, int]
) -> None:
    """Raise UserError if the networks alone, with Adam's moments, need more memory than is available."""
    weights, there = count_weights(config, factor_sizes, image_shape), available_bytes()
    needed = (COPIES - 1) * weights * tf.float32.size
    if there is not None and needed > there and not tf.config.list_physical_devices("GPU"):
        raise UserError(
            f"the networks have {weights:,} weights and need at least {needed / 2**30:.1f} GiB of memory, "
            f"{max(there, 0) / 2**30:.1f} are free: make the layers' widths, or --image-size, smaller"
        )


def least_bytes(model: GCN, batch_size: int) -> int:
    """Lower bound of a training's memory in bytes: weights, gradients, moments, and every layer's output for one batch."""
    weights = COPIES * sum(_bytes(v.shape, v.dtype) for v in model.trainable_variables)
    outputs = sum(
        _bytes(tensor.shape[1:], tensor.dtype)
        for network in (model.generator, model.classifier)
        for layer in network.layers
        for tensor in keras.tree.flatten(layer.output)
    )
    return weights + batch_size * outputs


def _bytes(shape: tuple[int, ...], dtype: str) -> int:
    return math.prod(shape) * tf.as_dtype(dtype).size
