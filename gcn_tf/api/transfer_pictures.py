"""Pictures of anybody in other cells of a run, from Python."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gcn_tf.api.arrays import as_pictures
from gcn_tf.api.run import Run, is_one, open_run, words_of


def transfer(
    run: Run | Path | str,
    image: Any,
    to: Mapping[str, Any],
    shows: Mapping[str, Any] | None = None,
    force: bool = False,
) -> np.ndarray:
    """Draw a picture of anybody in other cells of a run: the same person, another gesture. Nothing is trained.

    Args:
        run: what `gcn_tf.train` or `open_run` returned, or its folder. With a run, only the first call compiles.
        image: a picture of any size, uint8 (H, W) or (H, W, C), C = 1 or 3, or the path of a file; or several: (N, H, W, C), or a list of paths.
        to: values of the factors that change, as `Run.generate` takes them: `{"gesture": 5}`, `{"gesture": "*"}`.
        shows: values that the pictures show, if they are known: `{"gesture": 2}`. Of factors that change, the classifier and
            the nearest values tell otherwise.
        force: draw pictures that are nothing like those of the run.

    Returns:
        uint8 (H, W, C) in [0, 255]; with a list or `"*"` in `to`, (n, H, W, C); with several pictures, one such result for each of them,
        (N, ...).

    Raises:
        FactorError: an unknown factor or value.
        UserError: a picture that cannot be used, or is nothing like those of the run.

    Example:

    >>> import gcn_tf
    >>> run = gcn_tf.open_run("runs/demo")
    >>> gcn_tf.transfer(run, "seven.png", {"digit": 3}).shape
    (28, 28, 3)
    >>> gcn_tf.transfer(run, "seven.png", {"color": "*"}, shows={"digit": 7, "color": "red"}).shape
    (3, 28, 28, 3)
    """
    run = run if isinstance(run, Run) else open_run(run)
    words, known = words_of(to), words_of(shows or {})
    paths, one = _paths(image)
    with tempfile.TemporaryDirectory() as folder:
        files = paths or _written(image, Path(folder))
        pictures = run.transfers.pictures(files, [str(path) for path in files], known, force)
    made = run.transfers.draw(pictures, words, known).images
    made = made if any(not is_one(value) for value in to.values()) else made[:, 0]
    return made[0] if one else made


def _paths(image: Any) -> tuple[list[Path], bool]:
    """Paths, if the pictures are given as such, and whether there is one picture."""
    if isinstance(image, (str, os.PathLike)):
        return [Path(image)], True
    if isinstance(image, Sequence) and image and all(isinstance(one, (str, os.PathLike)) for one in image):
        return [Path(path) for path in image], False
    return [], np.ndim(image) == 2 or (np.ndim(image) == 3 and np.shape(image)[2] in (1, 3))


def _written(image: Any, folder: Path) -> list[Path]:
    """Arrays as PNG files, so that they go the way of all pictures."""
    one = _paths(image)[1]
    pictures = as_pictures(np.asarray(image)[None] if one else image)
    files = [folder / f"{number}.png" for number in range(len(pictures))]
    for path, picture in zip(files, pictures, strict=True):
        Image.fromarray(picture if picture.shape[2] == 3 else picture[..., 0]).save(path)
    return files
