"""Which pictures are given, asked and learned from before, and what is refused."""

import numpy as np
import pytest

from gcn_tf.errors import ConfigError
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.pipelines.dataset import Dataset, load_dataset
from gcn_tf.studies.new_classes.task import choose_task


def dataset(images, **ids):
    """A dataset of pictures, uint8 (N, H, W, 1), with a factor by name for each array of ids, int (N,)."""
    factors = [Factor(name, tuple(f"v{n:02d}" for n in range(max(own) + 1))) for name, own in ids.items()]
    return Dataset("letters", FactorSpace(tuple(factors)), images, np.stack(list(ids.values()), axis=1), ())


@pytest.fixture(scope="module")
def letters():
    """Twelve letters by six drawers, 12x12, grey."""
    images = np.random.default_rng(0).integers(0, 256, (72, 12, 12, 1), np.uint8)
    letter, drawer = np.divmod(np.arange(72), 6)
    return dataset(images, letter=letter, drawer=drawer)


def test_given_pictures_are_nested_and_never_asked(letters):
    task = choose_task(letters, "letter", 0, "test", 3)
    one, three, asked = (*(task.given(count, task.new) for count in (1, 3)), task.asked(task.new))
    assert len(one) == 6
    assert len(three) == 18
    assert set(one) < set(three)
    assert len(asked) == 6 * 3
    assert not set(asked) & set(three)
    assert sorted(task.classes(one)) == list(range(6))


def test_new_classes_are_not_in_the_fuller_grid(letters):
    task = choose_task(letters, "letter", 0, "test", 3)
    assert not set(task.new) & set(task.fuller)
    assert len(task.new) + len(task.fuller) == 12
    assert len(task.others) == 36
    assert set(letters.base_ids[task.others, task.factor]) == set(task.fuller)
    assert sorted(np.bincount(task.classes(task.others))) == [6] * 6


def test_validation_looks_at_the_fuller_grid_alone(letters):
    test, validation = (choose_task(letters, "letter", 4, role, 3) for role in ("test", "validation"))
    assert set(validation.new) | set(validation.fuller) == set(test.fuller)
    assert not set(validation.given(3, validation.new)) & set(test.given(3, test.new))


def test_seeds_choose_other_classes_and_the_same_seed_the_same(letters):
    one, again, other = (choose_task(letters, "letter", seed, "test", 3) for seed in (1, 1, 2))
    assert list(one.new) == list(again.new) != list(other.new)
    assert list(one.order) == list(again.order)


def test_clusters_are_whoever_drew(letters):
    task = choose_task(letters, "letter", 0, "test", 3)
    rows = task.asked(task.new)
    assert list(task.clusters(rows)) == list(letters.base_ids[rows, letters.space.names.index("drawer")])


@pytest.fixture(scope="module")
def digits():
    """Three digits by eight writers, four times each, and by a ninth who left one out; 12x12, grey."""
    writer, rest = np.divmod(np.arange(104), 12)
    return dataset(np.zeros((104, 12, 12, 1), np.uint8), digit=rest // 4, writer=writer)


def test_each_new_writer_has_a_classifier_of_all_digits(digits):
    task = choose_task(digits, "writer", 0, "test", 2, "digit")
    assert len(task.new) == len(task.fuller) == 4
    assert 8 not in {*task.new, *task.fuller}
    assert len(task.taught) == 3
    assert set(np.concatenate(task.taught)) < set(task.new)
    values = task.taught[0]
    given, asked = task.given(2, values), task.asked(values)
    assert list(task.classes(given)) == list(task.classes(asked)) == [0, 0, 1, 1, 2, 2]
    assert not set(given) & set(asked)
    assert set(task.ids[np.concatenate([given, asked]), task.factor]) == set(values)
    assert set(task.clusters(asked)) == set(values)
    assert list(np.unique(task.classes(task.others))) == [0, 1, 2]


@pytest.fixture(scope="module")
def many():
    """Nine digits by six writers, three times each, and by a seventh once; 12x12, grey."""
    writer, rest = np.divmod(np.arange(171), 27)
    return dataset(
        np.zeros((171, 12, 12, 1), np.uint8), digit=np.where(writer < 6, rest // 3, rest), writer=writer
    )


def test_some_writers_give_and_all_others_are_asked(many):
    task = choose_task(many, "digit", 0, "test", 2, givers=2)
    one, two, asked = (*(task.given(count, task.new) for count in (1, 2)), task.asked(task.new))
    assert set(one) < set(two)
    givers = set(task.ids[two, 1])
    assert len(givers) == 2
    assert 6 not in givers  # who has one picture of each
    cells, counts = np.unique(task.ids[two], axis=0, return_counts=True)
    assert len(cells) == 2 * len(task.new)
    assert set(counts) == {2}
    assert {*task.ids[asked, 1]} == set(range(7)) - givers
    assert {*task.ids[asked, 0]} == set(task.new)
    assert givers < {*task.ids[task.others, 1]}  # their other digits are in the fuller grid
    validation = choose_task(many, "digit", 0, "validation", 2, givers=2)
    assert set(validation.ids[validation.given(2, validation.new), 1]) == givers
    assert set(validation.new) <= set(task.fuller)


def test_too_many_givers_are_refused(many):
    for givers in (7, 8):
        with pytest.raises(ConfigError, match=f"--givers {givers}: 6 of 7 values of writer have 2 or more"):
            choose_task(many, "digit", 0, "test", 2, givers=givers)


@pytest.mark.parametrize(
    ("factor", "most", "classified", "message"),
    [
        ("writer", 4, "digit", "0 of its values have more than 4 pictures of every digit, 8 are needed"),
        ("writer", 2, "ink", "--classify ink: there is none, use one of digit, writer"),
    ],
)
def test_what_cannot_be_classified_is_refused(digits, factor, most, classified, message):
    with pytest.raises(ConfigError, match=message):
        choose_task(digits, factor, 0, "test", most, classified)


@pytest.mark.parametrize(
    ("factor", "most", "message"),
    [
        ("ink", 1, "--new ink: there is none, use one of letter, drawer"),
        ("letter", 6, "0 of its values have more than 6 pictures, 8 are needed"),
        ("drawer", 1, "6 of its values have more than 1 pictures, 8 are needed"),
    ],
)
def test_what_cannot_be_asked_is_refused(letters, factor, most, message):
    with pytest.raises(ConfigError, match=message):
        choose_task(letters, factor, 0, "test", most)


def test_a_factor_of_a_formula_has_no_new_classes(toy_config):
    toys = load_dataset(toy_config)
    made = toys.variations[0].factor.name
    with pytest.raises(ConfigError, match=f"--new {made}: its values are made by a formula"):
        choose_task(toys, made, 0, "test", 1)


def test_another_label_is_needed():
    alone = dataset(np.zeros((16, 8, 8, 1), np.uint8), letter=np.arange(16) // 2)
    with pytest.raises(ConfigError, match="the pictures have no other label"):
        choose_task(alone, "letter", 0, "test", 1)
