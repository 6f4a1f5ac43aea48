"""The conditional VAE: its KL divergence, and what its weight does."""

import numpy as np
import pytest
import tensorflow as tf
from test_rivals_contract import batch, rival

from gcn_tf.rivals.cvae import ConditionalVae, kl_divergences

STEPS = 60


def divergence_after_training(kl_weight):
    """Mean KL divergence of the pictures' latents, in nats, after some steps."""
    model = rival("cvae", kl_weight=kl_weight, latent=4)
    step, data = tf.function(model.train_step), batch()
    for _ in range(STEPS):
        step(data)
    mean, log_variance = model.others["encoder"]((data[1], model.encode(data[0])), training=True)
    return float(tf.reduce_mean(kl_divergences(mean, log_variance)))


def test_the_divergence_is_that_of_normal_distributions():
    mean, variance = (
        tf.constant([[0.0, 0.0], [2.0, 0.0], [0.0, 0.0]]),
        tf.constant([[1.0, 1.0], [1.0, 1.0], [1.0, 4.0]]),
    )
    expected = [0.0, 2.0, (3 - np.log(4)) / 2]
    np.testing.assert_allclose(kl_divergences(mean, tf.math.log(variance)), expected, rtol=1e-6)


@pytest.mark.slow
def test_a_heavy_divergence_takes_the_picture_out_of_the_latent():
    assert divergence_after_training(kl_weight=1e4) < 0.05 < 1 < divergence_after_training(kl_weight=0.01)


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_the_error_is_least_for_the_picture_itself(likelihood):
    kind, real = ConditionalVae(likelihood=likelihood), tf.constant([0.0, 1.0], shape=(1, 1, 2, 1))
    own, other = kind.pixel_errors(real, real), kind.pixel_errors(real, tf.fill(real.shape, 0.5))
    assert own.shape == (1,)
    np.testing.assert_allclose(own, 0, atol=1e-5)
    np.testing.assert_allclose(other, {"gaussian": 0.5, "bernoulli": 2 * np.log(2)}[likelihood], rtol=1e-5)


def test_a_step_repeats_from_its_seed_and_number():
    model, data = rival("cvae"), batch()
    codes = model.encode(data[0])
    first, again = (float(model.kind.losses(model, codes, data[1])["generator"]) for _ in range(2))
    model.step.assign(1)
    assert first == again != float(model.kind.losses(model, codes, data[1])["generator"])
