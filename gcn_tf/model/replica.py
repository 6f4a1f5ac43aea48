"""One of several replicas of a model: which rows of the global batch are its own, and means over all of them.

Under a `tf.distribute.Strategy` every replica sees a part of the batch, and gradients are summed. What chance decides (imagined
cells, jitter, dropout) is drawn for the global batch and divided as the batch is, and every mean is over the global batch: so a
training does not depend on how many replicas there are, but for rounding.
"""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import keras
import tensorflow as tf

_local = threading.local()  # a MirroredStrategy traces its replicas in threads of their own


@dataclass(frozen=True)
class Rows:
    """The rows of a replica among those of all replicas.

    Args:
        numbers: int32 (n,), in the order of the replica's own rows.
        total: int32 scalar. Rows of all replicas.
    """

    numbers: tf.Tensor
    total: tf.Tensor

    def of(self, values: tf.Tensor, axis: int = 0) -> tf.Tensor:
        """This replica's part of what was drawn for all: (total, ...) -> (n, ...), along an axis."""
        return tf.gather(values, self.numbers, axis=axis)

    @classmethod
    def joined(cls, parts: Sequence["Rows"]) -> "Rows":
        """The rows of parts that follow each other, as `tf.concat` joins them."""
        starts = tf.cumsum([part.total for part in parts], exclusive=True)
        numbers = [part.numbers + starts[n] for n, part in enumerate(parts)]
        return cls(tf.concat(numbers, axis=0), tf.add_n([part.total for part in parts]))


@dataclass(frozen=True)
class Replica:
    """This replica, as the graph that is being traced knows it.

    Args:
        number: int or int32 scalar, from 0.
        count: int. How many there are.
    """

    number: int | tf.Tensor
    count: int

    @classmethod
    def here(cls) -> "Replica":
        """The replica in whose step this is called; outside of any, the only one."""
        context = tf.distribute.get_replica_context()
        if context is None or context.num_replicas_in_sync == 1:
            return cls(0, 1)
        return cls(context.replica_id_in_sync_group, context.num_replicas_in_sync)

    def rows(self, total: tf.Tensor) -> Rows | None:
        """The rows of this replica among `total`, contiguous; None if it has all of them."""
        if self.count == 1:
            return None
        first, end = total * self.number // self.count, total * (self.number + 1) // self.count
        return Rows(tf.range(first, end), total)

    def mean(self, values: tf.Tensor, rows: Rows | None) -> tf.Tensor:
        """This replica's part of the mean over all replicas, whose sum is the mean: float32 (n,) -> scalar.

        The one place where losses are scaled by the number of rows.
        """
        if rows is None:
            return tf.reduce_mean(values)
        return tf.reduce_sum(values) / tf.cast(rows.total, values.dtype)

    def summed(self, parts: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Parts of means, of all replicas: the means."""
        if self.count == 1:
            return parts
        context = tf.distribute.get_replica_context()
        return dict(zip(parts, context.all_reduce("sum", list(parts.values())), strict=True))


@dataclass(frozen=True)
class ReplicaShare:
    """What a replica sees of a step.

    Args:
        replica: which one it is.
        batch: int32 scalar. Rows of the global batch.
        real: its rows of the batch; None if it has all.
        imagined: its rows of the imagined cells; None if it has all.
    """

    replica: Replica
    batch: tf.Tensor
    real: Rows | None
    imagined: Rows | None

    def of(self, batches: int, imagined: bool) -> Rows | None:
        """Its rows of so many batches, followed by the imagined cells or not; None if it has all."""
        if self.real is None or self.imagined is None:
            return None
        return Rows.joined([*[self.real] * batches, *[self.imagined] * imagined])


@contextlib.contextmanager
def drawing(rows: Rows | None) -> Iterator[None]:
    """Within the block, dropout layers draw for the rows of all replicas and take those of this one."""
    before = drawn_rows()
    _local.rows = rows
    try:
        yield
    finally:
        _local.rows = before


def drawn_rows() -> Rows | None:
    """The rows that the block of `drawing` around this is for; None: draw for those at hand."""
    return getattr(_local, "rows", None)


@keras.saving.register_keras_serializable(package="gcn_tf")
class Dropout(keras.layers.Dropout):
    """`keras.layers.Dropout` whose mask does not depend on the number of replicas."""

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        rows = drawn_rows()
        if rows is None or not training or not self.rate:
            return super().call(inputs, training=training)
        kept = super().call(tf.ones((rows.total, *inputs.shape[1:]), inputs.dtype), training=True)
        return inputs * rows.of(kept)


@keras.saving.register_keras_serializable(package="gcn_tf")
class GaussianDropout(keras.layers.GaussianDropout):
    """`keras.layers.GaussianDropout` whose noise does not depend on the number of replicas."""

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        rows = drawn_rows()
        if rows is None or not training or not self.rate:
            return super().call(inputs, training=training)
        return inputs * rows.of(
            super().call(tf.ones((rows.total, *inputs.shape[1:]), inputs.dtype), training=True)
        )
