"""The contract of a rival: a generator that is trained in another way than by cooperation. TensorFlow is imported to build it.

A rival is a kind of generator (`gcn_tf.doors.RIVALS`): a frozen dataclass that says which networks there are and what each of
them minimises. `gcn_tf.rivals.training.Rival` does the steps; runs, exports and reports are those of a GCN.
"""

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from gcn_tf.config.checks import Range
from gcn_tf.config.networks import GeneratorConfig
from gcn_tf.errors import ConfigError, UserError

if TYPE_CHECKING:
    import keras
    import numpy as np
    import tensorflow as tf

    from gcn_tf.config.schema import RunConfig
    from gcn_tf.model.gcn import GCN
    from gcn_tf.rivals.training import Rival

PARAMETERS = 3_000_000  # about as many as the default GCN has for pictures of 28x28
WIDTHS = (8, 16, 24)  # at which the parameters are counted
WIDEST = 512

Losses = "dict[str, tf.Tensor]"
Networks = "dict[str, keras.Model]"


@dataclass(frozen=True)
class Grid:
    """What networks are built for.

    Args:
        sizes: number of values K_f by factor name, in order.
        shape: (H, W, C) of the pictures.
        dtype: dtype policy of the hidden layers, "float32" or "mixed_bfloat16".
    """

    sizes: Mapping[str, int]
    shape: tuple[int, int, int]
    dtype: str = "float32"


@dataclass(frozen=True)
class RivalConfig(GeneratorConfig):
    """Settings that all rivals have. Defaults are those of Radford et al. 2016 unless a rival's paper has others."""

    meaning: ClassVar[str]
    """What it is, in a few words, for tables."""
    searched: ClassVar[Mapping[str, tuple[float, float]]] = {"learning_rate": (1e-4, 2e-3)}
    """Settings that a search varies, and their ranges."""

    asks_classifier: ClassVar[bool] = False
    """Whether the run's classifier decides which pictures are kept, after training."""

    parameters: Annotated[int, Range(0)] = 0
    """Parameters of all networks that are trained, nearly; 0: 3,000,000, about as many as the default GCN has for 28x28."""
    learning_rate: Annotated[float, Range(1e-12, 10)] = 2e-4
    """Adam's learning rate, of all networks."""
    beta_1: Annotated[float, Range(0, 0.999999)] = 0.5
    """Adam's decay of the gradient's mean."""
    latent: Annotated[int, Range(1, 4096)] = 64
    """Random numbers that a picture is made of, beside its codes."""

    @abstractmethod
    def networks(self, grid: Grid, width: int) -> "dict[str, keras.Model]":
        """All networks that are trained, by name, with layers of widths that are multiples of `width`.

        One is "generator": {factor: float (B, K_f)} -> float32 image (B, H, W, C).
        """

    @abstractmethod
    def losses(
        self, model: "Rival", codes: "dict[str, tf.Tensor]", real: "tf.Tensor"
    ) -> "dict[str, tf.Tensor]":
        """What each of the networks minimises in a step: scalars by the networks' names.

        Args:
            codes: float32 (B, K_f) by factor name, one-hot.
            real: float32 (B, H, W, C) in [0, 1], their pictures.
        """

    def finish(self, model: "Rival") -> None:
        """What is done once, after the last step; by default nothing."""

    @property
    def cooperates(self) -> bool:
        return False

    def built(self, grid: Grid) -> "dict[str, keras.Model]":
        """The networks at the width that has `parameters`."""
        return self.networks(grid, self.width(grid))

    def width(self, grid: Grid) -> int:
        """The width whose networks have at most `parameters`.

        Their number is a quadratic function of it, as that of a layer is the product of two widths.
        """
        import numpy as np

        counts = [sum(n.count_params() for n in self.networks(grid, width).values()) for width in WIDTHS]
        a, b, c = np.polyfit(WIDTHS, counts, 2)
        wanted = self.parameters or PARAMETERS
        roots = np.roots([a, b, c - wanted])
        found = math.floor(max((float(root.real) for root in roots), default=0.0) + 1e-6)
        if found < 1:
            raise ConfigError(
                f"generator.parameters is {wanted:,}: the networks of {self.kind} need {math.ceil(a + b + c):,} or more on this grid"
            )
        return min(found, WIDEST)

    def build(
        self,
        factor_sizes: Mapping[str, int],
        image_shape: tuple[int, int, int],
        dtype: str,
        distances: "Mapping[str, np.ndarray] | None" = None,
    ) -> "keras.Model":
        """The generator alone."""
        return self.built(Grid(factor_sizes, image_shape, dtype))["generator"]

    def trained(self, config: "RunConfig", sizes: Mapping[str, int], shape: tuple[int, int, int]) -> "GCN":
        from gcn_tf.rivals.training import build_rival

        if config.cooperation == "frozen":
            raise ConfigError(f"cooperation is frozen: method {self.kind} does not cooperate, leave it out")
        return build_rival(self, config, Grid(sizes, shape, config.precision))

    def check_fit(self, image_shape: tuple[int, int, int]) -> None:
        """Every size fits."""

    def count_weights(self, factor_sizes: Mapping[str, int], image_shape: tuple[int, int, int]) -> int:
        return self.parameters or PARAMETERS

    def scaled(self, factor: float) -> Self:
        return replace(self, parameters=round((self.parameters or PARAMETERS) * factor**2))

    def with_newcomers(self, count: int) -> Self:
        raise UserError(f"method {self.kind} takes no newcomers: train a GCN, or anew with their pictures")
