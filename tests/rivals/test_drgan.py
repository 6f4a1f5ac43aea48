"""DR-GAN: one picture becomes what the codes say."""

import numpy as np
import tensorflow as tf
from test_rivals_contract import batch, rival

from gcn_tf.rivals.picture_rival import joined_codes, way_of


def test_one_picture_becomes_another_for_every_wanted_cell_and_always_the_same():
    model = rival("drgan")
    wanted = joined_codes(model.encode(batch()[0]))
    one = tf.repeat(batch()[1][:1], len(wanted), axis=0)
    made = np.asarray(way_of(model)((one, wanted)))
    for first in range(len(made)):
        for second in range(first):
            assert np.abs(made[first] - made[second]).max() > 1e-3
    np.testing.assert_array_equal(made, way_of(model)((one, wanted)))


def test_wanted_cells_differ_from_step_to_step_and_come_again_after_a_resume():
    model = rival("drgan", dropout=0.0)
    drawn = []
    for step in (0, 1, 0):
        model.step.assign(step)
        data = model.encode(batch()[0]), batch()[1]
        model.generator.get_layer("way").get_layer("latents").fresh.state.assign([0, 0])
        drawn.append(float(model.kind.losses(model, *data)["classification"]))
    assert drawn[0] == drawn[2] != drawn[1]
