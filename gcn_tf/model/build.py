"""From settings to a GCN: both networks and both optimizers."""

import keras

from gcn_tf.config.schema import ObjectiveConfig, RunConfig
from gcn_tf.grid.factors import FactorSpace
from gcn_tf.model.gcn import GCN
from gcn_tf.model.optimizers import build_adam, build_classifier_adam
from gcn_tf.model.size import check_weights


def build_model(config: RunConfig, space: FactorSpace, image_shape: tuple[int, int, int]) -> GCN:
    """Build both networks and both optimizers, compiled.

    Raises:
        UserError: layers and image size disagree, a weight of an unknown factor, or memory is short.
    """
    config.check_factor_weights(space.names)
    check_weights(config, space.sizes, image_shape)
    keras.utils.set_random_seed(config.seed)
    if model := config.generator.trained(config, space.sizes, image_shape):
        return model
    distances = {factor.name: factor.distances() for factor in space if factor.numbers}
    build = config.generator.build_masked if config.mask_weight else config.generator.build
    model = GCN(
        build(space.sizes, image_shape, config.precision, distances),
        config.classifier.build(space.sizes, image_shape, config.precision, config.imagined_class),
        config.part(ObjectiveConfig),
        config.seed,
    )
    model.compile(build_adam(config, "generator_adam"), build_classifier_adam(config, "classifier_adam"))
    return model
