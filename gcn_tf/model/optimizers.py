"""Adam with the published settings, applied in one pass over memory, and its learning-rate schedules."""

from typing import Any

import keras
import tensorflow as tf

from gcn_tf.config.schema import RunConfig

LAST_RATE_FACTOR = 3.0  # of the classifier alone, over the generator's
LARGEST_LAST_RATE = 3e-3


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


@keras.saving.register_keras_serializable(package="gcn_tf")
class WithLastPhase(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule for `steps` steps, followed by a cosine of its own from another rate to zero.

    Args:
        main: LearningRateSchedule, or float. The rate of the first `steps` steps.
        steps: int. Steps of the first part.
        last_rate: float. Rate at the start of the last phase.
        last_steps: int. Steps of the last phase.
    """

    def __init__(self, main: Any, steps: int, last_rate: float, last_steps: int) -> None:
        super().__init__()
        self.main, self.steps, self.last_rate, self.last_steps = main, steps, last_rate, last_steps
        self.last = keras.optimizers.schedules.CosineDecay(last_rate, last_steps)

    def __call__(self, step: Any) -> tf.Tensor:
        main = self.main(step) if callable(self.main) else self.main
        return tf.where(step < self.steps, main, self.last(step - self.steps))

    def get_config(self) -> dict[str, Any]:
        main = keras.saving.serialize_keras_object(self.main) if callable(self.main) else self.main
        others = {name: getattr(self, name) for name in ("steps", "last_rate", "last_steps")}
        return {"main": main, **others}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "WithLastPhase":
        main = config["main"]
        return cls(
            **{
                **config,
                "main": keras.saving.deserialize_keras_object(main) if isinstance(main, dict) else main,
            }
        )


def last_rate(config: RunConfig) -> float:
    """Learning rate of a classifier that learns alone: three times the generator's, up to what was measured to be stable."""
    return min(LAST_RATE_FACTOR * config.learning_rate, LARGEST_LAST_RATE)


def build_adam(config: RunConfig, name: str) -> FusedAdam:
    """Adam of both networks alike."""
    return _adam(config, learning_rate(config), name)


def build_classifier_adam(config: RunConfig, name: str) -> FusedAdam:
    """The classifier's: as the generator's, and then the rate of the last phase."""
    rate = learning_rate(config)
    if config.last_steps:
        rate = WithLastPhase(rate, config.steps, last_rate(config), config.last_steps)
    return _adam(config, rate, name)


def _adam(config: RunConfig, rate: Any, name: str) -> FusedAdam:
    return FusedAdam(rate, beta_1=config.beta_1, beta_2=config.beta_2, epsilon=config.epsilon, name=name)
