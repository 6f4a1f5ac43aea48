"""The log of a training, metrics.jsonl."""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gcn_tf.errors import UserError, shown_text
from gcn_tf.files import LARGEST_LOG, read_small, write_atomically
from gcn_tf.runs.checkpoints import LOG, log_sha256
from gcn_tf.runs.lock import require_held
from gcn_tf.training.scoring import Evaluation
from gcn_tf.training.step_callback import Logs, StepCallback, thinned

MOST_LINES = 20_000


class RunLog(StepCallback):
    """`metrics.jsonl`: losses, learning rate and scores. In a long run lines become sparser.

    Args:
        run: name of the run's identity, which is in every line.
        every: steps between lines.

    Attributes:
        values: by name, of this step's line; empty at steps without one.

    Raises:
        UserError: lines of another run are there.
    """

    def __init__(self, start: int, run_dir: Path, run: str, evaluation: Evaluation, every: int) -> None:
        super().__init__(start)
        self.run, self.evaluation = run, evaluation
        self.every = thinned(every, evaluation.last, MOST_LINES)
        self.path = run_dir / LOG
        self.start, self.values = start, dict[str, float]()
        self._drop_lines_after(start)

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
                f"{self.path} is not the log that the checkpoint of step {self.start} belongs to: put back what was "
                "changed, or delete it"
            )

    def step(self, step: int, logs: Logs) -> None:
        self.values = {}
        scored = self.evaluation.values
        if step % self.every and not scored:
            return
        learning = self.model.classifier_optimizer if self.model.last_phase else self.model.optimizer
        self.values = {f"train/{name}": float(value) for name, value in logs.items()}
        self.values["train/learning_rate"] = float(learning.learning_rate)
        self.values |= scored
        require_held(self.path.parent)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **self.values, "run": self.run}) + "\n")
            file.flush()
            os.fsync(file.fileno())


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
