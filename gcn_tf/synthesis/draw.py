"""From codes to uint8 pictures as users get them: single cells, grids and blends of a run.

`generate`, evaluation, `augment`, the training input and the SavedModel all go through `pictures_of`, so they give the
same pixels for the same codes.
"""

import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from gcn_tf.errors import UserError
from gcn_tf.model.gcn import GCN
from gcn_tf.reporting.figures import write_grid_figure
from gcn_tf.reporting.tiles import tile, write_png
from gcn_tf.runs.run_dir import Run

# Pictures that the generator makes at once, always as many. Matrix products and convolutions of one or of an odd
# number of rows take other kernels, which sum in another order: in bfloat16 one of 10,000 pixel values of a single
# picture would differ by a grey level. With 32 at once, one value of 150,000 differed by its place on a processor with
# AVX2 alone, with 16, 24, 48 or 64 none; probably since kernels take blocks of rows, and eight of 32 are left over.
# 48 would be a fifth faster for many pictures of 28x28, but a single one would take twice as long.
CHUNK = 16
CHUNKS_AT_ONCE = 4  # the processors need not wait for the last layers of one chunk
INTERRUPTIBLE = 8 * CHUNK  # pictures between two chances for Ctrl-C
PICTURE_LIMIT = 10_000


def quantized(images: tf.Tensor) -> tf.Tensor:
    """Float pictures (..., in [0, 1] after clipping) as uint8, rounded."""
    return tf.cast(tf.round(tf.clip_by_value(images, 0.0, 1.0) * 255.0), tf.uint8)


def to_uint8(images: np.ndarray | tf.Tensor) -> np.ndarray:
    """`quantized` for arrays: float (..., in [0, 1] after clipping) -> uint8."""
    return quantized(tf.convert_to_tensor(images, tf.float32)).numpy()


def pictures_of(model: GCN, factors: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """The pictures of codes or ids, as graph operations. A picture does not depend on its batch.

    In mixed_bfloat16, graphs skip some of the rounding between layers that eager execution does: call this in a
    `tf.function`.

    Args:
        factors: ids int (B,) or codes float32 (B, K_f) by factor name.

    Returns:
        uint8 (B, H, W, 3).
    """
    codes = (model.looked_at if model.draws_by_lookup else model.encode)(dict(factors))
    count = tf.shape(next(iter(codes.values())))[0]
    chunks = {
        name: tf.reshape(
            tf.pad(code, [[0, -count % CHUNK], *[[0, 0]] * (code.ndim - 1)]), (-1, CHUNK, *code.shape[1:])
        )
        for name, code in codes.items()
    }
    images = tf.map_fn(
        lambda chunk: quantized(model(chunk)),
        chunks,
        fn_output_signature=tf.uint8,
        parallel_iterations=CHUNKS_AT_ONCE,
    )  # (B / CHUNK, CHUNK, H, W, 3)
    return tf.reshape(images, (-1, *images.shape[2:]))[:count]


def without_padding(images: np.ndarray, run: Run) -> np.ndarray:
    """The part of pictures (N, H, W, C) that users get: what was padded before training is cut off again."""
    if not (box := run.config.options.content_box):
        return images
    top, left, height, width = box
    return images[:, top : top + height, left : left + width]


def generate(run: Run, pictures: Sequence[Mapping[str, str]]) -> np.ndarray:
    """The pictures of cells or blends that are given in words.

    Args:
        pictures: one dict factor -> value ("3") or blend ("3:0.5+8:0.5") per picture.

    Returns:
        uint8 (N, H, W, C), without padding.

    Raises:
        FactorError: an unknown factor or value, or weights that are no blend.

    Example, the red sevens of writer 3 and of a hand between writers 3 and 8:

    >>> from gcn_tf.runs.run_dir import open_run
    >>> from gcn_tf.synthesis.draw import generate
    >>> run = open_run("runs/demo")
    >>> words = ["digit=7", "writer=3,3:0.5+8:0.5", "color=red", "rotation=0"]
    >>> pictures = generate(run, run.space.select(words))
    >>> pictures.shape, pictures.dtype
    ((2, 28, 28, 3), dtype('uint8'))
    """
    parts = [pictures[start : start + INTERRUPTIBLE] for start in range(0, len(pictures), INTERRUPTIBLE)]
    made = [generate_from_codes(run.model, run.space.codes(part)) for part in parts]
    return without_padding(np.concatenate(made), run)


def generate_from_codes(model: GCN, codes: Mapping[str, np.ndarray]) -> np.ndarray:
    """The pictures of codes: float32 (N, K_f) by factor name -> uint8 (N, H, W, 3).

    The first call for a model compiles it, the others take a few milliseconds for a picture.
    """
    function = _compiled(model)
    count = len(next(iter(codes.values())))
    parts = [slice(start, start + INTERRUPTIBLE) for start in range(0, max(count, 1), INTERRUPTIBLE)]
    made = [
        function({name: tf.constant(code[part], tf.float32) for name, code in codes.items()})
        for part in parts
    ]
    return np.concatenate([images.numpy() for images in made])


def generate_cells(run: Run, ids: np.ndarray) -> np.ndarray:
    """The pictures of cells, as `generate_from_codes` makes them, whose codes are in memory a few at a time.

    Args:
        ids: int (N, M), value ids in the order of the run's factors.

    Returns:
        uint8 (N, H, W, 3).
    """
    starts = range(0, max(len(ids), 1), INTERRUPTIBLE)
    parts = (run.space.one_hot(ids[start : start + INTERRUPTIBLE]) for start in starts)
    return np.concatenate([generate_from_codes(run.model, codes) for codes in parts])


_functions: weakref.WeakKeyDictionary[GCN, tf.types.experimental.PolymorphicFunction] = (
    weakref.WeakKeyDictionary()
)


def _compiled(model: GCN) -> tf.types.experimental.PolymorphicFunction:
    """`pictures_of` of a model as a `tf.function`, which is kept as long as the model."""
    if model not in _functions:
        codes = {name: tf.TensorSpec((None, size), tf.float32) for name, size in model.factor_sizes.items()}
        weak = weakref.ref(model)  # a function that held the model would keep it for ever

        @tf.function(input_signature=[codes], autograph=False)
        def function(codes: dict[str, tf.Tensor]) -> tf.Tensor:
            alive = weak()
            assert alive is not None
            return pictures_of(alive, codes)

        _functions[model] = function
    return _functions[model]


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
