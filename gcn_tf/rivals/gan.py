"""Generative adversarial nets (Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661): dense layers, and no codes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gcn_tf.rivals.rival import Grid, RivalConfig

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from gcn_tf.rivals.training import Rival


@dataclass(frozen=True)
class Gan(RivalConfig):
    """The paper's networks for digits: 5 units of the generator for each of the critic's, which is the largest of 5 pieces."""

    kind: ClassVar = "gan"
    meaning: ClassVar = "GAN: dense, the best of 10,000 draws per cell"
    asks_classifier: ClassVar = True

    def networks(self, grid: Grid, width: int) -> "dict[str, keras.Model]":
        import keras
        from keras import layers

        from gcn_tf.rivals.blocks import maxout
        from gcn_tf.rivals.chosen_latents import ChosenLatents, generator_of_cells

        noise = layers.Input((self.latent,))
        x = layers.Dense(5 * width, "relu", dtype=grid.dtype)(noise)
        x = layers.Dense(5 * width, "sigmoid", dtype=grid.dtype)(x)
        x = layers.Dense(grid.shape[0] * grid.shape[1] * grid.shape[2], "sigmoid", dtype="float32")(x)
        synthesis = keras.Model(noise, layers.Reshape(grid.shape)(x), name="synthesis")
        image = layers.Input(grid.shape)
        x = layers.Dropout(0.2)(layers.Flatten()(image))
        for _ in range(2):
            x = layers.Dropout(0.5)(maxout(x, grid, width, pieces=5))
        return {
            "generator": generator_of_cells(
                synthesis, ChosenLatents(self.latent, name="latents"), grid, self.kind
            ),
            "critic": keras.Model(image, layers.Dense(1, dtype="float32")(x), name="critic"),
        }

    def losses(
        self, model: "Rival", codes: "Mapping[str, tf.Tensor]", real: "tf.Tensor"
    ) -> "dict[str, tf.Tensor]":
        from gcn_tf.rivals.adversary import critic_loss, generator_loss

        latents = model.generator.get_layer("latents").fresh(real.shape[0])
        generated = model.generator.get_layer("synthesis")(latents, training=True)
        on_real = model.others["critic"](real, training=True)
        on_generated = model.others["critic"](generated, training=True)
        return {"generator": generator_loss(on_generated), "critic": critic_loss(on_real, on_generated)}

    def finish(self, model: "Rival") -> None:
        from gcn_tf.rivals.chosen_latents import choose

        choose(model)
