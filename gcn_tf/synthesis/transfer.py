"""Pictures of anybody in other cells of a run: a picture in, the same person in another cell out, and nothing is trained.

Which cell a picture shows is told by the classifier and by how near the picture comes to what the generator knows of every likely
value. `gcn-tf transfer`, `gcn_tf.transfer` and the signature of the SavedModel go through the same operations.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import tensorflow as tf

from gcn_tf.model.gcn import GCN
from gcn_tf.runs.run_dir import Run
from gcn_tf.synthesis.draw import quantized

CHUNK = 8  # pictures at once, always as many, so that a picture does not depend on its batch
CANDIDATES = 4  # values that the classifier finds likeliest, among which the generator helps to decide
BELIEVED = 0.02  # what a picture misses of a value, in variances, that counts as much as a factor e between probabilities

Codes = Mapping[str, tf.Tensor]


@dataclass(frozen=True)
class Transferred:
    """Pictures in other cells, and what they were taken to show.

    Args:
        images: uint8 (B, H, W, C).
        shown: float32 (B, K_f) by factor name, weights of the values that each given picture was taken to show; zeros where it was
            drawn as somebody new.
        likely: float32 (B, K_f) by factor name, probabilities of the values.
    """

    images: tf.Tensor
    shown: dict[str, tf.Tensor]
    likely: dict[str, tf.Tensor]


class PictureTransfer(tf.Module):
    """Transfers of a run, as graph operations.

    Example, the pictures of a run as gesture 5 and, of each of them, what it was taken to show:

    >>> import numpy as np
    >>> from gcn_tf.runs.run_dir import open_run
    >>> from gcn_tf.synthesis.draw import generate
    >>> from gcn_tf.synthesis.transfer import PictureTransfer
    >>> run = open_run("runs/demo")
    >>> pictures = generate(run, run.space.select(["digit=7", "writer=3", "color=red", "rotation=0"]))
    >>> known = {name: np.zeros((1, size), np.float32) for name, size in run.space.sizes.items()}
    >>> wanted = {**known, "digit": np.eye(10, dtype=np.float32)[[3]]}
    >>> made = PictureTransfer(run)(pictures, known, wanted)
    >>> made.images.shape, [name for name, weights in made.shown.items() if weights.numpy().any()]
    (TensorShape([1, 28, 28, 3]), ['digit', 'color', 'rotation'])
    """

    def __init__(self, run: Run) -> None:
        super().__init__(name="picture_transfer")
        self.model: GCN = run.model
        self.sizes = run.space.sizes
        self.kind = run.config.generator.transfer(run.model.generator)
        # Traced once for all factors.
        pictures = tf.TensorSpec((None, *run.model.classifier.input.shape[1:]), tf.float32)
        codes = {name: tf.TensorSpec((None, size), tf.float32) for name, size in self.sizes.items()}
        self.missed = tf.function(self.kind.missed, input_signature=[pictures, codes], autograph=False)
        self.draw = tf.function(self.kind.draw, input_signature=[pictures, codes, codes], autograph=False)
        self.exact = run.config.generator.exact_factors(run.model.generator)

    def __call__(self, images: tf.Tensor, known: Codes, wanted: Codes) -> Transferred:
        """Draw pictures in other cells; call it in a `tf.function` if several times.

        Args:
            images: uint8 (B, H, W, C).
            known: float32 (B, K_f) by factor name, weights of the values that the pictures show, or zeros. Zeros of a factor that
                changes, or that a formula draws: the value is told from the picture. Zeros of another: somebody new.
            wanted: the same of the cells to draw; zeros for what stays as it is.
        """
        count = tf.shape(images)[0]
        batch = (images, {n: known[n] for n in self.sizes}, {n: wanted[n] for n in self.sizes})
        chunks = tf.nest.map_structure(
            lambda values: tf.reshape(
                tf.pad(values, [[0, -count % CHUNK], *[[0, 0]] * (values.shape.rank - 1)]),
                (-1, CHUNK, *values.shape[1:]),
            ),
            tuple(tf.nest.map_structure(tf.convert_to_tensor, batch)),
        )
        signature = tuple(
            tf.TensorSpec((CHUNK, *shape), dtype)
            for shape, dtype in [
                (images.shape[1:], tf.uint8),
                *[((size,), tf.float32) for size in (*self.sizes.values(), *self.sizes.values())],
            ]
        )
        made, *codes = tf.map_fn(lambda chunk: self._flat(*chunk), chunks, fn_output_signature=signature)
        images, *codes = (tf.reshape(values, (-1, *values.shape[2:]))[:count] for values in (made, *codes))
        half = len(self.sizes)
        shown, likely = (dict(zip(self.sizes, part, strict=True)) for part in (codes[:half], codes[half:]))
        return Transferred(images, shown, likely)

    @property
    def tables(self) -> tuple[tf.Variable, ...]:
        """What it knows beside the model's weights."""
        return tuple(v for v in tf.nest.flatten(vars(self.kind)) if isinstance(v, tf.Variable))

    def _flat(self, images: tf.Tensor, known: Codes, wanted: Codes) -> tuple[tf.Tensor, ...]:
        """One chunk: pictures, then shown values and probabilities, factor after factor."""
        pictures = tf.cast(images, tf.float32) / 255.0
        shown, likely = self._shown(pictures, known, wanted)
        drawn = quantized(self.draw(pictures, shown, wanted))
        return drawn, *(shown[name] for name in self.sizes), *(likely[name] for name in self.sizes)

    def _shown(
        self, pictures: tf.Tensor, known: Codes, wanted: Codes
    ) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        """What pictures show, as `Transferred` says, and probabilities of all values."""
        logits = self.model.classify(pictures)
        likely = {
            name: tf.nn.softmax(tf.cast(logits[name][:, :size], tf.float32))
            for name, size in self.sizes.items()
        }
        unknown = {
            name: (1 - tf.reduce_sum(known[name], axis=1))
            * (1.0 if name in self.exact else tf.reduce_sum(wanted[name], axis=1))
            for name in self.sizes
        }  # 1 where a value has to be told

        def told() -> dict[str, tf.Tensor]:
            return {
                name: known[name] + unknown[name][:, None] * tf.one_hot(tf.argmax(likely[name], axis=1), size)
                for name, size in self.sizes.items()
            }

        for name, size in self.sizes.items():
            if name not in self.exact and size > 1:
                likely[name] = tf.cond(
                    tf.reduce_any(unknown[name] > 0.5),
                    lambda name=name: self._compared(pictures, told(), name, likely[name]),
                    lambda name=name: likely[name],
                )
        return told(), likely

    def _compared(self, pictures: tf.Tensor, told: Codes, name: str, likely: tf.Tensor) -> tf.Tensor:
        """Probabilities of a factor's values, float32 (B, K_f), after the likeliest ones were compared with the picture."""
        size = self.sizes[name]
        top = tf.math.top_k(likely, min(CANDIDATES, size))
        count = top.indices.shape[1]
        repeated = {other: tf.repeat(code, count, axis=0) for other, code in told.items()}
        codes = {**repeated, name: tf.reshape(tf.one_hot(top.indices, size), (-1, size))}
        missed = tf.reshape(self.missed(tf.repeat(pictures, count, axis=0), codes), (-1, count))
        weights = tf.nn.softmax(tf.math.log(top.values + 1e-6) - missed / BELIEVED, axis=1)
        share = tf.reduce_sum(top.values, axis=1, keepdims=True)
        chosen = tf.one_hot(top.indices, size)
        return likely * (1 - tf.reduce_max(chosen, axis=1)) + tf.einsum("bn,bnk->bk", share * weights, chosen)
