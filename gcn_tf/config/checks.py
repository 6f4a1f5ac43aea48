"""Limits of settings: the numbers of a config are annotated with their `Range`, and errors name those outside it."""

import dataclasses
import re
import typing
from dataclasses import dataclass, fields
from typing import Any

from gcn_tf.errors import ConfigError, shown

LARGEST_NUMBER = 10**12
MOST_LAYERS = 100  # in a row; with thousands, Keras takes minutes and then overflows the stack


@dataclass(frozen=True)
class Range:
    """Smallest and largest value of a number, both allowed; None leaves the upper side open, up to LARGEST_NUMBER.

    In an annotation it applies to every number of the setting, at any depth: `Annotated[tuple[int, ...], Range(1)]`.
    """

    lowest: float
    highest: float | None = None

    def __contains__(self, value: float) -> bool:
        return value >= self.lowest and (self.highest is None or value <= self.highest)

    def text(self) -> str:
        """`"from 0 to 1"` or `"from 1 up"`."""
        return f"from {self.lowest:g}" + (f" to {self.highest:g}" if self.highest is not None else " up")


def ranges_of(kind: type) -> dict[str, Range]:
    """The ranges of a dataclass's annotated fields, by name."""
    hints = typing.get_type_hints(kind, include_extras=True)
    found = {}
    for entry in fields(kind):
        for extra in getattr(hints[entry.name], "__metadata__", ()):
            if isinstance(extra, Range):
                found[entry.name] = extra
    return found


def check_config(config: Any, prefix: str = "") -> None:
    """Raise ConfigError naming the first setting that is out of range, or settings that contradict each other.

    After the ranges, every class of the config that has a method `check_settings` checks for contradictions.
    """
    ranges = ranges_of(type(config))
    for entry in fields(config):
        value = getattr(config, entry.name)
        flat = getattr(value, "FLAT", False)  # its settings stand beside the others, without a prefix
        _check_value(prefix if flat else prefix + entry.name, value, ranges.get(entry.name))
    for kind in type(config).__mro__:
        if "check_settings" in vars(kind):
            vars(kind)["check_settings"](config)


def _check_value(key: str, value: Any, allowed: Range | None) -> None:
    """Check everything in a setting, at any depth, against the setting's range; layers have ranges of their own."""
    if dataclasses.is_dataclass(value):
        check_config(value, f"{key}." if key and not key.endswith(".") else key)
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_value(f"{key}.{name}", item, allowed)
    elif isinstance(value, tuple):
        if len(value) > MOST_LAYERS and not isinstance(value[0], str):
            raise ConfigError(f"{key} has {len(value):,} entries: give at most {MOST_LAYERS}")
        for i, item in enumerate(value):
            _check_value(f"{key}[{i}]", item, allowed)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        _check_number(key, value, allowed)


def _check_number(key: str, value: float, allowed: Range | None) -> None:
    if not abs(value) <= LARGEST_NUMBER:  # so that NaN is refused
        raise ConfigError(f"{key} is {shown(value)}: give a finite number of at most {LARGEST_NUMBER:g}")
    if allowed is not None and value not in allowed:
        raise ConfigError(f"{key} is {value:g}: give a number {allowed.text()}")


def check_flag(flag: str, value: float | None, lowest: float, highest: float = LARGEST_NUMBER) -> None:
    """Raise ConfigError if the number given to a flag is out of range; None means that the flag was not given."""
    if value is not None and not lowest <= value <= highest:  # so that NaN is refused
        found = (
            f"{value:g}" if isinstance(value, float) else shown(value)
        )  # an int may have hundreds of digits
        raise ConfigError(f"{flag} {found}: give a number from {lowest:g} to {highest:g}")


def whole_number(text: str) -> int | None:
    """Parse an unsigned integer of at most nine digits, else None (an id, for example)."""
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None
