"""What KerasTuner varies: a GCN from hyperparameters, and what one trial does with it."""

import json
import shutil
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from gcn_tf.config.kept import check_origin, differing_settings
from gcn_tf.config.schema import RunConfig, to_dict
from gcn_tf.errors import UserError
from gcn_tf.evaluation.judges import Judges
from gcn_tf.files import read_json_object, write_atomically
from gcn_tf.interrupts import Interrupted
from gcn_tf.model.gcn import GCN
from gcn_tf.reporting.events import PREFIX, write_events
from gcn_tf.runs.run_dir import Run, read_run_config, write_run
from gcn_tf.synthesis.draw import generate_from_codes
from gcn_tf.training.fit import fit
from gcn_tf.training.prepare import Prepared, prepare
from gcn_tf.training.step_callback import Diverged
from gcn_tf.tuning.prepare import PreparedSearch
from gcn_tf.tuning.score import rules_of, score_validation
from gcn_tf.tuning.seconds import counted_seconds
from gcn_tf.tuning.space import Choices, Space, SpaceEntry, current, exact, trial_config

UNITS = 9  # of a full training, in which Hyperband counts: its shortest trials take a ninth of the steps
SCORE_REMEDY = "delete it and search again"
EPOCHS = "tuner/epochs"  # how many units, in the values of a Hyperband trial


class Stopped(KeyboardInterrupt):
    """Ctrl-C or SIGTERM during a trial, whose run was saved.

    Attributes:
        exit_code: int. 130 or 143.
    """

    def __init__(self, exit_code: int) -> None:
        super().__init__()
        self.exit_code = exit_code


class GCNHyperModel(keras_tuner.HyperModel):
    """Trains the GCN of a trial in a run directory of its own, and scores it on validation cells.

    Args:
        prepared: the search; what trials learn from, what varies, and where they lie.
        load_judges: gives the judges when the first trial is scored; a chief, which trains nothing, needs none.
    """

    def __init__(self, prepared: PreparedSearch, load_judges: Callable[[], Judges]) -> None:
        super().__init__(name="gcn")
        self.prepared, self.load_judges = prepared, load_judges

    @cached_property
    def judges(self) -> Judges:
        """The judges, learned or loaded once."""
        return self.load_judges()

    def trial_config(self, hp: keras_tuner.HyperParameters) -> RunConfig:
        """The settings of a trial; Hyperband's shorter trials are whole trainings of fewer steps."""
        space, config = self.prepared.space, self.prepared.config
        values = {key: exact(hp.get(key), space[key]) for key in declare(hp, space, config)}
        return trial_config(config, values, hp.values.get(EPOCHS, UNITS) / UNITS)

    def build(self, hp: keras_tuner.HyperParameters) -> GCN:
        """The model of a trial, as KerasTuner asks for it to learn what varies."""
        return prepare(self.trial_config(hp), self.prepared.split).build()

    def run_trial(self, hp: keras_tuner.HyperParameters, trial_id: str) -> dict[str, float]:
        """Train, or go on with, the runs of a trial and score them; a trial of full length has `executions` of them.

        Returns:
            The parts of the score, means over the runs, "steps", "seconds" of all of them and all sittings, and of
            several runs the "lowest_score".

        Raises:
            keras_tuner.errors.FailedTrialError: a loss or weight is no finite number.
            Stopped: Ctrl-C or SIGTERM.
        """
        config = self.trial_config(hp)
        run_dir = self.prepared.trials_folder / trial_id
        count = self.prepared.search.executions if hp.values.get(EPOCHS, UNITS) == UNITS else 1
        found = [self._run(config, run_dir)]
        for seed in range(config.seed + 1, config.seed + count):
            found.append(self._run(replace(config, seed=seed), run_dir / f"seed-{seed}"))
        metrics = {name: float(np.mean([run[name] for run in found])) for name in found[0]}
        metrics["seconds"] = sum(run["seconds"] for run in found)
        if count > 1:
            metrics["lowest_score"] = min(run["score"] for run in found)
        write_hparams(run_dir, trial_id, hp.values, self.prepared.space, metrics)
        return metrics

    def _run(self, config: RunConfig, run_dir: Path) -> dict[str, float]:
        """One training and its score."""
        prepared = self._open(config, run_dir)
        metrics = self._stored_score(run_dir) or self._train(prepared, run_dir)
        # The winner is trained anew, on all seen cells. A trial that was killed once it was scored still has them.
        shutil.rmtree(run_dir / "checkpoints", ignore_errors=True)
        return metrics

    def _stored_score(self, run_dir: Path) -> dict[str, float] | None:
        """The score of a training that was stopped before the search had written it down; None: train (again)."""
        scored = run_dir / "score.json"
        if scored.exists():
            with suppress(UserError):  # a damaged one
                origin = score_origin(self.prepared, run_dir)
                check_origin(scored, read_json_object(scored, SCORE_REMEDY).get("origin"), origin)
                return read_score(scored)
        return None

    def _train(self, prepared: Prepared, run_dir: Path) -> dict[str, float]:
        """Train, or go on, then score and write the score down."""
        with counted_seconds(run_dir / "seconds.json") as seconds:
            try:
                model = fit(prepared, run_dir)
            except Diverged as error:
                raise keras_tuner.errors.FailedTrialError(str(error)) from None
            except Interrupted as stop:  # KerasTuner would take an Exception for a trial that broke down
                raise Stopped(stop.exit_code) from None
            run = prepared.run(run_dir, model)
            metrics = {**self._score(run), "steps": float(prepared.config.steps), "seconds": seconds()}
        written = json.dumps({"origin": score_origin(self.prepared, run_dir), **metrics})
        write_atomically(run_dir / "score.json", lambda path: path.write_text(written))
        return metrics

    def _open(self, config: RunConfig, run_dir: Path) -> Prepared:
        """The training of a run directory, which is new unless it holds this very trial.

        The trial's cells are said in its config.yaml. One that goes on keeps its precision when the search has `auto`.
        """
        split, stored = self.prepared.split, _stored_config(run_dir)
        if stored and self.prepared.search.config.precision == "auto":
            config = replace(config, precision=stored.precision)
        cells = (*config.holdout, *rules_of(split))
        noted = replace(
            config, holdout=cells, classifier_share=0.0
        )  # pictures are scored, not what it classifies
        if stored is None or differing_settings(to_dict(stored), to_dict(noted), ""):
            if run_dir.exists():
                shutil.rmtree(run_dir)
            write_run(noted, split.dataset.space, run_dir)
        return prepare(noted, split)

    def _score(self, run: Run) -> dict[str, float]:
        split = self.prepared.split
        generated = generate_from_codes(run.model, run.space.one_hot(split.ids[split.unseen]))
        return score_validation(split, generated, self.judges, self.prepared.search.psnr_weight)


def _stored_config(run_dir: Path) -> RunConfig | None:
    """The settings of a trial that was begun; None for a new one, or one damaged by the kill that stopped it."""
    try:
        return read_run_config(run_dir)
    except UserError:
        return None


def read_score(path: Path) -> dict[str, float]:
    """What a training gave, as `GCNHyperModel.run_trial` returns it; UserError when the file is damaged."""
    metrics = read_json_object(path, SCORE_REMEDY)
    metrics.pop("origin", None)
    wanted = {"score", "accuracy", "psnr_db", "steps"}
    if not (wanted <= metrics.keys() and all(isinstance(value, float) for value in metrics.values())):
        raise UserError(f"{path} is damaged (no score): {SCORE_REMEDY}")
    return metrics


def score_origin(prepared: PreparedSearch, run_dir: Path) -> dict[str, Any]:
    """What the score of a run directory says of itself: its search, and its place among the trials."""
    return {
        "search": prepared.search.digest(),
        "trial": run_dir.relative_to(prepared.trials_folder).as_posix(),
    }


def check_scores(prepared: PreparedSearch) -> None:
    """Raise UserError for a score of another search or trial; what is damaged is trained again when its turn comes."""
    for path in sorted(prepared.trials_folder.rglob("score.json")):
        try:
            found = read_json_object(path, SCORE_REMEDY)
        except UserError:
            continue
        if "origin" in found:
            check_origin(path, found["origin"], score_origin(prepared, path.parent))


def declare(hp: keras_tuner.HyperParameters, space: Space, config: RunConfig) -> list[str]:
    """Register a space with KerasTuner, conditions included; returns the settings that matter for these values."""
    active = []
    # What others depend on must be known to KerasTuner before them.
    for key, entry in sorted(space.items(), key=lambda item: len(item[1].when)):
        if any(
            parent not in space for parent, _ in entry.when
        ):  # the condition is settled: a setting is fixed
            settled = [
                current(config, parent) in values for parent, values in entry.when if parent not in space
            ]
            if not all(settled):
                continue
        conditions = [(parent, list(values)) for parent, values in entry.when if parent in space]
        with ExitStack() as scopes:
            for parent, values in conditions:
                scopes.enter_context(hp.conditional_scope(parent, values))
            _register(hp, key, entry, current(config, key))
        if all(hp.values.get(parent) in values for parent, values in conditions):
            active.append(key)
    return active


def _register(hp: keras_tuner.HyperParameters, key: str, entry: SpaceEntry, start: Any) -> None:
    if isinstance(entry, Choices):
        hp.Choice(key, list(entry.values), default=start if start in entry.values else entry.values[0])
        return
    start = min(max(start, entry.low), entry.high)
    sampling = "log" if entry.log else "linear"
    if entry.whole:
        hp.Int(key, int(entry.low), int(entry.high), sampling=sampling, default=int(start))
    else:
        hp.Float(key, entry.low, entry.high, sampling=sampling, default=float(start))


def write_hparams(
    run_dir: Path, trial_id: str, values: dict[str, Any], space: Space, metrics: dict[str, float]
) -> None:
    """A trial for TensorBoard's HParams page, beside its curves and picture grids."""
    shown = {key: values[key] for key in space if key in values}
    with tf.summary.create_file_writer(str(run_dir)).as_default(step=int(metrics["steps"])):
        hparams.hparams({**shown, "steps": metrics["steps"]}, trial_id=trial_id)
        for name in ("score", "accuracy", "psnr_db"):
            tf.summary.scalar(f"validation/{name}", metrics[name])


def write_hparams_page(folder: Path, space: Space) -> None:
    """What TensorBoard's HParams page shows of all trials below a folder; written once, whole."""
    if any(folder.glob("events*")):
        return
    listed = [hparams.HParam(key, _domain(entry)) for key, entry in space.items()]
    figures = [hparams.Metric(f"validation/{name}") for name in ("score", "accuracy", "psnr_db")]
    page = hparams.hparams_config_pb(hparams=[*listed, hparams.HParam("steps")], metrics=figures)
    write_events(folder / f"{PREFIX}0.hparams", [page])


def _domain(entry: SpaceEntry) -> Any:
    if isinstance(entry, Choices):
        return hparams.Discrete([np.asarray(v).item() for v in entry.values])
    return hparams.RealInterval(float(entry.low), float(entry.high))
