"""A run as the page shows it: opened, opened again when training saved a newer checkpoint, and still shown when it is gone."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock

import numpy as np

from gcn_tf.errors import UserError
from gcn_tf.explore.real_pictures import RealPictures
from gcn_tf.grid.factors import FactorSpace
from gcn_tf.newcomers.transfer import Transfers
from gcn_tf.runs.checkpoints import checkpoint_paths, newest_step
from gcn_tf.runs.run_dir import Run, open_run, read_run_config
from gcn_tf.synthesis.draw import generate

CHECKPOINTS = "checkpoints"


class ShownRun:
    """One run or checkpoint of the page.

    Args:
        place: a run directory, or the `checkpoints/best.npz` in one.

    Attributes:
        run: what is shown; None as long as a training has saved no checkpoint.
        trouble: why the folder cannot be opened any more, or "".

    Raises:
        UserError: neither a run directory nor a checkpoint of one, or one that is damaged.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        fixed = place.suffix == ".npz"
        self.folder = place.parent.parent if fixed else place
        self.checkpoint = place.name if fixed else ""
        if fixed and (place.name != "best.npz" or not place.is_file()):
            raise UserError(f"{place}: give a run directory, or the checkpoint best.npz in its checkpoints/")
        self.config = read_run_config(self.folder)
        self.space = FactorSpace.read(self.folder / "factors.json")
        self.run: Run | None = None
        self.trouble = ""
        self._seen: object = None
        self._lock = Lock()
        if self._newest() is not None:
            self._open()

    def refresh(self) -> bool:
        """Open the run again if its checkpoint is another one than before; whether anything on the page changes.

        A run that cannot be opened any more stays as it was, and `trouble` says why.
        """
        with self._lock:
            before = self.trouble
            try:
                read_run_config(self.folder)
                self.trouble = ""
                if self._newest() == self._seen:
                    return bool(before)
                self._open()
                return True
            except UserError as error:
                gone = not self.folder.exists()
                self.trouble = f"{self.folder} is gone" if gone else str(error)
                return self.trouble != before

    def _newest(self) -> object:
        """What tells the checkpoint that is there from an earlier one; None if there is none."""
        folder = self.folder / CHECKPOINTS
        paths = [folder / self.checkpoint] if self.checkpoint else checkpoint_paths(folder)
        try:
            found = paths[-1].stat() if paths else None
        except FileNotFoundError:
            return None
        return found and (paths[-1].name, found.st_mtime_ns, found.st_ino)

    def _open(self) -> None:
        seen = self._newest()
        opened = open_run(self.folder, self.checkpoint)
        if opened.space != self.space:
            raise UserError(f"{self.folder} has other factors than before: start gcn-tf explore again")
        generate(opened, [first_cell(opened.space)])  # compiles it, so that the page need not wait
        self.run, self._seen = opened, seen
        self.__dict__.pop("transfers", None)

    @property
    def status(self) -> str:
        """One line: which weights are shown, whether training goes on, and what is wrong."""
        if self.run is None:
            return f"{self.folder}: training has saved no checkpoint yet; this page shows the first one when it is there"
        step, last = int(self.run.model.step), self.config.total_steps
        said = f"{self.place}: step {step:,} of {last:,}"
        if self.trouble:
            return f"{said}; {self.trouble}, the page shows what it was"
        if not self.checkpoint and newest_step(self.folder / CHECKPOINTS) < last:
            return f"{said}; the page follows new checkpoints"
        return said

    def generate(self, pictures: Sequence[Mapping[str, str]]) -> np.ndarray:
        """Pictures as `gcn-tf generate` makes them: uint8 (N, H, W, C); raises UserError for what this run has not."""
        if self.run is None:
            raise UserError(self.status)
        if lacking := [name for name in self.run.space.names if name not in pictures[0]]:
            raise UserError(
                f"it also has {', '.join(lacking)}, which the first run lacks: name this run first"
            )
        return generate(self.run, pictures)

    @cached_property
    def real(self) -> RealPictures:
        """The real pictures of the run; raises UserError if they are not at hand."""
        if self.run is None:
            raise UserError(self.status)
        return RealPictures(self.run)

    @cached_property
    def transfers(self) -> Transfers:
        """What draws photographs in other cells; raises UserError if this kind of generator cannot."""
        if self.run is None:
            raise UserError(self.status)
        return Transfers(self.run)


def first_cell(space: FactorSpace) -> dict[str, str]:
    """The first value of every factor."""
    return {factor.name: factor.values[0] for factor in space}
