"""The trials of a search."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gcn_tf.tuning.space import Space, exact

STEPS = "steps"


FIGURES = {  # of a trial, by metric
    "score": "score",
    "accuracy": "classified correctly",
    "psnr_db": "PSNR (dB)",
    "sharpness": "sharpness",
    "stray_ink": "stray ink",
    "lowest_score": "lowest score of a seed",
}


@dataclass(frozen=True)
class Trial:
    """A trial as the report tells it.

    Args:
        status: "COMPLETED", "FAILED", "INVALID" (is run again) or "RUNNING".
        values: by setting, those that mattered.
        metrics: "score" and its parts, "steps", "seconds"; empty unless completed.
        message: why it failed, one line.
    """

    name: str
    status: str
    values: dict[str, Any]
    metrics: dict[str, float]
    message: str

    @property
    def score(self) -> float | None:
        return self.metrics.get("score")

    @property
    def steps(self) -> int:
        return int(self.metrics.get(STEPS, 0))


def figures_of(trials: Sequence[Trial]) -> dict[str, str]:
    """`FIGURES` that some trial has."""
    return {metric: told for metric, told in FIGURES.items() if any(metric in t.metrics for t in trials)}


def trials_of(oracle: Any, space: Space) -> list[Trial]:
    """The trials that an oracle handed out, in order."""
    found = []
    for name in oracle.start_order:
        trial = oracle.trials[name]
        values = {k: exact(v, space[k]) for k, v in trial.hyperparameters.values.items() if k in space}
        done = trial.status == "COMPLETED"
        metrics = {m: trial.metrics.get_best_value(m) for m in trial.metrics.metrics} if done else {}
        lines = [line for line in (trial.message or "").splitlines() if line.strip()]
        message = lines[-1].partition("FailedTrialError: ")[2] or lines[-1] if lines else ""
        found.append(Trial(name, trial.status, values, metrics, message))
    return found


def best_trial(trials: Sequence[Trial]) -> Trial | None:
    """The highest score among the trials of most steps; None while none was scored."""
    scored = [t for t in trials if t.score is not None]
    longest = max((t.steps for t in scored), default=0)
    return max((t for t in scored if t.steps == longest), key=lambda t: t.score or 0.0, default=None)
