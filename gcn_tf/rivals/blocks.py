"""Networks that several rivals are made of: the generator and the critic of DCGAN (Radford, Metz, Chintala 2016), for any size and code."""

import keras
from keras import layers

from gcn_tf.rivals.rival import Grid

SMALLEST_SIDE = 4  # of the generator's first picture and the critic's last, at least
SLOPE = 0.2  # of leaky_relu below 0, in critics
MOMENTUM = 0.9  # of batch normalization: trainings here are short


def joined(grid: Grid) -> tuple[dict[str, keras.KerasTensor], keras.KerasTensor]:
    """Inputs for the codes by factor name, and all of them side by side: (B, K)."""
    codes = {name: layers.Input((size,), name=name) for name, size in grid.sizes.items()}
    return codes, layers.Concatenate(name="codes")(list(codes.values()))


def levels(grid: Grid) -> int:
    """How often a picture can be halved before a side is shorter than four pixels."""
    side, count = min(grid.shape[:2]), 0
    while -(-side // 2) >= SMALLEST_SIDE and count < 4:
        side, count = -(-side // 2), count + 1
    return count


def picture_from(
    x: keras.KerasTensor,
    grid: Grid,
    width: int,
    name: str = "picture",
    condition: keras.KerasTensor | None = None,
) -> keras.KerasTensor:
    """DCGAN's generator behind a vector: (B, F) -> picture float32 (B, H, W, C) in [0, 1].

    Args:
        condition: codes (B, K) that the scale and the shift behind every batch normalization depend on.
    """
    depth = levels(grid)
    height, across, channels = grid.shape
    start = (-(-height // 2**depth), -(-across // 2**depth))
    filters = width * 2 ** (depth - 1)
    x = layers.Dense(start[0] * start[1] * filters, use_bias=False, dtype=grid.dtype)(x)
    x = layers.Reshape((*start, filters))(x)
    x = _normalized(x, grid, condition)
    for _ in range(depth - 1):
        filters //= 2
        x = layers.Conv2DTranspose(filters, 4, 2, "same", use_bias=False, dtype=grid.dtype)(x)
        x = _normalized(x, grid, condition)
    x = layers.Conv2DTranspose(channels, 4, 2, "same", dtype=grid.dtype)(x)
    x = picture_of(x)
    down, right = start[0] * 2**depth - height, start[1] * 2**depth - across
    return layers.Cropping2D(((down // 2, down - down // 2), (right // 2, right - right // 2)), name=name)(x)


def picture_of(x: keras.KerasTensor) -> keras.KerasTensor:
    """tanh, as in the papers, moved from [-1, 1] to float32 in [0, 1]."""
    return layers.Activation("sigmoid", dtype="float32")(layers.Rescaling(2.0, dtype="float32")(x))


def centred(image: keras.KerasTensor, dtype: str) -> keras.KerasTensor:
    """Pictures in [0, 1] as networks see them in the papers, in [-1, 1]: black as 0 would excite nothing, and critics would win at once."""
    return layers.Rescaling(2.0, -1.0, dtype=dtype)(image)


def _normalized(
    x: keras.KerasTensor, grid: Grid, condition: keras.KerasTensor | None = None
) -> keras.KerasTensor:
    if condition is None:
        x = layers.BatchNormalization(momentum=MOMENTUM, dtype=grid.dtype)(x)
    else:
        x = layers.BatchNormalization(momentum=MOMENTUM, center=False, scale=False, dtype=grid.dtype)(x)
        channels = (1, 1, x.shape[-1])
        # Sums over the factors start at a scale of 1 and a shift of 0, whatever the codes.
        scale = layers.Dense(
            x.shape[-1], kernel_initializer="zeros", bias_initializer="ones", dtype=grid.dtype
        )
        shift = layers.Dense(x.shape[-1], kernel_initializer="zeros", use_bias=False, dtype=grid.dtype)
        x = layers.Multiply(dtype=grid.dtype)([x, layers.Reshape(channels)(scale(condition))])
        x = layers.Add(dtype=grid.dtype)([x, layers.Reshape(channels)(shift(condition))])
    return layers.ReLU(dtype=grid.dtype)(x)


def features_of(
    image: keras.KerasTensor, grid: Grid, width: int, normalized: bool = True, spectral: bool = False
) -> keras.KerasTensor:
    """DCGAN's critic without its last layer: picture (B, H, W, C) -> features (B, F).

    Args:
        normalized: batch normalization behind every convolution but the first.
        spectral: spectral normalization of every convolution instead (Miyato et al. 2018).
    """
    x = centred(image, grid.dtype)
    for level in range(levels(grid)):
        layer = layers.Conv2D(width * 2**level, 4, 2, "same", dtype=grid.dtype)
        x = layers.SpectralNormalization(layer)(x) if spectral else layer(x)
        if normalized and level and not spectral:
            x = layers.BatchNormalization(momentum=MOMENTUM, dtype=grid.dtype)(x)
        x = layers.LeakyReLU(SLOPE, dtype=grid.dtype)(x)
    return layers.Flatten(dtype="float32")(x)


def with_planes(x: keras.KerasTensor, code: keras.KerasTensor) -> keras.KerasTensor:
    """Every code as a plane beside the channels: (B, h, w, c), (B, K) -> (B, h, w, c + K)."""
    height, width = x.shape[1:3]
    planes = layers.Reshape((height, width, code.shape[1]))(layers.RepeatVector(height * width)(code))
    return layers.Concatenate()([x, planes])


def heads(features: keras.KerasTensor, grid: Grid) -> dict[str, keras.KerasTensor]:
    """Logits of every factor's values: (B, F) -> float32 (B, K_f) by factor name."""
    return {name: layers.Dense(size, dtype="float32")(features) for name, size in grid.sizes.items()}


def maxout(x: keras.KerasTensor, grid: Grid, units: int, pieces: int) -> keras.KerasTensor:
    """Units that are each the largest of several linear functions (Goodfellow et al. 2013): (B, F) -> (B, units)."""
    x = layers.Dense(units * pieces, dtype=grid.dtype)(x)
    x = layers.Reshape((units * pieces, 1))(x)
    return layers.Flatten()(layers.MaxPooling1D(pieces)(x))
