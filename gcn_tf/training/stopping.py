"""How a training ends before its last step: on a signal, or because it diverged."""

import math
import signal
import threading
from types import FrameType
from typing import Any, ClassVar

from gcn_tf.interrupts import Interrupted
from gcn_tf.runs.checkpoints import CheckpointStore
from gcn_tf.training.saving import Checkpoints
from gcn_tf.training.step_callback import Diverged, Logs, StepCallback


class FiniteLoss(StepCallback):
    """Stop a run whose loss is not finite, naming the step and the last good checkpoint."""

    def __init__(self, start: int, store: CheckpointStore) -> None:
        super().__init__(start)
        self.store = store

    def step(self, step: int, logs: Logs) -> None:
        for name, value in logs.items():
            if not math.isfinite(float(value)):
                last = self.store.latest or "none was written yet"
                raise Diverged(
                    f"{name} is {float(value)} at step {step}: training diverged; last good checkpoint: {last}; "
                    "lower --learning-rate or the loss weights"
                )


class Finish(StepCallback):
    """Let the model do, after the last step, what it does once."""

    def __init__(self, start: int, last: int) -> None:
        super().__init__(start)
        self.last = last

    def step(self, step: int, logs: Logs) -> None:
        if step == self.last:
            self.model.finish()


class OrderlyStop(StepCallback):
    """On Ctrl-C or SIGTERM, finish the step, save, and end the run; a second signal ends it at once.

    Args:
        checkpoints: of the run; None: this process saves nothing.
    """

    EXIT_CODES: ClassVar = {signal.SIGINT: 130, signal.SIGTERM: 143}

    def __init__(self, start: int, checkpoints: Checkpoints | None) -> None:
        super().__init__(start)
        self.checkpoints = checkpoints
        self.received = 0
        self.before: dict[int, Any] = {}

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        self._give_back()

    def _give_back(self) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if threading.current_thread() is threading.main_thread():  # others may not set handlers
            self.before = {number: signal.signal(number, self._receive) for number in self.EXIT_CODES}

    def on_train_end(self, logs: Logs | None = None) -> None:
        if threading.current_thread() is threading.main_thread():
            self._give_back()

    def step(self, step: int, logs: Logs) -> None:
        if not self.received:
            return
        if self.checkpoints:
            self.checkpoints.save(step)
        done = "saved" if self.checkpoints else "stopped"
        raise Interrupted(f"{done} after step {step}", self.EXIT_CODES[signal.Signals(self.received)])
