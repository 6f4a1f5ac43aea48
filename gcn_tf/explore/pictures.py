"""Pictures inside a page: PNG and GIF as data addresses, exact to the bit."""

import base64
import io

import numpy as np
from PIL import Image

from gcn_tf.reporting.tiles import zoomed

SMALLEST_GIF = 160  # pixels of the shorter side
FRAME_MILLISECONDS = 120


def png(image: np.ndarray) -> bytes:
    """A picture as a PNG file: uint8 (H, W, C), C = 1 or 3."""
    file = io.BytesIO()
    Image.fromarray(image.squeeze(2) if image.shape[2] == 1 else image).save(file, "PNG", compress_level=1)
    return file.getvalue()


def address(data: bytes, kind: str = "image/png") -> str:
    """A file as an address that holds it.

    >>> address(b"GIF", "image/gif")
    'data:image/gif;base64,R0lG'
    """
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def side_by_side(images: np.ndarray, columns: int) -> np.ndarray:
    """Pictures row by row without gaps: uint8 (N, H, W, C) -> (rows * H, columns * W, C); N is a multiple of `columns`."""
    count, height, width, channels = images.shape
    grid = images.reshape(count // columns, columns, height, width, channels).swapaxes(1, 2)
    return grid.reshape(count // columns * height, columns * width, channels)


def gif(images: np.ndarray) -> bytes:
    """Pictures as a GIF that runs there and back without end: uint8 (N, H, W, C), enlarged by repeating pixels."""
    zoom = max(1, -(-SMALLEST_GIF // min(images.shape[1:3])))
    forth = [Image.fromarray(zoomed(image, zoom).repeat(3 // image.shape[2], axis=2)) for image in images]
    frames = [*forth, *forth[-2:0:-1]]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=FRAME_MILLISECONDS, loop=0)
    return file.getvalue()
