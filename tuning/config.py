"""What a search is asked for. No TensorFlow here."""

import hashlib
import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gcn_tf.config.checks import check_flag, whole_number
from gcn_tf.config.kept import PLACES
from gcn_tf.config.schema import ConfigError, RunConfig, to_dict

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
        """What must stay the same when a search goes on: all but the number of trials and the places of data."""
        config = {key: value for key, value in to_dict(self.config).items() if key not in PLACES}
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
        """Of `settings`: a worker compares its own with the chief's."""
        text = json.dumps(self.settings(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass
class SearchConfig(RunConfig):
    """The flags of a search beside those of a run."""

    trials: int = 30
    """How many, the shorter ones of hyperband included; more of them go on with a search that ended."""
    strategy: Strategy = "hyperband"
    """hyperband: many short trainings, the best of them longer; bayesian: a Gaussian process says what to try next;
    random."""
    space: tuple[str, ...] = ()
    """What varies, else as --dry-run prints it: learning_rate=1e-4..1e-3 generator.activation=relu,elu beta_2=0.99. A
    flag of train that is given, such as --learning-rate 1e-3, fixes its setting."""
    space_file: Path | None = None
    """The same from a YAML file: setting: LOW..HIGH, setting: [a, b] or setting: value."""
    validation: tuple[str, ...] = ()
    """Hold-out that trials are scored on, its cells disjoint from those of --holdout; default: the same protocols."""
    psnr_weight: float = PSNR_WEIGHT
    """Weight of a dB of PSNR in the score beside the share of factors classified correctly."""
    executions: int = 1
    """How often a trial of full length is trained, each time with another seed; its score is the mean. One training can be
    lucky."""
    max_parameters: int | None = None
    """Budget of both networks; default: twice the parameters of the settings that the search begins with."""
    role: Role = "alone"
    """Several machines: one chief, which trains nothing, and as many workers as you like, all with the same settings."""
    chief_address: str = "127.0.0.1:8754"
    """Where the chief listens, by default for this machine alone: HOST:PORT. The connection is neither encrypted nor
    authenticated: 0.0.0.0:8754 is for networks that you trust."""
    out: Path | None = None
    """Folder of the search, gone on with if it is there; default: tunings/DATASET-STRATEGY."""
    dry_run: bool = False
    """Print the space, the trials and what each of them may cost, and train nothing."""


def check_search_config(config: SearchConfig) -> None:
    """Raise ConfigError for a flag of the search that makes no sense."""
    check_flag("--trials", config.trials, 2, 10_000)  # the first has the settings as they are
    check_flag("--psnr-weight", config.psnr_weight, 0)
    check_flag("--executions", config.executions, 1, 1000)
    check_flag("--max-parameters", config.max_parameters, 1)
    parse_address(config.chief_address)


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
