"""The training step of all rivals: every network goes down its own loss."""

from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from gcn_tf import doors
from gcn_tf.config.files import with_settings
from gcn_tf.config.schema import ObjectiveConfig, RunConfig, to_dict
from gcn_tf.model.gcn import GCN, Logs
from gcn_tf.model.objective import Codes
from gcn_tf.model.optimizers import FusedAdam, build_classifier_adam

if TYPE_CHECKING:
    from gcn_tf.rivals.rival import Grid, RivalConfig

BETA_2 = 0.999


@keras.saving.register_keras_serializable(package="gcn_tf")
class Rival(GCN):
    """A generator with the networks that it is trained against, or together with, and the classifier of every run.

    Args:
        generator, classifier, objective, seed: as of a GCN.
        kind: RivalConfig, or its settings as a dict. What the networks minimise.
        others: keras.Model by name. The other networks that are trained.
    """

    def __init__(
        self,
        generator: keras.Model,
        classifier: keras.Model,
        objective: ObjectiveConfig | dict[str, Any] | None = None,
        seed: int = 0,
        kind: "RivalConfig | dict[str, Any] | None" = None,
        others: dict[str, keras.Model] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, classifier, objective, seed, **kwargs)
        self.kind = _kind(kind or {}) if kind is None or isinstance(kind, dict) else kind
        self.others = dict(others or {})
        self.adams: dict[str, keras.Optimizer] = {}

    @property
    def trained_networks(self) -> dict[str, keras.Model]:
        """Networks by name, the generator first."""
        return {"generator": self.generator, **self.others}

    @property
    def optimizers(self) -> list[keras.Optimizer]:
        return [*super().optimizers, *self.adams.values()]

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Set the optimizers; those of the other networks are as the generator's."""
        super().compile(*args, **kwargs)
        self.adams = {}
        for name, network in self.others.items():
            self.adams[name] = type(self.optimizer).from_config(
                {**self.optimizer.get_config(), "name": f"{name}_adam"}
            )
            self.adams[name].build(network.trainable_variables)

    def get_config(self) -> dict[str, Any]:
        others = {name: keras.saving.serialize_keras_object(network) for name, network in self.others.items()}
        return {**super().get_config(), "kind": to_dict(self.kind), "others": others}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict | None = None) -> "Rival":
        others = {
            name: keras.saving.deserialize_keras_object(network, custom_objects=custom_objects)
            for name, network in config.pop("others").items()
        }
        found = super().from_config({**config, "others": others}, custom_objects)
        assert isinstance(found, cls)
        return found

    def _learn(self, codes: Codes, real: tf.Tensor, generator: bool, classifier: bool) -> Logs:
        """Update all networks but the classifier; all gradients are computed before any network changes."""
        with tf.GradientTape(persistent=True) as tape:
            losses = self.kind.losses(self, self.encode(codes), real)
        updates = []
        for name, network in self.trained_networks.items():
            variables = network.trainable_variables
            optimizer = self.adams.get(name) or self.optimizer
            assert optimizer is not None
            updates.append((optimizer, tape.gradient(losses[name], variables), variables))
        for optimizer, gradients, variables in updates:
            optimizer.apply(gradients, variables)
        return {f"{name}_loss": loss for name, loss in losses.items()}

    def finish(self) -> None:
        self.kind.finish(self)


def build_rival(kind: "RivalConfig", config: RunConfig, grid: "Grid") -> Rival:
    """Build all networks and their optimizers, compiled."""
    networks = kind.built(grid)
    model = Rival(
        networks.pop("generator"),
        config.classifier.build(grid.sizes, grid.shape, grid.dtype),
        config.part(ObjectiveConfig),
        config.seed,
        kind,
        networks,
    )
    adam = FusedAdam(kind.learning_rate, beta_1=kind.beta_1, beta_2=BETA_2, name="generator_adam")
    model.compile(adam, build_classifier_adam(config, "classifier_adam"))
    return model


def _kind(settings: dict[str, Any]) -> "RivalConfig":
    kind = doors.find(doors.RIVALS[settings["kind"]])()
    rest = {name: value for name, value in settings.items() if name != "kind"}
    found: RivalConfig = with_settings(kind, rest, "kind")
    return found
