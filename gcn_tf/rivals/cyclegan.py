"""CycleGAN (Zhu, Park, Isola, Efros 2017, https://arxiv.org/abs/1703.10593) and DiscoGAN (Kim et al. 2017,
https://arxiv.org/abs/1703.05192): from domain to domain and back, without pairs.

In the papers two domains have two translators and two critics. Here every cell is a domain: one translator is told the wanted one, and
takes both ways, and one critic is told which it should be.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from gcn_tf.config.checks import Range
from gcn_tf.rivals.picture_rival import WAY, PictureRival, joined_codes, way_of
from gcn_tf.rivals.rival import Grid

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from gcn_tf.rivals.training import Rival


@dataclass(frozen=True)
class CycleGan(PictureRival):
    """There and back should give the same picture (L1), and so should a picture's own cell; least squares for critic and translator."""

    kind: ClassVar = "cyclegan"
    meaning: ClassVar = "CycleGAN: from cell to cell and back, without pairs"
    searched: ClassVar = {"learning_rate": (1e-4, 2e-3), "cycle_weight": (1.0, 100.0)}

    cycle_weight: Annotated[float, Range(0, 1e6)] = 10.0
    """Weight of the mean absolute difference after there and back."""
    identity_weight: Annotated[float, Range(0, 1e6)] = 5.0
    """Weight of the mean absolute difference when its own cell is wanted; the paper has half of `cycle_weight`."""

    def networks(self, grid: Grid, width: int) -> "dict[str, keras.Model]":
        return cycle_networks(self, grid, width)

    def losses(
        self, model: "Rival", codes: "Mapping[str, tf.Tensor]", real: "tf.Tensor"
    ) -> "dict[str, tf.Tensor]":
        import tensorflow as tf

        from gcn_tf.rivals.translator import there_and_back

        way, critic = way_of(model), model.others["critic"]
        own = joined_codes(codes)
        wanted = tf.roll(own, 1, axis=0)
        made, back = there_and_back(way, real, own, wanted, training=True)
        cycle = tf.reduce_mean(tf.abs(back - real))
        identity = tf.reduce_mean(tf.abs(way((real, own), training=True) - real))
        on_made, on_real = (critic(seen, training=True) for seen in ((made, wanted), (real, own)))
        fooled = tf.reduce_mean(tf.square(on_made - 1.0))
        return {
            "generator": fooled + self.cycle_weight * cycle + self.identity_weight * identity,
            "critic": (tf.reduce_mean(tf.square(on_real - 1.0)) + tf.reduce_mean(tf.square(on_made))) / 2,
            "cycle": cycle,
        }


@dataclass(frozen=True)
class DiscoGan(PictureRival):
    """There and back should give the same picture (mean square); cross entropy for critic and translator."""

    kind: ClassVar = "discogan"
    meaning: ClassVar = "DiscoGAN: from cell to cell and back, without pairs, mean square and cross entropy"
    searched: ClassVar = {"learning_rate": (1e-4, 2e-3), "reconstruction_weight": (0.1, 100.0)}

    reconstruction_weight: Annotated[float, Range(0, 1e6)] = 1.0
    """Weight of the mean square difference after there and back."""

    def networks(self, grid: Grid, width: int) -> "dict[str, keras.Model]":
        return cycle_networks(self, grid, width)

    def losses(
        self, model: "Rival", codes: "Mapping[str, tf.Tensor]", real: "tf.Tensor"
    ) -> "dict[str, tf.Tensor]":
        import tensorflow as tf

        from gcn_tf.rivals.adversary import critic_loss, generator_loss
        from gcn_tf.rivals.translator import there_and_back

        critic, own = model.others["critic"], joined_codes(codes)
        wanted = tf.roll(own, 1, axis=0)
        made, back = there_and_back(way_of(model), real, own, wanted, training=True)
        cycle = tf.reduce_mean(tf.square(back - real))
        on_made, on_real = (critic(seen, training=True) for seen in ((made, wanted), (real, own)))
        return {
            "generator": generator_loss(on_made) + self.reconstruction_weight * cycle,
            "critic": critic_loss(on_real, on_made),
            "cycle": cycle,
        }


def cycle_networks(kind: PictureRival, grid: Grid, width: int) -> "dict[str, keras.Model]":
    """The U-Net that takes all ways, and a critic of patches that is told the cell.

    Nothing in the critic is normalized: it would not see the brightness of the ground, which drifted in DiscoGAN.
    """
    import keras
    from keras import layers

    from gcn_tf.rivals.blocks import with_planes
    from gcn_tf.rivals.translator import (
        patch_features,
        patch_filters,
        patch_logits,
        translator_network,
        unet_filters,
    )

    count = sum(grid.sizes.values())
    way = translator_network(grid.shape, count, grid.dtype, unet_filters(width), name=WAY)
    image, code = layers.Input(grid.shape, name="image"), layers.Input((count,), name="codes")
    features = patch_features(with_planes(image, code), patch_filters(width), grid.dtype, normalized="not")
    critic = keras.Model((image, code), patch_logits(features), name="critic")
    return {"generator": kind.from_codes(grid, way), "critic": critic}
