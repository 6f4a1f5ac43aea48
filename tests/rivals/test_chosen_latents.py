"""A generator without codes is asked for cells: by the best of its draws."""

import numpy as np
import pytest
import tensorflow as tf
from test_rivals_contract import IDS, rival

from gcn_tf import doors
from gcn_tf.errors import ConfigError
from gcn_tf.rivals.chosen_latents import DRAWS, ChosenLatents, best_draws
from gcn_tf.rivals.rival import Grid

WITHOUT_CODES = ("gan", "dcgan", "infogan")


def contrasts(images):
    """Logits that are right about pictures whose digit is a bright left half and whose writer a bright upper one."""
    left = tf.reduce_mean(images[:, :, :8], (1, 2, 3)) - tf.reduce_mean(images[:, :, 8:], (1, 2, 3))
    upper = tf.reduce_mean(images[:, :8], (1, 2, 3)) - tf.reduce_mean(images[:, 8:], (1, 2, 3))
    return {"digit": 20 * tf.stack([-left, left], 1), "writer": 20 * tf.stack([-upper, upper], 1)}


@pytest.mark.parametrize("name", WITHOUT_CODES)
def test_a_cell_has_the_best_of_all_draws(name, monkeypatch):
    model = rival(name, width=24)
    monkeypatch.setattr(model, "classify", contrasts)
    model.finish()
    pictures = model.predict(IDS, verbose=0)
    if name != "gan":  # whose untrained pictures hardly differ: one side is the brighter one in all
        for factor, logits in contrasts(pictures).items():
            assert np.argmax(logits, axis=1).tolist() == IDS[factor].tolist()
    draws = model.generator.get_layer("latents").draws()[:1000]
    others = contrasts(model.generator.get_layer("synthesis")(draws, training=False))
    for cell, ids in enumerate(zip(*IDS.values(), strict=True)):
        scores = [
            sum(
                float(value)
                for factor, wanted in zip(IDS, ids, strict=True)
                for value in [tf.nn.log_softmax(logits[factor])[row, wanted]]
            )
            for logits, row in [(contrasts(pictures), cell), *((others, row) for row in range(0, 1000, 50))]
        ]
        assert scores[0] >= max(scores) - 1e-5


def test_the_best_draws_are_those_of_the_highest_joint_probability():
    random = np.random.default_rng(0)
    likely = [np.log(random.dirichlet(np.ones(size), 40).T) for size in (3, 2, 67)]
    joint = likely[0][:, None, None] + likely[1][None, :, None] + likely[2][None, None]
    assert best_draws(likely).tolist() == np.argmax(joint.reshape(-1, 40), axis=1).tolist()


def test_unchosen_latents_are_standard_normal_and_those_of_a_blend_lie_between():
    layer = ChosenLatents(64)
    cells = [
        np.repeat(np.eye(20, dtype=np.float32), 10, axis=0),
        np.tile(np.eye(10, dtype=np.float32), (20, 1)),
    ]
    latents = layer(cells).numpy()
    assert latents.shape == (200, 64)
    assert abs(latents.mean()) < 0.05
    assert abs(latents.std() - 1) < 0.05
    blend = [0.25 * cells[0][:1] + 0.75 * cells[0][30:31], cells[1][4:5]]
    np.testing.assert_allclose(layer(blend).numpy()[0], 0.25 * latents[4] + 0.75 * latents[34], atol=1e-6)


def test_categories_are_one_hot_and_independent():
    layer = ChosenLatents(3, (2, 4))
    draws = layer.draws().numpy()
    assert draws.shape == (DRAWS, 9)
    first, second = draws[:, :2], draws[:, 2:6]
    assert np.all(first.sum(1) == 1)
    assert np.all(second.sum(1) == 1)
    np.testing.assert_allclose(first.T @ second / DRAWS, np.full((2, 4), 1 / 8), atol=0.02)
    assert np.array_equal(draws, layer.draws())
    assert not np.array_equal(layer.fresh(4), layer.fresh(4))


@pytest.mark.parametrize("name", WITHOUT_CODES)
def test_too_many_cells_are_refused(name):
    kind = doors.find(doors.RIVALS[name])()
    with pytest.raises(ConfigError, match=f"method {name} .* the grid has 60,000 cells, more than 50,000"):
        kind.built(Grid({"digit": 300, "writer": 200}, (16, 16, 3)))


@pytest.mark.slow
def test_the_variables_of_a_model_hold_its_choices_and_its_random_state():
    model, other = rival("infogan"), rival("infogan", learning_rate=1e-3)
    model.generator.get_layer("latents").fresh(3)
    model.generator.get_layer("latents").choice.assign([7, 1, 1, 9])
    for own, copy in zip(model.all_variables, other.all_variables, strict=True):
        copy.assign(own)
    latents, copied = model.generator.get_layer("latents"), other.generator.get_layer("latents")
    assert np.array_equal(latents.choice, copied.choice)
    assert np.array_equal(latents.fresh(2), copied.fresh(2))
