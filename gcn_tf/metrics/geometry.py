"""The geometry of a figure in a picture, as numbers: height, width, slant and place, by moments.

By moments rather than by the ends of the figure, so that a speck in a corner or a soft edge changes little.
"""

import numpy as np

GEOMETRY = ("height", "width", "slant", "y", "x")


FRAME = 1 / 16  # width of the frame of a picture that shows its background, as a share of the side


PLAIN = 0.75  # share of the frame that is background, though an arm reaches into the picture


SPREAD = 10.0  # variances of the background within the picture, in those within its frame: light falls off toward the edges


NOISE = 6 / 255  # standard deviation of a background that is called plain


PEAK = 99  # percentile of the distances from the background that stands for the figure: a thin stroke covers a few pixels


FULL, EMPTY = 0.75, 0.25  # of that distance: a pixel of the figure, and one of the background


FAINTEST = 1.5  # distance from the background, in its standard deviations; a picture without such a pixel shows no figure


PICTURES_AT_ONCE = 100


def figure_weights(images: np.ndarray) -> np.ndarray:
    """How much every pixel belongs to the figure, which is what differs from the background.

    The background of a picture is the median color of its frame: of white ink on black, of black ink on white, or of a photograph
    before a plain wall. Differences count by the colors that the frame does not vary in (Mahalanobis distance), so that
    the shade of a wall is no figure. Pixels at less than a quarter of the figure's distance (noise, fog) have no weight.

    Args:
        images: uint8 (N, H, W, C).

    Returns:
        float32 (N, H, W) in [0, 1], all 0 for a picture without a figure.

    >>> image = np.full((1, 9, 9, 1), 200, np.uint8)
    >>> image[:, 4, 2:7] = 30
    >>> figure_weights(image)[0].sum(axis=1).tolist()
    [0.0, 0.0, 0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0]
    """
    count, height, width, channels = images.shape
    pixels = images.reshape(count, -1, channels).astype(np.float32) / 255
    frame = pixels[:, _frame(height, width).ravel()]  # (N, F, C)
    background = np.median(frame, axis=1, keepdims=True)
    apart = np.abs(frame - background).max(axis=-1)
    plain = apart <= np.quantile(apart, PLAIN, axis=1, keepdims=True)  # (N, F)
    varied = (frame - background) * plain[..., None]
    covariance = SPREAD * varied.transpose(0, 2, 1) @ varied / plain.sum(axis=1)[:, None, None]  # (N, C, C)
    inverse = np.linalg.inv(covariance + NOISE**2 * np.eye(channels, dtype=np.float32))
    difference = pixels - background
    distance = np.sqrt(np.maximum((difference @ inverse * difference).sum(axis=-1), 0))  # (N, H * W)
    peak = np.percentile(distance, PEAK, axis=1, keepdims=True)
    share = distance / np.maximum(peak, FAINTEST)
    weights = np.where(peak < FAINTEST, 0, np.clip((share - EMPTY) / (FULL - EMPTY), 0, 1))
    return weights.reshape(count, height, width).astype(np.float32)


def _frame(height: int, width: int) -> np.ndarray:
    """Which pixels lie at the edge of a picture: bool (H, W)."""
    down, across = (max(1, round(FRAME * side)) for side in (height, width))
    inside = np.zeros((height, width), bool)
    inside[down:-down, across:-across] = True
    return ~inside


def figure_moments(weights: np.ndarray) -> np.ndarray:
    """First and second moments of figures.

    Args:
        weights: float (N, H, W), at least 0.

    Returns:
        float64 (5, N): mean y and x; variance down, variance across, and their covariance; in pixels and squares of them. All 0 for a
        figure without any weight.

    >>> figure_moments(np.eye(3)[None])[:, 0].round(3).tolist()
    [1.0, 1.0, 0.667, 0.667, 0.667]
    """
    share = weights.astype(np.float64)
    share /= np.maximum(share.sum(axis=(1, 2), keepdims=True), 1e-6)
    rows, columns = share.sum(axis=2), share.sum(axis=1)  # (N, H), (N, W)
    down, across = np.arange(rows.shape[1]), np.arange(columns.shape[1])
    y, x = (rows * down).sum(axis=1), (columns * across).sum(axis=1)
    from_y, from_x = down - y[:, None], across - x[:, None]
    tall, wide = (rows * from_y**2).sum(axis=1), (columns * from_x**2).sum(axis=1)
    lean = np.einsum("nij,ni,nj->n", share, from_y, from_x)
    return np.stack([y, x, tall, wide, lean])


def figure_geometry(images: np.ndarray) -> np.ndarray:
    """Height, width, slant and place of the figure in every picture.

    Args:
        images: uint8 (N, H, W, C), at least 3 pixels high and wide.

    Returns:
        float64 (N, 5), in the order of `GEOMETRY`. Height and width: logarithms of the standard deviations down and across, as
        shares of the sides, the width once the slant is taken out. Slant: pixels to the right per pixel down, below 0 for
        an italic I. y, x: the center, as shares of the sides. NaN for a picture without a figure.

    >>> images = np.zeros((2, 28, 28, 1), np.uint8)
    >>> images[0, 4:24, 13:15] = images[1, 9:19, 13:15] = 255  # of the same width, the first twice as tall
    >>> tall, low = figure_geometry(images)
    >>> (tall - low + 0.0).round(2).tolist()
    [0.69, 0.0, 0.0, 0.0, 0.0]
    """
    parts = [images[start : start + PICTURES_AT_ONCE] for start in range(0, len(images), PICTURES_AT_ONCE)]
    return np.concatenate([_geometry(part) for part in parts]) if parts else np.empty((0, len(GEOMETRY)))


def _geometry(images: np.ndarray) -> np.ndarray:
    weights = figure_weights(images)
    height, width = weights.shape[1:]
    y, x, tall, wide, lean = figure_moments(weights)
    tall = tall + 1 / 12  # a pixel is a square, not a point: a line one pixel wide has a width
    upright = np.maximum(wide + 1 / 12 - lean**2 / tall, 1 / 12)
    measured = [
        np.log(tall) / 2 - np.log(height),
        np.log(upright) / 2 - np.log(width),
        lean / tall,
        (y + 0.5) / height,
        (x + 0.5) / width,
    ]
    shown = weights.max(axis=(1, 2)) > 0
    return np.where(shown[:, None], np.stack(measured, axis=1), np.nan)
