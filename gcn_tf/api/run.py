"""Train, resume and open runs from Python, and what can be done with one."""

import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gcn_tf.api.arrays import ArrayDataset, label_text
from gcn_tf.config.checks import check_config
from gcn_tf.config.files import OWN_PICTURES, resolve, with_settings
from gcn_tf.config.schema import RunConfig
from gcn_tf.errors import ConfigError, UserError, shown
from gcn_tf.quiet import import_tensorflow

if TYPE_CHECKING:
    from gcn_tf.model import GCN
    from gcn_tf.newcomers.transfer import Transfers
    from gcn_tf.runs import run_dir

CHECKPOINTS = {"newest": "", "best": "best.npz"}
LABELLED = ("dataset", "manual_dir", "labels", "levels", "pattern", "factors")  # what arrays say themselves


class Run:
    """A trained run: `gcn_tf.train`, `resume` and `open_run` return it.

    It holds the run that the other parts of the package take, `gcn_tf.runs.run_dir.Run`, as `opened`.
    """

    def __init__(self, opened: "run_dir.Run") -> None:
        self.opened = opened

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} {size}" for name, size in self.opened.space.sizes.items())
        return f"<run {self.folder}: {sizes}>"

    @property
    def folder(self) -> Path:
        """The run directory: the report with its pictures, the SavedModel, checkpoints, settings."""
        return self.opened.folder

    @property
    def config(self) -> RunConfig:
        """The settings of the run."""
        return self.opened.config

    @property
    def model(self) -> "GCN":
        """The model, a `keras.Model`."""
        return self.opened.model

    @property
    def factors(self) -> dict[str, tuple[str, ...]]:
        """The values by factor name, in code order."""
        return {factor.name: factor.values for factor in self.opened.space}

    @cached_property
    def transfers(self) -> "Transfers":
        """What `gcn_tf.transfer` draws with; made once."""
        from gcn_tf.newcomers.transfer import Transfers

        return Transfers(self.opened)

    def generate(self, **values: Any) -> np.ndarray:
        """The pictures of cells or blends.

        Args:
            values: for every factor a value (`"5"` or `5`), a blend (`"anna:0.5+ben:0.5"`), a list of these, or `"*"` for all
                values. Of several lists, every combination is generated, the last factor varying fastest.

        Returns:
            uint8 (H, W, C) in [0, 255], or (N, H, W, C) if a list or `"*"` is given; C = 1 or 3.

        Raises:
            FactorError: an unknown or missing factor, an unknown value, or weights that are no blend.

        Example:

        >>> import gcn_tf
        >>> run = gcn_tf.open_run("runs/demo")
        >>> run.generate(digit=7, writer="3:0.5+8:0.5", color="red", rotation=0).shape
        (28, 28, 3)
        >>> run.generate(digit=[3, 7], writer=3, color="*", rotation=0).shape
        (6, 28, 28, 3)
        """
        from gcn_tf.synthesis.draw import generate

        words = words_of(values)
        images = generate(self.opened, self.opened.space.select(words))
        several = any(not is_one(value) for value in values.values())
        return images if several else images[0]

    def report(self) -> dict[str, Any]:
        """The scores of the run's report; a run whose report is missing or of other weights is evaluated first.

        Returns:
            By group of cells ("seen", "unseen low-level", "unseen high-level") and figure (`psnr_db`, ...), a dict with
            `value` and its 95 % interval, `low` to `high`. The pages and pictures are in `folder / "report"`.

        Raises:
            UserError: the pictures of the run are not at hand, or not those of its training.
        """
        from gcn_tf.evaluation.report import read_report, write_report

        if not _has_report(self.opened):
            write_report(self.opened, self.opened.load_split())
        scores: dict[str, Any] = read_report(self.folder)["scores"]
        return scores


def is_one(value: Any) -> bool:
    """Whether what is given for a factor names one value or blend, not several."""
    return np.ndim(value) == 0 and value != "*"


def words_of(values: Mapping[str, Any]) -> list[str]:
    """Values by factor name as words, such as "gesture=2,5"."""
    chosen = {name: [value] if np.ndim(value) == 0 else value for name, value in values.items()}
    return [f"{name}={','.join(map(label_text, texts))}" for name, texts in chosen.items()]


def _has_report(run: "run_dir.Run") -> bool:
    """Whether there is a whole report of these weights; raises UserError for another run's."""
    from gcn_tf.evaluation.report import read_stamp

    try:
        stamp = read_stamp(run.folder / "report")
        stamp.check_files()
    except UserError:  # missing or damaged: made again
        return False
    stamp.require_run(run.identity, run.folder)
    return stamp.checkpoint == run.checkpoint


def open_run(folder: Path | str, checkpoint: str = "newest") -> Run:
    """Open a run that `gcn_tf.train` or `gcn-tf train` wrote.

    Args:
        folder: of the run; it may have been moved.
        checkpoint: "newest", or "best", the one whose unseen cells scored best during training.

    Raises:
        UserError: not a run directory, no such checkpoint, or a damaged one.

    Example:

    >>> import gcn_tf
    >>> gcn_tf.open_run("runs/demo").factors["color"]
    ('red', 'green', 'blue')
    """
    if checkpoint not in CHECKPOINTS:
        raise UserError(f"checkpoint is {shown(checkpoint)}: give one of {', '.join(CHECKPOINTS)}")
    import_tensorflow()
    from gcn_tf.runs import run_dir

    return Run(run_dir.open_run(folder, CHECKPOINTS[checkpoint]))


def train(
    data: ArrayDataset | str | Path,
    run_dir: Path | str | None = None,
    *,
    preset: str = "",
    report: bool = True,
    devices: str = "",
    **settings: Any,
) -> Run:
    """Train a run, export its SavedModel and write its report, as `gcn-tf train` does; settings for own pictures are planned.

    A run that is trained on arrays keeps them as PNG files in `run_dir / "pictures"`, where `gcn-tf evaluate`,
    `train --resume` and `augment` find them, also after the folder was moved.

    Args:
        data: what `dataset_from_arrays` returns, the path of a folder of own pictures, or a dataset by name: "glyphs".
        run_dir: a new folder; by default runs/DATASET-DATE-TIME.
        preset: settings by name that the defaults come from; by default the dataset's.
        report: whether the report is written; `Run.report` does it later.
        devices: that share every batch: "all" GPUs, numbers of them, "0,1", or "cpu".
        settings: those of `gcn_tf.config.schema.RunConfig` and the dataset's own, by the names of the flags: `steps=300`,
            `holdout="fraction=0.1"`, `limit=["person=40"]`, `generator={"trunk": [256]}`. Arrays of up to 64
            pixels whose size layers can make keep it; others are scaled as the plan says, or to `image_size`.

    Raises:
        Interrupted: Ctrl-C or SIGTERM; the run was saved, and `resume` goes on.
        UserError: bad settings or data; one line that names them.

    Example:

    >>> import gcn_tf
    >>> run = gcn_tf.train("glyphs", "runs/tiny", steps=2, batch_size=4, report=False)
    glyphs: 1152 cells seen, 48 unseen; runs/tiny
    ...
    SavedModel: runs/tiny/model
    >>> run.generate(digit=7, writer=0, color="red", rotation=90).dtype
    dtype('uint8')
    """
    config = _config(data, preset, settings)
    check_config(config)
    import_tensorflow()
    from gcn_tf.runs.lock import locked
    from gcn_tf.runs.run_dir import check_new_run_dir, new_run_dir

    given = {*settings, "preset"} if preset else {*settings}
    if not isinstance(data, ArrayDataset):
        folder = Path(run_dir) if run_dir else new_run_dir(config)
        with locked(folder):
            check_new_run_dir(folder)
            return _train(config, given, folder, report, devices)
    folder = Path(run_dir) if run_dir else new_run_dir(replace(config, manual_dir=OWN_PICTURES))
    given |= {"image_size"} if _keep_size(data) else set()
    with locked(folder):
        check_new_run_dir(folder)
        with _kept_pictures(data, folder) as pictures:
            return _train(replace(config, manual_dir=str(pictures)), given, folder, report, devices)


def _train(config: RunConfig, given: Collection[str], folder: Path, report: bool, devices: str) -> Run:
    """Plan a run if it is one of own pictures, then train it."""
    from gcn_tf.api.training import planned, train_run
    from gcn_tf.training.prepare import check_settings

    plan = planned(config, given, print, folder)
    config = plan.config if plan else config
    check_settings(config)
    return Run(train_run(config, folder, print, plan, report=report, devices=devices))


def _keep_size(data: ArrayDataset) -> bool:
    """Whether a plan leaves the size of arrays as it is: they are not large, and layers can make them."""
    from gcn_tf.planning.rules import SIDES, planned_size

    size = data.images.shape[1:3]
    return max(size) <= max(SIDES) and planned_size(size, max(size)) == size


def resume(folder: Path | str, steps: int | None = None, *, report: bool = True, devices: str = "") -> Run:
    """Train a run from its newest checkpoint to its last step, as `gcn-tf train --resume` does.

    Args:
        folder: of the run.
        steps: a larger number than the run has lengthens it.
        report: whether the report is written.
        devices: as of `train`.

    Raises:
        Interrupted: Ctrl-C or SIGTERM; the run was saved.
        UserError: not a run directory, fewer steps, or pictures that are not those of the run.
    """
    import_tensorflow()
    from gcn_tf.api.training import train_run
    from gcn_tf.runs.lock import locked
    from gcn_tf.runs.run_dir import read_run_config
    from gcn_tf.training.resume import check_resume

    folder = Path(folder)
    config = read_run_config(folder)
    config = with_settings(config, {} if steps is None else {"steps": steps}, "resume")
    with locked(folder):
        print(*check_resume(folder, config), sep="\n")
        return Run(train_run(config, folder, print, resumed=True, report=report, devices=devices))


def _config(data: Any, preset: str, settings: Mapping[str, Any]) -> RunConfig:
    """The settings of a training; raises ConfigError for an unknown one, with the nearest spelling."""
    if isinstance(data, ArrayDataset):
        return _config_of_arrays(data, preset, settings)
    if not isinstance(data, (str, os.PathLike)):
        raise UserError(
            f"data is a {type(data).__name__}: give dataset_from_arrays(images, factors), a folder or a dataset's name"
        )
    name = os.path.abspath(os.path.expanduser(data)) if isinstance(data, os.PathLike) else data
    return _with(resolve(preset, name), settings)


def _config_of_arrays(data: ArrayDataset, preset: str, settings: Mapping[str, Any]) -> RunConfig:
    for name in LABELLED:
        if name in settings:
            raise ConfigError(
                f"train: {name} is {shown(settings[name])}, but arrays have it already: leave it out"
            )
    height, width = data.images.shape[1:3]
    size = height if height == width else f"{height}x{width}"
    own = {"factors": ",".join(data.factors), "image_size": size}
    return _with(resolve(preset or "folder", "folder"), {**own, **settings})


def _with(config: RunConfig, settings: Mapping[str, Any]) -> RunConfig:
    """A copy with settings; one text stands for a list of one: `holdout="fraction=0.1"`."""
    lists = {
        entry.name
        for part in (config, config.options)
        for entry in fields(part)
        if isinstance(getattr(part, entry.name), tuple)
    }
    given = {
        name: [value] if name in lists and isinstance(value, str) else value
        for name, value in settings.items()
    }
    changed: RunConfig = with_settings(config, given, "train")
    return changed


@contextmanager
def _kept_pictures(data: ArrayDataset, run_dir: Path) -> Iterator[Path]:
    """Write the pictures into a run, and remove them if no run comes of it; yields their folder, absolute."""
    folder = run_dir.absolute() / OWN_PICTURES
    try:
        _write(data, folder)
        yield folder
    finally:
        if not (run_dir / "config.yaml").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _write(data: ArrayDataset, folder: Path) -> None:
    try:
        data.write(folder)
    except OSError as error:
        raise UserError(f"cannot write to {error.filename or folder}: {error.strerror}") from None
