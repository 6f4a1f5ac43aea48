"""The pictures of InfoGAN tell their latent codes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from test_rivals_contract import IDS, batch, rival


@pytest.mark.slow
def test_the_latent_codes_are_recovered_from_the_pictures(tmp_path):
    model, data = rival("infogan", width=24, learning_rate=2e-3), batch()
    step = tf.function(model.train_step)
    for _ in range(150):
        step(data)
    latents = model.generator.get_layer("latents").fresh(256)
    pictures = model.generator.get_layer("synthesis")(latents, training=False)
    _, recovered = model.others["critic"](pictures, training=False)
    for factor, code in zip(("digit", "writer"), (latents[:, :2], latents[:, 2:4]), strict=True):
        assert np.mean(np.argmax(recovered[factor], 1) == np.argmax(code, 1)) > 0.65, factor
    model.save(tmp_path / "infogan.keras")
    again = keras.saving.load_model(tmp_path / "infogan.keras")
    np.testing.assert_array_equal(again.predict(IDS, verbose=0), model.predict(IDS, verbose=0))
