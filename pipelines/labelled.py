"""Every labelled picture of a dataset, for experiments on classifiers: a grid holds one per cell, this holds all."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LabelledPictures:
    """Everything a dataset has, whatever the number of pictures per class and identity.

    Args:
        factor: str. What is to be classified: "digit", "emotion".
        values: tuple of str. Its classes.
        identity: str. Who made or shows the pictures: "writer", "person".
        images: uint8 (R, H, W, 3).
        label, who: int (R,). Class and identity of every picture.
        for_tests: bool (R,). Pictures that nothing is trained on, such as those of another session.
    """

    factor: str
    values: tuple[str, ...]
    identity: str
    images: np.ndarray
    label: np.ndarray
    who: np.ndarray
    for_tests: np.ndarray


def labelled_digits(images: np.ndarray, label: np.ndarray, who: np.ndarray) -> LabelledPictures:
    """Digits, uint8 (R, H, W), all of which may be learned from."""
    values = tuple(str(digit) for digit in range(10))
    rgb = np.repeat(images[..., None], 3, axis=-1)
    return LabelledPictures("digit", values, "writer", rgb, label, who, np.zeros(len(label), bool))
