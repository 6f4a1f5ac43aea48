"""Vectors with their names and thumbnails as TensorBoard's projector shows them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

CONFIG = "projector_config.pbtxt"  # what TensorBoard looks for in the folder of a run
MOST_POINTS = 2_500  # of one set; of more, some from first to last are shown
LARGEST_SPRITE = 2_048  # pixels of all thumbnails together, either way
LARGEST_THUMBNAIL = 64


@dataclass(frozen=True)
class Points:
    """What one set of points is.

    Args:
        names: one per point.
        vectors: float (K, D).
        pictures: uint8 (K, H, W, C), thumbnails; C = 1 or 3.
    """

    names: Sequence[str]
    vectors: np.ndarray
    pictures: np.ndarray


def write_projector(sets: Mapping[str, Points], folder: Path, part: str) -> None:
    """Write the files of the projector; TensorBoard shows them if an event file is in the folder as well.

    Args:
        sets: by the name that the projector shows.
        folder: of a run of TensorBoard; gets `CONFIG`.
        part: folder below it for the vectors, names and thumbnails.
    """
    config = ProjectorConfig()
    (folder / part).mkdir(parents=True, exist_ok=True)
    for number, (name, points) in enumerate(sets.items(), 1):
        chosen = np.linspace(0, len(points.names) - 1, min(len(points.names), MOST_POINTS)).astype(int)
        file = f"{part}/{number}"  # a name may hold what a file's may not
        entry = config.embeddings.add(tensor_name=name, tensor_shape=(len(chosen), points.vectors.shape[1]))
        entry.tensor_path, entry.metadata_path = f"{file}.tsv", f"{file}.names.tsv"
        np.savetxt(folder / entry.tensor_path, points.vectors[chosen], "%.6g", "\t")
        lines = [" ".join(points.names[n].split()) or "-" for n in chosen]
        (folder / entry.metadata_path).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        entry.sprite.image_path = f"{file}.png"
        picture, size = sprite(points.pictures[chosen])
        Image.fromarray(picture).save(folder / entry.sprite.image_path)
        entry.sprite.single_image_dim.extend(size)
    (folder / CONFIG).write_text(str(config), encoding="utf-8")


def sprite(pictures: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """Thumbnails row by row in a square, and the width and height of one.

    Args:
        pictures: uint8 (K, H, W, C), C = 1 or 3.

    Returns:
        uint8 (rows * height, columns * width, 3), at most `LARGEST_SPRITE` each way; (width, height).
    """
    count, *sides, channels = pictures.shape
    pictures = pictures.repeat(3 // channels, axis=3)
    columns = math.ceil(math.sqrt(count))
    scale = min(1.0, min(LARGEST_SPRITE // columns, LARGEST_THUMBNAIL) / max(sides))
    height, width = (max(1, int(side * scale)) for side in sides)
    square = np.zeros((columns * columns, height, width, 3), np.uint8)
    square[:count] = [
        np.asarray(Image.fromarray(one).resize((width, height), Image.Resampling.BOX)) for one in pictures
    ]
    rows = math.ceil(count / columns)
    tiles = square[: rows * columns].reshape(rows, columns, height, width, 3)
    return tiles.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, 3), (width, height)
