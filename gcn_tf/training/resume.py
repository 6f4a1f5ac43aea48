"""Resuming a run: with the same settings, or with more steps."""

from contextlib import suppress
from pathlib import Path

from gcn_tf.config.schema import RunConfig
from gcn_tf.errors import ConfigError, UserError
from gcn_tf.files import sweep
from gcn_tf.grid.factors import FactorSpace
from gcn_tf.runs.bundle import check_not_bundle
from gcn_tf.runs.checkpoints import newest_step
from gcn_tf.runs.identity import Identity
from gcn_tf.runs.lock import locked
from gcn_tf.runs.run_dir import check_same_settings, read_run_config
from gcn_tf.training.prepare import Prepared

SCHEDULES = {
    "cosine": "the cosine now reaches zero at the new end, not at the old one",
    "halving": "it halves every 1,000 steps as before",
    "constant": "it stays constant",
}


def check_factors(run_dir: Path, prepared: Prepared) -> None:
    """Raise UserError if the factors of a run, where they are there, are not those of the pictures at hand."""
    path = run_dir / "factors.json"
    if path.exists():
        stored = Identity.of(prepared.config, FactorSpace.read(path))
        stored.require_same(
            prepared.identity, path, f"the pictures of --dataset {prepared.config.dataset} now"
        )


def _check_checkpoints(run_dir: Path) -> None:
    """Raise UserError for a run that lost its checkpoints: training would begin again and replace the rest of it."""
    if newest_step(run_dir / "checkpoints"):
        return
    made = [name for name in ("model", "report") if (run_dir / name).exists()]
    if made or not (run_dir / "checkpoints").is_dir():
        raise UserError(
            f"{run_dir} has lost its checkpoints{f' but has {made[0]}/' if made else ''}: put them back, or train a new run"
        )


def check_resume(run_dir: Path, config: RunConfig) -> list[str]:
    """Check that a run can be resumed; return lines that tell the user how it continues.

    Raises:
        UserError: not a run directory, a bundle, fewer steps than the run has, or other settings than the run's.
    """
    check_not_bundle(run_dir)
    stored = read_run_config(run_dir)
    check_same_settings(stored, config, run_dir)
    _check_checkpoints(run_dir)
    step, wanted = newest_step(run_dir / "checkpoints"), config.total_steps
    from_step = min(step, stored.main_steps)  # of a longer run, the last phase begins anew
    if config.steps < stored.steps:
        raise ConfigError(
            f"--steps {config.steps}: the run has {stored.steps}, it can be lengthened but not shortened: give more, or leave --steps out"
        )
    if config.steps > stored.steps:
        return [
            f"lengthened from {stored.steps} to {config.steps} steps; continues from step {from_step}; learning rate: "
            f"{SCHEDULES[config.schedule]}; imagined cells set in at the same shares of the new length"
        ]
    if step >= wanted:
        return [f"finished at {step} of {wanted} steps; a larger --steps lengthens the run"]
    return [f"continues from step {step} of {wanted}"]


def sweep_finished(run_dir: Path) -> None:
    """Remove what a kill left in a run in which nothing else is left to do: its lock, and an old report or model.

    Nothing is removed from a run that is in use, or that cannot be written.
    """
    with suppress(UserError, OSError), locked(run_dir):
        sweep(run_dir)
