"""The critic of AC-GAN classifies."""

import numpy as np
import pytest
import tensorflow as tf
from test_rivals_contract import IDS, batch, rival


@pytest.mark.slow
def test_the_critic_classifies_real_pictures():
    model, data = rival("acgan", learning_rate=2e-3), batch()
    step = tf.function(model.train_step)
    for _ in range(40):
        step(data)
    _, classes = model.others["critic"](data[1], training=False)
    for factor, logits in classes.items():
        assert np.argmax(logits, axis=1).tolist() == IDS[factor].tolist()
