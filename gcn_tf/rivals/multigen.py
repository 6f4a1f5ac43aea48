"""MultiGen, the plan of the GCN's authors: "an adversarial discriminator" beside the cooperative one (Xu, Qin, Wan 2019).

https://github.com/Xharlie/MultiGen announces it and holds no code of it. So this is the GCN of https://arxiv.org/abs/1705.02887, eq. (1)
and (2), with the generator's loss of Goodfellow et al. 2014 as one more term; critic and weight of the term are ours.
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


@dataclass(frozen=True)
class MultiGen(RivalConfig):
    """A classifier helps the generator, a critic works against it; `latent` is not used."""

    kind: ClassVar = "multigen"
    meaning: ClassVar = "MultiGen: a GCN with an adversarial critic beside the classifier"
    searched: ClassVar[Mapping[str, tuple[float, float]]] = {
        "learning_rate": (1e-4, 3e-3),
        "adversarial_weight": (0.1, 10.0),
        "classification_weight": (1.0, 30.0),
    }

    learning_rate: Annotated[float, Range(1e-12, 10)] = 5e-4
    """Adam's learning rate, of all networks."""
    beta_1: Annotated[float, Range(0, 0.999999)] = (
        0.9  # as of a GCN: at 0.5 single batches threw the classifier back
    )
    """Adam's decay of the gradient's mean."""
    classification_weight: Annotated[float, Range(0, 1e6)] = 10.0
    """Weight of every factor's cross entropy beside the pixels' squared error."""
    adversarial_weight: Annotated[float, Range(0, 1e6)] = 1.0
    """Weight of the critic's word beside the pixels' squared error."""

    def networks(self, grid: Grid, width: int) -> "dict[str, keras.Model]":
        import keras
        from keras import layers

        from gcn_tf.rivals.blocks import features_of
        from gcn_tf.rivals.cooperator import cooperator
        from gcn_tf.rivals.deconvolution import deconvolution

        image = layers.Input(grid.shape, name="image")
        features = features_of(image, grid, 2 * width)
        return {
            "generator": deconvolution(grid, width),
            "cooperator": cooperator(grid, width),
            "critic": keras.Model(image, layers.Dense(1)(features), name="critic"),
        }

    def losses(
        self, model: "Rival", codes: "Mapping[str, tf.Tensor]", real: "tf.Tensor"
    ) -> "dict[str, tf.Tensor]":
        import tensorflow as tf

        from gcn_tf.model.objective import clip_image, sum_of_squares
        from gcn_tf.rivals.adversary import class_entropy, critic_loss, generator_loss

        critic, cooperator = model.others["critic"], model.others["cooperator"]
        generated = model.generator(codes, training=True)
        shown = clip_image(generated)
        on_real, on_generated = critic(real, training=True), critic(shown, training=True)
        wanted = tf.reduce_mean(sum_of_squares(real, generated))
        wanted += self.classification_weight * class_entropy(cooperator(shown, training=True), codes)
        wanted += self.adversarial_weight * generator_loss(on_generated)
        return {
            "generator": wanted,
            "cooperator": class_entropy(cooperator(real, training=True), codes),
            "critic": critic_loss(on_real, on_generated),
        }
