"""Scores of seen and unseen cells while a run trains."""

import numpy as np
import tensorflow as tf

from gcn_tf.pipelines.batches import evaluation_batches, pixels
from gcn_tf.pipelines.split import Split
from gcn_tf.reporting.tiles import real_above_generated
from gcn_tf.synthesis.draw import generate_from_codes
from gcn_tf.training.step_callback import Logs, StepCallback, thinned

MOST_EVALUATIONS = 2_000
GRID_CELLS = 24


class Evaluation(StepCallback):
    """Score seen and unseen cells with the cooperating classifier, for the log and the progress bar.

    These accuracies show how training proceeds; the judges', in the report, show how good the pictures are.

    Args:
        last: steps of the whole training.
        main: steps after which the generator is finished; the last ones by default.
    """

    def __init__(
        self, start: int, split: Split, every: int, last: int, seen_limit: int = 192, main: int | None = None
    ) -> None:
        super().__init__(start)
        self.every, self.last = thinned(every, last, MOST_EVALUATIONS), last
        self.main = last if main is None else main
        seen, unseen = split.rows(unseen=False), split.rows(unseen=True)
        picked = np.linspace(0, len(seen) - 1, min(seen_limit, len(seen))).astype(int)
        self.numbers = {"seen": seen[picked], "unseen": unseen}
        self.data = {k: evaluation_batches(split, n).cache() for k, n in self.numbers.items() if len(n)}
        self.split = split
        self.values: dict[str, float] = {}

    def step(self, step: int, logs: Logs) -> None:
        self.values = {}
        if step % self.every and step not in (self.main, self.last):
            return
        for group, data in self.data.items():
            for tracker in self.model.trackers.values():
                tracker.reset_state()
            for batch in data:
                values = self.score(*batch)
            self.values |= {f"{group}/{name}": float(value) for name, value in values.items()}

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

    @tf.function(autograph=False)  # traced after minutes of training: the source may have been edited by then
    def score(self, factors: dict[str, tf.Tensor], images: tf.Tensor) -> Logs:
        return self.model.test_step((factors, images))

    def grid(self, group: str, limit: int = GRID_CELLS, columns: int = 12) -> np.ndarray:
        """Real above generated for some cells of a group, unseen ones framed: uint8 (H, W, 3)."""
        numbers = self.numbers[group]
        numbers = numbers[np.linspace(0, len(numbers) - 1, min(limit, len(numbers))).astype(int)]
        codes = self.split.dataset.space.one_hot(self.split.ids[numbers])
        generated = generate_from_codes(self.model, codes)
        framed = np.full(len(numbers), group == "unseen")
        return real_above_generated(pixels(self.split, numbers), generated, columns, framed)
