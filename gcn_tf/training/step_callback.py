"""The base of all callbacks of a training."""

from typing import Any

import keras

from gcn_tf.errors import UserError

Logs = dict[str, Any]


def thinned(every: int, steps: int, most: int) -> int:
    """The smallest multiple of `every` that fits at most `most` times into `steps`."""
    return every * max(1, -(-steps // (every * most)))


class Diverged(UserError):
    """A loss or a weight is not finite."""


class StepCallback(keras.callbacks.Callback):
    """A callback that knows the step of the whole run, over all calls of `fit`: `step(n, logs)` after n steps."""

    def __init__(self, start: int) -> None:
        super().__init__()
        self.done = start

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.done += 1
        self.step(self.done, logs or {})

    def step(self, step: int, logs: Logs) -> None:
        raise NotImplementedError
