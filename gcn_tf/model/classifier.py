"""The classifier: a small AlexNet with a head for every factor. TensorFlow is imported to build it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from gcn_tf.config.checks import Range
from gcn_tf.config.data import IMAGE_SIDES
from gcn_tf.config.networks import ClassifierConfig
from gcn_tf.config.schema import Activation, Count
from gcn_tf.errors import ConfigError
from gcn_tf.model.widths import chain, scaled_width

if TYPE_CHECKING:
    import keras
    import numpy as np

IMPRINTED = 512  # seen pictures that new values are compared with
Padding = Literal["same", "valid"]


@dataclass(frozen=True)
class Convolution:
    """One convolution, its activation, optional local response normalization, and max pooling."""

    filters: Count
    kernel: Count
    pool: Count = 2
    """Side of the pooling window; 1: no pooling."""
    stride: Count = 1
    padding: Padding = "same"
    normalize: bool = False
    """Local response normalization before the pooling, as in AlexNet."""
    pool_stride: Annotated[int | None, Range(1)] = None
    """Pixels from one window to the next; none: the window's side, so that windows do not overlap."""
    pool_padding: Padding = "valid"
    """valid drops a last row and column that do not fill a window, same keeps them."""


@dataclass(frozen=True)
class AlexNet(ClassifierConfig):
    """Convolutions, then dense layers, dropout and logits for every factor."""

    kind: ClassVar = "alexnet"

    convolutions: tuple[Convolution, ...] = (Convolution(32, 3), Convolution(64, 3), Convolution(128, 3))
    head_units: Annotated[tuple[int, ...], Range(1)] = (128,)
    """Units of the dense layers of each factor's head, before its softmax."""
    heads: Annotated[dict[str, tuple[int, ...]], Range(1)] = field(default_factory=dict)
    """The same for single factors where they differ, by factor name."""
    dropout: Annotated[float, Range(0, 0.99)] = 0.5
    activation: Activation = "leaky_relu"
    negative_slope: Annotated[float, Range(0, 1)] = 0.2

    def build(
        self,
        factor_sizes: Mapping[str, int],
        image_shape: tuple[int, int, int],
        dtype: str,
        imagined_class: bool = False,
    ) -> "keras.Model":
        import keras
        from keras import layers

        from gcn_tf.model.activations import activated
        from gcn_tf.model.local_response_normalization import LocalResponseNormalization
        from gcn_tf.model.replica import Dropout

        self.check_fit(image_shape)
        image = layers.Input(image_shape, name="image")
        x = image
        for i, layer in enumerate(self.convolutions, 1):
            x = layers.Conv2D(
                layer.filters, layer.kernel, layer.stride, layer.padding, dtype=dtype, name=f"convolution_{i}"
            )(x)
            x = activated(x, self.activation, self.negative_slope, dtype, f"convolution_{i}")
            if layer.normalize:
                x = LocalResponseNormalization(dtype=dtype, name=f"normalization_{i}")(x)
            if layer.pool > 1:
                x = layers.MaxPooling2D(
                    layer.pool, layer.pool_stride, layer.pool_padding, dtype=dtype, name=f"pool_{i}"
                )(x)
        features = layers.Flatten(dtype=dtype, name="features")(x)
        logits = {}
        for name, size in factor_sizes.items():
            x = features
            for i, units in enumerate(self.heads.get(name, self.head_units), 1):
                x = layers.Dense(units, dtype=dtype, name=f"{name}_head_{i}")(x)
                x = activated(x, self.activation, self.negative_slope, dtype, f"{name}_head_{i}")
                x = Dropout(self.dropout, dtype=dtype, name=f"{name}_dropout_{i}")(x)
            logits[name] = layers.Dense(size + imagined_class, dtype="float32", name=f"{name}_logits")(x)
        return keras.Model(image, logits, name="classifier")

    def learn_newcomers(
        self,
        network: "keras.Model",
        known: "tuple[np.ndarray, np.ndarray]",
        new: "tuple[np.ndarray, np.ndarray]",
        sizes: dict[str, int],
        old_sizes: dict[str, int],
    ) -> None:
        """Imprint the logits of the new values (Qi 2018): along the mean of what the head sees of their pictures.

        Scaled so that the newcomers' own logits, and those of all others, are on average what the known values' are.
        """
        import keras
        import numpy as np

        some = np.linspace(0, len(known[1]) - 1, min(len(known[1]), IMPRINTED)).astype(int)
        for m, (name, size) in enumerate(sizes.items()):
            last, first = network.get_layer(f"{name}_logits"), old_sizes[name]
            if size == first:
                continue
            head = keras.Model(network.input, last.input)
            seen, theirs = (
                np.asarray(head.predict(images / np.float32(255), verbose=0), np.float64)
                for images in (known[0][some], new[0])
            )
            kernel, bias = (np.array(weight) for weight in last.get_weights())
            logits, ids = (seen @ kernel + bias)[:, :first], known[1][some, m]
            own = np.eye(first, dtype=bool)[ids]
            high, low, middle = logits[own].mean(), logits[~own].mean(), seen.mean(axis=0)
            for value in range(first, size):
                away = theirs[new[1][:, m] == value].mean(axis=0) - middle
                kernel[:, value] = away * (high - low) / max(away @ away, 1e-6)
                bias[value] = low - middle @ kernel[:, value]
            last.set_weights([kernel, bias])

    def check_fit(self, image_shape: tuple[int, int, int]) -> None:
        """Raise ConfigError unless the convolutions and pools leave something of an image."""
        side = min(image_shape[:2])
        if self.feature_side(side) < 1:
            larger = range(side + 1, IMAGE_SIDES[1] + 1)
            smallest = next((side for side in larger if self.feature_side(side) >= 1), None)
            raise ConfigError(
                f"--image-size {side} is too small for the classifier's layers: "
                + (
                    f"the smallest that fits is {smallest}"
                    if smallest
                    else "no size does, change classifier.convolutions in a --config file"
                )
            )

    def count_weights(self, factor_sizes: Mapping[str, int], image_shape: tuple[int, int, int]) -> int:
        weights, channels = 0, image_shape[2]
        for layer in self.convolutions:
            weights += channels * layer.filters * layer.kernel**2
            channels = layer.filters
        features = math.prod(map(self.feature_side, image_shape[:2])) * channels
        for name, size in factor_sizes.items():
            weights += chain((features, *self.heads.get(name, self.head_units), size))
        return weights

    def scaled(self, factor: float) -> Self:
        def wider(units: tuple[int, ...]) -> tuple[int, ...]:
            return tuple(scaled_width(n, factor) for n in units)

        return replace(
            self,
            convolutions=tuple(
                replace(c, filters=scaled_width(c.filters, factor)) for c in self.convolutions
            ),
            head_units=wider(self.head_units),
            heads={name: wider(units) for name, units in self.heads.items()},
        )

    def feature_side(self, image_side: int) -> int:
        """Side of the feature maps after all convolutions and pools; below 1 if nothing is left."""

        def slid(side: int, window: int, stride: int, padding: str) -> int:
            return -(-side // stride) if padding == "same" else (side - window) // stride + 1

        side = image_side
        for layer in self.convolutions:
            side = slid(side, layer.kernel, layer.stride, layer.padding)
            if layer.pool > 1:
                side = slid(side, layer.pool, layer.pool_stride or layer.pool, layer.pool_padding)
        return side
