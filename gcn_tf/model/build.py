"""From settings to a GCN: both networks and both optimizers."""

import keras

from gcn_tf.config.schema import RunConfig
from gcn_tf.grid.factors import FactorSpace
from gcn_tf.model.classifier import build_classifier
from gcn_tf.model.gcn import GCN
from gcn_tf.model.generator import build_generator
from gcn_tf.model.optimizers import build_adam
from gcn_tf.model.size import check_weights


def build_model(config: RunConfig, space: FactorSpace, image_shape: tuple[int, int, int]) -> GCN:
    """Both networks and both optimizers, compiled; raises UserError when layers and image size disagree or memory is short."""
    weights = config.loss_weights(space.names)
    check_weights(config, space.sizes, image_shape[0])
    keras.utils.set_random_seed(config.seed)
    model = GCN(
        build_generator(space.sizes, config.generator, config.precision, image_shape[0]),
        build_classifier(
            space.sizes, image_shape, config.classifier, config.precision, config.imagined_class
        ),
        factor_weights=weights,
        pixel_weight=config.pixel_weight,
        cooperation=config.cooperation,
        classifier_learns_from=config.classifier_learns_from,
        imagined_share=config.imagined_share,
        imagined_weight=config.imagined_weight,
        imagined_ramp=(
            round(config.imagined_from * config.steps),
            round(config.imagined_full * config.steps),
        ),
        imagined_class_weight=config.imagined_class_weight,
        classifier_jitter=config.classifier_jitter,
        classifier_steps=config.classifier_steps,
        seed=config.seed,
    )
    model.compile(build_adam(config, "generator_adam"), build_adam(config, "classifier_adam"))
    return model
