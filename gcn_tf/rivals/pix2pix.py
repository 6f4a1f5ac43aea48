"""pix2pix (Isola, Zhu, Zhou, Efros 2017, https://arxiv.org/abs/1611.07004) on the grid's own pairs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from gcn_tf.config.checks import Range
from gcn_tf.rivals.picture_rival import WAY, PictureRival, joined_codes, source_of, step_seed, way_of
from gcn_tf.rivals.rival import Grid

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from gcn_tf.rivals.training import Rival


@dataclass(frozen=True)
class Pix2Pix(PictureRival):
    """A U-Net learns from pairs: a picture, and that of another cell which shares all factor values but one.

    There are as many directions as pairs of values, so both networks are told the wanted cell. The noise is dropout, as in the paper, but
    in training alone, as a cell has one picture.
    """

    kind: ClassVar = "pix2pix"
    meaning: ClassVar = "pix2pix: a U-Net from a picture of a similar cell, L1 and a critic of patches"
    searched: ClassVar = {"learning_rate": (1e-4, 2e-3), "l1_weight": (10.0, 1000.0)}

    l1_weight: Annotated[float, Range(0, 1e6)] = 100.0
    """Weight of the mean absolute difference from the true picture, beside the critic's cross entropy."""
    dropout: Annotated[float, Range(0, 0.999999)] = 0.5
    """Share of the features that are dropped behind the first layers of the decoder."""

    def networks(self, grid: Grid, width: int) -> "dict[str, keras.Model]":
        from gcn_tf.rivals.translator import pair_critic, patch_filters, translator_network, unet_filters

        count = sum(grid.sizes.values())
        filters = unet_filters(width)
        way = translator_network(grid.shape, count, grid.dtype, filters, self.dropout, WAY)
        critic = pair_critic(grid.shape, count, patch_filters(width), grid.dtype)
        return {"generator": self.from_codes(grid, way), "critic": critic}

    def losses(
        self, model: "Rival", codes: "Mapping[str, tf.Tensor]", real: "tf.Tensor"
    ) -> "dict[str, tf.Tensor]":
        import tensorflow as tf

        from gcn_tf.rivals.adversary import critic_loss, generator_loss

        wanted, critic = joined_codes(codes), model.others["critic"]
        given = source_of(model).partners(codes, step_seed(model, 40))
        made = way_of(model)((given, wanted), training=True)
        on_made = critic((given, wanted, made), training=True)
        on_real = critic((given, wanted, real), training=True)
        pixels = tf.reduce_mean(tf.abs(made - real))
        return {
            "generator": generator_loss(on_made) + self.l1_weight * pixels,
            "critic": critic_loss(on_real, on_made) / 2,
            "pixel": pixels,
        }
