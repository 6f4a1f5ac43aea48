"""The run directory: what a run is on disk, written, read and checked."""

import itertools
import time
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from gcn_tf.config.files import read_config, write_config
from gcn_tf.config.kept import differing_settings
from gcn_tf.config.schema import RunConfig, to_dict
from gcn_tf.errors import ConfigError, UserError
from gcn_tf.files import is_unfinished, write_atomically
from gcn_tf.grid.factors import FactorSpace
from gcn_tf.model.build import build_model
from gcn_tf.model.gcn import GCN
from gcn_tf.model.size import count_weights
from gcn_tf.pipelines.folder.problems import FILE as PROBLEMS
from gcn_tf.pipelines.split import Split, load_split
from gcn_tf.runs.bundle import check_whole
from gcn_tf.runs.checkpoints import CheckpointStore, checkpoint_sha256, largest_file
from gcn_tf.runs.identity import Identity
from gcn_tf.runs.lock import NAME as LOCK

PARTS = {"checkpoints", "factors.json", "metrics.jsonl", "model", "report"}
PARTS |= {"seen", "unseen", "logs"}  # TensorBoard's; the last as earlier versions had it
FIRST_FILES = {LOCK, "checkpoints", "factors.json", PROBLEMS}  # there before config.yaml


@dataclass
class Run:
    """A run directory with its model restored.

    Args:
        identity: as the checkpoint says it; without pictures and seen cells if a version before noted none.
        checkpoint: SHA-256 of the checkpoint; "" if the model is of none.

    Example:

    >>> import numpy as np
    >>> from gcn_tf.runs.run_dir import open_run
    >>> run = open_run("runs/demo")
    >>> run.space.names
    ('digit', 'writer', 'color', 'rotation')
    >>> run.model.predict({name: np.array([0]) for name in run.space.names}, verbose=0).shape
    (1, 28, 28, 3)
    """

    folder: Path
    config: RunConfig
    space: FactorSpace
    model: GCN
    identity: Identity
    checkpoint: str = ""

    def load_split(self) -> Split:
        """Load the pictures of the run; raise UserError if they, or the seen cells, are not those of its training."""
        try:
            split = load_split(self.config)
        except UserError as error:
            raise UserError(
                f"{error}; without its pictures, {self.folder} can still generate, export and augment --blend"
            ) from None
        now = Identity.of(self.config, split.dataset.space, split)
        self.identity.require_same(now, self.folder, f"the pictures of --dataset {self.config.dataset} now")
        return split


def new_run_dir(config: RunConfig) -> Path:
    """A folder that no run has yet."""
    name = f"{config.file_name}-{time.strftime('%Y%m%d-%H%M%S')}"
    names = (name if number == 1 else f"{name}-{number}" for number in itertools.count(1))
    return next(path for name in names if not (path := Path("runs") / name).exists())


def check_new_run_dir(run_dir: Path) -> None:
    """Raise UserError unless the folder is empty or absent."""
    if (run_dir / "config.yaml").exists():
        raise UserError(
            f"--run-dir {run_dir} already holds a run: continue it with --resume {run_dir}, or name another"
        )
    if run_dir.exists() and not run_dir.is_dir():
        raise UserError(f"--run-dir {run_dir} is a file: name a new folder")
    there = {entry.name for entry in run_dir.iterdir()} if run_dir.is_dir() else set()
    there = {name for name in there if not is_unfinished(name)}
    if there <= FIRST_FILES and not any((run_dir / "checkpoints").glob("*")):
        return
    if parts := sorted(there & PARTS):
        raise UserError(
            f"--run-dir {run_dir} holds parts of a run ({', '.join(parts)}) without its config.yaml: put that back and "
            f"continue with --resume {run_dir}, or name a new folder"
        )
    raise UserError(f"--run-dir {run_dir} holds files that train did not write: name a new folder")


def write_run(config: RunConfig, space: FactorSpace, run_dir: Path) -> None:
    """Write settings and factors of a run directory, a new one if need be; raise UserError if it cannot be written."""
    try:
        (run_dir / "checkpoints").mkdir(parents=True, exist_ok=True)
        text = space.to_json()
        write_atomically(run_dir / "factors.json", lambda path: path.write_text(text, encoding="utf-8"))
        write_atomically(run_dir / "config.yaml", lambda path: write_config(config, path))
    except OSError as error:
        raise UserError(f"cannot write to --run-dir {run_dir}: {error.strerror}") from None


def read_run_config(run_dir: Path) -> RunConfig:
    """Read the settings of a run; raise UserError if the folder is not a run directory."""
    if not (run_dir / "config.yaml").exists():
        raise UserError(
            f"{run_dir} is not a run directory (it has no config.yaml): give a folder that train wrote"
        )
    return read_config(run_dir / "config.yaml")


def check_same_settings(stored: RunConfig, wanted: RunConfig, run_dir: Path) -> None:
    """Raise ConfigError with the differences unless a resumed run keeps its settings; the number of steps may differ."""
    before, after = ({**to_dict(config), "steps": None} for config in (stored, wanted))
    differences = differing_settings(before, after, "in the run")
    if differences:
        raise ConfigError(
            f"--resume {run_dir}: settings differ ({'; '.join(differences)}); "
            "leave those flags out, or start a new run"
        )


def open_run(run_dir: Path | str, checkpoint: str = "") -> Run:
    """Open a run: its settings, its factors, and the model as of its newest checkpoint.

    Args:
        run_dir: the folder that train wrote.
        checkpoint: file name of another checkpoint, such as `best.npz`.

    Raises:
        UserError: not a run directory, no checkpoint, a damaged one, files of different runs, or a bundle with a file that is not
            as it was handed on.

    Example:

    >>> from gcn_tf.runs.run_dir import open_run
    >>> run = open_run("runs/demo")
    >>> run.config.dataset, len(run.space["digit"])
    ('glyphs', 10)
    """
    run_dir = Path(run_dir)
    check_whole(run_dir)
    config = read_run_config(run_dir)
    space = FactorSpace.read(run_dir / "factors.json")
    folder = run_dir / "checkpoints"
    weights = count_weights(config, space.sizes, config.image_shape)
    if 0 < largest_file(folder) < weights * tf.float32.size:  # checked before that much memory is allocated
        raise UserError(
            f"{run_dir / 'config.yaml'} describes networks of {weights:,} weights, no checkpoint of the run has as many: "
            "restore the settings that it was trained with"
        )
    model = build_model(config, space, config.image_shape)
    store = CheckpointStore(model, folder, identity := Identity.of(config, space), config.total_steps)
    restored = store.restore(checkpoint)
    return Run(run_dir, config, space, model, store.identity or identity, checkpoint_sha256(restored))
