"""Conditional GAN (Mirza and Osindero 2014, https://arxiv.org/abs/1411.1784) with DCGAN's networks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gcn_tf.rivals.rival import Grid, RivalConfig

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from gcn_tf.rivals.training import Rival


@dataclass(frozen=True)
class ConditionalGan(RivalConfig):
    """The codes go into both networks: the critic judges whether a picture is real and of its cell."""

    kind: ClassVar = "cgan"
    meaning: ClassVar = "conditional GAN: the critic sees picture and codes"

    def networks(self, grid: Grid, width: int) -> "dict[str, keras.Model]":
        import keras
        from keras import layers

        from gcn_tf.rivals.blocks import features_of, joined, picture_from, with_planes
        from gcn_tf.rivals.latents import Latents

        codes, together = joined(grid)
        latents = Latents(self.latent, len(grid.sizes), name="latents")(together)
        picture = picture_from(layers.Concatenate()([together, latents]), grid, width)
        image = layers.Input(grid.shape, name="image")
        seen, condition = joined(grid)
        features = features_of(with_planes(image, condition), grid, width)
        return {
            "generator": keras.Model(codes, picture, name="generator"),
            "critic": keras.Model((image, seen), layers.Dense(1)(features), name="critic"),
        }

    def losses(
        self, model: "Rival", codes: "Mapping[str, tf.Tensor]", real: "tf.Tensor"
    ) -> "dict[str, tf.Tensor]":
        from gcn_tf.rivals.adversary import critic_loss, generator_loss

        generated = model.generator(codes, training=True)
        on_real = model.others["critic"]((real, codes), training=True)
        on_generated = model.others["critic"]((generated, codes), training=True)
        return {"generator": generator_loss(on_generated), "critic": critic_loss(on_real, on_generated)}
