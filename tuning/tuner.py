"""KerasTuner's loop over trials, and what it says while it runs."""

import contextlib
import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import keras
import keras_tuner

from gcn_tf.progress import duration
from gcn_tf.tuning.config import Search
from gcn_tf.tuning.hypermodel import GCNHyperModel, write_hparams_page
from gcn_tf.tuning.oracles import SETTINGS, planned_lengths
from gcn_tf.tuning.report import write_best
from gcn_tf.tuning.space import Choices, Space
from gcn_tf.tuning.trials import trials_of

SIGN_OF_LIFE = 5.0  # seconds between those of a worker


class SearchTuner(keras_tuner.Tuner):
    """KerasTuner's loop with trials in run directories, signs of life to the chief, and files that appear whole."""

    def __init__(self, hypermodel: GCNHyperModel, oracle: Any) -> None:
        search = hypermodel.prepared.search
        self.digest = search.digest()
        with contextlib.redirect_stdout(io.StringIO()):  # "Reloading Tuner from ..."
            super().__init__(oracle, hypermodel, directory=str(search.out), project_name="oracle")
        self.idle = False

    def save(self) -> None:
        if not self._is_worker():
            self.oracle.save()

    def _get_tuner_fname(self) -> str:
        """The file whose presence says that there is a search to go on with; a worker, whose chief knows, has none."""
        name = self.tuner_id if self._is_worker() else "oracle"
        return str(Path(self.project_dir) / f"{name}.json")

    def pre_create_trial(self) -> None:
        if self.idle:
            time.sleep(1)
        self.idle = True

    def on_trial_begin(self, trial: Any) -> None:
        self.idle = False
        values = trial.hyperparameters.values
        if values.get(SETTINGS) != self.digest:
            raise keras_tuner.errors.FatalRuntimeError(
                "the chief searches with other settings: give chief and workers the same flags and files"
            )
        prepared = self.hypermodel.prepared
        write_hparams_page(prepared.trials_folder, prepared.space)
        steps = self.hypermodel.trial_config(trial.hyperparameters).steps
        print(f"trial {trial.trial_id}: {steps} steps, {describe_values(values, prepared.space)}")

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        keras.utils.clear_session()
        with self._signs_of_life(trial.trial_id):
            return self.hypermodel.run_trial(trial.hyperparameters, trial.trial_id)

    @contextlib.contextmanager
    def _signs_of_life(self, trial_id: str) -> Iterator[None]:
        over = threading.Event()

        def live() -> None:
            while not over.wait(SIGN_OF_LIFE):
                with contextlib.suppress(grpc.RpcError):  # a chief that is started again hears the next one
                    self.oracle.get_trial(trial_id)

        thread = threading.Thread(target=live, daemon=True)
        if self._is_worker():
            thread.start()
        try:
            yield
        finally:
            over.set()


def describe_values(values: dict[str, Any], space: Space) -> str:
    """What varies of a trial, `learning_rate 0.0012, schedule cosine`."""
    shown = []
    for key, entry in space.items():
        if key in values and not (isinstance(entry, Choices) and not entry.values[1:]):
            value = values[key]
            shown.append(f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}")
    return ", ".join(shown)


class SearchProgress:
    """A line for every trial that ended: its score, the best so far, how many are left and about how long."""

    def __init__(self, search: Search, space: Space, oracle: Any) -> None:
        self.search, self.space, self.oracle = search, space, oracle
        self.lengths = planned_lengths(search.strategy, search.trials)
        self.since, self.steps_here = time.perf_counter(), 0.0

    def __call__(self, trial: Any) -> None:
        ended = trials_of(self.oracle, self.space)
        one = next(t for t in ended if t.name == trial.trial_id)
        if one.status == "INVALID":
            print(f"trial {one.name} broke down and is run again: {one.message}", flush=True)
            return
        scored = [t for t in ended if t.score is not None]
        told = f"failed: {one.message}"
        if one.score is not None:
            self.steps_here += one.steps
            best = max(scored, key=lambda t: t.score or 0.0)
            told = f"score {one.score:.4f} (best {best.score:.4f}, trial {best.name})"
            write_best(self.search, ended)
        done = sum(t.status in ("COMPLETED", "FAILED") for t in ended)
        left = sum(self.lengths[done:]) * self.search.config.steps
        seconds = time.perf_counter() - self.since
        rest = (
            f", about {duration(seconds * left / self.steps_here)} left" if self.steps_here and left else ""
        )
        print(f"trial {one.name} {told}; {done} of {self.search.trials} trials done{rest}", flush=True)
