"""A model whose grid has more values than the one that its weights were learned for."""

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from gcn_tf.errors import UserError
from gcn_tf.model.gcn import GCN

Sizes = Mapping[str, int]


def grow(model: GCN, old: GCN, sizes: Sizes, old_sizes: Sizes) -> None:
    """Give a model the weights of another one, whose factors have fewer values, each the first ones of the same factor.

    What belongs to the new values alone keeps the weights that the model was built with; weights of layers whose shape does not depend on the values are
    the same afterwards.

    Args:
        model: built from the same settings with `sizes`, numbers of values by factor name.
        old: with `old_sizes`.
    """
    for variable, known in zip(model.all_variables, old.all_variables, strict=True):
        variable.assign(grown(variable.path, np.asarray(known), np.asarray(variable), sizes, old_sizes))


def grown(path: str, known: np.ndarray, start: np.ndarray, sizes: Sizes, old_sizes: Sizes) -> np.ndarray:
    """The weights `known` in the places that they have among those of more values, `start`.

    Args:
        path: of the variable, which names the factor if it belongs to one.
    """
    places = [_places(path, *ends, sizes, old_sizes) for ends in zip(known.shape, start.shape, strict=True)]
    made = start.copy()
    made[np.ix_(*places)] = known
    return made


def old_cells(sizes: Sizes, old_sizes: Sizes) -> np.ndarray:
    """Flat numbers, in the larger grid, of the cells of the smaller one: int (cells,)."""
    ids = np.indices(tuple(old_sizes.values())).reshape(len(old_sizes), -1)
    return np.asarray(np.ravel_multi_index(tuple(ids), tuple(sizes.values())))


def _places(path: str, known: int, count: int, sizes: Sizes, old_sizes: Sizes) -> np.ndarray:
    """Where the first `known` along an axis lie among `count`."""
    if known == count:
        return np.arange(count)
    if known < count and re.search(r"[/_](pictures|cells)$", path):  # that a generator keeps, however many
        return np.arange(known)
    for name in sorted(sizes, key=len, reverse=True):  # color ends as hair_color does
        if re.search(rf"(^|[/_]){name}_(tower_1|logits|symmetry|mixing|neighbours)([/_]|$)", path):
            imagined = known - old_sizes[name]  # of the classifier's head, the last
            return np.concatenate([np.arange(old_sizes[name]), sizes[name] + np.arange(imagined)])
    if (known, count) == (sum(old_sizes.values()), sum(sizes.values())):
        starts = np.cumsum([0, *list(sizes.values())[:-1]])
        return _joined(
            start + np.arange(size) for start, size in zip(starts, old_sizes.values(), strict=True)
        )
    if (known, count) == (int(np.prod(list(old_sizes.values()))), int(np.prod(list(sizes.values())))):
        return old_cells(sizes, old_sizes)
    raise UserError(f"the weights {path} have no place for new values: train anew, with their pictures")


def _joined(parts: Iterable[Sequence[int] | np.ndarray]) -> np.ndarray:
    return np.concatenate(list(parts)).astype(int)
