from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from gcn_tf.errors import UserError
from gcn_tf.studies.newcomers import encoder_decoder as module
from gcn_tf.studies.newcomers.encoder_decoder import (
    EncoderDecoder,
    Pairs,
    build_translator,
    translate,
    wanted_codes,
)
from gcn_tf.studies.newcomers.methods import Translation
from gcn_tf.studies.newcomers.task import Protocol, newcomers_task
from gcn_tf.training.step_callback import Diverged


@pytest.fixture(scope="module")
def task(people):
    return newcomers_task(people, Protocol("person", 1, (1,)), 1, 0)


@pytest.fixture
def config(toy_config):
    return replace(toy_config, steps=30)


@pytest.mark.parametrize("shape", [(28, 28, 1), (64, 64, 3), (30, 21, 3)])
def test_the_network_takes_pictures_of_any_size_and_gives_the_same(shape):
    network = build_translator(shape, 5, "float32")
    image, codes = np.random.default_rng(0).random((2, *shape), np.float32), np.eye(5, dtype=np.float32)[:2]
    made = np.asarray(network((image, codes)))
    assert made.shape == image.shape
    assert 0 <= made.min() <= made.max() <= 1
    other = np.asarray(network((image, codes[::-1])))
    assert np.abs(made - other).max() > 0, "it is told the wanted cell"


def test_pairs_are_of_one_person_and_two_cells(people):
    pairs = Pairs.of(people, 1)
    who = people.base_ids[:, 1]
    assert all((who[partners] == who[n]).all() for n, partners in enumerate(pairs.partners))
    assert not any(n in partners for n, partners in enumerate(pairs.partners))
    image, code, true = pairs.sample(np.random.default_rng(0))
    first, other = (
        [
            np.flatnonzero((people.images == np.rint(255 * one).astype(np.uint8)).all(axis=(1, 2, 3)))[0]
            for one in np.asarray(batch)
        ]
        for batch in (image, true)
    )
    np.testing.assert_array_equal(who[first], who[other])
    np.testing.assert_array_equal(code, wanted_codes(people, 1, np.array(other)))
    assert code.shape[1] == 4 + 2, "gesture and light, not person"


def test_a_person_with_a_single_picture_makes_no_pair(people):
    kept = (people.base_ids[:, 1] != 0) | (np.arange(len(people.images)) == 0)
    fewer = replace(people, images=people.images[kept], base_ids=people.base_ids[kept])
    assert 0 not in Pairs.of(fewer, 1).inputs
    assert len(Pairs.of(fewer, 1).inputs) == len(fewer.images) - 1


@pytest.mark.slow
@pytest.mark.parametrize("critic", [False, True])
def test_it_learns_to_turn_a_picture_into_another_cell_of_somebody_it_never_saw(
    critic, config, task, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "STEPS_FOR_ONE", {False: 8, True: 8})
    way = EncoderDecoder(critic)
    known = task.known_split()
    way.train(config, known, task.place, tmp_path / "way")
    network = way.open(config, known, task.place, tmp_path / "way")
    true = task.varied(task.dataset.images[task.wanted]).astype(float)
    drawn = Translation("").draw(network, config, task, tmp_path)
    given = task.varied(task.dataset.images[task.nearest_given()])
    assert np.abs(drawn - true).mean() < 0.8 * np.abs(given - true).mean()


@pytest.mark.long
def test_the_same_seed_gives_the_same_network(config, task, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "STEPS_FOR_ONE", {False: 1, True: 1})
    known, codes = task.known_split(), wanted_codes(task.dataset, task.place, task.wanted)
    made = []
    for number, seed in enumerate((0, 0, 1)):
        own, folder = replace(config, seed=seed, steps=3), tmp_path / str(number)
        EncoderDecoder(True).train(own, known, task.place, folder)
        network = EncoderDecoder(True).open(own, known, task.place, folder)
        made.append(translate(network, task.dataset.images[task.wanted], codes))
    np.testing.assert_array_equal(made[0], made[1])
    assert (made[0] != made[2]).any()


def test_a_network_that_diverges_says_so_and_leaves_no_weights(config, task, tmp_path, monkeypatch):
    step = module._Trainer._step

    def broken(trainer, *batch):
        return step(trainer, *batch) * tf.constant(np.nan)

    monkeypatch.setattr(module._Trainer, "_step", broken)
    monkeypatch.setattr(module, "STEPS_FOR_ONE", {False: 1, True: 1})
    with pytest.raises(Diverged, match="encoder-decoder diverged"):
        EncoderDecoder().train(replace(config, steps=1), task.known_split(), task.place, tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError):
        EncoderDecoder().open(config, task.known_split(), task.place, tmp_path)
