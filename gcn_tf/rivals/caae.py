"""Conditional adversarial autoencoder (Zhang, Song, Qi 2017, https://arxiv.org/abs/1702.08423)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from gcn_tf.config.checks import Range
from gcn_tf.rivals.picture_rival import WAY, PictureRival, joined_codes, step_seed, way_of
from gcn_tf.rivals.rival import Grid

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from gcn_tf.rivals.training import Rival


@dataclass(frozen=True)
class ConditionalAdversarialAutoencoder(PictureRival):
    """A picture's latent code and the wanted codes make a picture; one critic sees latent codes, another one pictures with codes.

    The first wants latent codes to be uniform, so that those of similar faces lie side by side.
    """

    kind: ClassVar = "caae"
    meaning: ClassVar = "CAAE: encoder, wanted codes, critics of latent codes and of pictures"
    searched: ClassVar = {"learning_rate": (1e-4, 2e-3), "pixel_weight": (10.0, 10_000.0)}

    latent: Annotated[int, Range(1, 4096)] = 50
    """Numbers of a picture's latent code, each in [-1, 1]."""
    pixel_weight: Annotated[float, Range(0, 1e6)] = 100.0
    """Weight of the mean square difference from the picture, beside the critics' cross entropies."""
    smoothness_weight: Annotated[float, Range(0, 1e6)] = 10.0
    """Weight of the picture's mean square difference between neighbouring pixels, its total variation."""

    def networks(self, grid: Grid, width: int) -> "dict[str, keras.Model]":
        import keras
        from keras import layers

        from gcn_tf.rivals.blocks import SLOPE, features_of, picture_from, with_planes

        count = sum(grid.sizes.values())
        image, code = layers.Input(grid.shape, name="image"), layers.Input((count,), name="codes")
        latent = layers.Input((self.latent,), name="latent")
        found = layers.Dense(self.latent, "tanh")(features_of(image, grid, width, normalized=False))
        encoder = keras.Model(image, found, name="encoder")
        made = picture_from(layers.Concatenate()([latent, code]), grid, width)
        decoder = keras.Model((latent, code), made, name="decoder")
        way = keras.Model((image, code), decoder((encoder(image), code)), name=WAY)
        critic = layers.Dense(1)(features_of(with_planes(image, code), grid, width))
        x = latent
        for units in (4 * width, 2 * width, width):
            x = layers.LeakyReLU(SLOPE)(layers.Dense(units)(x))
        return {
            "generator": self.from_codes(grid, way),
            "critic": keras.Model((image, code), critic, name="critic"),
            "latent_critic": keras.Model(latent, layers.Dense(1)(x), name="latent_critic"),
        }

    def losses(
        self, model: "Rival", codes: "Mapping[str, tf.Tensor]", real: "tf.Tensor"
    ) -> "dict[str, tf.Tensor]":
        import tensorflow as tf

        from gcn_tf.rivals.adversary import critic_loss, generator_loss

        critic, latent_critic = model.others["critic"], model.others["latent_critic"]
        own = joined_codes(codes)
        latent = way_of(model).get_layer("encoder")(real, training=True)
        made = way_of(model).get_layer("decoder")((latent, own), training=True)
        prior = tf.random.stateless_uniform(tf.shape(latent), step_seed(model, 40), -1.0, 1.0)
        on_prior, on_latent = (latent_critic(x, training=True) for x in (prior, latent))
        on_real, on_made = (critic((x, own), training=True) for x in (real, made))
        pixels = tf.reduce_mean(tf.square(made - real))
        return {
            "generator": self.pixel_weight * pixels
            + self.smoothness_weight * variation(made)
            + generator_loss(on_made)
            + generator_loss(on_latent),
            "critic": critic_loss(on_real, on_made),
            "latent_critic": critic_loss(on_prior, on_latent),
            "pixel": pixels,
        }


def variation(pictures: "tf.Tensor") -> "tf.Tensor":
    """Mean square difference between neighbouring pixels: float32 (B, H, W, C) -> scalar."""
    import tensorflow as tf

    down = tf.reduce_mean(tf.square(pictures[:, 1:] - pictures[:, :-1]))
    across = tf.reduce_mean(tf.square(pictures[:, :, 1:] - pictures[:, :, :-1]))
    return down + across
