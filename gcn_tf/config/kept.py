"""Settings that must stay the same when work in a folder continues."""

from pathlib import Path
from typing import Any

import yaml

from gcn_tf.config.files import read_yaml
from gcn_tf.errors import ConfigError, UserError, shown
from gcn_tf.files import write_atomically

LONGEST_TEXT = 1000  # characters of a setting in a message; the layers of any preset take fewer
PLACES = ("data_dir", "manual_dir")  # settings that may change when work continues


def differing_settings(stored: dict[str, Any], wanted: dict[str, Any], place: str) -> list[str]:
    """`"steps: 6 in the run, 7 now"` for every wanted setting whose stored value differs; `PLACES` may differ."""
    return [
        f"{key}: {_text(stored.get(key))} {place}, {_text(value)} now"
        for key, value in wanted.items()
        if key not in PLACES and stored.get(key) != value
    ]


def _text(value: Any) -> str:
    """Format a setting for a message: a file may hold unprintable characters, or thousands of digits."""
    try:
        text = str(value)
    except ValueError:
        return shown(value)
    return text if text.isprintable() and len(text) <= LONGEST_TEXT else shown(value)[:LONGEST_TEXT]


def keep_settings(path: Path, settings: dict[str, Any], what: str) -> None:
    """Write the settings of a folder's work as YAML, or raise ConfigError if the existing file has others.

    Args:
        what: "study" or "search", for the error message.
    """
    if path.exists():
        differing = differing_settings(read_yaml(path), settings, "there")
        if differing:
            raise ConfigError(
                f"--out {path.parent} holds another {what} ({'; '.join(differing)}): name another folder"
            )
        return
    try:
        write_atomically(path, lambda path: path.write_text(yaml.safe_dump(settings, sort_keys=False)))
    except OSError as error:
        raise UserError(f"cannot write to --out {path.parent}: {error.strerror}") from None
