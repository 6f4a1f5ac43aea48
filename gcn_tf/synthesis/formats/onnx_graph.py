"""An ONNX file of a network that `gcn_tf.synthesis.formats.plain` made, written layer by layer.

With `onnx` alone, which is what defines the format: `tf2onnx` looks for a maintainer (https://github.com/onnx/tensorflow-onnx/issues/2430), and
its graph of the default generator has 313 operators instead of 82.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from gcn_tf.errors import UserError

OPSET, IR_VERSION = 17, 8  # of 2022: ONNX Runtime 1.12 and later
TO_CHANNELS_FIRST, TO_CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)


def onnx_bytes(network: keras.Model, about: Mapping[str, str]) -> bytes:
    """The content of an ONNX file of a functional model; names of inputs and outputs are those of its factors, or "image".

    Args:
        about: what the file says of itself, as its metadata.

    Raises:
        UserError: a layer that cannot be written, or no package `onnx`.
    """
    onnx = _import_onnx()
    graph = Graph(onnx)
    made = graph.write(network)
    model = onnx.helper.make_model(
        onnx.helper.make_graph(graph.nodes, network.name, graph.inputs, made, graph.constants),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="gcn-tf",
    )
    onnx.helper.set_model_props(model, dict(about))
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of an ONNX file; empty if it is none.

    Raises:
        UserError: no package `onnx`.
    """
    onnx = _import_onnx()
    try:
        model = onnx.load(path, load_external_data=False)
    except OSError:
        raise
    except Exception:  # protobuf has its own
        return {}
    return {entry.key: entry.value for entry in model.metadata_props}


def _import_onnx() -> Any:
    try:
        import onnx
    except ImportError:
        raise UserError(
            "--format onnx needs the package onnx: pip install 'gcn-tf[onnx]', or choose --format keras or litert"
        ) from None
    return onnx


class Graph:
    """The nodes of a graph while layers are written. Pictures have their channels last, as in Keras.

    Args:
        onnx: the package.
    """

    def __init__(self, onnx: Any) -> None:
        self.helper, self.numpy_helper, self.float = onnx.helper, onnx.numpy_helper, onnx.TensorProto.FLOAT
        self.nodes: list[Any] = []
        self.inputs: list[Any] = []
        self.constants: list[Any] = []
        self.names: dict[int, str] = {}  # of what layers give, by its number in memory
        self.kept: list[Any] = []  # so that these numbers stay theirs
        self.writers: dict[str, Callable[..., str]] = {
            "Dense": self._dense,
            "EinsumDense": self._einsum_dense,
            "Conv2D": self._convolution,
            "Conv2DTranspose": self._transposed_convolution,
            "BatchNormalization": self._batch_normalization,
            "MaxPooling1D": self._max_pooling_1d,
            "MaxPooling2D": self._max_pooling_2d,
            "LeakyReLU": lambda layer, x: self.add("LeakyRelu", x, alpha=layer.negative_slope),
            "ReLU": self._relu,
            "PReLU": lambda layer, x: self.add("PRelu", x, self.constant(layer.get_weights()[0])),
            "Activation": lambda layer, x: self._activated(layer, layer.activation, x),
            "Softmax": lambda layer, x: self.add("Softmax", x, axis=layer.axis),
            "Rescaling": lambda layer, x: self._scaled(x, layer.scale, layer.offset),
            "Concatenate": lambda layer, x: self.add("Concat", *x, axis=layer.axis),
            "Add": lambda layer, x: self._folded("Add", x),
            "Multiply": lambda layer, x: self._folded("Mul", x),
            "Dot": self._dot,
            "Reshape": self._reshaped,
            "Flatten": self._reshaped,
            "Permute": lambda layer, x: self.add("Transpose", x, perm=(0, *layer.dims)),
            "RepeatVector": self._repeated,
            "Cropping2D": self._cropped,
            "Flip": self._flipped,
            "Power": lambda layer, x, exponent: self.add("Pow", x, self.constant(exponent)),
            "Dropout": lambda layer, x: x,
            "GaussianDropout": lambda layer, x: x,
        }

    def write(self, network: keras.Model) -> list[Any]:
        """Write all layers of a functional model; gives its outputs."""
        given = {}
        named = network.input if isinstance(network.input, dict) else {"image": network.input}
        for name, tensor in named.items():
            given[name] = keras.Input(tensor.shape[1:], name=name)
            self._remember(given[name], name)
            self.inputs.append(
                self.helper.make_tensor_value_info(name, self.float, ["pictures", *tensor.shape[1:]])
            )
        copy = keras.models.clone_model(
            network,
            input_tensors=given if isinstance(network.input, dict) else given["image"],
            clone_function=lambda layer: layer,
            call_function=self._write,
        )
        outputs = copy.output if isinstance(copy.output, dict) else {"image": copy.output}
        made = []
        for name, tensor in outputs.items():
            # An input and an output of one name would be one value; factors are either.
            self.nodes.append(self.helper.make_node("Identity", [self.names[id(tensor)]], [name]))
            made.append(self.helper.make_tensor_value_info(name, self.float, ["pictures", *tensor.shape[1:]]))
        return made

    def _write(self, layer: Any, *given: Any, **named: Any) -> Any:
        kind = type(layer).__name__
        made = layer(*given, **named)
        if kind not in self.writers or not type(layer).__module__.startswith("keras."):
            raise UserError(
                f"--format onnx has no {kind}, a layer of this run's networks: export with --format litert, keras or savedmodel"
            )
        self.made = made
        self._remember(made, self.writers[kind](layer, *(self._named(value) for value in given)))
        return made

    def _remember(self, tensor: Any, name: str) -> None:
        self.names[id(tensor)] = name
        self.kept.append(tensor)

    def _named(self, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [self._named(one) for one in value]
        return self.names[id(value)] if isinstance(value, keras.KerasTensor) else value

    def add(self, kind: str, *given: str, **attributes: Any) -> str:
        """A node more; gives the name of its result."""
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(self.helper.make_node(kind, list(given), [name], name, **attributes))
        return name

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(self.numpy_helper.from_array(np.ascontiguousarray(values, dtype), name))
        return name

    def _whole(self, values: Sequence[int]) -> str:
        return self.constant(values, np.int64)

    def _channels_first(self, x: str, kind: str, *more: str, **attributes: Any) -> str:
        """A node for pictures whose channels come first."""
        x = self.add("Transpose", x, perm=TO_CHANNELS_FIRST)
        return self.add("Transpose", self.add(kind, x, *more, **attributes), perm=TO_CHANNELS_LAST)

    def _dense(self, layer: layers.Dense, x: str) -> str:
        kernel, *bias = layer.get_weights()
        x = self.add("MatMul", x, self.constant(kernel))
        x = self.add("Add", x, self.constant(bias[0])) if bias else x
        return self._activated(layer, layer.activation, x)

    def _einsum_dense(self, layer: layers.EinsumDense, x: str) -> str:
        kernel, bias = layer.get_weights()
        return self.add("Add", self.add("Mul", x, self.constant(kernel)), self.constant(bias))

    def _convolution(self, layer: layers.Conv2D, x: str) -> str:
        kernel, *bias = layer.get_weights()
        pads = self._same_pads(layer.input.shape, layer.kernel_size, layer.strides, layer.padding)
        weights = [
            self.constant(kernel.transpose(3, 2, 0, 1)),
            *map(self.constant, bias),
        ]
        x = self._channels_first(
            x, "Conv", *weights, strides=layer.strides, pads=pads, dilations=layer.dilation_rate
        )
        return self._activated(layer, layer.activation, x)

    def _transposed_convolution(self, layer: layers.Conv2DTranspose, x: str) -> str:
        kernel, *bias = layer.get_weights()
        sides = list(zip(layer.kernel_size, layer.strides, strict=True))
        over = [max(size - stride, 0) if layer.padding == "same" else 0 for size, stride in sides]
        begin = [pad // 2 for pad in over]
        weights = [self.constant(kernel.transpose(3, 2, 0, 1)), *map(self.constant, bias)]
        x = self._channels_first(
            x,
            "ConvTranspose",
            *weights,
            strides=layer.strides,
            pads=[*begin, *(pad - first for pad, first in zip(over, begin, strict=True))],
            output_padding=[max(stride - size, 0) for size, stride in sides],
        )
        return self._activated(layer, layer.activation, x)

    @staticmethod
    def _same_pads(
        shape: Sequence[int], sizes: Sequence[int], strides: Sequence[int], padding: str
    ) -> list[int]:
        """Zeros before, then after both sides of a picture (B, H, W, C), as Keras pads."""
        if padding != "same":
            return [0, 0, 0, 0]
        over = [
            max((-(-side // stride) - 1) * stride + size - side, 0)
            for side, size, stride in zip(shape[1:3], sizes, strides, strict=True)
        ]
        return [*(pad // 2 for pad in over), *(pad - pad // 2 for pad in over)]

    def _batch_normalization(self, layer: layers.BatchNormalization, x: str) -> str:
        scale = 1 / np.sqrt(np.asarray(layer.moving_variance) + layer.epsilon)
        scale = scale * np.asarray(layer.gamma) if layer.scale else scale
        shift = -np.asarray(layer.moving_mean) * scale
        return self._scaled(x, scale, shift + np.asarray(layer.beta) if layer.center else shift)

    def _max_pooling_1d(self, layer: layers.MaxPooling1D, x: str) -> str:
        x = self.add("Transpose", x, perm=(0, 2, 1))
        x = self.add("MaxPool", x, kernel_shape=layer.pool_size, strides=layer.strides)
        return self.add("Transpose", x, perm=(0, 2, 1))

    def _max_pooling_2d(self, layer: layers.MaxPooling2D, x: str) -> str:
        pads = self._same_pads(layer.input.shape, layer.pool_size, layer.strides, layer.padding)
        return self._channels_first(
            x, "MaxPool", kernel_shape=layer.pool_size, strides=layer.strides, pads=pads
        )

    def _relu(self, layer: layers.ReLU, x: str) -> str:
        if layer.max_value is None:
            return self.add("Relu", x)
        return self.add("Clip", x, self.constant(0.0), self.constant(layer.max_value))

    def _activated(self, layer: Any, activation: Callable[..., Any], x: str) -> str:
        kind = getattr(activation, "__name__", str(activation))
        simple = {"relu": "Relu", "elu": "Elu", "sigmoid": "Sigmoid", "tanh": "Tanh", "softmax": "Softmax"}
        if kind == "linear":
            return x
        if kind in simple:
            return self.add(simple[kind], x)
        if kind == "gelu":  # x / 2 * (1 + erf(x / sqrt(2)))
            error = self.add("Erf", self._scaled(x, 0.5**0.5, 0.0))
            return self.add("Mul", self._scaled(x, 0.5, 0.0), self._scaled(error, 1.0, 1.0))
        raise UserError(
            f"--format onnx has no activation {kind}, of layer {layer.name}: export with --format litert, keras or savedmodel"
        )

    def _scaled(self, x: str, scale: Any, shift: Any) -> str:
        x = self.add("Mul", x, self.constant(scale)) if np.any(np.not_equal(scale, 1)) else x
        return self.add("Add", x, self.constant(shift)) if np.any(np.not_equal(shift, 0)) else x

    def _folded(self, kind: str, given: list[str]) -> str:
        x, *others = given
        for other in others:
            x = self.add(kind, x, other)
        return x

    def _dot(self, layer: layers.Dot, given: list[str]) -> str:
        if tuple(layer.axes) != (2, 1):
            raise UserError(
                f"--format onnx has no Dot over axes {layer.axes}, of layer {layer.name}: export with --format litert"
            )
        return self.add("MatMul", *given)

    def _reshaped(self, layer: Any, x: str) -> str:
        return self.add("Reshape", x, self._whole([-1, *self.made.shape[1:]]))

    def _repeated(self, layer: layers.RepeatVector, x: str) -> str:
        x = self.add("Unsqueeze", x, self._whole([1]))
        return self.add("Tile", x, self._whole([1, layer.n, 1]))

    def _cropped(self, layer: layers.Cropping2D, x: str) -> str:
        (top, bottom), (left, right) = layer.cropping
        height, width = layer.input.shape[1:3]
        ends = [height - bottom, width - right]
        return self.add("Slice", x, self._whole([top, left]), self._whole(ends), self._whole([1, 2]))

    def _flipped(self, layer: Any, x: str, axis: int | None = None) -> str:
        axis = layer.axis if axis is None else axis
        back, first = np.iinfo(np.int64).min, -1
        return self.add(
            "Slice", x, self._whole([first]), self._whole([back]), self._whole([axis]), self._whole([-1])
        )
