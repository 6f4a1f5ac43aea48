"""Settings that must stay the same when work in a folder continues, and files that say of which work they are."""

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

from gcn_tf.config.files import read_yaml
from gcn_tf.errors import ConfigError, UserError, shown
from gcn_tf.files import is_unfinished, write_atomically

LONGEST_TEXT = 1000  # characters of a setting in a message; the layers of any preset take fewer
PLACES = ("data_dir", "manual_dir", "labels", "newcomers")  # settings that tell where data are
FREE = (
    *PLACES,
    "jit",
)  # settings that may change when work continues: XLA computes the same, but for rounding
WORK = {  # what a folder holds, by the file that says so
    "config.yaml": "a run",
    "search.yaml": "a search",
    "study.yaml": "a study",
    "plan.json": "an augmented set",
}
ORIGIN_REMEDY = "delete it, or name another folder"


def differing_settings(stored: dict[str, Any], wanted: dict[str, Any], place: str) -> list[str]:
    """`"steps: 6 in the run, 7 now"` for every wanted setting whose stored value differs; `FREE` may differ."""
    return [
        f"{key}: {_text(stored.get(key))} {place}, {_text(value)} now"
        for key, value in wanted.items()
        if key not in FREE and stored.get(key) != value
    ]


def _text(value: Any) -> str:
    """Format a setting for a message: a file may hold unprintable characters, or thousands of digits."""
    try:
        text = str(value)
    except ValueError:
        return shown(value)
    return text if text.isprintable() and len(text) <= LONGEST_TEXT else shown(value)[:LONGEST_TEXT]


def check_kind(path: Path) -> None:
    """Raise ConfigError if the folder of a settings file holds another kind of work."""
    for name, work in WORK.items():
        if name != path.name and (path.parent / name).exists():
            raise ConfigError(f"--out {path.parent} holds {work} ({name}): name another folder")


def check_settings(path: Path, settings: dict[str, Any], what: str) -> None:
    """Raise ConfigError unless the folder of a settings file is empty, or holds work with the same settings.

    Args:
        what: "study" or "search", for the error message.
    """
    check_kind(path)
    folder = path.parent
    if path.exists():
        differing = differing_settings(read_yaml(path), settings, "there")
        if differing:
            raise ConfigError(
                f"--out {folder} holds another {what} ({'; '.join(differing)}): name another folder"
            )
    elif folder.is_dir():
        entries = [e for e in folder.iterdir() if not (e.name.startswith(".") or is_unfinished(e.name))]
        # Workers that start before their chief make empty folders.
        names = sorted(e.name for e in entries if not e.is_dir() or any(p.is_file() for p in e.rglob("*")))
        if names:
            raise ConfigError(
                f"--out {folder} holds {shown(names[0])} but no {path.name}: put that file back, or name another folder"
            )


def keep_settings(path: Path, settings: dict[str, Any], what: str) -> None:
    """Write the settings of a folder's work as YAML; raises ConfigError as `check_settings` does."""
    check_settings(path, settings, what)
    if path.exists():
        return
    text = yaml.safe_dump(settings, sort_keys=False)
    try:
        write_atomically(path, lambda path: path.write_text(text, encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot write to --out {path.parent}: {error.strerror}") from None


def settings_digest(settings: dict[str, Any]) -> str:
    """Sixteen hexadecimal digits that no other settings have; `FREE` are left out."""
    kept = {key: value for key, value in settings.items() if key not in FREE}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


def check_origin(path: Path, stored: Any, wanted: dict[str, Any], remedy: str = ORIGIN_REMEDY) -> None:
    """Raise UserError unless a file says of itself what is wanted of it, such as the digest of its study and its seed.

    Args:
        stored: what the file says; None if it says nothing, as one of an older version does.
    """
    if not isinstance(stored, dict):
        raise UserError(f"{path} does not say what it is of, as files of an older version: {remedy}")
    differing = differing_settings(stored, wanted, "there")
    if differing:
        raise UserError(f"{path} is of other work ({'; '.join(differing)}): {remedy}")
