"""The run directory: what a run is on disk, written, read and checked."""

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from gcn_tf.config.files import read_config, write_config
from gcn_tf.config.kept import differing_settings
from gcn_tf.config.schema import ConfigError, RunConfig, to_dict
from gcn_tf.errors import UserError
from gcn_tf.grid.factors import FactorSpace
from gcn_tf.model.build import build_model
from gcn_tf.model.gcn import GCN
from gcn_tf.model.precision import resolve_precision
from gcn_tf.model.size import count_weights
from gcn_tf.pipelines.split import Split
from gcn_tf.runs.checkpoints import CheckpointStore, largest_file


@dataclass
class Run:
    """A run directory with its model restored."""

    folder: Path
    config: RunConfig
    space: FactorSpace
    model: GCN


def new_run_dir(config: RunConfig) -> Path:
    name = f"{config.dataset.replace('/', '-')}-{time.strftime('%Y%m%d-%H%M%S')}"
    return Path("runs") / name


def write_run(config: RunConfig, split: Split, run_dir: Path) -> RunConfig:
    """Lay out a new run directory for data at hand; returns the settings with the precision resolved.

    Raises:
        UserError: settings that do not fit the data, or a folder that cannot be written.
    """
    config.loss_weights(split.dataset.space.names)
    config = dataclasses.replace(config, precision=resolve_precision(config.precision))
    try:
        (run_dir / "checkpoints").mkdir(parents=True, exist_ok=True)
        (run_dir / "factors.json").write_text(split.dataset.space.to_json())
        write_config(config, run_dir / "config.yaml")
    except OSError as error:
        raise UserError(f"cannot write to --run-dir {run_dir}: {error.strerror}") from None
    return config


def read_run_config(run_dir: Path) -> RunConfig:
    """Settings of a run; raises UserError when the folder is no run directory."""
    if not (run_dir / "config.yaml").exists():
        raise UserError(
            f"{run_dir} is no run directory (it has no config.yaml): give a folder that train wrote"
        )
    return read_config(run_dir / "config.yaml")


def check_same_settings(stored: RunConfig, wanted: RunConfig, run_dir: Path) -> None:
    """Raise ConfigError with the differences unless a resumed run keeps its settings."""
    differences = differing_settings(to_dict(stored), to_dict(wanted), "in the run")
    if differences:
        raise ConfigError(
            f"--resume {run_dir}: settings differ ({'; '.join(differences)}); "
            "leave those flags out, or start a new run"
        )


def open_run(run_dir: Path, checkpoint: str = "") -> Run:
    """The model of a run as of its newest checkpoint.

    Args:
        checkpoint: another one by its file name, such as `best.npz`.

    Raises:
        UserError: no run directory, no checkpoint, or a damaged one.
    """
    config = read_run_config(run_dir)
    space = FactorSpace.read(run_dir / "factors.json")
    side, folder = config.image_size, run_dir / "checkpoints"
    weights = count_weights(config, space.sizes, side)
    if 0 < largest_file(folder) < weights * tf.float32.size:  # before as much memory is taken
        raise UserError(
            f"{run_dir / 'config.yaml'} describes networks of {weights:,} weights, no checkpoint of the run has as many: "
            "put back the settings that it was trained with"
        )
    model = build_model(config, space, (side, side, 3))
    CheckpointStore(model, folder).restore(checkpoint)
    return Run(run_dir, config, space, model)
