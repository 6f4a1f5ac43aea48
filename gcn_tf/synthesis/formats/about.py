"""What an exported file says of itself: which run, which weights, which factors; and whether it may be replaced."""

import json
import os
import zipfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gcn_tf.errors import UserError
from gcn_tf.files import LARGEST_JSON, require_regular
from gcn_tf.runs.identity import Identity
from gcn_tf.runs.run_dir import Run

NAME = (
    "gcn_tf.json"  # of the entry in a file that is an archive too, .keras and .tflite, and of ONNX's metadata
)


@dataclass(frozen=True)
class About:
    """What a file is.

    Args:
        format: keras, litert or onnx.
        precision: of the weights.
        holds: networks by name.
        factors: the values by factor name, in code order.
        run: name of the run, sixteen hexadecimal digits.
        step: of the training.
        checkpoint: SHA-256 of the checkpoint that it was made from.
        identity: of the run, as `Identity.to_json` gives it.
    """

    format: str
    precision: str
    holds: tuple[str, ...]
    factors: dict[str, list[str]]
    run: str
    step: int
    checkpoint: str
    identity: dict[str, Any]

    @classmethod
    def of(cls, run: Run, kind: str, precision: str, *holds: str) -> "About":
        """What a file that is made of a run now is to say."""
        values = {factor.name: list(factor.values) for factor in run.space}
        step, identity = int(run.model.step), run.identity
        return cls(kind, precision, holds, values, identity.name, step, run.checkpoint, identity.to_json())

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)


def add_to_archive(path: Path, about: About) -> None:
    """Add it as an entry `gcn_tf.json`: to a .keras file, or behind a .tflite file, where its labels are looked for."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(NAME, about.to_json())


def check_replaceable_file(path: Path, run: Run) -> None:
    """Raise UserError unless a file of a run may be written there: nothing but an older export of this run is replaced."""
    inside = Path(os.path.realpath(path)).parent
    if (inside / "config.yaml").exists() and not inside.samefile(run.folder):
        raise UserError(f"{path} is a part of another run: export to another --out")
    if not os.path.lexists(path):
        return
    if path.is_dir():
        raise UserError(f"{path} is a folder: name a file with --out")
    text = _text(path)
    if text is None:
        raise UserError(f"{path} is no export of gcn-tf: move it away, or export to another --out")
    _identity(text, path).require_same(run.identity, path, run.folder)


def _identity(text: str, path: Path) -> Identity:
    """The identity in what a file says of itself."""
    with suppress(KeyError, TypeError, ValueError):
        return Identity.from_json(json.loads(text)["identity"])
    raise UserError(f"{path} does not say of which run it is: move it away, or export to another --out")


def _text(path: Path) -> str | None:
    """What `add_to_archive`, or the metadata of an ONNX file, say; None if they say nothing."""
    try:
        require_regular(path)
        if path.suffix == ".onnx":
            from gcn_tf.synthesis.formats.onnx_graph import read_metadata

            return read_metadata(path).get(NAME)
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(NAME).file_size <= LARGEST_JSON:
                return archive.read(NAME).decode()
    except UserError:
        raise
    except Exception:  # zipfile raises a dozen types
        return None
    return None
