"""Deep perceptual similarity, DeePSiM (Dosovitskiy and Brox 2016, https://arxiv.org/abs/1602.02644).

The paper's comparator is an AlexNet trained on ImageNet. None is downloaded here: a small one learns the factors of the seen pictures
alongside. The weights of the three parts are therefore not the paper's, which belong to that AlexNet's features.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from gcn_tf.config.checks import Range
from gcn_tf.rivals.rival import Grid, RivalConfig

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from gcn_tf.rivals.training import Rival

PAUSE = 0.1  # the critic rests while its loss is less than this share of the generator's, as in the paper


@dataclass(frozen=True)
class DeepSim(RivalConfig):
    """Dosovitskiy's generator with errors of pixels and of a comparator's features, and a critic; `latent` is not used."""

    kind: ClassVar = "deepsim"
    meaning: ClassVar = "DeePSiM: errors of pixels and of a classifier's features, and a critic"
    searched: ClassVar[Mapping[str, tuple[float, float]]] = {
        "learning_rate": (1e-4, 2e-3),
        "feature_weight": (0.01, 10.0),
        "adversarial_weight": (0.1, 10.0),
    }

    beta_1: Annotated[float, Range(0, 0.999999)] = 0.9
    """Adam's decay of the gradient's mean."""
    pixel_weight: Annotated[float, Range(0, 1e6)] = 1.0
    """Weight of the sum of squared pixel differences."""
    feature_weight: Annotated[float, Range(0, 1e6)] = 1.0
    """Weight of the sum of squared differences of the comparator's features."""
    adversarial_weight: Annotated[float, Range(0, 1e6)] = 1.0
    """Weight of the critic's word."""

    def networks(self, grid: Grid, width: int) -> "dict[str, keras.Model]":
        import keras
        from keras import layers

        from gcn_tf.rivals.blocks import features_of, joined
        from gcn_tf.rivals.cooperator import cooperator
        from gcn_tf.rivals.deconvolution import deconvolution

        classifier = cooperator(grid, width)
        features = classifier.get_layer("features").output
        image = layers.Input(grid.shape, name="image")
        codes, together = joined(grid)
        x = layers.Concatenate()(
            [features_of(image, grid, 2 * width), layers.Dense(8 * width, "leaky_relu")(together)]
        )
        return {
            "generator": deconvolution(grid, width),
            "comparator": keras.Model(classifier.input, (features, classifier.output), name="comparator"),
            "critic": keras.Model((image, codes), layers.Dense(1)(x), name="critic"),
        }

    def losses(
        self, model: "Rival", codes: "Mapping[str, tf.Tensor]", real: "tf.Tensor"
    ) -> "dict[str, tf.Tensor]":
        import tensorflow as tf

        from gcn_tf.model.objective import clip_image, sum_of_squares
        from gcn_tf.rivals.adversary import class_entropy, critic_loss, generator_loss

        critic, comparator = model.others["critic"], model.others["comparator"]
        generated = model.generator(codes, training=True)
        shown = clip_image(generated)
        wanted_features, logits = comparator(real, training=True)
        features, _ = comparator(shown, training=True)
        on_real, on_generated = critic((real, codes), training=True), critic((shown, codes), training=True)
        fooled, told = generator_loss(on_generated), critic_loss(on_real, on_generated)
        wanted = self.pixel_weight * tf.reduce_mean(sum_of_squares(real, generated))
        wanted += self.feature_weight * feature_loss(wanted_features, features)
        wanted += self.adversarial_weight * fooled
        return {
            "generator": wanted,
            "comparator": class_entropy(logits, codes),
            "critic": resting_critic(told, fooled),
        }


def resting_critic(told: "tf.Tensor", fooled: "tf.Tensor") -> "tf.Tensor":
    """The critic's loss, without a gradient where it is small beside the generator's adversarial loss: two scalars -> a scalar."""
    import tensorflow as tf

    return tf.where(told > PAUSE * fooled, told, tf.stop_gradient(told))


def feature_loss(real: "tf.Tensor", generated: "tf.Tensor") -> "tf.Tensor":
    """Squared Euclidean distance of features, averaged over the batch: two float (B, F) -> float32 scalar."""
    import tensorflow as tf

    apart = tf.cast(real, tf.float32) - tf.cast(generated, tf.float32)
    return tf.reduce_mean(tf.reduce_sum(tf.square(apart), axis=1))
