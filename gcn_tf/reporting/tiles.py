"""Pictures side by side: zoomed, laid out row by row, the unseen ones framed, written as PNG."""

from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from gcn_tf.errors import UserError
from gcn_tf.files import write_atomically

FRAME_COLOR = (255, 170, 0)


LARGEST_PICTURE = 400_000_000  # pixels


PAPER = 40  # grey of the gaps, dark enough that ink on black stands out


def zoomed(image: np.ndarray, zoom: int) -> np.ndarray:
    """Repeat every pixel `zoom` times: uint8 (H, W, C) -> (H * zoom, W * zoom, C)."""
    return image.repeat(zoom, axis=0).repeat(zoom, axis=1)


def scaled_side(side: int, scale: Fraction) -> int:
    """Pixels of a side of `side` pixels after `scaled`."""
    return -(-side * scale.numerator // scale.denominator)


def scaled(images: np.ndarray, scale: Fraction) -> np.ndarray:
    """Pictures at `scale`: a whole number repeats pixels, one over a whole number averages them.

    Args:
        images: uint8 (N, H, W, C).

    Returns:
        uint8 (N, `scaled_side(H)`, `scaled_side(W)`, C).
    """
    if scale.denominator > 1:
        pictures = images if images.shape[3] > 1 else images[..., 0]  # Pillow's grey ones have no channels
        reduced = [np.asarray(Image.fromarray(image).reduce(scale.denominator)) for image in pictures]
        return np.stack([np.atleast_3d(image) for image in reduced])
    return images.repeat(scale.numerator, axis=1).repeat(scale.numerator, axis=2)


def tile(images: np.ndarray, columns: int, framed: np.ndarray | None = None, gap: int = 3) -> np.ndarray:
    """Lay images out row by row on grey, the framed ones inside an orange frame.

    Args:
        images: uint8 (N, H, W, C).
        columns: images per row.
        framed: bool (N,), or None for no frames.
        gap: pixels between images; a frame takes all but one of them.

    Returns:
        uint8 (rows * (H + gap) + gap, columns * (W + gap) + gap, 3).
    """
    count, height, width, _ = images.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), PAPER, np.uint8)
    for n, image in enumerate(images):
        top = gap + (n // columns) * (height + gap)
        left = gap + (n % columns) * (width + gap)
        if framed is not None and framed[n]:
            edge = gap - 1
            sheet[top - edge : top + height + edge, left - edge : left + width + edge] = FRAME_COLOR
        sheet[top : top + height, left : left + width] = image
    return sheet


def in_pairs(
    real: np.ndarray, generated: np.ndarray, columns: int, framed: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Order images so that `tile` puts every row of real ones above the row of their generated ones.

    Args:
        real, generated: uint8 (N, H, W, C); N is padded to whole rows with the grey of the gaps.
        framed: bool (N,). Cells whose generated image is framed.

    Returns:
        Images uint8 (2 * padded N, H, W, C), and which of them are framed, bool.
    """
    missing = -len(real) % columns
    mask = np.zeros(len(real), bool) if framed is None else framed

    def in_rows(array: np.ndarray, filling: int = 0) -> np.ndarray:
        filled = np.full((missing, *array.shape[1:]), filling, array.dtype)
        return np.concatenate([array, filled]).reshape(-1, columns, *array.shape[1:])

    pairs = np.stack([in_rows(real, PAPER), in_rows(generated, PAPER)], axis=1)  # (rows, 2, columns, H, W, C)
    frames = np.stack([in_rows(np.zeros_like(mask)), in_rows(mask)], axis=1)
    return pairs.reshape(-1, *real.shape[1:]), frames.ravel()


def write_png(image: np.ndarray, path: Path, zoom: int = 1) -> Path:
    """Write uint8 (H, W, 1 or 3) as PNG, every pixel `zoom` times as large; makes the folder.

    Raises:
        UserError: another kind of file, or a picture too large.
    """
    check_png(path, image.shape[0] * zoom, image.shape[1] * zoom)
    large = zoomed(image, zoom)
    write_atomically(path, Image.fromarray(large if large.shape[2] > 1 else large[..., 0]).save)
    return path


def check_png(path: Path, height: int, width: int) -> None:
    """Raise UserError for a name of another kind of file, and for a picture of too many pixels."""
    if path.suffix.lower() != ".png":
        raise UserError(f"{path}: pictures are written as PNG, give a name that ends with .png")
    if height * width > LARGEST_PICTURE:
        raise UserError(f"{path} would have {width}x{height} pixels: lower --zoom, or ask for fewer pictures")
