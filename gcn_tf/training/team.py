"""What the workers of a training have in common: settings, pictures and weights, all as the chief has them."""

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from typing import Any

import tensorflow as tf

from gcn_tf.config.files import with_settings
from gcn_tf.config.kept import PLACES, differing_settings
from gcn_tf.config.schema import RunConfig, to_dict
from gcn_tf.errors import ConfigError, UserError
from gcn_tf.model.gcn import GCN
from gcn_tf.model.precision import resolve_precision
from gcn_tf.runs.identity import Identity
from gcn_tf.training.devices import check_shared
from gcn_tf.training.link import Link


@dataclass(frozen=True)
class Team:
    """This worker among all that train a run.

    Args:
        link: its connections.
        strategy: tf.distribute.MultiWorkerMirroredStrategy. Of all devices of all workers.
    """

    link: Link
    strategy: tf.distribute.Strategy

    @property
    def is_chief(self) -> bool:
        """Whether this is the worker that writes the run."""
        return self.link.workers.is_chief

    @property
    def parts(self) -> tuple[range, int]:
        """Which parts of every batch are this worker's, and how many there are, as `training_batches` takes them."""
        first = self.link.workers.place * self.devices
        return range(first, first + self.devices), self.strategy.num_replicas_in_sync

    @property
    def devices(self) -> int:
        """How many devices this worker has."""
        return len(self.strategy.extended.worker_devices)

    def lead(self, config: RunConfig) -> RunConfig:
        """As the chief: tell all workers the settings of the run; returns them, with what this machine decides for all."""
        check_shared(config, self.strategy.num_replicas_in_sync)
        config = replace(config, precision=resolve_precision(config.precision))
        self.link.tell(settings=to_dict(config))
        return config

    def follow(self, own: RunConfig, given: Collection[str]) -> RunConfig | None:
        """As another worker: wait for the settings of the run, and add those given here; None if there is nothing to train."""
        found = self.link.hear("settings", or_else="done")
        if found is None:
            return None
        return adopted(with_settings(RunConfig(), found, "worker 0"), own, given)

    def agree(self, config: RunConfig, identity: Identity) -> None:
        """Raise UserError unless all workers have the same settings, pictures, seen cells and number of devices."""
        if self.is_chief:
            mine = {"settings": to_dict(config), "identity": identity.to_json(), "devices": self.devices}
            self.link.tell(agreement=mine)
            self.link.hear_all("agreed")
            return
        found = self.link.hear("agreement")
        if differing := differing_settings(found["settings"], to_dict(config), "at worker 0"):
            raise UserError(
                f"this worker has not the settings of worker 0 ({'; '.join(differing)}): start all workers alike"
            )
        if differing := Identity.from_json(found["identity"]).differences(identity):
            raise UserError(
                f"this worker has not the data of worker 0 ({'; '.join(differing)}): all machines need the same pictures"
            )
        if found["devices"] != self.devices:
            raise UserError(
                f"this worker has {self.devices} devices and worker 0 has {found['devices']}: give --devices, the same number on all machines"
            )
        self.link.tell(agreed=True)

    def share_weights(self, model: GCN) -> None:
        """Give every worker all variables as the chief has them, optimizers and random states included."""
        for variable in model.all_variables:
            value = tf.convert_to_tensor(variable.value)
            if self.is_chief:
                self.link.send_array(value.numpy())
            else:
                kind = value.dtype.as_numpy_dtype
                variable.assign(self.link.receive_array(kind, tuple(value.shape)))

    def finish(self) -> None:
        """Wait until all workers have trained all steps and the chief has saved them; afterwards no worker needs the others.

        TensorFlow serves what the others still read of the last step.
        """
        if self.is_chief:
            self.link.hear_all("trained")
            self.dismiss()
        else:
            self.link.tell(trained=True)
            self.link.hear("done")

    def dismiss(self) -> None:
        """As the chief: tell all workers that nothing is left to do."""
        self.link.tell(done=True)
        self.link.release()


def adopted(stored: RunConfig, own: RunConfig, given: Collection[str]) -> RunConfig:
    """The settings of a run that goes on, or that another worker leads, with those that were given here.

    What a training finds out itself stays as it is stored: the precision, and fields of networks and datasets that are left at their
    defaults. Places of data are those of this machine.

    Args:
        own: the settings of this command line.
        given: names of those that its flags or its file give.

    Raises:
        ConfigError: another dataset.
    """
    if "dataset" in given and own.dataset != stored.dataset:
        raise ConfigError(
            f"dataset is {own.dataset}, but {stored.dataset} in the run: start all workers alike"
        )
    names = {entry.name for entry in fields(RunConfig)} - {"options"}
    changes = {name: getattr(own, name) for name in given if name in names}
    changes |= {name: getattr(own, name) for name in PLACES if getattr(own, name, None)}
    if changes.get("precision") == "auto":
        del changes["precision"]
    for name in ("generator", "classifier"):
        if name in changes:
            changes[name] = _overlaid(getattr(stored, name), changes[name])
    if type(own.options) is type(stored.options):
        changes["options"] = _overlaid(stored.options, own.options)
    return replace(stored, **changes)


def _overlaid(stored: Any, own: Any) -> Any:
    """`stored` with the fields of `own` that are not at their defaults; `own` if it is of another kind."""
    if type(stored) is not type(own):
        return own
    default = type(own)()
    values = {entry.name: getattr(own, entry.name) for entry in fields(own) if entry.init}
    return replace(
        stored, **{name: value for name, value in values.items() if value != getattr(default, name)}
    )
