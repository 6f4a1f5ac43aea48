"""What KerasTuner varies: a GCN from hyperparameters, and what one trial does with it."""

import json
import shutil
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from gcn_tf.config.schema import RunConfig, to_dict
from gcn_tf.errors import UserError
from gcn_tf.evaluation.judges import Judges
from gcn_tf.files import read_json_object, write_atomically
from gcn_tf.grid.factors import FactorSpace
from gcn_tf.interrupts import Interrupted
from gcn_tf.model.build import build_model
from gcn_tf.model.classifier import build_classifier
from gcn_tf.model.gcn import GCN
from gcn_tf.model.generator import build_generator
from gcn_tf.pipelines.split import Split
from gcn_tf.runs.run_dir import Run, read_run_config, write_run
from gcn_tf.synthesis.draw import draw_codes
from gcn_tf.training.fit import fit
from gcn_tf.training.step_callback import Diverged
from gcn_tf.tuning.score import rules_of, score_validation
from gcn_tf.tuning.space import (
    WIDTH_FACTORS,
    Choices,
    Space,
    SpaceEntry,
    current,
    exact,
    trial_config,
    wider_classifier,
    wider_generator,
    widths_text,
)

UNITS = 9  # of a full training, in which Hyperband counts: its shortest trials take a ninth of the steps
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
    """Builds and trains the GCN of a trial in a run directory of its own, and scores it on validation cells.

    Args:
        config: the settings that the search begins with; `steps` are those of a full training.
        space: what varies.
        split: what trials learn from, and the validation cells as its unseen ones; no test cell is in it.
        load_judges: gives the judges when the first trial is scored; a chief, which trains nothing, needs none.
        psnr_weight: of the score.
        executions: how often a trial of full length is trained, each time with another seed.
        folder: of the run directories, one per trial; those of further seeds lie in it.
    """

    def __init__(
        self,
        config: RunConfig,
        space: Space,
        split: Split,
        load_judges: Callable[[], Judges],
        psnr_weight: float,
        executions: int,
        folder: Path,
    ) -> None:
        super().__init__(name="gcn")
        self.config, self.space, self.split = config, space, split
        self.load_judges, self.psnr_weight = load_judges, psnr_weight
        self.executions, self.folder = executions, folder

    @cached_property
    def judges(self) -> Judges:
        return self.load_judges()

    def trial_config(self, hp: keras_tuner.HyperParameters) -> RunConfig:
        """The settings of a trial; Hyperband's shorter trials are whole trainings of fewer steps."""
        values = {key: exact(hp.get(key), self.space[key]) for key in declare(hp, self.space, self.config)}
        share = hp.values.get(EPOCHS, UNITS) / UNITS
        return trial_config(self.config, values, share)

    def build(self, hp: keras_tuner.HyperParameters) -> GCN:
        return build_model(self.trial_config(hp), self.split.dataset.space, self.split.dataset.image_shape)

    def fit(
        self, hp: keras_tuner.HyperParameters, model: GCN, *args: Any, trial_id: str, **kwargs: Any
    ) -> dict[str, float]:
        """Train, or go on with, the runs of a trial and score them; a trial of full length has `executions` of them.

        Returns:
            The parts of the score, means over the runs, "steps", and of several runs the "lowest_score".

        Raises:
            keras_tuner.errors.FailedTrialError: a loss or weight is no finite number.
            Stopped: Ctrl-C or SIGTERM.
        """
        config = self.trial_config(hp)
        run_dir = self.folder / trial_id
        count = self.executions if hp.values.get(EPOCHS, UNITS) == UNITS else 1
        found = [self._run(config, run_dir, model)]
        for n in range(1, count):
            again = replace(config, seed=config.seed + n)
            found.append(self._run(again, run_dir / f"seed-{again.seed}", None))
        metrics = {name: float(np.mean([run[name] for run in found])) for name in found[0]}
        if count > 1:
            metrics["lowest_score"] = min(run["score"] for run in found)
        write_hparams(run_dir / "logs", trial_id, hp.values, self.space, metrics)
        return metrics

    def _run(self, config: RunConfig, run_dir: Path, model: GCN | None) -> dict[str, float]:
        """One training and its score."""
        config = self._prepared(config, run_dir)
        scored = run_dir / "score.json"
        if scored.exists():  # scored, and stopped before the search had written it down
            with suppress(UserError):  # a damaged one: train again
                return read_score(scored)
        try:
            model = fit(config, self.split, run_dir, model)
        except Diverged as error:
            raise keras_tuner.errors.FailedTrialError(str(error)) from None
        except Interrupted as stop:  # KerasTuner would take an Exception for a trial that broke down
            raise Stopped(stop.exit_code) from None
        metrics = {**self._score(model), "steps": float(config.steps)}
        write_atomically(scored, lambda path: path.write_text(json.dumps(metrics)))
        # The winner is trained anew, on all seen cells.
        shutil.rmtree(run_dir / "checkpoints", ignore_errors=True)
        return metrics

    def _prepared(self, config: RunConfig, run_dir: Path) -> RunConfig:
        """The run directory of a trial, new unless it holds this very trial; its cells are said in its config.yaml."""
        noted = replace(config, holdout=(*config.holdout, *rules_of(self.split)))
        if (run_dir / "config.yaml").exists():
            try:
                if to_dict(read_run_config(run_dir)) == to_dict(noted):
                    return config
            except UserError:
                pass  # damaged by the same kill that stopped the trial
            shutil.rmtree(run_dir)
        write_run(noted, self.split, run_dir)
        return config

    def _score(self, model: GCN) -> dict[str, float]:
        space = self.split.dataset.space
        ids = self.split.ids[self.split.unseen]
        run = Run(self.folder, self.config, space, model)
        drawn = draw_codes(run, space.one_hot(ids))
        return score_validation(self.split, drawn, self.judges, self.psnr_weight)


def read_score(path: Path) -> dict[str, float]:
    """What a training gave, as `GCNHyperModel.fit` returns it; UserError when the file is damaged."""
    remedy = "delete it and search again"
    metrics = read_json_object(path, remedy)
    wanted = {"score", "accuracy", "psnr_db", "steps"}
    if not (wanted <= metrics.keys() and all(isinstance(value, float) for value in metrics.values())):
        raise UserError(f"{path} is damaged (no score): {remedy}")
    return metrics


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


def width_parameters(
    config: RunConfig, space: FactorSpace, image_shape: tuple[int, int, int], budget: int | None
) -> tuple[dict[str, int], int]:
    """Parameters of both networks by pair of width factors, of the pairs within the budget.

    Args:
        budget: the largest number of parameters; None: twice those of the settings as they are.

    Returns:
        {"generator x classifier": parameters}, and the budget.

    Raises:
        UserError: no pair fits.
    """
    sizes, side = space.sizes, image_shape[0]
    generators, classifiers = (
        {factor: build(factor).count_params() for factor in WIDTH_FACTORS}
        for build in (
            lambda f: build_generator(sizes, wider_generator(config.generator, f), "float32", side),
            lambda f: build_classifier(
                sizes, image_shape, wider_classifier(config.classifier, f), "float32", config.imagined_class
            ),
        )
    )
    keras.utils.clear_session()
    budget = 2 * (generators[1.0] + classifiers[1.0]) if budget is None else budget
    pairs = {widths_text(g, c): generators[g] + classifiers[c] for g in WIDTH_FACTORS for c in WIDTH_FACTORS}
    fitting = {pair: count for pair, count in pairs.items() if count <= budget}
    if not fitting:
        raise UserError(
            f"--max-parameters {budget}: the smallest networks of the space have {min(pairs.values())}"
        )
    return fitting, budget


def write_hparams(
    logs: Path, trial_id: str, values: dict[str, Any], space: Space, metrics: dict[str, float]
) -> None:
    """A trial for TensorBoard's HParams page, beside its curves and picture grids."""
    shown = {key: values[key] for key in space if key in values}
    with tf.summary.create_file_writer(str(logs)).as_default(step=int(metrics["steps"])):
        hparams.hparams({**shown, "steps": metrics["steps"]}, trial_id=trial_id)
        for name in ("score", "accuracy", "psnr_db"):
            tf.summary.scalar(f"validation/{name}", metrics[name])


def write_hparams_page(folder: Path, space: Space) -> None:
    """What TensorBoard's HParams page shows of all trials below a folder; written once."""
    if any(folder.glob("events*")):
        return
    listed = [hparams.HParam(key, _domain(entry)) for key, entry in space.items()]
    figures = [hparams.Metric(f"validation/{name}") for name in ("score", "accuracy", "psnr_db")]
    with tf.summary.create_file_writer(str(folder)).as_default():
        hparams.hparams_config(hparams=[*listed, hparams.HParam("steps")], metrics=figures)


def _domain(entry: SpaceEntry) -> Any:
    if isinstance(entry, Choices):
        return hparams.Discrete([np.asarray(v).item() for v in entry.values])
    return hparams.RealInterval(float(entry.low), float(entry.high))
