"""Conditional variational autoencoder (Kingma and Welling 2014, https://arxiv.org/abs/1312.6114; conditional: Sohn et al. 2015).

Sohn, Lee, Yan 2015, "Learning structured output representation using deep conditional generative models". The prior of the latent
is standard normal whatever the codes, as Sohn et al. allow. Encoder and decoder are DCGAN's networks; Adam has its own defaults.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from gcn_tf.config.checks import Range
from gcn_tf.rivals.rival import Grid, RivalConfig

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from gcn_tf.rivals.training import Rival

NOISE = 48  # what distinguishes the latents' random numbers from others of the same seed and step


@dataclass(frozen=True)
class ConditionalVae(RivalConfig):
    """The encoder sees a picture and its codes, the decoder a latent and the codes; a cell is drawn from a latent of the prior."""

    kind: ClassVar = "cvae"
    meaning: ClassVar = "conditional VAE: pixel error and KL divergence of the latent from its prior"
    searched: ClassVar[Mapping[str, tuple[float, float]]] = {
        "learning_rate": (1e-4, 3e-3),
        "kl_weight": (0.1, 10.0),
    }

    learning_rate: Annotated[float, Range(1e-12, 10)] = 1e-3
    """Adam's learning rate, of both networks."""
    beta_1: Annotated[float, Range(0, 0.999999)] = 0.9
    """Adam's decay of the gradient's mean."""
    likelihood: Literal["gaussian", "bernoulli"] = "gaussian"
    """gaussian: the error is the sum of squared differences, bernoulli: the cross entropy of every pixel."""
    kl_weight: Annotated[float, Range(0, 1e6)] = 1.0
    """Weight of the KL divergence beside the pixels' error; with gaussian it is twice the variance of a pixel."""

    def networks(self, grid: Grid, width: int) -> "dict[str, keras.Model]":
        import keras
        from keras import layers

        from gcn_tf.rivals.blocks import features_of, joined, picture_from, with_planes
        from gcn_tf.rivals.latents import Latents

        code, latent = layers.Input((sum(grid.sizes.values()),)), layers.Input((self.latent,))
        picture = picture_from(layers.Concatenate()([code, latent]), grid, width)
        decoder = keras.Model((code, latent), picture, name="decoder")
        codes, together = joined(grid)
        prior = Latents(self.latent, len(grid.sizes), name="latents")(together)
        image = layers.Input(grid.shape, name="image")
        seen, condition = joined(grid)
        features = features_of(with_planes(image, condition), grid, width)
        posterior = (
            layers.Dense(self.latent, name="mean")(features),
            layers.Dense(self.latent, name="log_variance")(features),
        )
        return {
            "generator": keras.Model(codes, decoder((together, prior)), name="generator"),
            "encoder": keras.Model((image, seen), posterior, name="encoder"),
        }

    def losses(
        self, model: "Rival", codes: "Mapping[str, tf.Tensor]", real: "tf.Tensor"
    ) -> "dict[str, tf.Tensor]":
        """Both minimise the negative evidence lower bound."""
        import tensorflow as tf

        mean, log_variance = model.others["encoder"]((real, codes), training=True)
        seed = tf.stack([tf.constant(model.seed * 64 + NOISE, tf.int64), model.step.value])
        latent = mean + tf.exp(log_variance / 2) * tf.random.stateless_normal(tf.shape(mean), seed)
        together = tf.concat(list(codes.values()), axis=1)
        drawn = model.generator.get_layer("decoder")((together, latent), training=True)
        error = tf.reduce_mean(self.pixel_errors(real, drawn))
        bound = error + self.kl_weight * tf.reduce_mean(kl_divergences(mean, log_variance))
        return {"generator": bound, "encoder": bound}

    def pixel_errors(self, real: "tf.Tensor", drawn: "tf.Tensor") -> "tf.Tensor":
        """Minus the log likelihood of real pictures, up to constants: two float32 (B, H, W, C) in [0, 1] -> (B,)."""
        import keras
        import tensorflow as tf

        from gcn_tf.model.objective import sum_of_squares

        if self.likelihood == "gaussian":
            return sum_of_squares(real, drawn)
        entropies = keras.ops.binary_crossentropy(real, drawn)
        return tf.reduce_sum(entropies, axis=(1, 2, 3))


def kl_divergences(mean: "tf.Tensor", log_variance: "tf.Tensor") -> "tf.Tensor":
    """From normal distributions, independent in every number, to the standard one: two float32 (B, Z) -> (B,) in nats, at least 0.

    Appendix B of Kingma and Welling 2014.
    """
    import tensorflow as tf

    return tf.reduce_sum(tf.square(mean) + tf.exp(log_variance) - 1 - log_variance, axis=1) / 2
