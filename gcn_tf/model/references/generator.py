"""The generator that looks at seen pictures. TensorFlow is imported to build it.

For grids that no formula made. It takes the seen picture that is nearest to the wanted cell, moves it from its own pose into the one that
is measured or predicted for the cell, and brings it into the cell's light; small layers, which learn with the classifier, may move its points further.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from gcn_tf.config.checks import Range
from gcn_tf.config.networks import GeneratorConfig, Transfer
from gcn_tf.config.schema import Activation
from gcn_tf.errors import ConfigError, UserError
from gcn_tf.model.widths import scaled_width

if TYPE_CHECKING:
    import keras
    import numpy as np

MOST_REFERENCES = 4096
MOST_CELLS = 65_536
LAYER = "drawn_from_references"


@dataclass(frozen=True)
class References(GeneratorConfig):
    """The number of pictures that it keeps, and the widths of the layers that move their points."""

    kind: ClassVar = "references"

    references: Annotated[int, Range(0, MOST_REFERENCES)] = 0
    """Seen pictures that it keeps: set from the data when a training is prepared, whatever is given."""
    filters: Annotated[tuple[int, ...], Range(1)] = (24, 48)
    """Filters of the layers that move the points of what was drawn: at half the picture's size, and below."""
    activation: Activation = "leaky_relu"
    """Activation after every hidden layer."""
    negative_slope: Annotated[float, Range(0, 1)] = 0.1
    """Slope of leaky_relu below 0."""
    light: bool = True
    """Bring a picture into the light that the values of the wanted cell give, where that helps pictures that are left out. On the plain
    ground of drawings it leaves traces."""
    operators: bool = True
    """Find the factors that do the same to every picture (a turn, a colour), and what each of their values does,
    in the seen pictures; the rest is drawn from references."""

    @property
    def keeps_pictures(self) -> bool:
        return True

    @property
    def kept_pictures(self) -> int:
        return self.references

    def resolved(self, bases: int, seen: int) -> Self:
        """With the number of pictures that are kept."""
        return replace(self, references=min(bases, MOST_REFERENCES))

    def build(
        self,
        factor_sizes: Mapping[str, int],
        image_shape: tuple[int, int, int],
        dtype: str,
        distances: "Mapping[str, np.ndarray] | None" = None,
    ) -> "keras.Model":
        import keras
        from keras import layers

        from gcn_tf.model.operators import FactorOperators
        from gcn_tf.model.references.layers import DrawnFromReferences

        if math.prod(factor_sizes.values()) > MOST_CELLS:
            raise ConfigError(
                f"a grid of {math.prod(factor_sizes.values()):,} cells is too large for generator.kind references, which takes "
                f"{MOST_CELLS:,}: use kind deconvolution"
            )

        codes = {name: layers.Input((size,), name=name) for name, size in factor_sizes.items()}
        x = DrawnFromReferences(
            factor_sizes,
            image_shape,
            max(self.references, 1),
            self.filters,
            self.activation,
            self.negative_slope,
            dtype,
            name=LAYER,
        )(codes)
        if self.operators:
            x = FactorOperators(name="operators")((x, codes))
        return keras.Model(codes, x, name="generator")

    def learn_before_training(
        self, network: "keras.Model", images: "np.ndarray", ids: "np.ndarray", sizes: dict[str, int]
    ) -> None:
        """Find operators, poses and neighbours, and keep the pictures."""
        import numpy as np

        from gcn_tf.model.operators import estimate_operators, undone
        from gcn_tf.model.references.learn import learn

        found = estimate_operators(images, ids, sizes) if self.operators else {}
        if self.operators:
            network.get_layer("operators").assign(found)
        seen = undone(images, ids, sizes, found)
        layer = network.get_layer(LAYER)
        count = len(seen.pictures)
        chosen = np.linspace(0, count - 1, min(count, layer.references)).astype(int)
        layer.assign(learn(seen.pictures[chosen], seen.ids[chosen], sizes, self.light), found)

    def with_newcomers(self, count: int) -> Self:
        if self.references + count > MOST_REFERENCES:
            raise UserError(
                f"{self.references:,} pictures and {count:,} of newcomers are more than the {MOST_REFERENCES:,} that a generator of "
                "kind references keeps: give fewer"
            )
        return replace(self, references=self.references + count)

    def exact_factors(self, network: "keras.Model") -> tuple[str, ...]:
        layer = network.get_layer(LAYER)
        return tuple(name for name, hidden in zip(layer.sizes, layer.hidden.numpy(), strict=True) if hidden)

    def value_codes(self, network: "keras.Model") -> "dict[str, np.ndarray]":
        """The mean pose of a value's cells, or what its operator does."""
        from gcn_tf.model.value_codes import mean_poses, operator_codes

        layer, exact = network.get_layer(LAYER), self.exact_factors(network)
        known = operator_codes(network.get_layer("operators"), exact) if exact else {}
        return {**mean_poses(layer.poses.numpy(), layer.sizes, exact), **known}

    def learn_newcomers(
        self,
        network: "keras.Model",
        images: "np.ndarray",
        ids: "np.ndarray",
        sizes: dict[str, int],
        old_sizes: dict[str, int],
    ) -> None:
        """Keep their pictures, and fit poses, light and distances of the new values."""
        import numpy as np

        from gcn_tf.model.grow import old_cells
        from gcn_tf.model.operators import undone
        from gcn_tf.model.references.learn import learn_newcomers

        layer = network.get_layer(LAYER)
        known = old_cells(sizes, old_sizes)
        layer.cells.assign(known[layer.cells.numpy()])
        new = np.ones(layer.poses.shape[0], bool)
        new[known] = False
        exact = self.exact_factors(network)
        found = network.get_layer("operators").operators(exact) if self.operators else {}
        seen = undone(images, ids, sizes, found)
        layer.assign(learn_newcomers(layer.memory(), seen.pictures, seen.ids, sizes, new), found)

    def transfer(self, network: "keras.Model") -> Transfer:
        from gcn_tf.model.references.transfer import ReferenceTransfer

        return ReferenceTransfer(
            network.get_layer(LAYER), network.get_layer("operators") if self.operators else None
        )

    def check_fit(self, image_shape: tuple[int, int, int]) -> None:
        if len(self.filters) != 2:
            raise ConfigError(
                f"generator.filters is {list(self.filters)}: give two numbers, at half the picture's size and below"
            )
        if self.activation == "prelu":
            raise ConfigError("generator.activation is prelu: with kind references use another")

    def count_weights(self, factor_sizes: Mapping[str, int], image_shape: tuple[int, int, int]) -> int:
        """Weights of the layers, and what is kept of the pictures, in fours of bytes."""
        first, below = self.filters
        convolutions = 9 * (image_shape[2] * first + first * below + 3 * below**2 + 2 * below) + 16 * below**2
        codes = 4 * below * sum(factor_sizes.values())
        return convolutions + codes + self.references * math.prod(image_shape) // 4

    def scaled(self, factor: float) -> Self:
        return replace(self, filters=tuple(scaled_width(count, factor) for count in self.filters))
