"""KerasTuner's oracles (which trial comes next), made to begin with known settings and to survive what workers do not."""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner.oracles import BayesianOptimizationOracle, HyperbandOracle, RandomSearchOracle
from keras_tuner.src.engine import conditions
from keras_tuner.src.engine.metrics_tracking import MetricsTracker

from gcn_tf.config.kept import check_origin
from gcn_tf.files import write_atomically
from gcn_tf.tuning.config import Strategy
from gcn_tf.tuning.hypermodel import EPOCHS, UNITS

# KerasTuner 1.4.8 prints every condition that it sends over the network.
conditions.print = lambda *words: None
OBJECTIVE = keras_tuner.Objective("score", "max")
SETTINGS = "tuner/settings"  # the digest of the search, in the values of every trial
REDUCTION = 3  # Hyperband keeps one trial of so many, and trains it so many times as long
RETRIES = 2  # of a trial whose worker was lost or that broke down; one that diverges has none
FAILURES_IN_A_ROW = 8  # then the search stops: something other than the settings is wrong
SILENCE = 30.0  # seconds after which a worker is given up


class _SearchOracle(keras_tuner.Oracle):
    """What all three strategies have more than KerasTuner's.

    - The first trial has the settings that the search began with, at full length.
    - Files appear whole or not at all: a kill in the middle of a write loses nothing.
    - A worker that asks for a trial or for the one that it has (`get_trial`) is alive. The trial of one that is silent
      for `SILENCE` seconds is run again, and nobody is sent home while somebody else's trial may still come back.
    """

    trials: dict[str, Any]
    _retry_queue: list[str]
    on_end: Callable[[Any], None] = staticmethod(lambda trial: None)  # called with every trial that ended

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heard: dict[str, float] = {}  # when, by worker

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        if self.start_order:
            return super().populate_space(trial_id)
        start = keras_tuner.HyperParameters()
        for hp in self.hyperparameters.space:
            start.merge([hp])
            if start.is_active(hp):
                start.values[hp.name] = hp.default
        length = {EPOCHS: UNITS, "tuner/initial_epoch": 0, "tuner/bracket": 0, "tuner/round": 0}
        return {"status": "RUNNING", "values": start.values | length}

    @keras_tuner.synchronized
    def create_trial(self, tuner_id: str) -> Any:
        self.heard[tuner_id] = time.monotonic()
        trial = super().create_trial(tuner_id)
        trial.metrics = MetricsTracker()  # without those that a kill left of it half written down
        if trial.status == "STOPPED" and any(other != tuner_id for other in self.ongoing_trials):
            self.tuner_ids.add(tuner_id)
            trial.status = "IDLE"
        return trial

    @keras_tuner.synchronized
    def get_trial(self, trial_id: str) -> Any:
        for worker, trial in self.ongoing_trials.items():
            if trial.trial_id == trial_id:
                self.heard[worker] = time.monotonic()
        return super().get_trial(trial_id)

    @keras_tuner.synchronized
    def end_trial(self, trial: Any) -> None:
        super().end_trial(trial)
        self.on_end(self.trials[trial.trial_id])

    @keras_tuner.synchronized
    def give_up_silent_workers(self, silence: float | None = None) -> list[str]:
        """End the trials of workers that were not heard of for `silence` seconds (`SILENCE`): they are run again.

        Returns:
            The workers that were given up.
        """
        now, silence = time.monotonic(), SILENCE if silence is None else silence
        silent = [worker for worker in self.tuner_ids if now - self.heard.setdefault(worker, now) > silence]
        for worker in silent:
            self.tuner_ids.discard(worker)
            if worker in self.ongoing_trials:
                trial = self.ongoing_trials[worker]
                trial.status, trial.message = "INVALID", f"worker {worker} fell silent"
                self.end_trial(trial)
        return silent

    def reload(self) -> None:
        """Go on from the files; raises UserError for a file of another search.

        A trial whose file a kill left without a word of it in oracle.json was never handed out, and one that ended is
        not run again.
        """
        wanted = {SETTINGS: self.hyperparameters.values.get(SETTINGS)}
        super().reload()
        self.trials = {name: self.trials[name] for name in self.start_order}
        self._retry_queue = [n for n in dict.fromkeys(self._retry_queue) if n not in self.end_order]
        said = {Path(self._get_oracle_fname()): self.hyperparameters.values}
        for name, trial in self.trials.items():
            said[Path(self._get_trial_dir(name)) / "trial.json"] = trial.hyperparameters.values
        for path, values in said.items():
            check_origin(
                path, values, wanted, f"delete the folder {self._project_dir}, or name another --out"
            )

    def get_state(self) -> dict[str, Any]:
        """What oracle.json says. KerasTuner writes it while a trial that ended is still among those that run."""
        state: dict[str, Any] = super().get_state()
        ongoing = state["ongoing_trials"].items()
        state["ongoing_trials"] = {worker: trial for worker, trial in ongoing if trial not in self.end_order}
        return state

    def save(self) -> None:
        _write_json(Path(self._get_oracle_fname()), self.get_state())

    def _save_trial(self, trial: Any) -> None:
        _write_json(Path(self._get_trial_dir(trial.trial_id)) / "trial.json", trial.get_state())


class _Hyperband(_SearchOracle, HyperbandOracle):
    pass


class _Bayesian(_SearchOracle, BayesianOptimizationOracle):
    pass


class _Random(_SearchOracle, RandomSearchOracle):
    pass


def _write_json(path: Path, state: dict[str, Any]) -> None:
    write_atomically(path, lambda path: path.write_text(json.dumps(state)))


def build_oracle(strategy: Strategy, trials: int, seed: int) -> _SearchOracle:
    """The oracle of a strategy.

    Args:
        trials: how many in all, shorter ones of Hyperband included.
        seed: of what it draws.
    """
    common: dict[str, Any] = {
        "objective": OBJECTIVE,
        "seed": seed + 1,  # KerasTuner takes 0 for none
        "max_retries_per_trial": RETRIES,
        "max_consecutive_failed_trials": FAILURES_IN_A_ROW,
    }
    if strategy == "hyperband":
        # As many sweeps as it takes to come to the number of trials.
        oracle = _Hyperband(max_epochs=UNITS, factor=REDUCTION, hyperband_iterations=trials, **common)
        oracle.max_trials = trials
    elif strategy == "bayesian":
        # By default KerasTuner would draw three times as many at random as there are settings to vary.
        oracle = _Bayesian(max_trials=trials, num_initial_points=max(4, trials // 3), **common)
    else:
        oracle = _Random(max_trials=trials, **common)
    oracle.verbose = 0
    return oracle


def planned_lengths(strategy: Strategy, trials: int) -> list[float]:
    """Steps of each trial in order, as shares of a full training: what the strategy would do if none failed."""
    if strategy != "hyperband":
        return [1.0] * trials
    oracle = build_oracle(strategy, trials, 0)
    oracle.hyperparameters.Float("x", 0.0, 1.0)
    lengths = []
    with tempfile.TemporaryDirectory() as folder:
        oracle._set_project_dir(folder, "plan")
        while (trial := oracle.create_trial("plan")).status == "RUNNING":
            lengths.append(trial.hyperparameters.values.get(EPOCHS, UNITS) / UNITS)
            oracle.update_trial(trial.trial_id, {"score": trial.hyperparameters.get("x")})
            trial.status = "COMPLETED"
            oracle.end_trial(trial)
    return lengths
