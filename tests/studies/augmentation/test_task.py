import numpy as np
import pytest

from gcn_tf.config.data import DataConfig
from gcn_tf.errors import ConfigError, UserError
from gcn_tf.pipelines.labelled import LabelledPictures
from gcn_tf.pipelines.procedural import datasets
from gcn_tf.studies.augmentation.task import (
    choose_task,
    exemplars_by_default,
    identities_wanted,
    labelled_pictures,
)


def made_up(writers=6, each=5, for_tests=None):
    """Pictures that carry their row number, `each` per class (3) and writer."""
    who, label, _ = np.indices((writers, 3, each)).reshape(3, -1)
    images = np.zeros((len(who), 4, 4, 3), np.uint8)
    images[:, 0, 0, 0] = np.arange(len(who))
    tests = np.zeros(len(who), bool) if for_tests is None else for_tests
    return LabelledPictures("digit", ("a", "b", "c"), "writer", images, label, who, tests, False)


def rows(images):
    return images[:, 0, 0, 0].tolist()


def test_no_picture_is_both_learned_from_and_tested_on():
    task = choose_task(made_up(), 3, 2, 4, seed=0)
    learned = set(rows(task.images))
    assert len(learned) == 3 * 3 * 2
    for test in task.tests.values():
        assert not learned & set(rows(test.images))
    assert task.validation.sum() == 3  # one of the six of every class


def test_other_writers_are_writers_nobody_learned_from():
    pictures = made_up()
    task = choose_task(pictures, 3, 2, 4, seed=0)
    learned = set(pictures.who[rows(task.images)])
    assert len(learned) == 3
    assert set(task.tests["same writers"].who) == learned
    assert not set(task.tests["other writers"].who) & learned
    assert len(task.tests["other writers"].label) == 3 * 3 * 5


def test_fewer_exemplars_are_a_part_of_more_and_are_tested_alike():
    few, many = (choose_task(made_up(), 3, exemplars, 4, seed=1) for exemplars in (1, 4))
    assert set(rows(few.images)) < set(rows(many.images))
    for name in few.tests:
        assert rows(few.tests[name].images) == rows(many.tests[name].images)


def test_a_hand_has_one_picture_of_every_class():
    task = choose_task(made_up(), 3, 2, 4, seed=0)
    assert task.hands == 6
    for hand in range(6):
        assert sorted(task.label[task.hand == hand]) == [0, 1, 2]


def test_another_seed_chooses_others():
    first, second = (choose_task(made_up(12), 3, 2, 4, seed=seed) for seed in (0, 1))
    assert set(rows(first.images)) != set(rows(second.images))


def test_pictures_for_tests_are_never_learned_from():
    for_tests = np.arange(90) % 5 >= 3  # another session
    task = choose_task(made_up(for_tests=for_tests), 3, 2, 3, seed=0)
    assert not for_tests[rows(task.images)].any()
    assert for_tests[rows(task.tests["same writers"].images)].all()


@pytest.mark.parametrize(("identities", "most"), [(3, 6), (7, 2), (6, 2)])
def test_too_few_writers_are_named(identities, most):
    with pytest.raises(UserError, match=r"must be left for tests.* with --writers or --counts$"):
        choose_task(made_up(), identities, 1, most, seed=0)


def test_invented_writers_and_persons_can_be_learned_from(monkeypatch):
    monkeypatch.setattr(datasets, "OTHER_WRITERS", 2)
    monkeypatch.setattr(datasets, "OTHER_PERSONS", 2)
    monkeypatch.setattr(datasets, "GLYPH_SESSIONS", 3)
    glyphs = labelled_pictures(DataConfig.of(), 2)
    assert glyphs.images.shape == (4 * 10 * 3, 28, 28, 3)
    task = choose_task(glyphs, 2, 2, 2, 0)
    assert {name: len(test.label) for name, test in task.tests.items()} == {
        "same writers": 20,
        "other writers": 60,
    }
    faces = labelled_pictures(DataConfig.of("faces", image_size=32, emotions="NE,HA"), 2)
    assert faces.identity == "person"
    task = choose_task(faces, 2, 1, 1, 0)
    assert task.images.shape == (4, 32, 32, 3)
    assert {name: len(test.label) for name, test in task.tests.items()} == {
        "same persons": 12,
        "other persons": 24,
    }


def test_settings_that_fit_no_experiment_are_refused():
    style = DataConfig.of("mnist-style")
    for ask in (exemplars_by_default, identities_wanted, lambda config: labelled_pictures(config, 10)):
        with pytest.raises(ConfigError, match="nothing to classify in it, use one of glyphs, qmnist, faces"):
            ask(style)
    with pytest.raises(ConfigError, match="--persons all: give the number to learn from"):
        identities_wanted(DataConfig.of("kdef"))
    with pytest.raises(ConfigError, match="--writers 3,4"):
        identities_wanted(DataConfig.of("qmnist", writers="3,4"))
    assert identities_wanted(DataConfig.of("faces", persons="7")) == 7
    assert exemplars_by_default(DataConfig.of("faces")) == (1, 3)
