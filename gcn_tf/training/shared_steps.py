"""Training steps on several machines: `Model.fit` of Keras does not run under their strategy."""

import signal
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from gcn_tf.config.schema import RunConfig
from gcn_tf.model.gcn import GCN, Logs
from gcn_tf.model.replica import Replica
from gcn_tf.pipelines.batches import Batch, training_batches
from gcn_tf.pipelines.split import Split
from gcn_tf.training.devices import abort_sums
from gcn_tf.training.saving import Checkpoints
from gcn_tf.training.step_callback import StepCallback
from gcn_tf.training.stopping import OrderlyStop
from gcn_tf.training.team import Team

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class AgreedStop(OrderlyStop):
    """Ctrl-C or SIGTERM at one worker ends all of them after the same step, which the chief saves.

    Attributes:
        asked: number of the signal that this worker received; 0: none.
    """

    def __init__(self, start: int, checkpoints: Checkpoints | None, team: Team) -> None:
        super().__init__(start, checkpoints)
        self.team, self.asked = team, 0

    def _receive(self, number: int, frame: Any) -> None:
        self.asked = number
        self._give_back()

    def agree(self, asked: Sequence[float]) -> None:
        """Take over how many replicas were asked to stop by each of `SIGNALS`."""
        for number, count in zip(SIGNALS, asked, strict=True):
            if count:
                self.received = number
                self.team.link.release()  # all end now, each in its own time


def train_steps(
    model: GCN, split: Split, config: RunConfig, team: Team, callbacks: Sequence[StepCallback], stop: int
) -> None:
    """Train from the model's step to another one, with callbacks called as `Model.fit` calls them.

    Args:
        callbacks: of this worker; an `AgreedStop` is among them.

    Raises:
        WorkerLost: another worker cannot go on.
    """
    start, strategy, link = model.steps_done, team.strategy, team.link
    stopping = next(callback for callback in callbacks if isinstance(callback, AgreedStop))
    batches = iter(
        training_batches(split, config.batch_size, config.seed, start, stop, team.parts, model.mixup)
    )
    train = tf.function(lambda batch, asked: strategy.run(_step, (model, batch, asked)), autograph=False)
    calls = keras.callbacks.CallbackList(list(callbacks), add_history=False, add_progbar=False, model=model)
    link.on_loss = abort_sums
    calls.on_train_begin()
    for number in range(stop - start):
        link.check()
        calls.on_train_batch_begin(number)
        asked = tf.constant([stopping.asked == signal for signal in SIGNALS], tf.float32)
        batch = strategy.experimental_distribute_values_from_function(lambda _: next(batches))
        try:
            logs, asked = train(batch, asked)
            logs = {
                name: float(strategy.experimental_local_results(value)[0]) for name, value in logs.items()
            }
            stopping.agree(strategy.experimental_local_results(asked)[0].numpy())
        except tf.errors.OpError:
            link.wait_for_loss()
            raise
        if number == 0:
            link.watch_closely()
        calls.on_train_batch_end(number, logs)
    calls.on_train_end()


def _step(model: GCN, batch: Batch, asked: tf.Tensor) -> tuple[Logs, tf.Tensor]:
    """A replica's part of a step; returns the step's logs and the sum of what all replicas were asked."""
    logs = model.train_step(batch)
    placed = tf.identity(asked)  # an argument of the graph has no device, which a sum needs
    return logs, Replica.here().summed({"asked": placed})["asked"]
