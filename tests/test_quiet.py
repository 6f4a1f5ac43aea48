"""TensorFlow's start."""

import os

import pytest
import tensorflow as tf

from gcn_tf.quiet import import_tensorflow


def test_a_gpu_s_memory_is_taken_as_it_is_needed(monkeypatch):
    """Several processes, of a study or a search, share a card."""
    growing = {}
    monkeypatch.setattr(
        tf.config, "list_physical_devices", lambda kind=None: ["card"] if kind == "GPU" else []
    )
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", growing.__setitem__)
    import_tensorflow()
    assert growing == {"card": True}


@pytest.mark.parametrize("given, used", [(None, "1"), ("0", "0")])
def test_onednn_is_on_unless_a_user_says_otherwise(monkeypatch, given, used):
    """TensorFlow leaves it off on processors without AVX-512 VNNI, where a training step then takes half as long again."""
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    if given:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", given)
    import_tensorflow()
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == used
