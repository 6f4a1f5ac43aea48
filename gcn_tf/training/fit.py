"""Train a run from its newest checkpoint, or from the beginning, to the last step."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from gcn_tf.config.schema import RunConfig, to_dict
from gcn_tf.errors import UserError
from gcn_tf.files import sweep
from gcn_tf.model.gcn import GCN
from gcn_tf.pipelines.batches import pixels, training_batches
from gcn_tf.pipelines.excerpt import excerpt
from gcn_tf.runs.checkpoints import CheckpointStore
from gcn_tf.runs.identity import differing_arithmetic
from gcn_tf.runs.lock import locked
from gcn_tf.training.board import Board
from gcn_tf.training.calibration import Calibration, temperatures
from gcn_tf.training.jit import use_jit
from gcn_tf.training.log import RunLog
from gcn_tf.training.prepare import Prepared
from gcn_tf.training.progress_bar import ProgressBar
from gcn_tf.training.saving import Checkpoints
from gcn_tf.training.scoring import Evaluation
from gcn_tf.training.shared_steps import AgreedStop, train_steps
from gcn_tf.training.step_callback import StepCallback
from gcn_tf.training.stopping import Finish, FiniteLoss, OrderlyStop


def make_deterministic(config: RunConfig) -> None:
    """Let every operation of this process give the same bits each time, as `--deterministic` has it."""
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    if config.deterministic == "always" or (config.deterministic == "auto" and not on_gpu):
        tf.config.experimental.enable_op_determinism()


def learn_before_training(model: GCN, prepared: Prepared) -> None:
    """Let the generator set the weights that can be computed from the seen pictures."""
    generator = prepared.config.generator
    split = prepared.split if generator.keeps_pictures else excerpt(prepared.split)
    seen = split.rows(unseen=False)
    generator.learn_before_training(
        model.generator, pixels(split, seen), split.ids[seen], split.dataset.space.sizes
    )


def fit(
    prepared: Prepared,
    run_dir: Path,
    model: GCN | None = None,
    say: Callable[[str], None] | None = None,
) -> GCN:
    """Train from the newest checkpoint, or from the beginning, to the last step.

    Args:
        prepared: result of `gcn_tf.training.prepare.prepare`.
        model: result of `prepared.build`; by default it is built here.
        say: called with lines for the user.

    Raises:
        Diverged: a loss or weight is not finite.
        Interrupted: Ctrl-C or SIGTERM; the state was saved.
        UserError: another process trains this run, or disk or memory is full.

    Example, two steps of a run:

    >>> from dataclasses import replace
    >>> from pathlib import Path
    >>> from gcn_tf.config.files import resolve
    >>> from gcn_tf.runs.run_dir import write_run
    >>> from gcn_tf.training.fit import fit
    >>> from gcn_tf.training.prepare import prepare
    >>> prepared = prepare(replace(resolve(dataset="glyphs"), steps=2, batch_size=4))
    >>> write_run(prepared.config, prepared.split.dataset.space, Path("runs/short"))
    >>> model = fit(prepared, Path("runs/short"))
    >>> int(model.step)
    2
    """
    with _disk_errors(run_dir), locked(run_dir):
        return _fit(prepared, run_dir, model, say)


@contextlib.contextmanager
def _disk_errors(run_dir: Path) -> Iterator[None]:
    """Turn disk and memory errors into one UserError line that names the last good checkpoint."""
    try:
        yield
    except UserError:
        raise
    except (OSError, MemoryError, tf.errors.OpError) as error:
        if isinstance(error, OSError):
            place = error.filename if isinstance(error.filename, str) else run_dir
            reason = f"cannot write to {place}: {error.strerror or error}"
        elif isinstance(error, MemoryError) or "OOM" in str(error):
            reason = "out of memory: lower --batch-size"
        else:
            reason = f"TensorFlow stopped the training: {' '.join(str(error).split())[:200]}"
        saved = sorted((run_dir / "checkpoints").glob("step-*.npz"))
        raise UserError(
            f"{reason}; last good checkpoint: {saved[-1] if saved else 'none was written yet'}"
        ) from error


def _say_other_arithmetic(stored: dict[str, Any], run_dir: Path, trains: bool) -> None:
    """Warn where the last bits of the weights will not be those of an undisturbed training."""
    if trains and (differing := differing_arithmetic(stored)):
        print(
            f"gcn-tf: {run_dir} goes on in another place ({'; '.join(differing)}): the weights will not be the same to the bit",
            file=sys.stderr,
        )


def _fit(prepared: Prepared, run_dir: Path, model: GCN | None, say: Callable[[str], None] | None) -> GCN:
    config, split = prepared.config, prepared.split
    make_deterministic(config)
    use_jit(config.jit)
    model = model or prepared.build()
    store = CheckpointStore(
        model,
        run_dir / "checkpoints",
        prepared.identity,
        config.total_steps,
        main_steps=config.main_steps,
    )
    for folder in (run_dir, store.folder):
        sweep(folder)
    store.folder.mkdir(exist_ok=True)  # a trial that was scored lost it
    if store.latest:
        store.go_back_to_lengthen()
        store.restore()
        _say_other_arithmetic(store.arithmetic, run_dir, config.total_steps > model.steps_done)
    else:
        learn_before_training(model, prepared)
    if prepared.team:
        prepared.team.share_weights(model)
    start, stop = model.steps_done, config.total_steps
    if start >= stop:
        store.delete_old()  # a kill may have come between the last checkpoint and this
        return model
    evaluation = Evaluation(start, split, config.image_steps, stop, main=config.main_steps)
    checkpoints = Checkpoints(start, store, evaluation, config.checkpoint_steps, stop)
    assert store.identity is not None
    log = RunLog(start, run_dir, store.identity.name, evaluation, config.log_steps)
    log.require(store.log_sha256)
    board = Board(start, run_dir, log, config.batch_size, to_dict(config))
    if say:
        say(
            f"on disk: checkpoints at most {store.largest_size / 1e6:.0f} MB, TensorBoard {board.largest_size / 1e6:.0f} MB"
        )
    bar = ProgressBar(start, stop, evaluation)
    calibration = Calibration(start, stop)
    steps: list[StepCallback] = [
        FiniteLoss(start, store),
        evaluation,
        log,
        board,
        bar,
        calibration,
        Finish(start, stop),
        checkpoints,
        _stop_of(prepared, start, checkpoints),
    ]
    try:
        _train_phases(model, prepared, steps, calibration)
    finally:
        bar.close()
    return model


def follow(prepared: Prepared) -> None:
    """Train as a worker that is not the chief: with the weights of the chief, step by step, reading and writing nothing.

    Args:
        prepared: result of `gcn_tf.training.prepare.prepare` with a team.

    Raises:
        Interrupted: Ctrl-C or SIGTERM at any of the workers.
        UserError: another worker cannot go on.
    """
    assert prepared.team is not None
    make_deterministic(prepared.config)
    model = prepared.build()
    prepared.team.share_weights(model)
    _train_phases(model, prepared, [_stop_of(prepared, model.steps_done, None)])
    prepared.team.finish()


def _stop_of(prepared: Prepared, start: int, checkpoints: Checkpoints | None) -> OrderlyStop:
    if prepared.team:
        return AgreedStop(start, checkpoints, prepared.team)
    return OrderlyStop(start, checkpoints)


def _train_phases(
    model: GCN, prepared: Prepared, callbacks: list[StepCallback], calibration: Calibration | None = None
) -> None:
    """Train all phases that are not done yet; before the last one, find what the calibration sets after it."""
    config = prepared.config
    if prepared.strategy.num_replicas_in_sync > 1 and config.cooperation == "frozen":
        model.begin_frozen_part("classifier")
        _train(model, prepared, callbacks, config.classifier_steps)
        model.begin_frozen_part("generator")
    _train(model, prepared, callbacks, config.main_steps)
    if config.last_steps:
        if calibration:
            calibration.temperatures = temperatures(config, prepared.split)
        model.begin_last_phase()
        _train(model, prepared, callbacks, config.total_steps)


def _train(model: GCN, prepared: Prepared, callbacks: list[StepCallback], stop: int) -> None:
    """Train to a step, if it is not reached yet."""
    config, start = prepared.config, model.steps_done
    if start >= stop:
        return
    if prepared.team:
        train_steps(model, prepared.split, config, prepared.team, callbacks, stop)
        return
    data = training_batches(prepared.split, config.batch_size, config.seed, start, stop, mixup=model.mixup)
    with prepared.strategy.scope():
        model.fit(data, epochs=1, steps_per_epoch=stop - start, verbose=0, shuffle=False, callbacks=callbacks)
