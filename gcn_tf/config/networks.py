"""The contract of a kind of generator or classifier. No TensorFlow here.

A kind is a frozen dataclass: its fields are settings, with defaults, docstrings and ranges, which become keys of YAML files;
its methods build the network and say how large it is. `gcn_tf.doors` names the classes.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

from gcn_tf.errors import ConfigError, UserError

if TYPE_CHECKING:
    import keras
    import numpy as np
    import tensorflow as tf

    from gcn_tf.config.schema import RunConfig
    from gcn_tf.model.gcn import GCN


class Transfer(Protocol):
    """How one kind of generator takes a picture, of a person it never saw, into another cell: graph operations.

    Known values are given as float32 (B, K_f) by factor name, weights that sum to 1, or zeros where the picture shows
    none of the known ones: a new person. Wanted ones as well; zeros for what stays as it is. It is a `tf.Module`, so that a SavedModel
    keeps what it needs.
    """

    def draw(
        self, pictures: "tf.Tensor", known: "Mapping[str, tf.Tensor]", wanted: "Mapping[str, tf.Tensor]"
    ) -> "tf.Tensor":
        """The pictures in the wanted cells: float32 (B, H, W, C) in [0, 1] -> the same, not clipped.

        Values of factors that a formula draws must be known.
        """
        ...

    def missed(self, pictures: "tf.Tensor", known: "Mapping[str, tf.Tensor]") -> "tf.Tensor":
        """How far pictures are from what the generator knows of their values: float32 (B,), a share of the picture's own variance."""
        ...


@dataclass(frozen=True)
class NetworkConfig(ABC):
    """Settings of one kind of network.

    Attributes:
        kind: its name in `gcn_tf.doors`.
    """

    kind: ClassVar[str]

    @abstractmethod
    def check_fit(self, image_shape: tuple[int, int, int]) -> None:
        """Raise ConfigError unless the layers fit pictures of shape (H, W, C); name sizes that fit."""

    @abstractmethod
    def count_weights(self, factor_sizes: Mapping[str, int], image_shape: tuple[int, int, int]) -> int:
        """Weights without biases, from the settings alone."""

    @abstractmethod
    def scaled(self, factor: float) -> Self:
        """The same kind with all hidden widths times `factor`, for searches."""


@dataclass(frozen=True)
class GeneratorConfig(NetworkConfig):
    """Settings of one kind of generator."""

    @abstractmethod
    def build(
        self,
        factor_sizes: Mapping[str, int],
        image_shape: tuple[int, int, int],
        dtype: str,
        distances: "Mapping[str, np.ndarray] | None" = None,
    ) -> "keras.Model":
        """Build the network: {factor: float (B, K_f)} -> float32 image (B, H, W, C), linear.

        Args:
            factor_sizes: number of values K_f by factor name, in order.
            image_shape: (H, W, C).
            dtype: dtype policy of the hidden layers, "float32" or "mixed_bfloat16".
            distances: float (K_f, K_f) between the values of the ordered factors, by name; a kind may use them.
        """

    searched: ClassVar[Mapping[str, tuple[float, float]]] = {}
    """Settings of a kind that does not cooperate which a search varies, and their ranges."""

    @property
    def makes_masks(self) -> bool:
        """Whether it can make a mask of the figure beside the picture, by `build_masked`."""
        return type(self).build_masked is not GeneratorConfig.build_masked

    def build_masked(
        self,
        factor_sizes: Mapping[str, int],
        image_shape: tuple[int, int, int],
        dtype: str,
        distances: "Mapping[str, np.ndarray] | None" = None,
    ) -> "keras.Model":
        """As `build`; the last layer, `gcn_tf.model.figure_mask.WithoutMask`, is given the logits of a mask as a channel more.

        Raises:
            ConfigError: this kind makes no mask.
        """
        raise ConfigError(f"a generator of kind {self.kind} makes no mask: set mask_weight to 0")

    def count_mask_weights(self) -> int:
        """Weights without biases that `build_masked` adds."""
        return 0

    @property
    def cooperates(self) -> bool:
        """Whether it is trained together with the classifier, as in the paper."""
        return True

    def trained(
        self, config: "RunConfig", factor_sizes: Mapping[str, int], image_shape: tuple[int, int, int]
    ) -> "GCN | None":
        """The model, compiled, of a kind that does not cooperate; by default it does, and there is none."""
        return None

    @property
    def transfers(self) -> bool:
        """Whether it takes pictures of anybody into other cells, by `transfer`."""
        return type(self).transfer is not GeneratorConfig.transfer

    @property
    def keeps_pictures(self) -> bool:
        """Whether the network holds the seen pictures themselves, and draws from them; by default it does not."""
        return False

    @property
    def kept_pictures(self) -> int:
        """How many pictures the network holds; by default none."""
        return 0

    def resolved(self, bases: int, seen: int) -> Self:
        """The same with what depends on the numbers of seen base images and of seen pictures; by default nothing does."""
        return self

    def learn_before_training(
        self, network: "keras.Model", images: "np.ndarray", ids: "np.ndarray", sizes: dict[str, int]
    ) -> None:
        """Set weights that can be computed from the seen pictures, before the first step; by default none.

        Args:
            images: uint8 (N, H, W, C), seen pictures only.
            ids: int (N, M), their value ids in the order of `sizes`.
        """

    def with_newcomers(self, count: int) -> Self:
        """The same with room for so many pictures more; by default none is kept."""
        return self

    def exact_factors(self, network: "keras.Model") -> tuple[str, ...]:
        """Factors that the network draws without having learned pictures of their values; by default none."""
        return ()

    def value_codes(self, network: "keras.Model") -> "dict[str, np.ndarray]":
        """What the network knows of the values of a factor: float32 (K_f, D) by factor name; by default of none."""
        return {}

    def learn_newcomers(
        self,
        network: "keras.Model",
        images: "np.ndarray",
        ids: "np.ndarray",
        sizes: dict[str, int],
        old_sizes: dict[str, int],
    ) -> None:
        """Set the weights of values that are new, from pictures of them; those of all others stay as they are.

        Args:
            network: grown to `sizes` by `gcn_tf.model.grow.grow` from one of `old_sizes`.
            images: uint8 (N, H, W, C), each of at least one new value.
            ids: int (N, M), their value ids in the order of `sizes`.

        Raises:
            UserError: this kind cannot.
        """
        raise UserError(
            f"a generator of kind {self.kind} takes no newcomers: train with --generator references, or anew with their pictures"
        )

    def transfer(self, network: "keras.Model") -> Transfer:
        """What draws pictures of anybody in other cells, by the network as it is.

        Raises:
            UserError: this kind cannot.
        """
        raise UserError(
            f"a generator of kind {self.kind} transfers no pictures: train with --generator references"
        )


@dataclass(frozen=True)
class ClassifierConfig(NetworkConfig):
    """Settings of one kind of classifier."""

    @abstractmethod
    def build(
        self,
        factor_sizes: Mapping[str, int],
        image_shape: tuple[int, int, int],
        dtype: str,
        imagined_class: bool = False,
    ) -> "keras.Model":
        """Build the network: image float32 (B, H, W, C) in [0, 1] -> {factor: float32 logits (B, K_f)}.

        Args:
            imagined_class: whether every head has one class more, "imagined", after those of the factor.
        """

    def learn_newcomers(
        self,
        network: "keras.Model",
        known: "tuple[np.ndarray, np.ndarray]",
        new: "tuple[np.ndarray, np.ndarray]",
        sizes: dict[str, int],
        old_sizes: dict[str, int],
    ) -> None:
        """Let the network classify values that are new; by default it does not know them before it is trained further.

        Args:
            network: grown to `sizes` by `gcn_tf.model.grow.grow` from one of `old_sizes`.
            known: seen pictures, uint8 (N, H, W, C), and their value ids, int (N, M), in the order of `sizes`.
            new: the same of newcomers.
        """
