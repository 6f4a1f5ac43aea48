"""What a factor value does to a picture, found in the seen pictures: a symmetry and a mixing of the channels.

An addition to the paper. A generator that builds every cell from scratch memorises seen cells and guesses
unseen ones. If a factor does the same to every picture (a rotation, a colour), its effect is estimated once, from
pairs of seen pictures that differ only in this factor; the layers then generate the content and the operators
finish it. No setting says which factors are of this kind: a factor is one if its operators leave almost nothing
unexplained. The layers handle all others (digit, writer). Operators that learn by gradient, along with the
rest, were tried first: on some data they settle between two symmetries and every picture becomes symmetric.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Tensors = dict[str, tf.Tensor]

# Share of the variance between pictures: exact variations leave 0.000, digits and writers 0.9, procedural emotions 0.2.
# Not a share of the energy, most of which a bright background explains whatever the factor does.
UNEXPLAINED_LIMIT = 0.05

Fit = tuple[
    int, np.ndarray, float
]  # number of the symmetry, mixing (C, C), share that they leave unexplained


@dataclass(frozen=True)
class Operators:
    """What each value of one factor does.

    Args:
        symmetry: int (K,). Number of the symmetry of the square, 0 (nothing moves) to 7.
        mixing: float32 (K, C, C). Channel c of the content adds mixing[k, c, d] to channel d of the picture.
        unexplained: float. Largest share of the variance between pictures that a value's operator leaves unexplained.
    """

    symmetry: np.ndarray
    mixing: np.ndarray
    unexplained: float

    @property
    def explain(self) -> bool:
        return self.unexplained < UNEXPLAINED_LIMIT


@dataclass(frozen=True)
class Contents:
    """Pictures as they are before any operator.

    Args:
        pictures: uint8 (P, H, W, C).
        ids: int (P, M), their value ids, the first of every factor that operators explain.
    """

    pictures: np.ndarray
    ids: np.ndarray


def possible_symmetries(height: int, width: int) -> range:
    """Numbers of the symmetries that keep the shape of a picture: of a rectangle, those without a quarter turn."""
    return range(0, 8, 1 if height == width else 2)


def symmetries(pictures: Any, reverse: Any = np.flip, transpose: Any = np.transpose) -> list[Any]:
    """The eight symmetries of pictures (B, H, W, C): four quarter turns counter-clockwise, plain and mirrored.

    Every second one, a quarter turn, makes pictures (B, W, H, C).
    """
    made = []
    for side in (pictures, reverse(pictures, [2])):
        for _ in range(4):
            made.append(side)
            side = reverse(transpose(side, (0, 2, 1, 3)), [1])
    return made


def symmetry_products() -> np.ndarray:
    """Multiplication table of the symmetries: float32 (8, 8, 8), 1 where a after b is c."""
    moves = [move.ravel() for move in symmetries(np.arange(9).reshape(1, 3, 3, 1))]
    table = np.zeros((8, 8, 8), np.float32)
    for a, first in enumerate(moves):
        for b, second in enumerate(moves):
            c = next(k for k, move in enumerate(moves) if (move == second[first]).all())
            table[a, b, c] = 1
    return table


def estimate_operators(
    images: np.ndarray, ids: np.ndarray, sizes: dict[str, int], pairs: int = 48, seed: int = 0
) -> dict[str, Operators]:
    """Operators of every factor, from pairs of pictures that differ in it alone.

    For each value, all symmetries of the picture with the factor's first value that keep its shape are tried, each with the
    channel mixing that fits best (least squares); the best pair is the value's operator.

    Args:
        images: uint8 (N, H, W, C), seen pictures only.
        ids: int (N, M), their value ids in the order of `sizes`.
        sizes: number of values by factor name.
        pairs: largest number of pairs per value.

    Returns:
        Operators by factor name; a factor with a value that has no pair is not explained.
    """
    rng = np.random.default_rng(seed)
    found = {}
    for m, (name, size) in enumerate(sizes.items()):
        rows = [_rows_by_other_factors(ids, m, value) for value in range(size)]
        sampled = [_sampled_pairs(rows[0], of_value, pairs, rng) for of_value in rows]
        fits: list[Fit] = []
        for some in sampled:
            # One value that no operator explains is enough: the fits of the others would not be used.
            lost = bool(fits) and fits[-1][2] >= UNEXPLAINED_LIMIT
            fits.append(fits[-1] if lost else _best_fit(images, some))
        found[name] = Operators(
            np.array([fit[0] for fit in fits]),
            np.stack([fit[1] for fit in fits]),
            max(fit[2] for fit in fits),
        )
    return found


def contents(ids: np.ndarray, names: Iterable[str], found: dict[str, Operators]) -> np.ndarray:
    """Which pictures are as they are before any operator: those with the first value of every factor that operators explain.

    Args:
        ids: int (N, M), value ids in the order of `names`.
        found: operators by factor name.

    Returns:
        bool (N,); all where no picture is so.
    """
    rows = np.ones(len(ids), bool)
    for m, name in enumerate(names):
        if name in found and found[name].explain:
            rows &= ids[:, m] == 0
    return rows if rows.any() else np.ones(len(ids), bool)


def undone(
    images: np.ndarray, ids: np.ndarray, names: Iterable[str], found: dict[str, Operators]
) -> Contents:
    """One picture of every content, as it is before any operator.

    It is the picture with the first values of the factors that operators explain; where that was not seen, another, whose
    operators keep most channels, turned and mixed back.

    Args:
        images: uint8 (N, H, W, C).
        ids: int (N, M), value ids in the order of `names`.
        found: operators by factor name.
    """
    names = list(names)
    exact = [m for m, name in enumerate(names) if name in found and found[name].explain]
    values, kind = np.unique(ids[:, exact], axis=0, return_inverse=True)
    turns, mixings = zip(
        *(_combined(found, [names[m] for m in exact], row, images.shape[-1]) for row in values), strict=True
    )
    kept = np.linalg.matrix_rank(np.stack(mixings), tol=0.1)
    order = np.lexsort((kind.ravel(), -kept[kind.ravel()], (values[kind.ravel()] != 0).any(axis=1)))
    others = np.delete(ids, exact, axis=1)
    _, first = np.unique(others[order], axis=0, return_index=True)
    rows = np.sort(order[first])
    pictures = images[rows].copy()
    for number in np.unique(kind.ravel()[rows]):
        same = kind.ravel()[rows] == number
        if (values[number] != 0).any():
            pictures[same] = _back(pictures[same], turns[number], mixings[number])
    plain = ids[rows].copy()
    plain[:, exact] = 0
    return Contents(pictures, plain)


def _combined(
    found: dict[str, Operators], names: list[str], values: np.ndarray, channels: int
) -> tuple[int, np.ndarray]:
    """What values of several factors do one after the other: number of a symmetry, mixing (C, C)."""
    table, turn, mixing = symmetry_products(), 0, np.eye(channels)
    for name, value in zip(names, values, strict=True):
        turn = int(table[turn, found[name].symmetry[value]].argmax())
        mixing = mixing @ found[name].mixing[value]
    return turn, mixing


def _back(pictures: np.ndarray, turn: int, mixing: np.ndarray) -> np.ndarray:
    """Pictures uint8 (B, H, W, C) before a symmetry and a mixing, the nearest where channels were lost."""
    back = next(k for k in range(8) if symmetry_products()[k, turn, 0])
    mixed = pictures @ np.linalg.pinv(mixing, rcond=0.1)
    return np.clip(np.round(symmetries(mixed)[back]), 0, 255).astype(np.uint8)


def _rows_by_other_factors(ids: np.ndarray, m: int, value: int) -> dict[tuple[int, ...], int]:
    """Rows whose factor m has a value, by the ids of all other factors."""
    rows = np.flatnonzero(ids[:, m] == value).tolist()
    return {
        tuple(others): row for row, others in zip(rows, np.delete(ids[rows], m, axis=1).tolist(), strict=True)
    }


def _sampled_pairs(first: dict, other: dict, pairs: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of pictures that differ in nothing but having one value or the other: int (n, 2), at most `pairs` of them."""
    shared = sorted(first.keys() & other.keys())
    if not shared:
        return np.empty((0, 2), int)
    return np.array([(first[shared[i]], other[shared[i]]) for i in rng.permutation(len(shared))[:pairs]], int)


def _best_fit(images: np.ndarray, pairs: np.ndarray) -> Fit:
    """Symmetry, mixing (C, C) and unexplained share that take the first picture of each pair to the second."""
    channels = images.shape[-1]
    if not len(pairs):
        return 0, np.eye(channels, dtype=np.float32), 1.0
    source = images[pairs[:, 0]].astype(np.float64) / 255
    target = (images[pairs[:, 1]].astype(np.float64) / 255).reshape(-1, channels)
    energy = (target**2).sum() + 1e-12
    variance = _variance(target.reshape(source.shape)) + 1e-12
    fits = []
    moved = symmetries(source)
    for number in possible_symmetries(*images.shape[1:3]):
        pixels = moved[number].reshape(-1, channels)
        ridge = 1e-6 * energy * np.eye(channels)
        mixing = np.linalg.solve(pixels.T @ pixels + ridge, pixels.T @ target)
        fits.append(
            (float(((pixels @ mixing - target) ** 2).sum() / variance), number, mixing.astype(np.float32))
        )
    unexplained, number, mixing = min(fits, key=lambda fit: fit[0])
    return number, mixing, unexplained


def _variance(pictures: np.ndarray) -> float:
    """Sum of squared differences from the mean picture; of a single picture, from its mean colour."""
    centre = pictures.mean(axis=0) if len(pictures) > 1 else pictures.mean(axis=(0, 1, 2))
    return float(((pictures - centre) ** 2).sum())


@keras.saving.register_keras_serializable(package="gcn_tf")
class FactorOperators(keras.layers.Layer):
    """Apply the operators of explained factors to a content picture; other factors do nothing.

    A code chooses a mixture of its values' symmetries and mixings. Factors compose in their order: symmetries by
    the group's multiplication, mixings by their product. Nothing is moved or mixed before `assign`.

    Inputs are a pair (picture float (B, H, W, C), {factor: code float (B, K_f), or ids int (B,)}); the output is float32
    (B, H, W, C).

    Args:
        masked: bool. Whether the last of the channels is a mask, which moves with the others and is not mixed with them.
    """

    def __init__(self, masked: bool = False, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.masked = masked

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "masked": self.masked}

    def build(self, input_shape: Any) -> None:
        picture, codes = input_shape

        def fixed(name: str, start: np.ndarray) -> keras.Variable:
            return self.add_weight(
                name=name, shape=start.shape, initializer=lambda shape, dtype=None: start, trainable=False
            )

        channels = picture[-1] - self.masked
        still, alike = np.eye(8, dtype=np.float32)[:1], np.eye(channels, dtype=np.float32)[None]
        sizes = {name: shape[-1] for name, shape in codes.items()}
        self.symmetry = {n: fixed(f"{n}_symmetry", np.repeat(still, k, axis=0)) for n, k in sizes.items()}
        self.mixing = {n: fixed(f"{n}_mixing", np.repeat(alike, k, axis=0)) for n, k in sizes.items()}

    def assign(self, found: dict[str, Operators]) -> None:
        """Set the operators of all factors that they explain."""
        for name, operators in found.items():
            if operators.explain:
                self.symmetry[name].assign(np.eye(8, dtype=np.float32)[operators.symmetry])
                self.mixing[name].assign(operators.mixing)

    def operators(self, explained: Iterable[str]) -> dict[str, Operators]:
        """What `assign` was given of the explained factors."""
        return {
            name: Operators(self.symmetry[name].numpy().argmax(axis=1), self.mixing[name].numpy(), 0.0)
            for name in explained
        }

    def call(self, inputs: tuple[tf.Tensor, Tensors]) -> tf.Tensor:
        picture, codes = inputs
        chosen, matrix = self._combined(codes)
        turned = self._turned(picture, chosen)
        if not self.masked:
            return _mixed(turned, matrix)
        return tf.concat([_mixed(turned[..., :-1], matrix), turned[..., -1:]], axis=-1)

    def undo(self, picture: tf.Tensor, codes: Tensors) -> tf.Tensor:
        """The content of pictures, float32 (B, H, W, C), to which the operators of codes were applied, the nearest where channels were lost."""
        chosen, matrix = self._combined(codes)
        back = tf.matmul(
            chosen, tf.constant(symmetry_products()[:, :, 0].T)
        )  # of every symmetry, the one that undoes it
        return self._turned(_mixed(picture, tf.linalg.pinv(matrix, rcond=0.1)), back)

    def _combined(self, codes: Tensors) -> tuple[tf.Tensor, tf.Tensor]:
        """Shares of the symmetries, (B, 8), and the mixing of the channels, (B, C, C)."""
        chosen: Any = None
        matrix: Any = None
        table = tf.constant(symmetry_products())
        for name, code in codes.items():
            ids = code.dtype.is_integer
            choice = (
                tf.gather(self.symmetry[name], code) if ids else tf.matmul(code, self.symmetry[name])
            )  # (B, 8)
            chosen = choice if chosen is None else tf.einsum("ba,bc,acd->bd", chosen, choice, table)
            mixing = (
                tf.gather(self.mixing[name], code)
                if ids
                else tf.einsum("bk,kij->bij", code, self.mixing[name])
            )  # (B, C, C)
            matrix = mixing if matrix is None else tf.matmul(matrix, mixing)
        return chosen, matrix

    @staticmethod
    def _turned(picture: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
        shares = chosen[:, :, None, None, None]  # (B, 8, 1, 1, 1)
        moved = symmetries(picture, tf.reverse, tf.transpose)
        possible = possible_symmetries(*picture.shape[1:3])
        return tf.add_n([moved[s] * shares[:, s] for s in possible])

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]


def _mixed(picture: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """Channels (B, H, W, C) mixed by matrices (B, C, C)."""
    pixels = tf.reshape(picture, (-1, picture.shape[1] * picture.shape[2], picture.shape[3]))
    return tf.reshape(tf.matmul(pixels, matrix), tf.shape(picture))


@keras.saving.register_keras_serializable(package="gcn_tf")
class HideExplained(keras.layers.Layer):
    """Hide the factors that operators explain from the layers before them: their code becomes uniform, 1 / K_f."""

    def build(self, input_shape: Any) -> None:
        self.hidden = {
            name: self.add_weight(name=f"{name}_hidden", shape=(), initializer="zeros", trainable=False)
            for name in input_shape
        }

    def assign(self, found: dict[str, Operators]) -> None:
        for name, operators in found.items():
            self.hidden[name].assign(float(operators.explain))

    def call(self, codes: Tensors) -> Tensors:
        uniform = {name: tf.ones_like(code) / code.shape[-1] for name, code in codes.items()}
        return {name: code + self.hidden[name] * (uniform[name] - code) for name, code in codes.items()}

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape
