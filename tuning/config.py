"""What a search is asked for. No TensorFlow here."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gcn_tf.config.checks import whole_number
from gcn_tf.config.kept import FREE, settings_digest
from gcn_tf.config.schema import RunConfig, to_dict
from gcn_tf.errors import ConfigError

Strategy = Literal["hyperband", "bayesian", "random"]
Role = Literal["alone", "chief", "worker"]
PSNR_WEIGHT = 0.01  # of a dB: ten dB weigh as much as a tenth of all readings


@dataclass(frozen=True)
class Search:
    """A search.

    Args:
        config: the settings that it begins with, test hold-out included; `steps` are those of a full training.
        specs: what is narrowed, fixed or added in the space, by setting.
        validation: hold-out specs of the cells that trials are scored on.
        psnr_weight: of a dB in the score.
        executions: how often a trial of full length is trained, each time with another seed.
        max_parameters: budget of both networks; None: twice those of `config`.
        out: folder of the search.
    """

    config: RunConfig
    specs: dict[str, Any]
    trials: int
    strategy: Strategy
    validation: tuple[str, ...]
    psnr_weight: float
    executions: int
    max_parameters: int | None
    out: Path

    def settings(self) -> dict[str, Any]:
        """What must stay the same when a search goes on: all but the number of trials, the places of data and XLA."""
        config = {key: value for key, value in to_dict(self.config).items() if key not in FREE}
        rest = {
            "strategy": self.strategy,
            "space": self.specs,
            "validation": list(self.validation),
            "psnr_weight": self.psnr_weight,
            "executions": self.executions,
            "max_parameters": self.max_parameters,
        }
        return {**rest, **config}

    def digest(self) -> str:
        """Of `settings`: trials and scores say it, and a worker compares its own with the chief's."""
        return settings_digest(self.settings())


def parse_address(text: str) -> tuple[str, int]:
    """HOST:PORT; raises ConfigError when it is none."""
    host, colon, port = text.rpartition(":")
    number = whole_number(port)
    if not (host and colon and number and number < 65536):
        raise ConfigError(f"--chief-address {text}: write HOST:PORT, e.g. 127.0.0.1:8754")
    return host, number


def check_free(host: str, port: int) -> None:
    """Raise ConfigError unless this machine can listen there: gRPC would share a port with another chief, silently."""
    try:
        with socket.create_server((host, port)):
            pass
    except OSError as error:
        raise ConfigError(
            f"--chief-address {host}:{port}: {os.strerror(error.errno or 0)}; take another port"
        ) from None


def is_loopback(host: str) -> bool:
    return host == "localhost" or host.startswith("127.")
