"""AC-GAN (Odena, Olah and Shlens 2017, https://arxiv.org/abs/1610.09585): a critic that classifies as well."""

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
class AuxiliaryClassifierGan(RivalConfig):
    """Both networks want real and generated pictures to be classified as their cells; they disagree about what is real."""

    kind: ClassVar = "acgan"
    meaning: ClassVar = "AC-GAN: the critic classifies every factor"
    searched: ClassVar[Mapping[str, tuple[float, float]]] = {
        "learning_rate": (1e-4, 2e-3),
        "classification_weight": (0.1, 3.0),
    }

    classification_weight: Annotated[float, Range(0, 1e6)] = 1.0
    """How much the classes count beside real or generated."""
    dropout: Annotated[float, Range(0, 0.99)] = 0.5
    """Share of the critic's features that are left out in training."""

    def networks(self, grid: Grid, width: int) -> "dict[str, keras.Model]":
        import keras
        from keras import layers

        from gcn_tf.rivals.blocks import features_of, heads, joined, picture_from
        from gcn_tf.rivals.latents import Latents

        codes, together = joined(grid)
        latents = Latents(self.latent, len(grid.sizes), name="latents")(together)
        picture = picture_from(layers.Concatenate()([together, latents]), grid, width)
        image = layers.Input(grid.shape)
        features = layers.Dropout(self.dropout)(features_of(image, grid, width))
        return {
            "generator": keras.Model(codes, picture, name="generator"),
            "critic": keras.Model(image, (layers.Dense(1)(features), heads(features, grid)), name="critic"),
        }

    def losses(
        self, model: "Rival", codes: "Mapping[str, tf.Tensor]", real: "tf.Tensor"
    ) -> "dict[str, tf.Tensor]":
        from gcn_tf.rivals.adversary import class_entropy, critic_loss, generator_loss

        generated = model.generator(codes, training=True)
        on_real, real_classes = model.others["critic"](real, training=True)
        on_generated, generated_classes = model.others["critic"](generated, training=True)
        of_generated = class_entropy(generated_classes, codes)
        of_both = class_entropy(real_classes, codes) + of_generated
        return {
            "generator": generator_loss(on_generated) + self.classification_weight * of_generated,
            "critic": critic_loss(on_real, on_generated) + self.classification_weight * of_both,
        }
