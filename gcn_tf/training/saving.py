"""When a training saves checkpoints."""

from gcn_tf.runs.checkpoints import CheckpointStore
from gcn_tf.training.scoring import Evaluation
from gcn_tf.training.step_callback import Diverged, Logs, StepCallback


class Checkpoints(StepCallback):
    """Save every few hundred steps and at the end, and the best by its unseen cells whenever these are scored.

    Weights that are not finite are never saved.
    """

    def __init__(
        self, start: int, store: CheckpointStore, evaluation: Evaluation, every: int, last: int
    ) -> None:
        super().__init__(start)
        self.store, self.evaluation, self.every, self.last = store, evaluation, every, last

    def step(self, step: int, logs: Logs) -> None:
        score = self.evaluation.score_of_unseen()
        due = step % self.every == 0 or step in (self.evaluation.main, self.last)
        if score is None and not due:
            return
        self._check_finite(step)
        if score is not None:  # first: a run that is killed in between goes on from before this step
            self.store.save_best(step, score)
        if due:
            self.store.save(step)

    def save(self, step: int) -> None:
        self._check_finite(step)
        self.store.save(step)

    def _check_finite(self, step: int) -> None:
        if not self.store.finite():
            last = self.store.latest or "none was written yet"
            raise Diverged(
                f"a weight is not finite after step {step}; last good checkpoint: {last}; "
                "lower --learning-rate or the loss weights"
            )
