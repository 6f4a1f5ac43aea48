"""What trained generators know of the values of factors: a vector per value."""

from collections.abc import Iterable, Mapping

import keras
import numpy as np

from gcn_tf.model.operators import FactorOperators

AT_ONCE = 1_024  # values that go through the towers together

Vectors = dict[str, np.ndarray]  # float32 (K_f, D) by factor name


def tower_codes(network: keras.Model, sizes: Mapping[str, int], hidden: Iterable[str]) -> Vectors:
    """What the towers make of every value.

    Args:
        network: a generator whose towers are concatenated by the layer "towers", in the order of the factors.
        sizes: number of values by factor name.
        hidden: factors whose codes the towers do not see.
    """
    towers = keras.Model(network.input, list(network.get_layer("towers").input))
    found = {}
    for m, (name, size) in enumerate(sizes.items()):
        if name not in hidden:
            parts = [
                np.asarray(towers(_codes_of(sizes, name, first), training=False)[m], np.float32)
                for first in range(0, size, AT_ONCE)
            ]
            found[name] = np.concatenate(parts)
    return found


def _codes_of(sizes: Mapping[str, int], name: str, first: int) -> Vectors:
    """One-hot codes of some values of a factor, from the first of them on, and zeros for the other factors."""
    count = min(AT_ONCE, sizes[name] - first)
    return {
        n: np.eye(count, k, first, np.float32) if n == name else np.zeros((count, k), np.float32)
        for n, k in sizes.items()
    }


def operator_codes(operators: FactorOperators, names: Iterable[str]) -> Vectors:
    """What the operators of factors do: shares of the eight symmetries, then the mixing of the channels."""
    return {
        name: np.concatenate(
            [operators.symmetry[name].numpy(), mixing.reshape(len(mixing), -1)], axis=1, dtype=np.float32
        )
        for name in names
        for mixing in [operators.mixing[name].numpy()]
    }


def mean_poses(poses: np.ndarray, sizes: Mapping[str, int], hidden: Iterable[str]) -> Vectors:
    """The mean pose of every value's cells.

    Args:
        poses: float32 (cells, D), the last factor varying fastest.
        sizes: number of values by factor name.
        hidden: factors that have no part in poses: cells with their first value count.
    """
    names = [name for name in sizes if name not in hidden]
    shown = tuple(slice(None) if name in names else 0 for name in sizes)
    grid = poses.reshape(*sizes.values(), -1)[shown]
    axes = range(len(names))
    return {name: grid.mean(axis=tuple(a for a in axes if a != m)) for m, name in enumerate(names)}
