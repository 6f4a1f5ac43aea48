"""How long a training step takes on this machine."""

import time

import keras
import numpy as np

from gcn_tf.model.gcn import GCN
from gcn_tf.pipelines.batches import training_batches
from gcn_tf.training.prepare import Prepared

TIMED_STEPS = 8


def seconds_per_step(prepared: Prepared, model: GCN | None = None) -> float:
    """Median seconds of a few training steps of a model, by default a new one; the first, which traces, is left out."""
    config, ends = prepared.config, []
    clock = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: ends.append(time.perf_counter())
    )
    data = training_batches(prepared.split, config.batch_size, config.seed, 0, TIMED_STEPS + 1)
    model = model or prepared.build()
    model.fit(data, steps_per_epoch=TIMED_STEPS + 1, verbose=0, shuffle=False, callbacks=[clock])
    return float(np.median(np.diff(ends)))
