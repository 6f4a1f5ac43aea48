"""All labelled pictures of a dataset, for experiments on classifiers. A grid holds one picture per cell, this holds all."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LabelledPictures:
    """All pictures of a dataset, any number per class and identity.

    Args:
        factor: str. The factor to classify: "digit", "emotion".
        values: tuple of str. Its classes.
        identity: str. Who made or shows the pictures: "writer", "person".
        images: uint8 (R, H, W, 3).
        label, who: int (R,). Class and identity of every picture.
        for_tests: bool (R,). True for pictures kept for tests, such as those of another session.
        photographs: bool. Whether they may be mirrored and have no dark ground.
    """

    factor: str
    values: tuple[str, ...]
    identity: str
    images: np.ndarray
    label: np.ndarray
    who: np.ndarray
    for_tests: np.ndarray
    photographs: bool


def labelled_digits(images: np.ndarray, label: np.ndarray, who: np.ndarray) -> LabelledPictures:
    """Label digits, uint8 (R, H, W), all of which are available for training."""
    values = tuple(str(digit) for digit in range(10))
    rgb = np.repeat(images[..., None], 3, axis=-1)
    return LabelledPictures("digit", values, "writer", rgb, label, who, np.zeros(len(label), bool), False)
