"""Projection discriminator (Miyato and Koyama 2018, https://arxiv.org/abs/1802.05637) with spectral normalization."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from gcn_tf.config.checks import Range
from gcn_tf.rivals.rival import Grid, RivalConfig

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from gcn_tf.rivals.training import Rival


@dataclass(frozen=True)
class ProjectionGan(RivalConfig):
    """The critic's logit: what the features say by themselves, and for each factor their inner product with its value's embedding."""

    kind: ClassVar = "projection"
    meaning: ClassVar = "projection discriminator: codes meet the critic's features"

    beta_1: Annotated[float, Range(0, 0.999999)] = 0.0
    """Adam's decay of the gradient's mean, that of the paper."""

    def networks(self, grid: Grid, width: int) -> "dict[str, keras.Model]":
        import keras
        from keras import layers

        from gcn_tf.rivals.blocks import features_of, joined, picture_from
        from gcn_tf.rivals.latents import Latents

        codes, together = joined(grid)
        latents = Latents(self.latent, len(grid.sizes), name="latents")(together)
        picture = picture_from(latents, grid, width, condition=together)
        image = layers.Input(grid.shape, name="image")
        seen, _ = joined(grid)
        features = features_of(image, grid, width, spectral=True)
        # Without a bias: in the hinge loss it has no gradient as long as every picture is within the margin.
        logits = [layers.SpectralNormalization(layers.Dense(1, use_bias=False))(features)]
        for name, code in seen.items():
            embedding = layers.Dense(features.shape[-1], use_bias=False, name=f"embedding_of_{name}")
            logits.append(layers.Dot(1)([layers.SpectralNormalization(embedding)(code), features]))
        return {
            "generator": keras.Model(codes, picture, name="generator"),
            "critic": keras.Model((image, seen), layers.Add()(logits), name="critic"),
        }

    def losses(
        self, model: "Rival", codes: "Mapping[str, tf.Tensor]", real: "tf.Tensor"
    ) -> "dict[str, tf.Tensor]":
        import tensorflow as tf

        from gcn_tf.rivals.adversary import hinge_critic_loss

        generated = model.generator(codes, training=True)
        # Together, as spectral normalization goes one step of its power iteration with every call.
        images = tf.concat([real, generated], axis=0)
        twice = {name: tf.concat([code, code], axis=0) for name, code in codes.items()}
        on_real, on_generated = tf.split(model.others["critic"]((images, twice), training=True), 2)
        return {
            "generator": -tf.reduce_mean(on_generated),
            "critic": hinge_critic_loss(on_real, on_generated),
        }
