"""A classifier that is trained along with a generator and helps it: the GCN's AlexNet, with real pictures as its examples."""

import keras

from gcn_tf.model.classifier import AlexNet, Convolution
from gcn_tf.rivals.rival import Grid


def cooperator(grid: Grid, width: int) -> keras.Model:
    """Picture float32 (B, H, W, C) in [0, 1] -> {factor: float32 logits (B, K_f)}; the default GCN's at a width of 32."""
    convolutions = tuple(Convolution(width * 2**level, 3) for level in range(3))
    network = AlexNet(convolutions=convolutions, head_units=(4 * width,)).build(
        grid.sizes, grid.shape, grid.dtype
    )
    return keras.Model(network.input, network.output, name="cooperator")
