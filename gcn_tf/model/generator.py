"""The generator of Dosovitskiy et al. as Xu et al. use it: codes to a picture. TensorFlow is imported to build it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from gcn_tf.config.checks import Range
from gcn_tf.config.data import IMAGE_SIDES
from gcn_tf.config.networks import GeneratorConfig, Transfer
from gcn_tf.config.schema import Activation, Count
from gcn_tf.errors import ConfigError
from gcn_tf.model.widths import chain, scaled_width

if TYPE_CHECKING:
    import keras
    import numpy as np

# Sides of the seed tensor: a smaller one has no room for a picture, a larger one lacks a layer of upsampling.
SEED_SIDES = range(3, 65)


@dataclass(frozen=True)
class Upsampling:
    """One transposed convolution: out = (in - 1) * stride + kernel - 2 * pad."""

    filters: Count
    kernel: Count
    stride: Count = 2
    pad: Annotated[int, Range(0)] = 0


@dataclass(frozen=True)
class Deconvolution(GeneratorConfig):
    """Towers, trunk, seed tensor, transposed convolutions: layer sizes in the order of the data."""

    kind: ClassVar = "deconvolution"

    towers: Annotated[dict[str, int], Range(1)] = field(default_factory=dict)
    """Units of each of a factor's two dense layers, by factor name."""
    tower_units: Count = 64
    """The same for factors that `towers` does not name."""
    trunk: Annotated[tuple[int, ...], Range(1)] = (512, 512)
    """Units of the dense layers after the towers are concatenated."""
    seed_tensor: Annotated[tuple[int, ...], Range(0)] = (0, 0, 64)
    """Height, width and channels to which the last dense layer is reshaped; a height or width of 0: what the image size
    needs."""
    upsampling: tuple[Upsampling, ...] = (
        Upsampling(64, 4, 2, 1),  # 7 -> 14 when the image has 28
        Upsampling(32, 4, 2, 1),  # 14 -> 28
        Upsampling(3, 3, 1, 1),
    )
    """Transposed convolutions; the last one makes the image, in as many filters as it has channels."""
    activation: Activation = "leaky_relu"
    """Activation after every hidden layer."""
    negative_slope: Annotated[float, Range(0, 1)] = 0.1
    """Slope of leaky_relu below 0."""
    operators: bool = True
    """Find the factors that do the same to every picture (a turn, a colour), and what each of their values does,
    in the seen pictures; the layers above then generate the rest."""
    gaussian_dropout: Annotated[float, Range(0, 0.9)] = 0.0
    """Rate of the Gaussian dropout after the towers and the trunk; 0: none. With it, codes cannot memorise seen pictures so well:
    unseen ones are softer and nearer to the real ones."""
    mean_picture: bool = False
    """Start from the mean of the seen pictures: photographs, whose background is not black, are learned much faster."""

    def build(
        self,
        factor_sizes: Mapping[str, int],
        image_shape: tuple[int, int, int],
        dtype: str,
        distances: "Mapping[str, np.ndarray] | None" = None,
    ) -> "keras.Model":
        return self._network(factor_sizes, image_shape, dtype, distances, masked=False)

    def build_masked(
        self,
        factor_sizes: Mapping[str, int],
        image_shape: tuple[int, int, int],
        dtype: str,
        distances: "Mapping[str, np.ndarray] | None" = None,
    ) -> "keras.Model":
        return self._network(factor_sizes, image_shape, dtype, distances, masked=True)

    def _network(
        self,
        factor_sizes: Mapping[str, int],
        image_shape: tuple[int, int, int],
        dtype: str,
        distances: "Mapping[str, np.ndarray] | None",
        masked: bool,
    ) -> "keras.Model":
        import keras
        from keras import layers

        from gcn_tf.model import figure_mask
        from gcn_tf.model.activations import activated
        from gcn_tf.model.mean_picture import MeanPicture
        from gcn_tf.model.neighbours import NeighbourCodes, neighbour_kernel
        from gcn_tf.model.operators import FactorOperators, HideExplained
        from gcn_tf.model.replica import GaussianDropout
        from gcn_tf.model.transposed_convolution import TransposedConvolution

        def dense(x: keras.KerasTensor, units: int, name: str) -> keras.KerasTensor:
            x = layers.Dense(units, dtype=dtype, name=name)(x)
            return activated(x, self.activation, self.negative_slope, dtype, name)

        def noisy(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
            if not self.gaussian_dropout:
                return x
            return GaussianDropout(self.gaussian_dropout, dtype=dtype, name=f"{name}_dropout")(x)

        codes = {name: layers.Input((size,), name=name) for name, size in factor_sizes.items()}
        known = HideExplained(name="hide_explained")(codes) if self.operators else codes
        for name, apart in (distances or {}).items():
            spread = NeighbourCodes(neighbour_kernel(apart), name=f"{name}_neighbours")
            known = {**known, name: spread(known[name])}
        towers = []
        for name, code in known.items():
            units = self.towers.get(name, self.tower_units)
            tower = dense(dense(code, units, f"{name}_tower_1"), units, f"{name}_tower_2")
            towers.append(noisy(tower, f"{name}_tower"))
        x = layers.Concatenate(name="towers")(towers)  # (B, sum of tower units)
        for i, units in enumerate(self.trunk, 1):
            x = noisy(dense(x, units, f"trunk_{i}"), f"trunk_{i}")
        seed = self.seed_shape(image_shape)
        x = dense(x, math.prod(seed), "seed")
        x = layers.Reshape(seed, name="seed_tensor")(x)
        for i, layer in enumerate(self.upsampling, 1):
            last = i == len(self.upsampling)
            name, filters = ("image", image_shape[2]) if last else (f"upsampling_{i}", layer.filters)
            features = x
            x = TransposedConvolution(filters, layer.kernel, layer.stride, layer.pad, dtype=dtype, name=name)(
                x
            )
            if not last:
                x = activated(x, self.activation, self.negative_slope, dtype, name)
        x = layers.Activation("linear", dtype="float32", name="linear")(x)
        if self.mean_picture:
            x = MeanPicture(name="mean_picture")(x)
        if masked:  # from what the picture is made from, by a layer of the same size
            mask = TransposedConvolution(1, layer.kernel, layer.stride, layer.pad, dtype=dtype, name="mask")(
                features
            )
            mask = layers.Activation("linear", dtype="float32", name="mask_logits")(mask)
            x = layers.Concatenate(name=figure_mask.WITH_PICTURE, dtype="float32")([x, mask])
        if self.operators:
            x = FactorOperators(masked, name="operators")((x, codes))
        if masked:
            x = figure_mask.WithoutMask(name=figure_mask.LAYER)(x)
        return keras.Model(codes, x, name="generator")

    def learn_before_training(
        self, network: "keras.Model", images: "np.ndarray", ids: "np.ndarray", sizes: dict[str, int]
    ) -> None:
        """Estimate the operators and the mean picture."""
        from gcn_tf.model.mean_picture import mean_content
        from gcn_tf.model.operators import estimate_operators

        found = estimate_operators(images, ids, sizes) if self.operators else {}
        if self.operators:
            for name in ("operators", "hide_explained"):
                network.get_layer(name).assign(found)
        if self.mean_picture:
            network.get_layer("mean_picture").assign(mean_content(images, ids, tuple(sizes), found))

    def exact_factors(self, network: "keras.Model") -> tuple[str, ...]:
        if not self.operators:
            return ()
        hidden = network.get_layer("hide_explained").hidden
        return tuple(name for name, value in hidden.items() if float(value.numpy()))

    def value_codes(self, network: "keras.Model") -> "dict[str, np.ndarray]":
        """What the towers make of a value, or what its operator does."""
        from gcn_tf.model.value_codes import operator_codes, tower_codes

        sizes = {name: int(code.shape[-1]) for name, code in network.input.items()}
        exact = self.exact_factors(network)
        known = operator_codes(network.get_layer("operators"), exact) if exact else {}
        return {**tower_codes(network, sizes, exact), **known}

    def learn_newcomers(
        self,
        network: "keras.Model",
        images: "np.ndarray",
        ids: "np.ndarray",
        sizes: dict[str, int],
        old_sizes: dict[str, int],
    ) -> None:
        """Fit a row of weights for every new value, in the first layer of its factor's tower."""
        import numpy as np

        from gcn_tf.model.newcomer_codes import learn_codes

        exact = self.exact_factors(network)
        others = [m for m, name in enumerate(sizes) if name not in exact]
        contents = np.unique(ids[:, others], axis=0, return_inverse=True)[1].ravel()
        kernels = {
            name: network.get_layer(f"{name}_tower_1").kernel
            for name, size in sizes.items()
            if size > old_sizes[name]
        }
        learn_codes(network, (images, ids, contents), sizes, old_sizes, kernels)

    def transfer(self, network: "keras.Model") -> Transfer:
        from gcn_tf.model.code_transfer import CodeTransfer

        return CodeTransfer(network)

    def check_fit(self, image_shape: tuple[int, int, int]) -> None:
        self.seed_shape(image_shape)

    def count_weights(self, factor_sizes: Mapping[str, int], image_shape: tuple[int, int, int]) -> int:
        towers = {name: self.towers.get(name, self.tower_units) for name in factor_sizes}
        weights = sum(chain((size, towers[name], towers[name])) for name, size in factor_sizes.items())
        seed = self.seed_shape(image_shape)
        weights += chain((sum(towers.values()), *self.trunk, math.prod(seed)))
        widths = (seed[2], *(layer.filters for layer in self.upsampling[:-1]), image_shape[2])
        kernels = [layer.kernel for layer in self.upsampling]
        return weights + sum(
            before * k**2 * after for (before, after), k in zip(pairwise(widths), kernels, strict=True)
        )

    def count_mask_weights(self) -> int:
        *before, last = self.upsampling
        features = before[-1].filters if before else self.seed_tensor[2]
        return features * last.kernel**2

    def scaled(self, factor: float) -> Self:
        """The last layer makes the image and keeps its channels."""
        *hidden, last = self.upsampling
        *sides, channels = self.seed_tensor
        return replace(
            self,
            towers={name: scaled_width(units, factor) for name, units in self.towers.items()},
            tower_units=scaled_width(self.tower_units, factor),
            trunk=tuple(scaled_width(units, factor) for units in self.trunk),
            seed_tensor=(*sides, scaled_width(channels, factor)),
            upsampling=(
                *(replace(layer, filters=scaled_width(layer.filters, factor)) for layer in hidden),
                last,
            ),
        )

    def output_side(self, seed: int) -> int:
        """Side of the image from that of the seed tensor: `(in - 1) * stride + kernel - 2 * pad`, layer after layer."""
        side = seed
        for layer in self.upsampling:
            side = (side - 1) * layer.stride + layer.kernel - 2 * layer.pad
        return side

    def seed_shape(self, image_shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """Height, width and channels of the seed tensor, as set, or such that the layers end at the image's size.

        Raises:
            ConfigError: the layers cannot end there; the message names the nearest sizes that fit.
        """
        if len(self.seed_tensor) != 3 or not self.seed_tensor[2] or not self.upsampling:
            raise ConfigError(
                f"generator.seed_tensor is {list(self.seed_tensor)}: give height, width (0: what the image size needs) "
                "and channels, and at least one layer of generator.upsampling"
            )
        *stated, channels = self.seed_tensor
        height, width = (
            seed or self._seed_side(side) for seed, side in zip(stated, image_shape, strict=False)
        )
        made = self.output_side(height), self.output_side(width)
        if made == image_shape[:2]:
            return height, width, channels
        size = str(made[0]) if made[0] == made[1] else f"{made[0]}x{made[1]}"
        raise ConfigError(
            f"the generator's layers make {made[0]}x{made[1]} images, the dataset has {image_shape[0]}x{image_shape[1]}: "
            f"change --image-size to {size}, or generator.seed_tensor and generator.upsampling in a --config file"
        )

    def _seed_side(self, image_side: int) -> int:
        """Side of a seed tensor from which the layers end at a side of an image."""
        seeds = {self.output_side(seed): seed for seed in SEED_SIDES}
        if image_side in seeds:
            return seeds[image_side]
        raise ConfigError(
            f"--image-size {image_side} does not fit the generator's layers: {_nearest(image_side, list(seeds))}"
        )


def _nearest(side: int, fitting: list[int]) -> str:
    """The sizes below and above that fit and are allowed, in words."""
    allowed = [s for s in fitting if IMAGE_SIDES[0] <= s <= IMAGE_SIDES[1]]
    below, above = [s for s in allowed if s < side], [s for s in allowed if s > side]
    near = below[-1:] + above[:1]
    if not near:
        return "no size does, change generator.upsampling in a --config file"
    return f"the nearest that {'do are' if near[1:] else 'does is'} {' and '.join(map(str, near))}"
