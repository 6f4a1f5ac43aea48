"""Train a run from its newest checkpoint, or from the beginning, to the last step."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import tensorflow as tf

from gcn_tf.config.schema import RunConfig
from gcn_tf.errors import UserError
from gcn_tf.model.build import build_model
from gcn_tf.model.gcn import GCN
from gcn_tf.model.mean_picture import mean_content
from gcn_tf.model.operators import estimate_operators
from gcn_tf.pipelines.batches import pixels, training_batches
from gcn_tf.pipelines.split import Split
from gcn_tf.runs.checkpoints import CheckpointStore
from gcn_tf.runs.lock import locked
from gcn_tf.training.log import RunLog
from gcn_tf.training.memory import check_memory
from gcn_tf.training.progress_bar import ProgressBar
from gcn_tf.training.saving import Checkpoints
from gcn_tf.training.scoring import Evaluation
from gcn_tf.training.step_callback import StepCallback
from gcn_tf.training.stopping import FiniteLoss, OrderlyStop


def learn_before_training(model: GCN, config: RunConfig, split: Split) -> None:
    """Give the generator what its seen pictures show at once: the operators and the mean picture."""
    seen, sizes = split.rows(unseen=False), split.dataset.space.sizes
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
