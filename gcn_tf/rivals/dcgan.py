"""DCGAN (Radford, Metz and Chintala 2016, https://arxiv.org/abs/1511.06434): a GAN of convolutions with batch normalization."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gcn_tf.rivals.gan import Gan
from gcn_tf.rivals.rival import Grid

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class DeepConvolutionalGan(Gan):
    """A GAN with other networks; trained, and asked for cells, as that."""

    kind: ClassVar = "dcgan"
    meaning: ClassVar = "DCGAN: convolutions, the best of 10,000 draws per cell"
    asks_classifier: ClassVar = True

    def networks(self, grid: Grid, width: int) -> "dict[str, keras.Model]":
        import keras
        from keras import layers

        from gcn_tf.rivals.blocks import features_of, picture_from
        from gcn_tf.rivals.chosen_latents import ChosenLatents, generator_of_cells

        noise = layers.Input((self.latent,))
        synthesis = keras.Model(noise, picture_from(noise, grid, width), name="synthesis")
        image = layers.Input(grid.shape)
        features = features_of(image, grid, width)
        return {
            "generator": generator_of_cells(
                synthesis, ChosenLatents(self.latent, name="latents"), grid, self.kind
            ),
            "critic": keras.Model(image, layers.Dense(1)(features), name="critic"),
        }
