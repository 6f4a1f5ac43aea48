"""Checkpoints of a run: written atomically, verified when they are read, limited in number.

A checkpoint is one uncompressed .npz file with every variable of both networks and both optimizers, including the step
and the state of all random generators, the identity of the run, and a SHA-256 of everything. It is written under a temporary name, flushed to
disk and moved into place. Reading it runs no code and takes no more memory than this run's variables do: arrays of
other types or shapes are refused.
"""

import hashlib
import json
import re
import sys
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from gcn_tf.errors import UserError
from gcn_tf.files import LARGEST_LOG, read_small, require_regular, write_atomically
from gcn_tf.model.gcn import GCN
from gcn_tf.runs.identity import Identity, arithmetic
from gcn_tf.runs.lock import require_held

KEEP = 3  # newest checkpoints of a run, besides the best
BEST = "best.npz"
NOTE = (
    "note.json"  # step, score, identity and planned steps of the run, SHA-256 of its log, and what computed
)
LOG = "metrics.jsonl"  # beside the folder of checkpoints
DIGEST = "sha256"
LONGEST_NOTE = 2**20  # bytes


class DamagedCheckpoint(Exception):
    """A file that is not a complete checkpoint; the message says why."""


class OtherNetworks(UserError):
    """A complete checkpoint of other networks."""


class CheckpointStore:
    """The checkpoints of a run: the newest few, and the best by the score of its unseen cells.

    Args:
        identity: of the run that the folder belongs to; None: checkpoints are neither marked nor checked.
        steps: of the whole training.
        main_steps: of the generator; the checkpoint of this step is kept, since a run is lengthened from there. 0: of the whole training.

    Attributes:
        identity: once a checkpoint is restored, what it says of the run, pictures and seen cells included.
        arithmetic: what computed the restored checkpoint, as `gcn_tf.runs.identity.arithmetic` says it.
        log_sha256: of the log when the restored checkpoint was written; "" if there was none.
    """

    def __init__(
        self,
        model: GCN,
        folder: Path,
        identity: Identity | None = None,
        steps: int = 0,
        keep: int = KEEP,
        main_steps: int = 0,
    ) -> None:
        self.variables = model.all_variables
        self.later = len(model.temperatures)  # the last variables, which versions before did not have
        self.folder, self.keep, self.identity, self.steps = folder, keep, identity, steps
        self.main_steps = main_steps or steps
        self.arithmetic: dict[str, Any] = {}
        self.log_sha256 = ""

    def paths(self) -> list[Path]:
        """Paths of the newest few, the oldest first."""
        return checkpoint_paths(self.folder)

    @property
    def latest(self) -> Path | None:
        """The newest, damaged or not; None if there is none."""
        return next(reversed(self.paths()), None)

    @property
    def largest_size(self) -> int:
        """Most bytes that all checkpoints take, including one that is being written."""
        one = sum(int(np.prod(v.shape)) * tf.as_dtype(v.dtype).size for v in self.variables)
        return (self.keep + 3) * (one + 512 * len(self.variables))

    def save(self, step: int) -> Path:
        """Write a checkpoint and delete those beyond the newest few."""
        path = self.folder / f"step-{step:08d}.npz"
        self._write(path, step, None)
        self.delete_old()
        return path

    def delete_old(self) -> None:
        """Delete those beyond the newest few, but for the one at the generator's last step."""
        for old in self.paths()[: -self.keep]:
            if _named_step(old) != self.main_steps:
                old.unlink()

    def go_back_to_lengthen(self) -> None:
        """Of a run that is longer than it was, delete the checkpoints of its last phase: the generator goes on from before it.

        Damaged ones stay: `restore` names them.
        """
        for path in self.paths()[::-1]:
            with suppress(DamagedCheckpoint):
                note = read_note(path)
                main = note.get("main_steps", note["step"])
                if note.get("steps", 0) < self.steps and note["step"] > main:
                    path.unlink()

    def save_best(self, step: int, score: float) -> bool:
        """Write `best.npz` unless the existing one has at least this score; return whether it was written."""
        if score <= self._best_score():
            return False
        self._write(self.folder / BEST, step, score)
        return True

    def _best_score(self) -> float:
        try:
            score = read_note(self.folder / BEST)["score"]
        except (DamagedCheckpoint, OSError):
            return -np.inf
        return -np.inf if score is None else float(score)

    def _write(self, path: Path, step: int, score: float | None) -> None:
        arrays = [tf.convert_to_tensor(v.value).numpy() for v in self.variables]
        run = self.identity.to_json() if self.identity else None
        about = {
            "run": run,
            "steps": self.steps,
            "main_steps": self.main_steps,
            "log": log_sha256(self.folder.parent / LOG),
        }
        note = json.dumps({"step": step, "score": score, **about, "made_on": arithmetic()})
        if not self.folder.is_dir():
            raise UserError(f"{self.folder} has vanished: nothing more is written")
        require_held(self.folder.parent)

        def write(beside: Path) -> None:
            with zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as archive:
                archive.writestr(NOTE, note)
                archive.writestr(DIGEST, digest(note, arrays))
                for i, array in enumerate(arrays):
                    with archive.open(_member(i), "w", force_zip64=True) as file:
                        np.lib.format.write_array(file, array, (1, 0), allow_pickle=False)

        write_atomically(path, write)

    def restore(self, name: str = "") -> Path:
        """Load the newest complete checkpoint; print which ones are skipped because they are damaged.

        Args:
            name: a file of the folder, such as `best.npz`, instead of the newest.

        Returns:
            The file that was loaded.

        Raises:
            UserError: there is none, all are damaged, or one belongs to other networks or to another run.
        """
        self._check_identities()
        candidates = [self.folder / name] if name else self.paths()[::-1]
        candidates = [path for path in candidates if path.exists()]
        if not candidates:
            raise UserError(
                f"{self.folder} holds no checkpoint{f' {name}' if name else ''}: train the run first"
            )
        for path in candidates:
            try:
                arrays = self._read(path)
            except DamagedCheckpoint as reason:
                print(f"gcn-tf: checkpoint {path} is damaged ({reason}) and skipped", file=sys.stderr)
                continue
            for variable, array in zip(self.variables, arrays, strict=True):
                variable.assign(array)
            self._adopt(path)
            return path
        raise UserError(
            f"every checkpoint of {self.folder} is damaged: train the run again, in another folder"
        )

    def all_paths(self) -> list[Path]:
        """Paths of the best, if there is one, and of the newest few, the newest first."""
        return [path for path in (*self.paths()[::-1], self.folder / BEST) if path.exists()]

    def verify(self, path: Path) -> str:
        """Read a checkpoint in full; return its step in words, or raise UserError if it is damaged or another run's."""
        try:
            self._read(path)
            note = read_note(path)
            stored = stored_identity(note)
        except DamagedCheckpoint as reason:
            raise UserError(f"checkpoint {path} is damaged ({reason}): delete it") from None
        if stored and self.identity:
            stored.require_same(self.identity, path, self.folder.parent)
        return f"whole, of step {note['step']}" if stored else f"whole, of step {note['step']}; names no run"

    def _check_identities(self) -> None:
        """Raise UserError if a checkpoint of the folder, restored or not, is another run's."""
        first: tuple[Identity, Path] | None = None
        for path in self.all_paths():
            with suppress(DamagedCheckpoint):
                note = read_note(path)
                stored = stored_identity(note)
                if not stored or not self.identity:
                    continue
                stored.require_same(self.identity, path, self.folder.parent)
                if self.steps and note.get("steps", 0) > self.steps:
                    raise UserError(
                        f"{path} and {self.folder.parent} are of different runs (steps is {note['steps']} and "
                        f"{self.steps}): put back what was changed"
                    )
                if first:  # settings alone say nothing of the pictures
                    stored.require_same(first[0], path, first[1])
                first = first or (stored, path)

    def _adopt(self, path: Path) -> None:
        note = read_note(path)
        stored = stored_identity(note)
        if self.identity and not stored:
            print(
                f"gcn-tf: checkpoint {path} is of a version that did not note which run it belongs to: not checked",
                file=sys.stderr,
            )
        self.identity = stored or self.identity
        made_on = note.get("made_on")
        self.arithmetic = made_on if isinstance(made_on, dict) else {}
        self.log_sha256 = str(note.get("log") or "")

    def _read(self, path: Path) -> list[np.ndarray]:
        """Arrays for all variables, verified."""
        if (step := _named_step(path)) is not None and step != read_note(path)["step"]:
            raise DamagedCheckpoint(f"it was renamed: it is of step {read_note(path)['step']}")
        if path.name == BEST and read_note(path)["score"] is None:
            raise DamagedCheckpoint(f"it was renamed: it is that of step {read_note(path)['step']}")
        note = _note_text(path)
        arrays = []
        try:
            with zipfile.ZipFile(path) as archive:
                stored = {info.filename: info for info in archive.infolist()}
                missing = len(self.variables) + 2 - len(stored)
                if missing not in (0, self.later):
                    raise OtherNetworks(self._unfitting(path, f"{len(stored) - 2} arrays"))
                known, later = self.variables[: len(stored) - 2], self.variables[len(stored) - 2 :]
                for i, variable in enumerate(known):
                    kind, shape = tf.as_dtype(variable.dtype).as_numpy_dtype, tuple(variable.shape)
                    found = _read_array(archive, _member(i), kind, shape)
                    if isinstance(found, str):
                        raise OtherNetworks(self._unfitting(path, f"{variable.path} as {found}"))
                    arrays.append(found)
                wanted = _read_text(archive, DIGEST)
        except OtherNetworks:
            raise
        except _UNREADABLE as error:
            raise DamagedCheckpoint(_reason(error)) from None
        if wanted != digest(note, arrays):
            raise DamagedCheckpoint("its checksum is wrong")
        return arrays + [np.ones(v.shape, tf.as_dtype(v.dtype).as_numpy_dtype) for v in later]

    def _unfitting(self, path: Path, what: str) -> str:
        return f"checkpoint {path} does not fit this run's networks: it has {what}"

    def finite(self) -> bool:
        """Whether no variable holds a NaN or an infinity."""
        floats = [v.value for v in self.variables if v.value.dtype.is_floating]
        return all(bool(tf.reduce_all(tf.math.is_finite(v))) for v in floats)


def checkpoint_paths(folder: Path) -> list[Path]:
    """Paths of the checkpoints of steps, the oldest first; files of other names are no checkpoints."""
    steps = {path: step for path in folder.glob("step-*.npz") if (step := _named_step(path)) is not None}
    return sorted(steps, key=steps.__getitem__)


def _named_step(path: Path) -> int | None:
    found = re.fullmatch(r"step-([0-9]{8,12})\.npz", path.name)
    return int(found[1]) if found else None


def newest_step(folder: Path) -> int:
    """The step of the newest checkpoint, from its name; 0 if there is none."""
    newest = checkpoint_paths(folder)[-1:]
    return (_named_step(newest[0]) or 0) if newest else 0


def checkpoint_sha256(path: Path) -> str:
    """What a checkpoint says is its SHA-256; raises DamagedCheckpoint if that is unreadable."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _read_text(archive, DIGEST)
    except _UNREADABLE as error:
        raise DamagedCheckpoint(_reason(error)) from None


def log_sha256(path: Path) -> str:
    """SHA-256 of a log, in hexadecimal; "" if there is none."""
    try:
        return hashlib.sha256(read_small(path, LARGEST_LOG)).hexdigest()
    except OSError:
        return ""


def newest_identity(folder: Path) -> Identity | None:
    """Which run the newest whole note among the checkpoints names; None if there is none."""
    for path in reversed(checkpoint_paths(folder)):
        with suppress(DamagedCheckpoint):
            return stored_identity(read_note(path))
    return None


def largest_file(folder: Path) -> int:
    """Bytes of the largest checkpoint in a folder; 0 if there is none."""
    return max((path.stat().st_size for path in folder.glob("*.npz") if path.is_file()), default=0)


# All that zipfile and NumPy raise; the last two for archives with encryption or unknown compression.
_UNREADABLE = (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError)


def digest(note: str, arrays: Sequence[np.ndarray]) -> str:
    """SHA-256 of a checkpoint, in hexadecimal."""
    found = hashlib.sha256(note.encode())
    for array in arrays:
        found.update(f"{array.dtype}{array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def read_note(path: Path) -> dict[str, Any]:
    """Read the note of a checkpoint: "step", "score", "run", "made_on"; raise DamagedCheckpoint if it is unreadable."""
    try:
        note = json.loads(_note_text(path))
    except (ValueError, RecursionError) as error:
        raise DamagedCheckpoint(_reason(error)) from None
    match note:
        case {"step": int(), "score": float() | None} if isinstance(note.get("steps", 0), int):
            return note
    raise DamagedCheckpoint("its note is invalid")


def stored_identity(note: dict[str, Any]) -> Identity | None:
    """Which run a checkpoint belongs to; None if it does not say, as in earlier versions."""
    if note.get("run") is None:
        return None
    try:
        return Identity.from_json(note["run"])
    except ValueError as error:
        raise DamagedCheckpoint(_reason(error)) from None


def _note_text(path: Path) -> str:
    try:
        require_regular(path)
        with zipfile.ZipFile(path) as archive:
            return _read_text(archive, NOTE)
    except _UNREADABLE as error:
        raise DamagedCheckpoint(_reason(error)) from None


def _read_text(archive: zipfile.ZipFile, name: str) -> str:
    with archive.open(name) as file:
        text = file.read(LONGEST_NOTE + 1)
    if len(text) > LONGEST_NOTE:
        raise DamagedCheckpoint(f"its {name} is far too long")
    return text.decode()


def _member(number: int) -> str:
    return f"{number:04d}.npy"


def _read_array(archive: zipfile.ZipFile, name: str, kind: Any, shape: tuple[int, ...]) -> np.ndarray | str:
    """Read an array of the archive; if its header states another type or shape, return that in words instead."""
    info = archive.getinfo(name)
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            return f"version {version}"
        found, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        if (found, dtype) != (shape, np.dtype(kind)) or fortran:
            return f"{dtype} {found}"
        size = int(np.prod(shape)) * dtype.itemsize
        data = file.read(size + 1)
    if len(data) != size:
        raise DamagedCheckpoint(f"array {name} has another length")
    return np.frombuffer(data, dtype).reshape(shape)


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
