"""What becomes of picture files: the pixels of those that decoded, and the reasons why others did not."""

from dataclasses import dataclass

import numpy as np

Problems = tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Decoded:
    """Decoded pictures.

    Args:
        images: uint8 (N, H, W, C) in the order of the good files, C = 1 or 3.
        good: int64 (N,). Numbers of the files that decoded.
        problems: number and reason of the others.
        notes: lines for the user.
        sha256: of the good files' content.
        pixels_sha256: a name of the pixels in hexadecimal that depends on them alone, where it is known; else "".
    """

    images: np.ndarray
    good: np.ndarray
    problems: Problems
    notes: tuple[str, ...]
    sha256: tuple[bytes, ...]
    pixels_sha256: str = ""
