"""The folder of a study: one study each, with settings that stay."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from gcn_tf import training
from gcn_tf.config import ConfigError, RunConfig
from gcn_tf.errors import UserError
from gcn_tf.precision import resolve_precision


def check_same_study(out: Path, settings: dict[str, Any]) -> None:
    """Write the study's settings, or raise ConfigError when the folder holds a study with others."""
    path = out / "study.yaml"
    if path.exists():
        differing = training.differing_settings(yaml.safe_load(path.read_text()), settings, "there")
        if differing:
            raise ConfigError(
                f"--out {out} holds another study ({'; '.join(differing)}): name another folder"
            )
    else:
        try:
            out.mkdir(parents=True, exist_ok=True)
            path.write_text(yaml.safe_dump(settings, sort_keys=False))
        except OSError as error:
            raise UserError(f"cannot write to --out {out}: {error.strerror}") from None


def with_precision(config: RunConfig, out: Path) -> RunConfig:
    """`auto` is what it was when the study began, for the next race may end otherwise."""
    stored = out / "study.yaml"
    if config.precision == "auto" and stored.exists():
        return replace(config, precision=yaml.safe_load(stored.read_text())["precision"])
    return replace(config, precision=resolve_precision(config.precision))
