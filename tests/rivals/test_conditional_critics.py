"""A critic that is given the codes tells real pictures of other cells from those of the cell that was asked for."""

from types import SimpleNamespace

import pytest
import tensorflow as tf
from test_rivals_contract import batch, rival

STEPS = 45


@pytest.mark.parametrize("name", ["cgan", "projection"])
def test_the_critic_tells_a_wrong_code(name):
    model = rival(name, learning_rate=2e-3)
    critic, ids, real = model.others["critic"], *batch()
    codes = model.encode(ids)

    @tf.function
    def step(shift):
        generator = lambda codes, training: tf.roll(real, shift, axis=0)  # noqa: E731
        with tf.GradientTape() as tape:
            loss = model.kind.losses(SimpleNamespace(generator=generator, others=model.others), codes, real)[
                "critic"
            ]
        variables = critic.trainable_variables
        model.adams["critic"].apply(tape.gradient(loss, variables), variables)

    for number in range(STEPS):
        step(tf.constant(1 + number % 3))
    for shift in (1, 2, 3):
        wrong = {factor: tf.roll(code, shift, axis=0) for factor, code in codes.items()}
        right = critic((real, codes), training=False)
        assert tf.reduce_all(right > critic((real, wrong), training=False) + 0.5)
