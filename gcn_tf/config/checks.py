"""Limits of settings: every number of a config has a range, and what is out of it is named."""

import dataclasses
import re
from dataclasses import fields
from typing import Any

from gcn_tf.config.schema import IMAGE_SIDES, LARGEST_NUMBER, MOST_LAYERS, ConfigError, DataConfig, RunConfig
from gcn_tf.errors import shown


def whole_number(text: str) -> int | None:
    """A number of up to nine digits; None for what is none, such as an id."""
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None


# (lowest, highest) by key; None leaves the side open, up to LARGEST_NUMBER.
RANGES: dict[str, tuple[float | None, float | None]] = {
    "exemplars": (1, 10_000),
    "image_size": IMAGE_SIDES,
    "data_seed": (0, 2**31 - 1),
    "seed": (0, 2**31 - 1),
    "pixel_weight": (0, None),
    "classification_weight": (0, None),
    "imagined_share": (0, 16),
    "imagined_weight": (0, None),
    "imagined_from": (0, 1),
    "imagined_full": (0, 1),
    "imagined_class_weight": (0, None),
    "classifier_jitter": (0, 4),
    "steps": (1, None),
    "classifier_steps": (0, None),
    "batch_size": (1, 65536),
    "learning_rate": (1e-12, 10),
    "beta_1": (0, 0.999999),
    "beta_2": (0, 0.999999),
    "epsilon": (1e-20, 1),
    "checkpoint_steps": (1, None),
    "log_steps": (1, None),
    "image_steps": (1, None),
    "tower_units": (1, None),
    "filters": (1, None),
    "kernel": (1, None),
    "stride": (1, None),
    "pad": (0, None),
    "pool": (1, None),
    "pool_stride": (1, None),
    "towers": (1, None),
    "trunk": (1, None),
    "seed_tensor": (0, None),
    "head_units": (1, None),
    "heads": (1, None),
    "factor_weights": (0, None),
    "dropout": (0, 0.99),
    "negative_slope": (0, 1),
}


def check_config(config: Any, prefix: str = "") -> None:
    """Raise ConfigError for the first setting out of range, naming it."""
    for entry in fields(config):
        value, key = getattr(config, entry.name), prefix + entry.name
        _check_value(key, value, *RANGES.get(entry.name, (None, None)))
    if isinstance(config, DataConfig):
        config.writer_selection()
    if isinstance(config, RunConfig) and config.imagined_from > config.imagined_full:
        raise ConfigError(
            f"imagined_from is {config.imagined_from:g}, imagined_full {config.imagined_full:g}: imagined cells cannot "
            "have their full weight before they set in, make imagined_full the larger"
        )


def _check_value(key: str, value: Any, lowest: float | None, highest: float | None) -> None:
    """Everything in a setting, however deep, has the setting's range; layers bring their own."""
    if dataclasses.is_dataclass(value):
        check_config(value, f"{key}.")
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_value(f"{key}.{name}", item, lowest, highest)
    elif isinstance(value, tuple):
        if len(value) > MOST_LAYERS and not isinstance(value[0], str):
            raise ConfigError(f"{key} has {len(value):,} entries: give at most {MOST_LAYERS}")
        for i, item in enumerate(value):
            _check_value(f"{key}[{i}]", item, lowest, highest)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        _check_number(key, value, lowest, highest)


def _check_number(key: str, value: float, lowest: float | None, highest: float | None) -> None:
    if not abs(value) <= LARGEST_NUMBER:  # so that NaN is refused
        raise ConfigError(f"{key} is {shown(value)}: give a finite number of at most {LARGEST_NUMBER:g}")
    if (lowest is not None and value < lowest) or (highest is not None and value > highest):
        limits = f"from {lowest:g}" + (f" to {highest:g}" if highest is not None else " up")
        raise ConfigError(f"{key} is {value:g}: give a number {limits}")


def check_flag(flag: str, value: float | None, lowest: float, highest: float = LARGEST_NUMBER) -> None:
    """Raise ConfigError for a number that a flag can not have; None is one that was not given."""
    if value is not None and not lowest <= value <= highest:  # so that NaN is refused
        found = f"{value:g}" if isinstance(value, float) else shown(value)  # hundreds of digits, perhaps
        raise ConfigError(f"{flag} {found}: give a number from {lowest:g} to {highest:g}")
