"""From a RunConfig to a run directory: fit, log, save, resume; and back from a run directory to the model."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf

from gcn_tf.callbacks import (
    Checkpoints,
    Evaluation,
    FiniteLoss,
    OrderlyStop,
    ProgressBar,
    RunLog,
    StepCallback,
)
from gcn_tf.checkpoints import CheckpointStore, largest_file
from gcn_tf.config import ConfigError, RunConfig, check_config, to_dict
from gcn_tf.config_files import read_config, write_config
from gcn_tf.errors import UserError
from gcn_tf.factors import FactorSpace
from gcn_tf.kept_settings import differing_settings
from gcn_tf.lock import locked
from gcn_tf.mean_picture import mean_content
from gcn_tf.memory import check_memory, check_weights, count_weights
from gcn_tf.model import GCN
from gcn_tf.networks import build_classifier, build_generator, check_classifier_side, check_image_side
from gcn_tf.operators import estimate_operators
from gcn_tf.optimizers import build_adam
from gcn_tf.pipelines.batches import Split, pixels, split_dataset, training_batches
from gcn_tf.pipelines.registry import load_dataset
from gcn_tf.precision import resolve_precision


@dataclass
class Run:
    """A run directory with its model restored."""

    folder: Path
    config: RunConfig
    space: FactorSpace
    model: GCN


def load_split(config: RunConfig) -> Split:
    """The dataset of a run, parted into seen and unseen pictures."""
    return split_dataset(load_dataset(config), config.holdout, config.seed)


def build_model(config: RunConfig, space: FactorSpace, image_shape: tuple[int, int, int]) -> GCN:
    """Both networks and both optimizers, compiled; raises UserError when layers and image size disagree or memory is short."""
    weights = config.loss_weights(space.names)
    check_weights(config, space.sizes, image_shape[0])
    keras.utils.set_random_seed(config.seed)
    model = GCN(
        build_generator(space.sizes, config.generator, config.precision, image_shape[0]),
        build_classifier(
            space.sizes, image_shape, config.classifier, config.precision, config.imagined_class
        ),
        factor_weights=weights,
        pixel_weight=config.pixel_weight,
        cooperation=config.cooperation,
        classifier_learns_from=config.classifier_learns_from,
        imagined_share=config.imagined_share,
        imagined_weight=config.imagined_weight,
        imagined_ramp=(
            round(config.imagined_from * config.steps),
            round(config.imagined_full * config.steps),
        ),
        imagined_class_weight=config.imagined_class_weight,
        classifier_jitter=config.classifier_jitter,
        classifier_steps=config.classifier_steps,
        seed=config.seed,
    )
    model.compile(build_adam(config, "generator_adam"), build_adam(config, "classifier_adam"))
    return model


def learn_before_training(model: GCN, config: RunConfig, split: Split) -> None:
    """Give the generator what its seen pictures show at once: the operators and the mean picture."""
    seen, sizes = split.pictures(unseen=False), split.dataset.space.sizes
    images, ids = pixels(split, seen), split.ids[seen]
    found = estimate_operators(images, ids, sizes) if config.generator.operators else {}
    if config.generator.operators:
        for name in ("operators", "hide_explained"):
            model.generator.get_layer(name).assign(found)
    if config.generator.mean_picture:
        mean = mean_content(images, ids, tuple(sizes), found)
        model.generator.get_layer("mean_picture").assign(mean)


def total_steps(config: RunConfig) -> int:
    """Steps of both networks: in the frozen regime the classifier learns alone first."""
    return config.steps + (config.classifier_steps if config.cooperation == "frozen" else 0)


def new_run_dir(config: RunConfig) -> Path:
    name = f"{config.dataset.replace('/', '-')}-{time.strftime('%Y%m%d-%H%M%S')}"
    return Path("runs") / name


def start_run(config: RunConfig, run_dir: Path) -> tuple[RunConfig, Split]:
    """Check the settings, load the data and lay out a new run directory.

    Raises:
        UserError: a bad setting, data that do not load, or a folder that already holds a run.
    """
    check_config(config)
    if (run_dir / "config.yaml").exists():
        raise UserError(
            f"--run-dir {run_dir} already holds a run: go on with --resume {run_dir}, or name another"
        )
    check_image_side(config.generator, config.image_size)
    check_classifier_side(config.classifier, config.image_size)
    split = load_split(config)
    return write_run(config, split, run_dir), split


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


def fit(
    config: RunConfig,
    split: Split,
    run_dir: Path,
    model: GCN | None = None,
    say: Callable[[str], None] | None = None,
) -> GCN:
    """Train from the newest checkpoint, or from the beginning, to the last step.

    Args:
        model: as `build_model` gives it; by default it is built here.
        say: takes a line for the user.

    Raises:
        Diverged: a loss or weight is no finite number.
        Interrupted: Ctrl-C or SIGTERM; the state was saved.
        UserError: another process trains this run, or the disk takes no more.
    """
    with _disk_errors(run_dir), locked(run_dir):
        return _fit(config, split, run_dir, model, say)


@contextlib.contextmanager
def _disk_errors(run_dir: Path) -> Iterator[None]:
    """What a full, read-only or vanished disk, or too little memory, makes of a training, as one line."""
    try:
        yield
    except UserError:
        raise
    except (OSError, MemoryError, tf.errors.OpError) as error:
        if isinstance(error, OSError):
            reason = f"cannot write to {run_dir}: {error.strerror or error}"
        elif isinstance(error, MemoryError) or "OOM" in str(error):
            reason = "out of memory: lower --batch-size"
        else:
            reason = f"TensorFlow stopped the training: {' '.join(str(error).split())[:200]}"
        saved = sorted((run_dir / "checkpoints").glob("step-*.npz"))
        raise UserError(
            f"{reason}; last good checkpoint: {saved[-1] if saved else 'none was written yet'}"
        ) from error


def _fit(
    config: RunConfig, split: Split, run_dir: Path, model: GCN | None, say: Callable[[str], None] | None
) -> GCN:
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    if config.deterministic == "always" or (config.deterministic == "auto" and not on_gpu):
        tf.config.experimental.enable_op_determinism()
    model = model or build_model(config, split.dataset.space, split.dataset.image_shape)
    check_memory(model, config)
    store = CheckpointStore(model, run_dir / "checkpoints")
    if store.latest:
        store.restore()
    else:
        learn_before_training(model, config, split)
    start, stop = int(model.step), total_steps(config)
    if start >= stop:
        return model
    evaluation = Evaluation(start, split, config.image_steps, stop)
    checkpoints = Checkpoints(start, store, evaluation, config.checkpoint_steps, stop)
    log = RunLog(start, run_dir, evaluation, config.log_steps, config.batch_size)
    if say:
        say(
            f"on disk: checkpoints at most {store.largest_size / 1e6:.0f} MB, TensorBoard {log.largest_size / 1e6:.0f} MB"
        )
    bar = ProgressBar(start, stop, evaluation)
    steps: list[StepCallback] = [
        FiniteLoss(start, store),
        evaluation,
        log,
        bar,
        checkpoints,
        OrderlyStop(start, checkpoints),
    ]
    data = training_batches(split, config.batch_size, config.seed, start, stop)
    try:
        model.fit(data, epochs=1, steps_per_epoch=stop - start, verbose=0, shuffle=False, callbacks=steps)
    finally:
        bar.close()
    return model


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
