"""`gcn-tf evaluate --verify`: is every part of a run as it was written, and are all of one run?"""

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from gcn_tf.errors import UserError
from gcn_tf.evaluation.report import read_stamp
from gcn_tf.runs.checkpoints import (
    BEST,
    LOG,
    CheckpointStore,
    DamagedCheckpoint,
    checkpoint_sha256,
    newest_step,
    read_note,
)
from gcn_tf.runs.run_dir import Run, open_run
from gcn_tf.runs.stamp import Stamp
from gcn_tf.synthesis import saved_model
from gcn_tf.training.log import check_log, lines_until, read_log


def verify(run_dir: Path, say: Callable[[str], None] = print) -> None:
    """Read every checkpoint, the SavedModel, the report, the log and the pictures of a run, and compare them.

    Args:
        say: takes a line about every part that is as it should be.

    Raises:
        UserError: what is damaged, missing or another run's, all of it in one line.

    Example:

    >>> from pathlib import Path
    >>> from gcn_tf.evaluation.verify import verify
    >>> verify(Path("runs/demo"), say=lambda line: None)
    """
    run = open_run(run_dir)
    store = CheckpointStore(run.model, run.folder / "checkpoints", run.identity)
    trained = read_note(store.paths()[-1]).get("steps", run.config.steps)
    longer = f"; to be lengthened from {trained} to {run.config.steps} steps" * (trained < run.config.steps)
    say(f"settings and factors: those of the training{longer}")
    made = store.paths()[-1:] + [path for path in store.all_paths() if path.name == BEST]
    checks: dict[str, Callable[[], str]] = {
        **{f"checkpoints/{path.name}": partial(store.verify, path) for path in store.all_paths()},
        "metrics.jsonl": partial(_log, run, store.paths()[-1]),
        "model/": partial(_folder, run, run.folder / "model", saved_model.read_stamp, made),
        "report/": partial(_folder, run, run.folder / "report", read_stamp, made),
        "pictures": partial(_pictures, run),
    }
    wrong = []
    for name, check in checks.items():
        try:
            say(f"{name}: {check()}")
        except (UserError, DamagedCheckpoint) as error:
            wrong.append(str(error))
    if wrong:
        raise UserError(
            f"{len(wrong)} of {len(checks)} parts are not as they were written: {'; '.join(wrong)}"
        )


def _log(run: Run, newest: Path) -> str:
    """Compare the log with what the newest checkpoint says of it."""
    path, note = run.folder / LOG, read_note(newest)
    check_log(path, run.identity.name)
    lines = read_log(path)
    kept = lines_until(lines, note["step"])
    if note.get("log") and hashlib.sha256("".join(kept).encode()).hexdigest() != note["log"]:
        raise UserError(
            f"{path} is missing, or not the log that {newest.name} belongs to: put back what was changed"
        )
    later = f"; {len(lines) - len(kept)} lines of steps to be trained again" * (len(lines) > len(kept))
    return f"as it was at step {note['step']}{later}"


def _folder(run: Run, folder: Path, read: Callable[[Path], Stamp], made: list[Path]) -> str:
    """Check the SavedModel or the report.

    Args:
        made: checkpoints that it may have been made from, the newest first.
    """
    if not folder.exists():
        if newest_step(run.folder / "checkpoints") >= run.config.total_steps:
            raise UserError(f"{folder} is missing: gcn-tf train --resume {run.folder} makes it again")
        return "not made yet"
    stamp = read(folder)
    stamp.require_run(run.identity, run.folder)
    stamp.check_files(whole=True)
    if stamp.checkpoint not in [checkpoint_sha256(path) for path in made]:
        raise UserError(
            f"{folder} is of weights that the run no longer has (step {stamp.step}): {stamp.remedy}"
        )
    return f"whole, of step {stamp.step}"


def _pictures(run: Run) -> str:
    split = run.load_split()
    seen, unseen = len(split.rows(unseen=False)), len(split.rows(unseen=True))
    return f"those of the training, {seen} cells seen and {unseen} unseen"
