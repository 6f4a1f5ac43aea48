"""What a factor value does to a picture, learned: a spatial symmetry and a mixing of the channels.

An addition to the paper. A generator that draws every cell from scratch remembers seen cells and guesses
unseen ones. Here the trunk draws one content picture and every factor value may move its pixels and mix its
channels, the same way in all cells, so what is learned from seen cells holds for unseen ones. Which factor
turns, which one colours and which one does neither is not told: it is learned from the pictures.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

Tensors = dict[str, tf.Tensor]


def _symmetries(image: np.ndarray) -> list[np.ndarray]:
    """The eight symmetries of the square: four rotations, plain and mirrored."""
    return [np.rot90(side, turns) for side in (image, image[:, ::-1]) for turns in range(4)]


def symmetry_products() -> np.ndarray:
    """Multiplication table of the symmetries: float32 (8, 8, 8), 1 where a after b is c."""
    moves = [move.ravel() for move in _symmetries(np.arange(9).reshape(3, 3))]
    table = np.zeros((8, 8, 8), np.float32)
    for a, first in enumerate(moves):
        for b, second in enumerate(moves):
            c = next(k for k, move in enumerate(moves) if (move == second[first]).all())
            table[a, b, c] = 1
    return table


@keras.saving.register_keras_serializable(package="gcn_tf")
class FactorOperators(keras.layers.Layer):
    """Apply every factor's learned symmetry and channel mixing to a content picture.

    For each factor a code chooses a mixture of the eight symmetries (a softmax per value) and a C x C matrix
    (identity plus a learned part). Factors compose: symmetries by the group's multiplication, matrices by
    their product, in the order of the factors.

    Args:
        spread: float. Standard deviation of the symmetries' initial logits.
        gain: float. The weights are stored divided by it, so that Adam, which moves every weight by about
            the learning rate, moves these `gain` times as fast: a choice must be made early to be of use.

    Inputs are a pair (picture float (B, H, H, C), {factor: code float (B, K_f)}); the output is float32
    (B, H, H, C).
    """

    def __init__(self, spread: float = 0.3, gain: float = 20.0, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.spread, self.gain = spread, gain

    def build(self, input_shape: Any) -> None:
        picture, codes = input_shape
        if picture[1] != picture[2]:
            raise ValueError(f"pictures of {picture[1]}x{picture[2]} have no quarter turns: make them square")
        channels = picture[-1]

        def weights(name: str, shape: tuple[int, ...], deviation: float) -> keras.Variable:
            start = keras.initializers.RandomNormal(stddev=deviation / self.gain)
            return self.add_weight(name=name, shape=shape, initializer=start)

        self.symmetry = {n: weights(f"{n}_symmetry", (c[-1], 8), self.spread) for n, c in codes.items()}
        self.mixing = {n: weights(f"{n}_mixing", (c[-1], channels, channels), 0.05) for n, c in codes.items()}

    def call(self, inputs: tuple[tf.Tensor, Tensors]) -> tf.Tensor:
        picture, codes = inputs
        chosen: Any = None
        matrix: Any = None
        table = tf.constant(symmetry_products())
        for name, code in codes.items():
            choice = tf.matmul(code, tf.nn.softmax(self.symmetry[name] * self.gain))  # (B, 8)
            chosen = choice if chosen is None else tf.einsum("ba,bc,acd->bd", chosen, choice, table)
            mixing = tf.einsum("bk,kij->bij", code, self.mixing[name] * self.gain)  # (B, C, C)
            mixing += tf.eye(mixing.shape[-1])
            matrix = mixing if matrix is None else tf.matmul(matrix, mixing)
        shares = chosen[:, :, None, None, None]  # (B, 8, 1, 1, 1)
        turned = tf.add_n([moved * shares[:, s] for s, moved in enumerate(self._moved(picture))])
        pixels = tf.reshape(turned, (-1, picture.shape[1] * picture.shape[2], picture.shape[3]))
        return tf.reshape(tf.matmul(pixels, matrix), tf.shape(picture))

    def _moved(self, picture: tf.Tensor) -> list[tf.Tensor]:
        """The eight symmetries of each picture, in the order of `symmetry_products`."""
        pictures = []
        for side in (picture, tf.reverse(picture, [2])):
            for _ in range(4):
                pictures.append(side)
                side = tf.reverse(tf.transpose(side, (0, 2, 1, 3)), [1])  # a quarter turn
        return pictures

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "spread": self.spread, "gain": self.gain}


@keras.saving.register_keras_serializable(package="gcn_tf")
class CodeDropout(keras.layers.Layer):
    """In training, make one factor of some examples unknown: its code becomes uniform, 1 / K_f everywhere.

    The trunk then cannot rely on any one factor, and leaves to the operators what they can do.

    Args:
        rate: float in [0, 1). Share of examples that lose one factor, drawn at random.
        seed: int. Seed of the draw; its state is part of every checkpoint.
    """

    def __init__(self, rate: float, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate, self.seed = rate, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, codes: Tensors, training: bool = False) -> Tensors:
        if not training or not self.rate:
            return codes
        batch = tf.shape(next(iter(codes.values())))[0]
        draw = keras.random.uniform((batch,), seed=self.seed_generator)
        lost = tf.cast(draw / self.rate * len(codes), tf.int32)  # the factor's number; too high: none
        kept = {}
        for number, (name, code) in enumerate(codes.items()):
            unknown = tf.ones_like(code) / code.shape[-1]
            kept[name] = tf.where((lost == number)[:, None], unknown, code)
        return kept

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
