"""Blends amid somebody's training pictures, as a tf.data transformation."""

from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from gcn_tf.augmentation.blends import blends_of
from gcn_tf.errors import UserError
from gcn_tf.runs.run_dir import Run, open_run
from gcn_tf.synthesis.draw import pictures_of
from gcn_tf.synthesis.input_checks import InputCheck, check_codes, check_pictures

PEEKED = 2  # batches of the real data whose values are checked at once, of at most 256 elements


def blend(
    run: Run | Path | str,
    real: tf.data.Dataset,
    factors: Sequence[str] = ("writer",),
    ratio: str = "beta:0.4",
    share: float = 0.5,
    label: str = "",
    words: Sequence[str] = (),
    seed: int = 0,
    batch_size: int = 256,
) -> tf.data.Dataset:
    """Replace a share of someone's training pictures by blends, generated anew in every epoch.

    Example, half of the training pictures blends of two writers:

    >>> import numpy as np
    >>> import tensorflow as tf
    >>> from gcn_tf.augmentation.training_input import blend
    >>> images, digits = np.zeros((64, 28, 28, 1), np.uint8), np.arange(64) % 10
    >>> real = tf.data.Dataset.from_tensor_slices((images, digits)).shuffle(64)
    >>> data = blend("runs/demo", real, factors=["writer"], share=0.5, label="digit", words=["rotation=0"])
    >>> data.batch(16).element_spec[0].shape
    TensorShape([None, 28, 28, 1])

    The result is as long as `real`, infinite or of unknown length if it is, and has its element specification. A
    picture is a blend of a random pair of values of `factors`, with random values of the others, and the same as
    `generate` makes. Labels are of a factor that is not blended, so they stay hard. As grey pictures, runs with a
    factor color, whose ink fills one channel, give the brightest channel of a pixel, other runs the luminance.

    The first two batches of `real` are read here to check their values; later ones are checked as they come, and
    raise tf.errors.InvalidArgumentError. A dataset that shuffles by seed counts this as a pass. One whose passes share
    an open iterator, such as `from_generator(lambda: opened, ...)`, loses these elements: let every pass open its own.

    Args:
        run: a run or its folder.
        real: unbatched pairs of an image (H, W, C), uint8 in 0..255 or float in [0, 1], C 1 or 3, and a label, an
            integer id or a float one-hot (K,) of the factor `label`, in the order of its values.
        factors: one to blend, or several to mix at one ratio.
        ratio: weight of the first of a pair: "0.5", one of several "0.25,0.5", or a Beta distribution "beta:0.4".
        share: probability that an element is a blend, in [0, 1].
        label: factor of the labels; by default the first that is not blended.
        words: what to take of the factors, e.g. ["digit=3,8", "color=red"]; by default all values.
        seed: of all choices; every pass over the data makes others.
        batch_size: elements that are handled at once.

    Raises:
        UserError: elements of another kind or size, pictures or labels out of range, a share outside [0, 1], unknown
            factors or values, a blended label.
    """
    run = run if isinstance(run, Run) else open_run(Path(run))
    blends = blends_of(run.space, factors, ratio, words, label, seed=seed)
    if not 0 <= share <= 1:
        raise UserError(f"share {share}: give the probability of a blend, from 0 to 1")
    if not blends.label:
        raise UserError(f"{', '.join(factors)}: every factor is blended, leave one for the labels")
    image, target = _pair_of_specs(real, run, blends.label)
    size = len(run.space[blends.label])
    for images, labels in real.batch(min(batch_size, 256)).take(PEEKED):
        _raise_for_values(_checks(images, labels, blends.label, size))

    def replace(number: tf.Tensor, pair: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        images, labels = pair
        with tf.control_dependencies(
            [check.assertion() for check in _checks(images, labels, blends.label, size)]
        ):
            images, labels = tf.identity(images), tf.identity(labels)
        chance = tf.random.stateless_uniform([tf.shape(images)[0]], tf.stack([number, seed]))
        rows = tf.where(chance < share)  # (n, 1)
        codes = blends.random_codes(tf.shape(rows)[0], number)
        generated = _pictures_like(image, run, codes)
        return tuple(
            tf.tensor_scatter_nd_update(old, rows, new)
            for old, new in ((images, generated), (labels, _labels_like(target, codes[blends.label])))
        )

    numbers = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True)
    mixed = tf.data.Dataset.zip(numbers, real.batch(batch_size)).map(replace, tf.data.AUTOTUNE).unbatch()
    length = real.cardinality()
    if length == tf.data.UNKNOWN_CARDINALITY:
        return mixed
    return mixed.apply(tf.data.experimental.assert_cardinality(length))


def _pair_of_specs(real: tf.data.Dataset, run: Run, label: str) -> tuple[tf.TensorSpec, tf.TensorSpec]:
    """Specifications of the image and the label; raises UserError when they do not fit the run."""
    spec = real.element_spec
    if not isinstance(spec, tuple) or len(spec) != 2 or not all(isinstance(s, tf.TensorSpec) for s in spec):
        raise UserError(f"the dataset's elements must be pairs (image, label), not {spec}")
    image, target = spec
    height, width, made = run.model.classifier.input.shape[1:]
    fitting = [(height, width, channels) for channels in sorted({1, made})]
    if image.shape.rank == 4:
        raise UserError(
            f"the dataset is batched, images {image.shape}: give it unbatched, e.g. data.unbatch()"
        )
    if image.shape.rank != 3 or tuple(image.shape) not in fitting:
        raise UserError(
            f"images are {image.shape}, the run generates {' or '.join(map(str, fitting))}: resize them"
        )
    if image.dtype != tf.uint8 and not image.dtype.is_floating:
        raise UserError(f"images are {image.dtype.name}: give uint8 in 0..255 or float in [0, 1]")
    size = len(run.space[label])
    if not (target.dtype.is_integer and target.shape.rank == 0) and not (
        target.dtype.is_floating and target.shape == (size,)
    ):
        raise UserError(
            f"labels are {target.dtype.name} {target.shape}: give ids of {label}, integers (), or one-hot float ({size},)"
        )
    return image, target


def _checks(images: tf.Tensor, labels: tf.Tensor, label: str, size: int) -> list[InputCheck]:
    """What must be true of a batch of the real data; `label` has `size` values."""
    checks = [check_pictures(images)] if images.dtype.is_floating else []
    return [*checks, check_codes(f"labels of {label}", size, labels)]


def _raise_for_values(checks: list[InputCheck]) -> None:
    for check in checks:
        if message := check.message():
            raise UserError(message)


def _pictures_like(spec: tf.TensorSpec, run: Run, codes: dict[str, tf.Tensor]) -> tf.Tensor:
    """Pictures of codes in the channels and the dtype of `spec`."""
    images = tf.cast(pictures_of(run.model, codes), tf.float32)  # (B, H, W, C), whole numbers from 0 to 255
    if spec.shape[-1] < images.shape[-1]:
        ink = "color" in run.space.names
        images = tf.reduce_max(images, -1, keepdims=True) if ink else tf.image.rgb_to_grayscale(images)
    return tf.cast(tf.round(images) if spec.dtype == tf.uint8 else images / 255.0, spec.dtype)


def _labels_like(spec: tf.TensorSpec, code: tf.Tensor) -> tf.Tensor:
    """One-hot codes (B, K) as labels of the kind of `spec`."""
    return tf.cast(tf.argmax(code, -1) if spec.dtype.is_integer else code, spec.dtype)
