"""A classifier that is trained along with a generator and helps it: the GCN's AlexNet, with real pictures as its examples."""

from collections.abc import Mapping

import keras
import tensorflow as tf

from gcn_tf.model.classifier import AlexNet, Convolution
from gcn_tf.model.objective import cross_entropies
from gcn_tf.rivals.rival import Grid


def cooperator(grid: Grid, width: int) -> keras.Model:
    """Picture float32 (B, H, W, C) in [0, 1] -> {factor: float32 logits (B, K_f)}; the default GCN's at a width of 32."""
    convolutions = tuple(Convolution(width * 2**level, 3) for level in range(3))
    network = AlexNet(convolutions=convolutions, head_units=(4 * width,)).build(
        grid.sizes, grid.shape, grid.dtype
    )
    return keras.Model(network.input, network.output, name="cooperator")


def classification_loss(logits: dict[str, tf.Tensor], codes: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """The factors' cross entropies together, eq. (1) of Xu et al. 2019, averaged over the batch: float32 (B, K_f) each -> scalar."""
    return tf.reduce_mean(tf.add_n(list(cross_entropies(logits, dict(codes)).values())))
