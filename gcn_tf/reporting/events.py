"""Event files of TensorBoard that are written once, whole; those of a training grow step by step and are `gcn_tf.training.board`'s."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from gcn_tf.files import write_atomically

PREFIX = "events.out.tfevents."  # how the names of all event files begin


def write_events(path: Path, summaries: Iterable[Any], step: int = 0) -> None:
    """Write an event file, or replace it.

    Args:
        path: its name begins with `PREFIX`. TensorBoard reads the files of a folder in the order of their names.
        summaries: protocol buffers, as the `..._pb` functions of TensorBoard's plugins make them.
        step: of the training, of all of them.
    """
    now = time.time()

    def write(beside: Path) -> None:
        with tf.io.TFRecordWriter(str(beside)) as file:
            file.write(Event(wall_time=now, file_version="brain.Event:2").SerializeToString())
            for summary in summaries:
                file.write(Event(wall_time=now, step=step, summary=_own(summary)).SerializeToString())

    write_atomically(path, write)


def _own(summary: Any) -> Summary:
    """A summary as TensorBoard's class: some of its plugins make those of TensorFlow."""
    return Summary.FromString(summary.SerializeToString())


def flat_settings(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by the names of their flags; those that only a config file has keep their place in it.

    >>> flat_settings({"batch_size": 64, "generator": {"kind": "deconvolution", "tower_units": 8}})
    {'batch-size': 64, 'generator': 'deconvolution', 'generator.tower_units': 8}
    """
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        name = prefix.removesuffix(".") if key == "kind" and prefix else prefix + key
        if isinstance(value, Mapping):
            flat |= flat_settings(value, f"{prefix}{key}.")
        else:
            flat[name if prefix else name.replace("_", "-")] = value
    return flat


def setting_text(value: Any) -> str:
    """A setting as text for a table: lists without brackets, nothing as a dash.

    >>> setting_text([512, 512]), setting_text(()), setting_text(0.001)
    ('512, 512', '-', '0.001')
    """
    if isinstance(value, (list, tuple)):
        return ", ".join(map(setting_text, value)) or "-"
    if isinstance(value, Mapping):
        return " ".join(f"{name}={setting_text(part)}" for name, part in value.items()) or "-"
    return "-" if value in (None, "") else str(value)
