"""The tf.data graph: base images + variations - hold-out -> batches that depend only on (seed, step).

Base images are decoded once and stay in memory; a step gathers its pictures by number and varies them in
the graph. Position p of the endless stream lies in epoch p // P of the P seen pictures and is shuffled by
`index_shuffle` with the epoch's own seed, so any step can be produced without those before it.
"""

import numpy as np
import tensorflow as tf

from gcn_tf.pipelines.mixup import mixed, mixup_shares
from gcn_tf.pipelines.split import Split

Batch = tuple[dict[str, tf.Tensor], tf.Tensor]


def render(split: Split, numbers: tf.Tensor) -> Batch:
    """Pictures by number, as a graph operation.

    Args:
        numbers: int (B,). Row numbers of the split.

    Returns:
        Value ids int32 (B,) by factor name, and images uint8 (B, H, W, 3).
    """
    dataset = split.dataset
    with tf.init_scope():  # outside of any graph, which would hold twenty times their size
        images = tf.experimental.dlpack.from_dlpack(dataset.images.__dlpack__())  # shares its memory
        all_ids, base = tf.constant(split.ids), tf.constant(split.base)
    ids = tf.gather(all_ids, numbers)  # (B, M)
    by_name = {name: ids[:, m] for m, name in enumerate(dataset.space.names)}
    images = tf.gather(images, tf.gather(base, numbers))
    for variation in dataset.variations:
        images = variation.apply(images, by_name[variation.factor.name])
    return by_name, images


def _as_float(ids: dict[str, tf.Tensor], images: tf.Tensor) -> Batch:
    return ids, tf.cast(images, tf.float32) / 255.0


def picture_numbers(step: tf.Tensor, pictures: np.ndarray, batch_size: int, seed: int) -> tf.Tensor:
    """The pictures of one training step: a pure function of (seed, step).

    Args:
        step: int64 scalar, from 0.
        pictures: int (P,). Row numbers to choose from, each once per epoch.

    Returns:
        int64 (batch_size,).
    """
    count = len(pictures)
    with tf.init_scope():
        choices = tf.constant(pictures, tf.int64)
    position = step * batch_size + tf.range(batch_size, dtype=tf.int64)
    epoch = position // count
    seeds = tf.stack([tf.fill(epoch.shape, tf.constant(seed, tf.int64)), epoch, tf.zeros_like(epoch)], axis=1)
    # The op itself: `tf.random.experimental.index_shuffle` does not take one seed per index.
    shuffled = tf.raw_ops.RandomIndexShuffle(
        index=position % count, seed=seeds, max_index=tf.constant(count - 1, tf.int64), rounds=4
    )
    return tf.gather(choices, shuffled)


WHOLE = (range(1), 1)


def training_batches(
    split: Split,
    batch_size: int,
    seed: int,
    start: int,
    stop: int,
    parts: tuple[range, int] = WHOLE,
    mixup: float = 0.0,
) -> tf.data.Dataset:
    """The batches of steps start .. stop - 1 of the seen pictures, reshuffled every epoch.

    Args:
        parts: which parts of every batch, and how many it has: (range(2, 4), 8) are the third and the fourth eighth. Their number
            divides the batch size.
        mixup: both parameters of the beta distribution of MixUp with another picture of the whole batch; 0: pictures as they are.

    Yields:
        ({factor: int32 (B,)}, float32 (B, H, W, 3) in [0, 1]) for each step and part; B is the batch size by the number of parts. With
        MixUp, codes float32 (B, K_f) instead of ids.
    """
    seen, (wanted, count) = split.rows(unseen=False), parts
    size = batch_size // count

    def batch(number: tf.Tensor) -> Batch:
        step, part = number // len(wanted), number % len(wanted) + wanted.start
        numbers = picture_numbers(step, seen, batch_size, seed)

        def own(of: tf.Tensor) -> tf.Tensor:
            return tf.ensure_shape(
                of[part * size : (part + 1) * size], (size,)
            )  # some rivals draw as many latents

        pictures = _as_float(*render(split, own(numbers)))
        if not mixup:
            return pictures
        others = _as_float(*render(split, own(numbers[::-1])))
        shares = own(mixup_shares(batch_size, mixup, tf.stack([tf.constant(seed, tf.int64), step])))
        return _mixed(split, pictures, others, shares)

    places = tf.data.Dataset.range(start * len(wanted), stop * len(wanted))
    return _in_place(places.map(batch, num_parallel_calls=1).prefetch(4))


def _mixed(split: Split, pictures: Batch, others: Batch, shares: tf.Tensor) -> Batch:
    (ids, images), (other_ids, other_images) = pictures, others
    sizes = split.dataset.space.sizes
    codes = {
        name: mixed(tf.one_hot(ids[name], size), tf.one_hot(other_ids[name], size), shares)
        for name, size in sizes.items()
    }
    return codes, mixed(images, other_images, shares)


def evaluation_batches(split: Split, numbers: np.ndarray, batch_size: int = 256) -> tf.data.Dataset:
    """The given pictures in order; the last batch may be smaller. Elements are as in `training_batches`."""
    data = tf.data.Dataset.from_tensor_slices(np.asarray(numbers, np.int64)).batch(batch_size)
    return _in_place(data.map(lambda rows: _as_float(*render(split, rows))).prefetch(2))


def _in_place(data: tf.data.Dataset) -> tf.data.Dataset:
    """The same elements, without the rewriting of the graph that copies the pictures."""
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False
    return data.with_options(options)


def pixels(split: Split, numbers: np.ndarray) -> np.ndarray:
    """The given pictures as users see them: uint8 (n, H, W, 3)."""
    return np.asarray(render(split, tf.constant(numbers, tf.int64))[1])
