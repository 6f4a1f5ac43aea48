"""What a folder that belongs to a run, its SavedModel or its report, says of itself: which run, which weights, which files."""

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gcn_tf.errors import UserError
from gcn_tf.files import read_json_object, require_regular
from gcn_tf.runs.identity import Identity
from gcn_tf.runs.run_dir import Run

NAME = "identity.json"


@dataclass(frozen=True)
class Stamp:
    """A folder, and what it says of itself.

    Args:
        step: of the training.
        checkpoint: SHA-256 of the checkpoint that it was made from.
        files: size in bytes and SHA-256 by name.
        remedy: what to do about a folder that is not as it was written, for people.
    """

    folder: Path
    step: int
    checkpoint: str
    identity: Identity
    files: dict[str, Any]
    remedy: str

    @classmethod
    def read(cls, folder: Path, place: str, remedy: str) -> "Stamp":
        """What `write_stamp` wrote; raises UserError if there is nothing, or it is damaged."""
        path = folder / place / NAME
        about = read_json_object(path, remedy)
        with suppress(KeyError, TypeError, ValueError):
            step, made_from = int(about["step"]), str(about["checkpoint"])
            identity = Identity.from_json(about["identity"])
            return cls(folder, step, made_from, identity, dict(about["files"]), remedy)
        raise UserError(f"{path} is damaged (no identity): {remedy}")

    def require_run(self, identity: Identity, run_dir: Path) -> None:
        """Raise UserError with both places and what differs, unless the folder is of this run."""
        self.identity.require_same(identity, self.folder, run_dir)

    def check_files(self, whole: bool = False) -> None:
        """Raise UserError if a file is not as it was written, by its size or, if `whole`, by its SHA-256."""
        for name, written in self.files.items():
            path = self.folder / name
            try:
                found = _size_and_sha256(path) if whole else [os.stat(path).st_size]
            except OSError as error:
                raise UserError(f"cannot read {path} ({error.strerror}): {self.remedy}") from None
            if not isinstance(written, list) or found != written[: len(found)]:
                raise UserError(f"{path} is not as it was written: {self.remedy}")


def write_stamp(folder: Path, place: str, run: Run) -> None:
    """Write what a finished folder says of itself.

    Args:
        place: folder within it for the file.
        run: as it was when the folder was made of it.
    """
    paths = sorted(path for path in folder.rglob("*") if not path.is_dir())
    files = {str(path.relative_to(folder)): _size_and_sha256(path) for path in paths}
    about = {
        "run": run.identity.name,
        "step": int(run.model.step),
        "checkpoint": run.checkpoint,
        "identity": run.identity.to_json(),
        "files": files,
    }
    (folder / place / NAME).write_text(json.dumps(about, indent=1), encoding="utf-8")


def _size_and_sha256(path: Path) -> list[Any]:
    require_regular(path)
    with path.open("rb") as file:
        return [os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest()]
