"""From codes to pictures: single cells, grids and blends of a run."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from gcn_tf.errors import UserError
from gcn_tf.reporting.figures import write_grid_figure
from gcn_tf.reporting.tiles import tile, write_png
from gcn_tf.runs.run_dir import Run


def to_uint8(images: np.ndarray | tf.Tensor) -> np.ndarray:
    """Images as users get them: float (..., in [0, 1] after clipping) -> uint8, rounded."""
    return np.rint(np.clip(np.asarray(images, np.float32), 0, 1) * 255).astype(np.uint8)


PICTURE_LIMIT = 10_000


def generate(run: Run, pictures: Sequence[Mapping[str, str]], batch_size: int = 256) -> np.ndarray:
    """Draw cells or blends.

    Args:
        pictures: one dict factor -> value ("3") or blend ("3:0.5+8:0.5") per picture.

    Returns:
        uint8 (N, H, W, 3).

    Raises:
        FactorError: an unknown factor or value, or weights that are no blend.
    """
    return draw_codes(run, run.space.codes(pictures), batch_size)


def draw_codes(run: Run, codes: Mapping[str, np.ndarray], batch_size: int = 256) -> np.ndarray:
    """Draw codes: float32 (N, K_f) by factor name -> uint8 (N, H, W, 3)."""
    count = len(next(iter(codes.values())))
    starts = range(0, count, batch_size)
    parts = [{name: tf.constant(c[i : i + batch_size]) for name, c in codes.items()} for i in starts]
    return np.concatenate([to_uint8(run.model(part)) for part in parts])


def drawing(run: Run) -> Callable[[Mapping[str, np.ndarray]], np.ndarray]:
    """A compiled `draw_codes`, for many batches: codes float32 (B, K_f) by factor name -> uint8 (B, H, W, 3)."""
    codes = {name: tf.TensorSpec((None, size), tf.float32) for name, size in run.space.sizes.items()}

    @tf.function(input_signature=[codes], autograph=False)
    def draw(codes: dict[str, tf.Tensor]) -> tf.Tensor:
        return tf.cast(tf.round(run.model(codes) * 255.0), tf.uint8)

    return lambda codes: draw({name: tf.constant(code) for name, code in codes.items()}).numpy()


def write_picture(
    run: Run, words: Sequence[str], out: Path | None, zoom: int = 8, labels: bool = True
) -> Path:
    """Generate what `factor=value` words ask for as one PNG: one picture alone, or several in a grid.

    The last factor with several values runs along the columns, the others down the rows.

    Args:
        words: as `FactorSpace.select` takes them. A value that is named twice is shown once.
        out: the PNG; by default under the run's `generated/`, named by the words.
        zoom: how many times every pixel is repeated.
        labels: whether a grid has the names of its rows and columns and fits into 2,000 x 2,000 pixels, if need be at
            a lower zoom; else it has nothing but the pictures, all of them zoomed as asked.

    Returns:
        The path written.
    """
    pictures = list({tuple(picture.values()): picture for picture in run.space.select(words)}.values())
    if len(pictures) > PICTURE_LIMIT:
        raise UserError(f"{' '.join(words)} asks for {len(pictures)} pictures, more than {PICTURE_LIMIT}")
    name = "_".join(words).replace("*", "all").replace(":", "-").replace("/", "-") + ".png"
    path = out or run.folder / "generated" / name
    images = generate(run, pictures)
    if len(pictures) == 1:
        return write_png(images[0], path, zoom)
    if labels:
        return write_grid_figure(images, pictures, path, zoom)
    varied = [name for name in run.space.names if len({p[name] for p in pictures}) > 1]
    return write_png(tile(images, len({p[varied[-1]] for p in pictures})), path, zoom)
