"""InfoGAN (Chen et al. 2016, https://arxiv.org/abs/1606.03657): latent codes that the pictures must tell."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from gcn_tf.config.checks import Range
from gcn_tf.rivals.gan import Gan
from gcn_tf.rivals.rival import Grid

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from gcn_tf.rivals.training import Rival


@dataclass(frozen=True)
class InfoGan(Gan):
    """Without labels, as in the paper: a code of each factor's size, sampled like the noise, whose meaning the networks find."""

    kind: ClassVar = "infogan"
    meaning: ClassVar = "InfoGAN: unsupervised codes, the best of 10,000 draws per cell"
    asks_classifier: ClassVar = True
    searched: ClassVar[Mapping[str, tuple[float, float]]] = {
        "learning_rate": (1e-4, 2e-3),
        "information_weight": (0.1, 3.0),
    }

    information_weight: Annotated[float, Range(0, 1e6)] = 1.0
    """The paper's lambda: how much it counts that the codes are recovered."""

    def networks(self, grid: Grid, width: int) -> "dict[str, keras.Model]":
        import keras
        from keras import layers

        from gcn_tf.rivals.blocks import SLOPE, features_of, heads, picture_from
        from gcn_tf.rivals.chosen_latents import ChosenLatents, generator_of_cells

        sizes = list(grid.sizes.values())
        latents = ChosenLatents(self.latent, sizes, name="latents")
        noise = layers.Input((sum(sizes) + self.latent,))
        synthesis = keras.Model(noise, picture_from(noise, grid, width), name="synthesis")
        image = layers.Input(grid.shape)
        features = features_of(image, grid, width)
        recovering = layers.BatchNormalization()(layers.Dense(4 * width, dtype=grid.dtype)(features))
        recovered = heads(layers.LeakyReLU(SLOPE)(recovering), grid)
        return {
            "generator": generator_of_cells(synthesis, latents, grid, self.kind),
            "critic": keras.Model(image, (layers.Dense(1)(features), recovered), name="critic"),
        }

    def losses(
        self, model: "Rival", codes: "Mapping[str, tf.Tensor]", real: "tf.Tensor"
    ) -> "dict[str, tf.Tensor]":
        import tensorflow as tf

        from gcn_tf.rivals.adversary import class_entropy, critic_loss, generator_loss

        latents = model.generator.get_layer("latents").fresh(real.shape[0])
        sizes = list(model.factor_sizes.values())
        *sampled, _ = tf.split(latents, [*sizes, latents.shape[1] - sum(sizes)], axis=1)
        generated = model.generator.get_layer("synthesis")(latents, training=True)
        on_real, _ = model.others["critic"](real, training=True)
        on_generated, recovered = model.others["critic"](generated, training=True)
        # A lower bound of the mutual information of codes and picture, but for the codes' own entropy, which is constant.
        lost = class_entropy(recovered, dict(zip(model.factor_sizes, sampled, strict=True)))
        return {
            "generator": generator_loss(on_generated) + self.information_weight * lost,
            "critic": critic_loss(on_real, on_generated) + self.information_weight * lost,
        }
