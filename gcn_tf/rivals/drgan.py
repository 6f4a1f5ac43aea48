"""DR-GAN (Tran, Yin, Liu 2017, https://openaccess.thecvf.com/content_cvpr_2017/html/Tran_Disentangled_Representation_Learning_CVPR_2017_paper.html)."""

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
class DisentanglingGan(PictureRival):
    """An encoder's features, the wanted codes and noise make a picture; the critic classifies all factors, and tells real from made.

    The paper's identity and pose are the values of all factors here; those that are wanted in training are drawn at random. No pixel is
    compared.
    """

    kind: ClassVar = "drgan"
    meaning: ClassVar = "DR-GAN: encoder, wanted codes and noise; the critic also classifies"

    dropout: Annotated[float, Range(0, 0.999999)] = 0.5
    """Share of the critic's features that are dropped, so that it does not know few pictures by heart; the paper drops none."""

    def networks(self, grid: Grid, width: int) -> "dict[str, keras.Model]":
        import keras
        from keras import layers

        from gcn_tf.rivals.blocks import features_of, heads, picture_from
        from gcn_tf.rivals.latents import Latents

        count = sum(grid.sizes.values())
        image, code = layers.Input(grid.shape, name="image"), layers.Input((count,), name="codes")
        features = layers.Dense(8 * width)(features_of(image, grid, width))
        noise = Latents(self.latent, len(grid.sizes), name="latents")(code)
        made = picture_from(layers.Concatenate()([features, code, noise]), grid, width)
        way = keras.Model((image, code), made, name=WAY)
        # Not normalized: with a batch's own mean and variance all pictures became the same one.
        judged = layers.Dropout(self.dropout)(features_of(image, grid, width, normalized=False))
        critic = keras.Model(image, (layers.Dense(1)(judged), heads(judged, grid)), name="critic")
        return {"generator": self.from_codes(grid, way), "critic": critic}

    def losses(
        self, model: "Rival", codes: "Mapping[str, tf.Tensor]", real: "tf.Tensor"
    ) -> "dict[str, tf.Tensor]":
        import tensorflow as tf

        from gcn_tf.rivals.adversary import class_entropy, critic_loss, generator_loss

        wanted = {}
        for place, (name, size) in enumerate(model.factor_sizes.items()):
            drawn = tf.random.stateless_uniform(
                [tf.shape(real)[0]], step_seed(model, 40 + place), 0, size, tf.int32
            )
            wanted[name] = tf.one_hot(drawn, size)
        made = way_of(model)((real, joined_codes(wanted)), training=True)
        on_real, classes_of_real = model.others["critic"](real, training=True)
        on_made, classes_of_made = model.others["critic"](made, training=True)
        classified = class_entropy(classes_of_made, wanted)
        return {
            "generator": generator_loss(on_made) + classified,
            "critic": critic_loss(on_real, on_made) + class_entropy(classes_of_real, codes),
            "classification": classified,
        }
