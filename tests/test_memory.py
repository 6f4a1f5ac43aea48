from dataclasses import replace

import pytest

from gcn_tf import memory
from gcn_tf.errors import UserError
from gcn_tf.memory import available_bytes, check_memory, least_bytes
from gcn_tf.pipelines.batches import split_dataset
from gcn_tf.pipelines.registry import load_dataset
from gcn_tf.training import build_model


@pytest.fixture(scope="module")
def model(toy_config):
    split = split_dataset(load_dataset(toy_config), toy_config.holdout, 0)
    return build_model(toy_config, split.dataset.space, split.dataset.image_shape)


def test_memory_grows_with_the_batch_by_what_the_layers_give(model):
    one = least_bytes(model, 2) - least_bytes(model, 1)
    images = 28 * 28 * 3 * 4
    assert one > 4 * images  # the generator's image, what the operators make of it, and the first convolution
    assert least_bytes(model, 1000) - least_bytes(model, 0) == 1000 * one


def test_the_system_says_how_much_there_is():
    there = available_bytes()
    assert there is None or 2**26 < there < 2**50


def test_a_training_that_can_not_fit_is_refused_before_it_starts(model, toy_config, monkeypatch):
    check_memory(model, toy_config)
    monkeypatch.setattr(memory, "available_bytes", lambda: 2**20)
    with pytest.raises(
        UserError, match=r"--batch-size 4096 .* GiB of memory, 0\.0 are free: lower --batch-size"
    ):
        check_memory(model, replace(toy_config, batch_size=4096))
    monkeypatch.setattr(memory, "available_bytes", lambda: None)
    check_memory(model, replace(toy_config, batch_size=4096))
