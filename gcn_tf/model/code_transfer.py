"""A picture of anybody in another cell, by a generator that builds pictures from codes: between which known values does it lie?"""

import keras
import tensorflow as tf

from gcn_tf.model.transfer import Codes, adam_step, after_change, missed_share

STEPS = 40
RATE = 0.3  # of the mixtures' logits, by Adam


class CodeTransfer(tf.Module):
    """Gives a factor of which no value is known the mixture of values that meets the picture best; the network stays as it is.

    Args:
        network: {factor: code float (B, K_f)} -> image (B, H, W, C) in [0, 1], linear.
    """

    def __init__(self, network: keras.Model) -> None:
        super().__init__(name="transfer")
        self.network = network
        self.sizes = {name: int(code.shape[-1]) for name, code in network.input.items()}
        codes = {name: tf.TensorSpec((None, size), tf.float32) for name, size in self.sizes.items()}
        pictures = tf.TensorSpec((None, *network.output.shape[1:]), tf.float32)
        self.found = tf.function(self._found, input_signature=[pictures, codes], autograph=False)

    def draw(self, pictures: tf.Tensor, known: Codes, wanted: Codes) -> tf.Tensor:
        """As `gcn_tf.config.networks.Transfer` says."""
        found = self.found(pictures, dict(known))
        return self.network({name: after_change(found[name], wanted[name]) for name in self.sizes})

    def missed(self, pictures: tf.Tensor, known: Codes) -> tf.Tensor:
        """As `gcn_tf.config.networks.Transfer` says."""
        return self._distance(pictures, self.found(pictures, dict(known)))

    def _distance(self, pictures: tf.Tensor, codes: Codes) -> tf.Tensor:
        made = tf.clip_by_value(self.network(dict(codes)), 0.0, 1.0)
        return missed_share(pictures, made)

    def _found(self, pictures: tf.Tensor, known: Codes) -> dict[str, tf.Tensor]:
        """The known codes, and mixtures of values where they are zeros."""
        count, total = tf.shape(pictures)[0], sum(self.sizes.values())
        unknown = {name: 1 - tf.reduce_sum(known[name], axis=1, keepdims=True) for name in self.sizes}
        any_unknown = tf.reduce_max(tf.concat(list(unknown.values()), axis=1)) > 0.5

        def codes(logits: tf.Tensor) -> dict[str, tf.Tensor]:
            parts = tf.split(logits, list(self.sizes.values()), axis=1)
            return {
                name: known[name] + unknown[name] * tf.nn.softmax(part)
                for name, part in zip(self.sizes, parts, strict=True)
            }

        def step(
            number: tf.Tensor, logits: tf.Tensor, mean: tf.Tensor, square: tf.Tensor
        ) -> tuple[tf.Tensor, ...]:
            with tf.GradientTape() as tape:
                tape.watch(logits)
                loss = tf.reduce_sum(self._distance(pictures, codes(logits)))
            return adam_step(number, logits, tape.gradient(loss, logits), mean, square, RATE)

        zeros = tf.zeros((count, total))
        state = tf.while_loop(
            lambda number, *_: any_unknown & (number < STEPS), step, (tf.constant(0), zeros, zeros, zeros)
        )
        return codes(state[1])
