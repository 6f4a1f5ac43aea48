"""StarGAN (Choi et al. 2018, https://arxiv.org/abs/1711.09020): one translator for all domains, and a critic that also classifies."""

from collections.abc import Callable, Mapping
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
class StarGan(PictureRival):
    """The translator should be taken for real, classified as what is wanted, and turned back into the picture (L1).

    Differs from the paper in its translator (the U-Net of pix2pix) and in one step of the critic for each of the translator, not five.
    """

    kind: ClassVar = "stargan"
    meaning: ClassVar = "StarGAN: a picture and the wanted values; the critic also classifies"
    searched: ClassVar = {
        "learning_rate": (5e-5, 1e-3),
        "classification_weight": (0.1, 10.0),
        "reconstruction_weight": (1.0, 100.0),
    }

    learning_rate: Annotated[float, Range(1e-12, 10)] = 1e-4
    """Adam's learning rate, of both networks."""
    classification_weight: Annotated[float, Range(0, 1e6)] = 1.0
    """Weight of the cross entropies of all factors."""
    reconstruction_weight: Annotated[float, Range(0, 1e6)] = 10.0
    """Weight of the mean absolute difference after there and back."""
    penalty_weight: Annotated[float, Range(0, 1e6)] = 10.0
    """Weight of the critic's gradient penalty (Gulrajani et al. 2017)."""

    def networks(self, grid: Grid, width: int) -> "dict[str, keras.Model]":
        import keras
        from keras import layers

        from gcn_tf.rivals.blocks import heads
        from gcn_tf.rivals.translator import (
            patch_features,
            patch_filters,
            patch_logits,
            translator_network,
            unet_filters,
        )

        count = sum(grid.sizes.values())
        way = translator_network(grid.shape, count, grid.dtype, unet_filters(width), name=WAY)
        image = layers.Input(grid.shape, name="image")
        features = patch_features(image, patch_filters(width), grid.dtype, normalized="not")
        classes = heads(layers.Flatten(dtype="float32")(features), grid)
        scores = patch_logits(features, biased=False)  # a bias would not change a difference of means
        critic = keras.Model(image, (scores, classes), name="critic")
        return {"generator": self.from_codes(grid, way), "critic": critic}

    def losses(
        self, model: "Rival", codes: "Mapping[str, tf.Tensor]", real: "tf.Tensor"
    ) -> "dict[str, tf.Tensor]":
        import tensorflow as tf

        from gcn_tf.rivals.adversary import class_entropy
        from gcn_tf.rivals.translator import there_and_back

        critic, own = model.others["critic"], joined_codes(codes)
        wanted = {name: tf.roll(code, 1, axis=0) for name, code in codes.items()}
        made, back = there_and_back(way_of(model), real, own, joined_codes(wanted), training=True)
        on_made, classes_of_made = critic(made, training=True)
        on_real, classes_of_real = critic(real, training=True)
        cycle = tf.reduce_mean(tf.abs(back - real))
        classified = class_entropy(classes_of_made, wanted)
        distance = tf.reduce_mean(on_real) - tf.reduce_mean(on_made)
        share = tf.random.stateless_uniform((tf.shape(real)[0], 1, 1, 1), step_seed(model, 40))
        between = tf.stop_gradient(share * real + (1.0 - share) * made)
        return {
            "generator": self.classification_weight * classified
            + self.reconstruction_weight * cycle
            - tf.reduce_mean(on_made),
            "critic": self.classification_weight * class_entropy(classes_of_real, codes)
            + self.penalty_weight * gradient_penalty(lambda x: critic(x, training=True)[0], between)
            - distance,
            "cycle": cycle,
            "classification": classified,
        }


def gradient_penalty(critic: "Callable[[tf.Tensor], tf.Tensor]", pictures: "tf.Tensor") -> "tf.Tensor":
    """How far the lengths of the critic's gradients are from 1 (Gulrajani et al. 2017): float32 (B, H, W, C) -> scalar."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(pictures)
        logits = tf.reduce_mean(critic(pictures), axis=(1, 2, 3))
    gradients = tape.gradient(logits, pictures)
    lengths = tf.sqrt(tf.reduce_sum(tf.square(gradients), axis=(1, 2, 3)) + 1e-12)
    return tf.reduce_mean(tf.square(lengths - 1.0))
