"""Logs of a training: metrics.jsonl and TensorBoard."""

import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import tensorflow as tf

from gcn_tf.errors import UserError, shown_text
from gcn_tf.files import LARGEST_LOG, read_small, write_atomically
from gcn_tf.reporting.tiles import zoomed
from gcn_tf.runs.checkpoints import LOG, log_sha256
from gcn_tf.runs.lock import require_held
from gcn_tf.training.scoring import GRID_CELLS, Evaluation
from gcn_tf.training.step_callback import Logs, StepCallback, thinned

MOST_LINES = 20_000  # of metrics.jsonl, and of TensorBoard's curves
MOST_GRIDS = 100  # of each group of cells in TensorBoard
SCALAR_SIZE = 120  # most bytes of a scalar in TensorBoard's files
PICTURE_SIDE = 84  # pixels of a cell in TensorBoard, or its own if that is more


class RunLog(StepCallback):
    """`metrics.jsonl` and TensorBoard: losses, learning rate, accuracies, speed and image grids.

    However long a run is, its files stay under `largest_size`: lines and grids become sparser instead.

    Args:
        run: name of the run's identity, which is in every line.

    Raises:
        UserError: lines of another run are there.
    """

    def __init__(
        self, start: int, run_dir: Path, run: str, evaluation: Evaluation, every: int, batch_size: int
    ) -> None:
        super().__init__(start)
        self.run = run
        self.last, self.batch_size, self.evaluation = evaluation.last, batch_size, evaluation
        self.every = thinned(every, self.last, MOST_LINES)
        self.grids_every = thinned(evaluation.every, self.last, MOST_GRIDS)
        self.path = run_dir / LOG
        self._drop_lines_after(start)
        self.writer = tf.summary.create_file_writer(str(run_dir / "logs"))
        self.since, self.clock = start, time.perf_counter()

    def _drop_lines_after(self, start: int) -> None:
        """Drop what a killed run logged after its last checkpoint: these steps are trained, and logged, again."""
        if self.path.exists():
            check_log(self.path, self.run)
            kept = lines_until(read_log(self.path), start)
            # Always: a copy of the run may share the file by a hard link.
            write_atomically(self.path, lambda path: path.write_text("".join(kept), encoding="utf-8"))

    def require(self, sha256: str) -> None:
        """Raise UserError unless the log is as it was at the checkpoint that is gone on from.

        Args:
            sha256: as that checkpoint says it; "" if it says nothing.
        """
        if sha256 and self.path.exists() and log_sha256(self.path) != sha256:
            raise UserError(
                f"{self.path} is not the log that the checkpoint of step {self.since} belongs to: put back what was "
                "changed, or delete it"
            )

    @property
    def largest_size(self) -> int:
        """Most bytes of TensorBoard's files, not counting steps that are trained again after a kill."""
        dataset = self.evaluation.split.dataset
        names, side = dataset.space.names, max(dataset.image_shape[:2])
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
        learning = self.model.classifier_optimizer if self.model.last_phase else self.model.optimizer
        values["train/learning_rate"] = float(learning.learning_rate)
        values |= scored
        require_held(self.path.parent)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **values, "run": self.run}) + "\n")
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
        self.writer.flush()  # a checkpoint may follow, after which these lines would not be written again
        self.since, self.clock = step, time.perf_counter()

    def _draw_grids(self) -> None:
        zoom = max(1, PICTURE_SIDE // self.evaluation.split.dataset.image_shape[0])
        for group in self.evaluation.data:
            picture = zoomed(self.evaluation.grid(group), zoom)
            tf.summary.image(f"{group} cells: real above generated", picture[None])


def check_log(path: Path, run: str) -> None:
    """Raise UserError if a line of metrics.jsonl, which need not be there, is another run's.

    Lines of earlier versions name none.

    Args:
        run: name of the run's identity.
    """
    for number, line in enumerate(read_log(path), 1):
        if (found := _logged(line).get("run", run)) != run:
            raise UserError(
                f"{path} and {path.parent} are of different runs (line {number} is of {shown_text(str(found))}, the run is "
                f"{run}): put back what was changed, or delete it"
            )


def read_log(path: Path) -> list[str]:
    """The lines of metrics.jsonl, with their ends; none if there is no file.

    Raises:
        UserError: it is no file, or cannot be read.
    """
    try:
        return read_small(path, LARGEST_LOG).decode(errors="replace").splitlines(keepends=True)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(f"cannot read {path} ({error.strerror}): put it back, or delete it") from None


def lines_until(lines: Sequence[str], step: int) -> list[str]:
    """The whole lines of metrics.jsonl of the steps until one."""
    return [line for line in lines if line.endswith("\n") and 0 <= _logged_step(line) <= step]


def _logged(line: str) -> dict[str, Any]:
    """The values of a line of metrics.jsonl; none if the line is damaged."""
    with suppress(ValueError, RecursionError):
        logged = json.loads(line)
        return logged if isinstance(logged, dict) else {}
    return {}


def _logged_step(line: str) -> int:
    """The step of a line of metrics.jsonl; -1 if the line is damaged."""
    try:
        return int(_logged(line)["step"])
    except (ValueError, KeyError, TypeError, OverflowError):
        return -1
