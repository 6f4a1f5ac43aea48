"""The networks of a run in layers that Keras has itself: what all formats but the SavedModel are written from."""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from gcn_tf.model.figure_mask import WITH_PICTURE, WithoutMask
from gcn_tf.model.gcn import GCN
from gcn_tf.model.local_response_normalization import LocalResponseNormalization
from gcn_tf.model.mean_picture import MeanPicture
from gcn_tf.model.neighbours import NeighbourCodes
from gcn_tf.model.operators import FactorOperators, HideExplained, possible_symmetries, symmetry_products
from gcn_tf.model.replica import Dropout, GaussianDropout
from gcn_tf.model.transposed_convolution import TransposedConvolution
from gcn_tf.rivals.chosen_latents import ChosenLatents
from gcn_tf.rivals.latents import Latents

Tensor: TypeAlias = keras.KerasTensor
Codes: TypeAlias = dict[str, Tensor]


def plain_generator(model: GCN, precision: str = "") -> keras.Model:
    """{factor: float32 (B, K_f)} -> float32 (B, H, W, C) in [0, 1], the generator of a model.

    Args:
        precision: dtype policy of all layers; by default each keeps its own. In float32, the weights of layers that compute in
            bfloat16 are rounded to it, as they are whenever the run draws.
    """
    network = plain(model.generator, precision)
    image = layers.ReLU(max_value=1.0, dtype="float32", name="in_range")(network.output)
    return keras.Model(network.input, image, name="generator")


def plain_classifier(model: GCN, precision: str = "") -> keras.Model:
    """float32 (B, H, W, C) in [0, 1] -> probabilities {factor: float32 (B, K_f)}, the classifier of a model, calibrated as the run's is."""
    network = plain(model.classifier, precision)
    probabilities = {}
    for name, logits in network.output.items():
        size, temperature = model.factor_sizes[name], float(model.temperatures[name].numpy())
        kernel = (
            np.eye(logits.shape[-1], size, dtype=np.float32) / temperature
        )  # without the class "imagined"
        logits = _linear(logits, kernel, f"{name}_calibrated")
        probabilities[name] = layers.Softmax(dtype="float32", name=f"{name}_probabilities")(logits)
    return keras.Model(network.input, probabilities, name="classifier")


def plain(network: keras.Model, precision: str = "") -> keras.Model:
    """A functional model with the layers of this package replaced by Keras's own; those that have no replacement stay."""
    return Plain(precision).copy(network)


def foreign_modules(network: keras.Model) -> list[str]:
    """Modules of the layers that Keras does not have itself, of a network that `plain` made: to load it, they are imported first."""
    modules = {type(layer).__module__ for layer in network.layers}
    return sorted(module for module in modules if not module.startswith("keras."))


class Plain:
    """Copies networks layer by layer.

    Args:
        precision: dtype policy of all copies; by default each has that of its layer.
    """

    def __init__(self, precision: str) -> None:
        self.precision = precision
        self.made: dict[int, Any] = {}  # outputs of copies, by the number of the layer in memory
        self.names: set[str] = set()
        self.replaced: dict[type, Callable[..., Any]] = {
            HideExplained: self._hide_explained,
            FactorOperators: self._factor_operators,
            NeighbourCodes: lambda layer, code: _linear(code, layer.kernel, layer.name),
            MeanPicture: self._mean_picture,
            WithoutMask: lambda layer, picture: picture,  # see `_copy`
            TransposedConvolution: self._transposed_convolution,
            LocalResponseNormalization: self._local_response_normalization,
            Latents: lambda layer, codes: _linear(codes, layer.table.numpy(), layer.name),
            ChosenLatents: self._chosen_latents,
            Dropout: lambda layer, x: layers.Dropout.from_config(self._settings(layer))(x),
            GaussianDropout: lambda layer, x: layers.GaussianDropout.from_config(self._settings(layer))(x),
        }

    def copy(self, network: keras.Model) -> keras.Model:
        return keras.models.clone_model(network, clone_function=lambda layer: layer, call_function=self._copy)

    def _copy(self, layer: keras.layers.Layer, *given: Any, **named: Any) -> Any:
        self.made[id(layer)] = made = self._copied(layer, *given, **named)
        return made

    def _copied(self, layer: keras.layers.Layer, *given: Any, **named: Any) -> Any:
        if layer.name == WITH_PICTURE:
            return given[0][0]  # a mask is for training: pictures are drawn without it
        if type(layer) in self.replaced:
            return self.replaced[type(layer)](layer, *given)
        if isinstance(layer, keras.Model):
            return self._inlined(layer, *given)
        made = type(layer).from_config(self._settings(layer))
        output = made(*given, **named)
        made.set_weights(self._weights(layer))
        return output

    def _inlined(self, network: keras.Model, given: Any) -> Tensor:
        keras.models.clone_model(
            network, input_tensors=given, clone_function=lambda layer: layer, call_function=self._copy
        )
        return self.made[id(network.output._keras_history.operation)]

    def _settings(self, layer: keras.layers.Layer) -> dict[str, Any]:
        """Those of a layer, for a copy, under a name that no copy has yet."""
        settings = {**layer.get_config(), "name": self._free(layer.name)}
        return {**settings, "dtype": self.precision} if self.precision else settings

    def _free(self, name: str) -> str:
        while name in self.names:
            name += "_"
        self.names.add(name)
        return name

    def _weights(self, layer: keras.layers.Layer) -> list[np.ndarray]:
        weights = layer.get_weights()
        kept = isinstance(layer, layers.BatchNormalization)  # it computes in float32
        if self.precision == "float32" and layer.compute_dtype == "bfloat16" and not kept:
            return [tf.cast(tf.cast(weight, tf.bfloat16), tf.float32).numpy() for weight in weights]
        return weights

    def _transposed_convolution(self, layer: TransposedConvolution, x: Tensor) -> Tensor:
        whole = layer.kernel_size[0] - layer.strides[0] == 2 * layer.pad
        settings = {**self._settings(layer), "padding": "same" if whole else "valid"}
        settings.pop("pad")
        wanted = layer.compute_output_shape(x.shape)[1:3]
        made = layers.Conv2DTranspose.from_config(settings)
        x = made(x)
        made.set_weights(self._weights(layer))
        cut = tuple(
            (layer.pad, side - layer.pad - kept) for side, kept in zip(x.shape[1:3], wanted, strict=True)
        )
        return x if whole else layers.Cropping2D(cut, dtype=made.dtype_policy, name=f"{made.name}_cut")(x)

    @staticmethod
    def _hide_explained(layer: HideExplained, codes: Codes) -> Codes:
        return {
            name: layers.Rescaling(0.0, 1 / code.shape[-1], dtype="float32", name=f"{name}_hidden")(code)
            if float(layer.hidden[name].numpy())
            else code
            for name, code in codes.items()
        }

    @staticmethod
    def _mean_picture(layer: MeanPicture, x: Tensor) -> Tensor:
        added = layers.EinsumDense(
            "bhwc,c->bhwc", x.shape[1:], bias_axes="hwc", dtype="float32", name=layer.name
        )
        x = added(x)
        added.set_weights([np.ones(x.shape[-1:], np.float32), layer.mean.numpy()])
        return x

    @staticmethod
    def _local_response_normalization(layer: LocalResponseNormalization, x: Tensor) -> Tensor:
        channels, reach = x.shape[-1], layer.size // 2
        apart = np.abs(np.subtract.outer(np.arange(channels), np.arange(channels)))
        band = (apart <= reach).astype(np.float32) * (layer.alpha / layer.size)
        squares = layers.Multiply(dtype="float32", name=f"{layer.name}_squares")([x, x])
        sums = _linear(squares, band, f"{layer.name}_sums", np.full(channels, layer.k, np.float32))
        scale = ops.power(sums, -0.75)
        return layers.Multiply(dtype="float32", name=layer.name)([x, scale])

    @staticmethod
    def _chosen_latents(layer: ChosenLatents, codes: list[Tensor]) -> Tensor:
        vectors = tf.gather(layer.draws(), layer.choice.value).numpy()
        weights = codes[0]
        for code in codes[1:]:
            rows, columns = weights.shape[-1], code.shape[-1]
            weights = layers.Reshape((rows, 1), dtype="float32")(weights)
            product = _product(weights, layers.Reshape((1, columns), dtype="float32")(code))
            weights = layers.Reshape((rows * columns,), dtype="float32")(product)
        return _linear(weights, vectors, layer.name)

    @staticmethod
    def _factor_operators(layer: FactorOperators, inputs: tuple[Tensor, Codes]) -> Tensor:
        picture, codes = inputs
        doing = {
            name: code
            for name, code in codes.items()
            if _moves(layer.symmetry[name].numpy()) or _mixes(layer.mixing[name].numpy())
        }
        turned = _turned(picture, {n: (c, layer.symmetry[n].numpy()) for n, c in doing.items()})
        return _mixed(turned, {n: (c, layer.mixing[n].numpy()) for n, c in doing.items()})


def _moves(symmetry: np.ndarray) -> bool:
    return bool((symmetry[:, 0] != 1).any())


def _mixes(mixing: np.ndarray) -> bool:
    return bool((mixing != np.eye(mixing.shape[-1])).any())


def _turned(picture: Tensor, codes: dict[str, tuple[Tensor, np.ndarray]]) -> Tensor:
    """The picture in the mixture of symmetries that codes choose: {factor: (code (B, K), symmetry (K, 8))}."""
    table, reached = symmetry_products(), np.eye(8, dtype=np.float32)[0]
    shares: Any = None
    for name, (code, symmetry) in codes.items():
        if not _moves(symmetry):
            continue
        choice = _linear(code, symmetry, f"{name}_symmetry")  # (B, 8)
        reached = np.einsum("a,c,acd->d", reached, symmetry.max(axis=0), table)
        if shares is None:
            shares = choice
            continue
        rows = layers.Reshape((8, 1), dtype="float32")(shares)
        both = _product(rows, layers.Reshape((1, 8), dtype="float32")(choice))
        shares = _linear(
            layers.Flatten(dtype="float32")(both), table.reshape(64, 8), f"{name}_after"
        )  # (B, 8)
    if shares is None:
        return picture
    possible = [s for s in possible_symmetries(*picture.shape[1:3]) if reached[s]]
    shares = _linear(shares, np.eye(8, dtype=np.float32)[:, possible], "operators_shares")
    moved = [_symmetry(picture, number) for number in possible]
    row = layers.Reshape((1, math.prod(picture.shape[1:])), dtype="float32", name="operators_row")
    stacked = layers.Concatenate(1, dtype="float32", name="operators_turned")([row(one) for one in moved])
    chosen = layers.Reshape((1, len(possible)), dtype="float32", name="operators_chosen")(shares)
    mixed = _product(chosen, stacked)  # (B, 1, S) x (B, S, H * W * C)
    return layers.Reshape(picture.shape[1:], dtype="float32", name="operators_turned_picture")(mixed)


def _symmetry(picture: Tensor, number: int) -> Tensor:
    """One of `gcn_tf.model.operators.symmetries`."""
    mirrored, turns = divmod(number, 4)
    picture = ops.flip(picture, 2) if mirrored else picture
    for _ in range(turns):
        picture = ops.flip(layers.Permute((2, 1, 3), dtype="float32")(picture), 1)
    return picture


def _mixed(picture: Tensor, codes: dict[str, tuple[Tensor, np.ndarray]]) -> Tensor:
    """The picture with its channels mixed as codes say: {factor: (code (B, K), mixing (K, C, C))}."""
    matrix: Any = None
    channels = picture.shape[-1]
    for name, (code, mixing) in codes.items():
        if not _mixes(mixing):
            continue
        own = _linear(code, mixing.reshape(len(mixing), -1), f"{name}_mixing")
        own = layers.Reshape((channels, channels), dtype="float32")(own)
        matrix = own if matrix is None else _product(matrix, own)
    if matrix is None:
        return picture
    pixels = layers.Reshape((-1, channels), dtype="float32", name="operators_pixels")(picture)
    mixed = _product(pixels, matrix)
    return layers.Reshape(picture.shape[1:], dtype="float32", name="operators_mixed_picture")(mixed)


def _product(one: Tensor, other: Tensor) -> Tensor:
    """Of matrices, (B, m, n) x (B, n, p) -> (B, m, p)."""
    return layers.Dot((2, 1), dtype="float32")([one, other])


def _linear(x: Tensor, kernel: np.ndarray, name: str, bias: np.ndarray | None = None) -> Tensor:
    """x times a fixed matrix, plus a bias: a dense layer in float32."""
    layer = layers.Dense(
        kernel.shape[1], use_bias=bias is not None, trainable=False, dtype="float32", name=name
    )
    x = layer(x)
    layer.set_weights([np.asarray(kernel, np.float32)] + ([] if bias is None else [bias]))
    return x
