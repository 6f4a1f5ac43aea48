"""The progress bar of a training."""

import numpy as np

from gcn_tf.progress import progress
from gcn_tf.training.scoring import Evaluation
from gcn_tf.training.step_callback import Logs, StepCallback


class ProgressBar(StepCallback):
    """One bar with the time left, and the PSNR and accuracy of unseen cells (seen ones if there are no others)."""

    def __init__(self, start: int, steps: int, evaluation: Evaluation) -> None:
        super().__init__(start)
        self.evaluation = evaluation
        self.bar = progress(steps, "training", initial=start)

    def step(self, step: int, logs: Logs) -> None:
        values = self.evaluation.values
        group = "unseen" if "unseen/psnr_db" in values else "seen"
        if values:
            accuracies = [v for k, v in values.items() if k.startswith(group) and k.endswith("accuracy")]
            self.bar.set_postfix_str(
                f"{group} {values[f'{group}/psnr_db']:.1f} dB, {np.mean(accuracies):.0%} classified correctly",
                refresh=False,
            )
        self.bar.update()

    def close(self) -> None:
        self.bar.close()
