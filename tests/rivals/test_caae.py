"""CAAE: its critic of latent codes tells uniform ones from a picture's, and the picture is smooth."""

import pytest
import tensorflow as tf
from test_rivals_contract import batch, rival

from gcn_tf.rivals.caae import variation
from gcn_tf.rivals.picture_rival import way_of


@pytest.mark.slow
def test_the_latent_critic_learns_to_tell_the_prior_from_a_pictures_code():
    model = rival("caae", learning_rate=2e-3)
    model.optimizer.learning_rate.assign(0.0)  # of the generator: its encoder stays
    step = tf.function(model.train_step)
    first, *_, last = (float(step(batch())["latent_critic_loss"]) for _ in range(150))
    assert last < 0.4 < first
    prior = tf.random.stateless_uniform((200, model.kind.latent), (1, 2), -1.0, 1.0)
    latent = way_of(model).get_layer("encoder")(batch()[1])
    critic = model.others["latent_critic"]
    assert float(tf.reduce_mean(critic(prior))) > 0 > float(tf.reduce_max(critic(latent)))


def test_latent_codes_are_of_the_priors_range():
    latent = way_of(rival("caae")).get_layer("encoder")(100 * batch()[1])
    assert float(tf.reduce_max(tf.abs(latent))) <= 1


def test_a_flat_picture_varies_by_nothing_and_stripes_by_their_contrast():
    assert float(variation(tf.fill((1, 4, 4, 1), 0.7))) == 0
    stripes = tf.tile(tf.constant([0.0, 0.5], shape=(1, 1, 2, 1)), [1, 4, 2, 1])
    assert float(variation(stripes)) == pytest.approx(0.25)
