"""Scores of seen and unseen cells while a run trains."""

import time

import numpy as np
import tensorflow as tf

from gcn_tf.pipelines.batches import evaluation_batches, pixels
from gcn_tf.pipelines.excerpt import sampled
from gcn_tf.pipelines.split import Split
from gcn_tf.reporting.figures import named_cells_picture
from gcn_tf.synthesis.draw import generate_from_codes
from gcn_tf.training.step_callback import Logs, StepCallback, thinned

MOST_EVALUATIONS = 2_000
MOST_UNSEEN = 2_048  # cells that are scored
CURVE_POINTS = 20  # of a training, besides those of its evaluations
CURVE_CELLS = 32  # of each group that such a point is the mean of
PICTURE_CELLS = 12  # of each group that its picture shows


class Evaluation(StepCallback):
    """Score seen and unseen cells with the cooperating classifier, for the log, the progress bar and TensorBoard.

    These accuracies show how training proceeds; the judges', in the report, show how good the pictures are.

    Args:
        every: steps between evaluations of the unseen cells, of many a sample.
        last: steps of the whole training.
        main: steps after which the generator is finished; the last ones by default.

    Attributes:
        values: scores by "GROUP/NAME", at the steps of evaluations.
        points: scores of a few cells by group and name, for curves: at these steps, and at more of them until the generator is finished.
        seconds: that scoring has taken so far.
    """

    def __init__(
        self, start: int, split: Split, every: int, last: int, seen_limit: int = 192, main: int | None = None
    ) -> None:
        super().__init__(start)
        self.every, self.last = thinned(every, last, MOST_EVALUATIONS), last
        self.main = last if main is None else main
        self.points_every = max(1, self.main // CURVE_POINTS)
        rows = {"seen": split.rows(unseen=False), "unseen": split.rows(unseen=True)}
        rows = {group: found for group, found in rows.items() if len(found)}
        self.data = {
            k: _cached(split, spread(n, seen_limit) if k == "seen" else sampled(n, MOST_UNSEEN, 0))
            for k, n in rows.items()
        }
        self.sample = {k: _cached(split, spread(n, CURVE_CELLS)) for k, n in rows.items()}
        # One graph for any number of pictures.
        self.score = tf.function(self._score, self.data["seen"].element_spec, autograph=False)
        self.split = split
        self.values: dict[str, float] = {}
        self.points: dict[str, dict[str, float]] = {}
        self.seconds = 0.0

    def step(self, step: int, logs: Logs) -> None:
        begun = time.perf_counter()
        evaluated = step % self.every == 0 or step in (self.main, self.last)
        due = evaluated or (step % self.points_every == 0 and step < self.main)
        found = self._scores(self.data) if evaluated else {}
        self.values = {f"{group}/{name}": v for group, scores in found.items() for name, v in scores.items()}
        self.points = self._scores(self.sample) if due else {}
        self.seconds += time.perf_counter() - begun

    def _scores(self, groups: dict[str, tf.data.Dataset]) -> dict[str, dict[str, float]]:
        """Means over the cells, by group and name."""
        found = {}
        for group, data in groups.items():
            for tracker in self.model.trackers.values():
                tracker.reset_state()
            for batch in data:
                values = self.score(*batch)
            found[group] = {name: float(value) for name, value in values.items()}
        return found

    def score_of_unseen(self) -> float | None:
        """Score of unseen cells (seen ones if there are no others): mean accuracy plus a hundredth of the PSNR in dB.

        None at steps without scores, and once the generator is finished: a classifier that has learned more is no better picture.
        """
        group = "unseen" if "unseen/psnr_db" in self.values else "seen"
        if not self.values or self.done > self.main:
            return None
        accuracies = [
            v for k, v in self.values.items() if k.startswith(f"{group}/") and k.endswith("_accuracy")
        ]
        return float(np.mean(accuracies)) + 0.01 * self.values[f"{group}/psnr_db"]

    def _score(self, factors: dict[str, tf.Tensor], images: tf.Tensor) -> Logs:
        return self.model.test_step((factors, images))

    def pictures(self) -> dict[str, np.ndarray]:
        """Real above generated for some cells of every group, each with its name: uint8 (H, W, 3) by group."""
        space = self.split.dataset.space
        return {
            group: self._picture(
                group, rows, generate_from_codes(self.model, space.one_hot(self.split.ids[rows]))
            )
            for group, rows in self.shown.items()
        }

    def largest_picture(self) -> int:
        """Most bytes of the pictures of all groups, however badly they are compressed."""
        real = {group: pixels(self.split, rows) for group, rows in self.shown.items()}
        drawn = [self._picture(group, rows, real[group]) for group, rows in self.shown.items()]
        return sum(
            picture.nbytes + 2 * len(picture) for picture in drawn
        )  # a byte per line says how it is packed

    @property
    def shown(self) -> dict[str, np.ndarray]:
        """Row numbers of the cells that `pictures` shows, by group."""
        return {group: spread(rows, PICTURE_CELLS) for group, rows in self.split.groups().items()}

    def _picture(self, group: str, rows: np.ndarray, generated: np.ndarray) -> np.ndarray:
        title = f"{group.capitalize()} cells, {len(rows)} of {len(self.split.groups()[group])}: real above generated"
        return named_cells_picture(
            self.split.dataset.space, self.split.ids[rows], pixels(self.split, rows), generated, title
        )


def spread(rows: np.ndarray, most: int) -> np.ndarray:
    """At most so many of the row numbers, from the first to the last.

    >>> spread(np.arange(100), 5)
    array([ 0, 24, 49, 74, 99])
    """
    return rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)]


def _cached(split: Split, rows: np.ndarray) -> tf.data.Dataset:
    return evaluation_batches(split, rows).cache()
