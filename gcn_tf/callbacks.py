"""What happens while a run trains: progress bar, logs, image grids, checkpoints, an orderly stop."""

import json
import math
import os
import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from gcn_tf.charts import LARGEST_LOG
from gcn_tf.checkpoints import CheckpointStore
from gcn_tf.errors import UserError
from gcn_tf.figures import real_above_generated, zoomed
from gcn_tf.files import read_small, write_beside
from gcn_tf.metrics import to_uint8
from gcn_tf.pipelines.batches import Split, evaluation_batches, pixels
from gcn_tf.progress import progress

MOST_LINES = 20_000  # of metrics.jsonl, and of TensorBoard's curves
MOST_EVALUATIONS = 2_000
MOST_GRIDS = 100  # of each group of cells in TensorBoard
GRID_CELLS = 24
SCALAR_SIZE = 120  # bytes of one in TensorBoard's files, at most
PICTURE_SIDE = 84  # pixels of a cell in TensorBoard, or its own if that is more

Logs = dict[str, Any]


def thinned(every: int, steps: int, most: int) -> int:
    """`every`, or the smallest multiple of it that fits at most `most` times into `steps`."""
    return every * max(1, -(-steps // (every * most)))


class Diverged(UserError):
    """A loss or a weight that is no finite number."""


class Interrupted(Exception):
    """Ctrl-C or a request to end: the run was saved and can go on.

    Attributes:
        exit_code: int. 130 after Ctrl-C, 143 after SIGTERM.
    """

    def __init__(self, message: str, exit_code: int = 130) -> None:
        super().__init__(message, exit_code)
        self.message, self.exit_code = message, exit_code

    def __str__(self) -> str:
        return self.message


class StepCallback(keras.callbacks.Callback):
    """A callback that knows the step of the whole run: `step(n, logs)` after n steps."""

    def __init__(self, start: int) -> None:
        super().__init__()
        self.start = start

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.step(self.start + batch + 1, logs or {})

    def step(self, step: int, logs: Logs) -> None:
        raise NotImplementedError


class FiniteLoss(StepCallback):
    """Stops a run whose loss is no finite number, naming the step and the last good checkpoint."""

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


class Evaluation(StepCallback):
    """Scores seen and unseen cells with the cooperating classifier, for the log and the progress bar.

    Accuracies here tell how training goes; the judge's, in the report, tell how good the pictures are.
    """

    def __init__(self, start: int, split: Split, every: int, last: int, seen_limit: int = 192) -> None:
        super().__init__(start)
        self.every, self.last = thinned(every, last, MOST_EVALUATIONS), last
        seen, unseen = split.pictures(unseen=False), split.pictures(unseen=True)
        picked = np.linspace(0, len(seen) - 1, min(seen_limit, len(seen))).astype(int)
        self.numbers = {"seen": seen[picked], "unseen": unseen}
        self.data = {k: evaluation_batches(split, n).cache() for k, n in self.numbers.items() if len(n)}
        self.split = split
        self.values: dict[str, float] = {}

    def step(self, step: int, logs: Logs) -> None:
        self.values = {}
        if step % self.every and step != self.last:
            return
        for group, data in self.data.items():
            for tracker in self.model.trackers.values():
                tracker.reset_state()
            for batch in data:
                values = self.score(*batch)
            self.values |= {f"{group}/{name}": float(value) for name, value in values.items()}

    def score_of_unseen(self) -> float | None:
        """Share of the factors read right plus a hundredth of the PSNR in dB, of unseen cells (seen ones where there are
        no others); None at steps without scores."""
        group = "unseen" if "unseen/psnr_db" in self.values else "seen"
        if not self.values:
            return None
        read = [v for k, v in self.values.items() if k.startswith(f"{group}/") and k.endswith("_accuracy")]
        return float(np.mean(read)) + 0.01 * self.values[f"{group}/psnr_db"]

    @tf.function(autograph=False)  # traced after minutes of training: the source may have been edited by then
    def score(self, factors: dict[str, tf.Tensor], images: tf.Tensor) -> Logs:
        return self.model.test_step((factors, images))

    def grid(self, group: str, limit: int = GRID_CELLS, columns: int = 12) -> np.ndarray:
        """Real above generated for some cells of a group, unseen ones framed: uint8 (H, W, 3)."""
        numbers = self.numbers[group]
        numbers = numbers[np.linspace(0, len(numbers) - 1, min(limit, len(numbers))).astype(int)]
        ids = dict(zip(self.split.dataset.space.names, self.split.ids[numbers].T, strict=True))
        generated = to_uint8(self.model({name: tf.constant(i) for name, i in ids.items()}))
        framed = np.full(len(numbers), group == "unseen")
        return real_above_generated(pixels(self.split, numbers), generated, columns, framed)


class RunLog(StepCallback):
    """`metrics.jsonl` and TensorBoard: losses, learning rate, accuracies, speed and image grids.

    However long a run is, its files stay under `largest_size`: lines and grids become rarer instead.
    """

    def __init__(
        self, start: int, run_dir: Path, evaluation: Evaluation, every: int, batch_size: int
    ) -> None:
        super().__init__(start)
        self.last, self.batch_size, self.evaluation = evaluation.last, batch_size, evaluation
        self.every = thinned(every, self.last, MOST_LINES)
        self.grids_every = thinned(evaluation.every, self.last, MOST_GRIDS)
        self.path = run_dir / "metrics.jsonl"
        self._drop_lines_after(start)
        self.writer = tf.summary.create_file_writer(str(run_dir / "logs"))
        self.since, self.clock = start, time.perf_counter()

    def _drop_lines_after(self, start: int) -> None:
        """A killed run logged steps after its last checkpoint; they are trained, and logged, again."""
        if self.path.exists():
            text = read_small(self.path, LARGEST_LOG).decode(errors="replace")
            lines = text.splitlines(keepends=True)
            kept = [line for line in lines if line.endswith("\n") and 0 <= _logged_step(line) <= start]
            if kept != lines:
                write_beside(self.path, lambda beside: beside.write_text("".join(kept)))

    @property
    def largest_size(self) -> int:
        """Bytes of TensorBoard's files, at most; what is trained again after a kill comes on top."""
        names, side = self.evaluation.split.dataset.space.names, self.evaluation.split.dataset.image_shape[0]
        lines, evaluations, grids = (
            self.last // n + 1 for n in (self.every, self.evaluation.every, self.grids_every)
        )
        scalars = (lines + evaluations) * 8 + evaluations * 2 * (2 + len(names))
        grid = (
            2 * GRID_CELLS * 3 * (max(side, PICTURE_SIDE) + 16) ** 2
        )  # uncompressed, frames and gaps included
        return SCALAR_SIZE * scalars + 2 * grids * grid

    def step(self, step: int, logs: Logs) -> None:
        scored = self.evaluation.values
        if step % self.every and not scored:
            return
        values = {f"train/{name}": float(value) for name, value in logs.items()}
        values["train/learning_rate"] = float(self.model.optimizer.learning_rate)
        values |= scored
        with self.path.open("a") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        now = time.perf_counter()
        speed = (step - self.since) * self.batch_size / (now - self.clock)
        with self.writer.as_default(step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
            tf.summary.scalar("train/images_per_second", speed)
            if scored and (step % self.grids_every == 0 or step == self.last):
                self._draw_grids()
        self.writer.flush()  # what a checkpoint follows must not be lost with the process
        self.since, self.clock = step, time.perf_counter()

    def _draw_grids(self) -> None:
        zoom = max(1, PICTURE_SIDE // self.evaluation.split.dataset.image_shape[0])
        for group in self.evaluation.data:
            picture = zoomed(self.evaluation.grid(group), zoom)
            tf.summary.image(f"{group} cells: real above generated", picture[None])


def _logged_step(line: str) -> int:
    """The step of a line of metrics.jsonl; -1 when it is damaged."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return -1


class Checkpoints(StepCallback):
    """Saves every few hundred steps and at the end, and the best by its unseen cells whenever these are scored.

    Weights that are not finite are not saved.
    """

    def __init__(
        self, start: int, store: CheckpointStore, evaluation: Evaluation, every: int, last: int
    ) -> None:
        super().__init__(start)
        self.store, self.evaluation, self.every, self.last = store, evaluation, every, last

    def step(self, step: int, logs: Logs) -> None:
        score = self.evaluation.score_of_unseen()
        due = step % self.every == 0 or step == self.last
        if score is None and not due:
            return
        self._check_finite(step)
        if due:
            self.store.save(step)
        if score is not None:
            self.store.save_best(step, score)

    def save(self, step: int) -> None:
        self._check_finite(step)
        self.store.save(step)

    def _check_finite(self, step: int) -> None:
        if not self.store.finite():
            last = self.store.latest or "none was written yet"
            raise Diverged(
                f"a weight is no finite number after step {step}; last good checkpoint: {last}; "
                "lower --learning-rate or the loss weights"
            )


class OrderlyStop(StepCallback):
    """Ctrl-C and SIGTERM let the step finish, save, and end the run; a second one ends it at once."""

    EXIT_CODES: ClassVar = {signal.SIGINT: 130, signal.SIGTERM: 143}

    def __init__(self, start: int, checkpoints: Checkpoints) -> None:
        super().__init__(start)
        self.checkpoints = checkpoints
        self.asked = 0
        self.before: dict[int, Any] = {}

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = number
        self._give_back()

    def _give_back(self) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if threading.current_thread() is threading.main_thread():  # others may not set handlers
            self.before = {number: signal.signal(number, self._ask) for number in self.EXIT_CODES}

    def on_train_end(self, logs: Logs | None = None) -> None:
        if threading.current_thread() is threading.main_thread():
            self._give_back()

    def step(self, step: int, logs: Logs) -> None:
        if self.asked:
            self.checkpoints.save(step)
            raise Interrupted(f"saved after step {step}", self.EXIT_CODES[signal.Signals(self.asked)])


class ProgressBar(StepCallback):
    """One bar with the time left and the two numbers that matter, both of unseen cells."""

    def __init__(self, start: int, steps: int, evaluation: Evaluation) -> None:
        super().__init__(start)
        self.evaluation = evaluation
        self.bar = progress(steps, "training", initial=start)

    def step(self, step: int, logs: Logs) -> None:
        values = self.evaluation.values
        group = "unseen" if "unseen/psnr_db" in values else "seen"
        if values:
            read = np.mean([v for k, v in values.items() if k.startswith(group) and k.endswith("accuracy")])
            self.bar.set_postfix_str(
                f"{group} {values[f'{group}/psnr_db']:.1f} dB, {read:.0%} read right", refresh=False
            )
        self.bar.update()

    def close(self) -> None:
        self.bar.close()
