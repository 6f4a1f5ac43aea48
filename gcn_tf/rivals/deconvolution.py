"""Dosovitskiy's generator for any size: layers of `gcn_tf.model.generator`, chosen from the picture's size and cropped to it."""

import keras
from keras import layers

from gcn_tf.model.generator import Deconvolution, Upsampling
from gcn_tf.rivals.rival import Grid

SMALLEST_SEED = (
    6  # side of the seed tensor, at least: 7 for pictures of 28, 8 for those of 64 or 128, as in the papers
)
TOWER, TRUNK = 2, 16  # units of dense layers, in widths: those of the default GCN at a width of 32


def deconvolution(grid: Grid, width: int) -> keras.Model:
    """Towers, trunk, seed tensor and transposed convolutions, without operators: codes -> picture, linear (B, H, W, C)."""
    depth = doublings(min(grid.shape[:2]))
    height, across, channels = grid.shape
    seed = (-(-height // 2**depth), -(-across // 2**depth))
    filters = [width * 2**level for level in reversed(range(depth))]
    config = Deconvolution(
        tower_units=TOWER * width,
        trunk=(TRUNK * width, TRUNK * width),
        seed_tensor=(*seed, filters[0]),
        upsampling=(*(Upsampling(count, 4, 2, 1) for count in filters), Upsampling(channels, 3, 1, 1)),
        operators=False,
    )
    larger = (seed[0] * 2**depth, seed[1] * 2**depth, channels)
    network = config.build(grid.sizes, larger, grid.dtype)
    down, right = larger[0] - height, larger[1] - across
    crop = ((down // 2, down - down // 2), (right // 2, right - right // 2))
    picture = layers.Cropping2D(crop, dtype="float32", name="picture")(network.output)
    return keras.Model(network.input, picture, name="generator")


def doublings(side: int) -> int:
    """How often the seed tensor is doubled to become a picture of a side.

    >>> [doublings(side) for side in (12, 28, 30, 64, 158)]
    [1, 2, 2, 3, 4]
    """
    count = 1
    while -(-side // 2 ** (count + 1)) >= SMALLEST_SEED:
        count += 1
    return count
