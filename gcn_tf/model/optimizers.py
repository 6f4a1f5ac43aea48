"""Adam with the published settings, applied in one pass over memory, and its learning-rate schedules."""

from typing import Any

import keras
import tensorflow as tf

from gcn_tf.config.schema import RunConfig


@keras.saving.register_keras_serializable(package="gcn_tf")
class FusedAdam(keras.optimizers.Adam):
    """`keras.optimizers.Adam` with each variable updated by one operation instead of about ten.

    The arithmetic is the same (equal within float32 rounding, tested); the large dense layers of the published
    networks are bound by memory, and Keras reads and writes them several times per step.
    """

    def update_step(self, gradient: tf.Tensor, variable: Any, learning_rate: tf.Tensor) -> None:
        index = self._get_variable_index(variable)
        moments = (self._momentums[index].value, self._velocities[index].value)
        target = getattr(variable, "value", variable)
        target = target if isinstance(target, tf.Variable) else variable
        if self.amsgrad or isinstance(gradient, tf.IndexedSlices) or tf.distribute.has_strategy():
            super().update_step(gradient, variable, learning_rate)
            return
        power = tf.cast(self.iterations.value + 1, target.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=target.handle,
            m=moments[0].handle,
            v=moments[1].handle,
            beta1_power=tf.pow(tf.cast(self.beta_1, target.dtype), power),
            beta2_power=tf.pow(tf.cast(self.beta_2, target.dtype), power),
            lr=tf.cast(learning_rate, target.dtype),
            beta1=tf.cast(self.beta_1, target.dtype),
            beta2=tf.cast(self.beta_2, target.dtype),
            epsilon=tf.cast(self.epsilon, target.dtype),
            grad=tf.cast(gradient, target.dtype),
        )


def learning_rate(config: RunConfig) -> Any:
    """The schedule: a cosine to zero, the paper's halving every 1,000 batches, or a constant."""
    if config.schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(config.learning_rate, config.steps)
    if config.schedule == "halving":
        return keras.optimizers.schedules.ExponentialDecay(config.learning_rate, 1000, 0.5, staircase=True)
    return config.learning_rate


def build_adam(config: RunConfig, name: str) -> FusedAdam:
    return FusedAdam(
        learning_rate(config), beta_1=config.beta_1, beta_2=config.beta_2, epsilon=config.epsilon, name=name
    )
