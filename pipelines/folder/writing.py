"""Write labelled arrays as a folder of own pictures: PNG files, which lose nothing, and their labels.csv."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from gcn_tf.files import replace_folder
from gcn_tf.progress import progress

DELAY = 2  # seconds of work without a progress bar


def write_pictures(images: np.ndarray, labels: Mapping[str, Sequence[str]], folder: Path) -> None:
    """Write a folder that `--dataset FOLDER` reads: whole, or not at all.

    Args:
        images: uint8 (N, H, W, C), C = 1 or 3.
        labels: one per picture, by column.
        folder: created, or replaced.
    """
    digits = len(str(len(images) - 1))
    names = [f"{number:0{digits}}.png" for number in range(len(images))]

    def write(beside: Path) -> None:
        with progress(len(images), "writing pictures", "picture", delay=DELAY) as bar:
            for name, image in zip(names, images, strict=True):
                Image.fromarray(image if image.shape[2] == 3 else image[..., 0]).save(beside / name)
                bar.update(1)
        with (beside / "labels.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["file_name", *labels])
            writer.writerows(zip(names, *labels.values(), strict=True))

    replace_folder(folder, write)
