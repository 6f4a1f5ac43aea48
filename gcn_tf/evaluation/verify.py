"""`gcn-tf evaluate --verify`: is every part of a run as it was written, and are all of one run?"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from gcn_tf.errors import UserError
from gcn_tf.evaluation.report import read_stamp
from gcn_tf.runs.checkpoints import CheckpointStore
from gcn_tf.runs.run_dir import Run, open_run
from gcn_tf.runs.stamp import Stamp
from gcn_tf.synthesis import saved_model
from gcn_tf.training.log import check_log


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
    say("settings and factors: those of the training")
    store = CheckpointStore(run.model, run.folder / "checkpoints", run.identity)
    checks: dict[str, Callable[[], str]] = {
        **{f"checkpoints/{path.name}": partial(store.verify, path) for path in store.all_paths()},
        "metrics.jsonl": partial(_log, run),
        "model/": partial(_model, run),
        "report/": partial(_report, run),
        "pictures": partial(_pictures, run),
    }
    wrong = []
    for name, check in checks.items():
        try:
            say(f"{name}: {check()}")
        except UserError as error:
            wrong.append(str(error))
    if wrong:
        raise UserError(
            f"{len(wrong)} of {len(checks)} parts are not as they were written: {'; '.join(wrong)}"
        )


def _log(run: Run) -> str:
    check_log(run.folder / "metrics.jsonl", run.identity.name)
    return "every line is of this run"


def _model(run: Run) -> str:
    folder = run.folder / "model"
    if not folder.exists():
        return "not exported yet"
    return _whole(saved_model.read_stamp(folder), run)


def _report(run: Run) -> str:
    if not (run.folder / "report").exists():
        return "not written yet"
    return _whole(read_stamp(run.folder), run)


def _whole(stamp: Stamp, run: Run) -> str:
    stamp.require_run(run.identity, run.folder)
    stamp.check_files(whole=True)
    return f"whole, of step {stamp.step}"


def _pictures(run: Run) -> str:
    split = run.load_split()
    seen, unseen = len(split.rows(unseen=False)), len(split.rows(unseen=True))
    return f"those of the training, {seen} cells seen and {unseen} unseen"
