"""What TensorBoard shows of a training while it goes on; `gcn_tf.evaluation.board` adds what its report says."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.plugins.text.summary_v2 import text_pb

from gcn_tf.reporting.events import PREFIX, flat_settings, setting_text, write_events
from gcn_tf.reporting.tables import markdown_table
from gcn_tf.runs.lock import require_held
from gcn_tf.training.log import RunLog
from gcn_tf.training.step_callback import Logs, StepCallback, thinned

MOST_PICTURES = 100  # of each group of cells, at steps of evaluations
POINTS_PER_PICTURE = 5  # of the curves between two pictures, of trainings that are evaluated less often
SCALAR_SIZE = 140  # most bytes of a scalar in an event file
SETTINGS = f"{PREFIX}0.settings"  # read first


class Board(StepCallback):
    """TensorBoard's files of a run: losses, picture quality, what the classifier recognises, speed, and pictures of cells.

    A run of TensorBoard is a folder. The run directory is one; `seen` and `unseen` in it are two more, with the same charts. So
    seen and unseen cells are two curves of one chart, and the names of groups are such that their order is that of the alphabet,
    in which TensorBoard shows them: cells, losses, quality, recognition, training. Files stay under `largest_size`.

    Args:
        log: of the same training; a line of it is a point of the curves.
        batch_size: pictures of a step.
        settings: of the run.
    """

    def __init__(
        self, start: int, run_dir: Path, log: RunLog, batch_size: int, settings: Mapping[str, Any]
    ) -> None:
        super().__init__(start)
        self.folder, self.log, self.batch_size = run_dir, log, batch_size
        self.evaluation = log.evaluation
        self.pictures_every = (
            thinned(self.evaluation.every, self.evaluation.main, MOST_PICTURES),
            self.evaluation.points_every * POINTS_PER_PICTURE,
        )
        write_events(run_dir / SETTINGS, [text_pb("settings", settings_table(settings))])
        self.writer = tf.summary.create_file_writer(str(run_dir))
        self.writers = {
            group: tf.summary.create_file_writer(str(run_dir / group)) for group in self.evaluation.data
        }
        self._start_clock()

    @property
    def largest_size(self) -> int:
        """Most bytes of these files, not counting steps that are trained again after a kill."""
        evaluation = self.evaluation
        lines, evaluations = (evaluation.last // n + 2 for n in (self.log.every, evaluation.every))
        pictures = 1 + sum(evaluation.main // every for every in self.pictures_every)
        points = evaluations + evaluation.main // evaluation.points_every + 1
        curves = len(self.writers) * (2 + len(evaluation.split.dataset.space.names))
        scalars = (lines + evaluations) * 9 + points * curves
        return SCALAR_SIZE * scalars + pictures * evaluation.largest_picture() + 2**16

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._start_clock()

    def _start_clock(self) -> None:
        self.since, self.clock, self.aside = self.done, time.perf_counter(), -self.evaluation.seconds

    def step(self, step: int, logs: Logs) -> None:
        if not (self.log.values or self.evaluation.points):
            return
        require_held(self.folder)
        begun = time.perf_counter()
        if self.log.values:
            self._write_line(step, begun)
        for group, scores in self.evaluation.points.items():
            _write_scalars(self.writers[group], {_tag(name): value for name, value in scores.items()}, step)
        if self._draws(step):
            with self.writer.as_default(step):
                for group, picture in self.evaluation.pictures().items():
                    tf.summary.image(f"cells/{group}", picture[None])
        # A checkpoint may follow, after which these steps would not be written again.
        for writer in (self.writer, *self.writers.values()):
            writer.flush()
        self.aside += time.perf_counter() - begun
        if self.log.values:
            self._start_clock()

    def _draws(self, step: int) -> bool:
        """Whether pictures are due: never after the generator is finished, since they would be the same again."""
        main = self.evaluation.main
        return step == main or (step < main and any(step % every == 0 for every in self.pictures_every))

    def _write_line(self, step: int, now: float) -> None:
        """Write a line of the log, and how fast the steps since the one before were, without the time of scoring and drawing."""
        seconds = now - self.clock - self.aside - self.evaluation.seconds
        values = {
            _tag(name.removeprefix("train/")): value
            for name, value in self.log.values.items()
            if name.startswith("train/")
        }
        values["training/images_per_second"] = (step - self.since) * self.batch_size / seconds
        _write_scalars(self.writer, values, step)


def _write_scalars(writer: tf.summary.SummaryWriter, values: Mapping[str, float], step: int) -> None:
    """Write values by tag as one event: in a fifth of the time that `tf.summary.scalar` takes for them."""
    summary = Summary()
    for tag, value in values.items():
        summary.MergeFrom(scalar_pb(tag, value))
    with writer.as_default(step):
        tf.summary.experimental.write_raw_pb(summary.SerializeToString(), step)


def _tag(name: str) -> str:
    """The name of a chart, with its group.

    >>> [_tag(name) for name in ("generator_loss", "psnr_db", "digit_accuracy", "learning_rate")]
    ['losses/generator', 'quality/psnr_db', 'recognition/digit', 'training/learning_rate']
    """
    if name == "psnr_db":
        return "quality/psnr_db"
    if name.endswith("_accuracy"):
        return f"recognition/{name.removesuffix('_accuracy')}"
    if name.endswith("_loss"):
        return f"losses/{name.removesuffix('_loss')}"
    return f"training/{name}"


def settings_table(settings: Mapping[str, Any]) -> str:
    """Settings by flag, as a Markdown table.

    >>> print(settings_table({"batch_size": 64, "generator": {"kind": "deconvolution", "trunk": [512, 512]}}))
    | setting | value |
    |---|---|
    | batch-size | 64 |
    | generator | deconvolution |
    | generator.trunk | 512, 512 |
    """
    rows = [
        [name, setting_text(value).replace("|", "\\|")] for name, value in flat_settings(settings).items()
    ]
    return markdown_table([["setting", "value"], *rows])
