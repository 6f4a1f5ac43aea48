"""The classifier's network trained alone, without a generator: to calibrate the one of a run, and to be compared with it."""

from collections.abc import Callable

import keras
import tensorflow as tf

from gcn_tf.config.schema import RunConfig
from gcn_tf.model.jitter import jitter
from gcn_tf.model.objective import cross_entropies, encoded
from gcn_tf.model.optimizers import FusedAdam, last_rate
from gcn_tf.pipelines.batches import training_batches
from gcn_tf.pipelines.split import Split


def train_classifier_alone(
    config: RunConfig,
    split: Split,
    steps: int,
    seed: int,
    tick: Callable[[], object] = lambda: None,
    rate: float = 0.0,
) -> keras.Model:
    """Train the classifier of a run's settings from its start on the seen pictures, with jitter and MixUp, as the last phase of a run does.

    Args:
        seed: of the weights, the batches and the jitter.
        tick: called after every step.
        rate: learning rate at the start of a cosine; 0: that of the last phase.

    Returns:
        The network: image float32 (B, H, W, C) in [0, 1] -> {factor: float32 logits (B, K_f)}.
    """
    dataset, sizes = split.dataset, split.dataset.space.sizes
    keras.utils.set_random_seed(seed)
    network = config.classifier.build(sizes, dataset.image_shape, config.precision)
    schedule = keras.optimizers.schedules.CosineDecay(rate or last_rate(config), steps)
    optimizer = FusedAdam(schedule, beta_1=config.beta_1, beta_2=config.beta_2, epsilon=config.epsilon)
    variables = network.trainable_variables
    optimizer.build(variables)

    @tf.function(autograph=False)
    def learn(labels: dict[str, tf.Tensor], images: tf.Tensor) -> None:
        moved = tf.stack([tf.constant(seed, tf.int64), tf.cast(optimizer.iterations.value, tf.int64)])
        shown = jitter(images, moved, config.classifier_jitter) if config.classifier_jitter else images
        with tf.GradientTape() as tape:
            terms = cross_entropies(network(shown, training=True), encoded(labels, sizes))
            loss = tf.reduce_mean(tf.add_n(list(terms.values())))
        optimizer.apply(tape.gradient(loss, variables), variables)

    for batch in training_batches(split, config.batch_size, seed, 0, steps, mixup=config.classifier_mixup):
        learn(*batch)
        tick()
    return network
