from dataclasses import replace

import numpy as np
import pytest

from gcn_tf.errors import ConfigError
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.grid.holdout import Roles
from gcn_tf.pipelines.batches import pixels
from gcn_tf.studies.newcomers.task import Protocol, newcomers_factor, newcomers_task

PROTOCOL = Protocol("person", 2, (1, 3))


def cells(split, rows):
    """Words of the cells of some rows, whatever numbers the values have."""
    return [split.dataset.space.describe(cell) for cell in split.ids[rows]]


def test_of_a_newcomer_only_the_given_pictures_are_seen(people):
    task = newcomers_task(people, PROTOCOL, 3, seed=0)
    who = people.base_ids[:, 1]
    newcomer = np.isin(who[task.split.base], task.values)
    assert len(task.values) == 2
    assert len(task.given) == 6
    assert all((who[task.given] == value).sum() == 3 for value in task.values)
    assert not task.split.unseen[~newcomer].any()
    np.testing.assert_array_equal(
        np.unique(task.split.base[newcomer & ~task.split.unseen]), np.sort(task.given)
    )
    np.testing.assert_array_equal(np.flatnonzero(task.split.unseen), np.sort(task.rows))
    assert set(task.split.group()[task.rows]) == {2}, "no variation of a picture that is to be drawn is seen"


def test_the_pictures_of_fewer_are_among_those_of_more_and_seeds_differ(people):
    one, three = (newcomers_task(people, PROTOCOL, count, seed=0) for count in (1, 3))
    assert one.values == three.values
    assert set(one.given) < set(three.given)
    seeds = [newcomers_task(people, PROTOCOL, 1, seed) for seed in range(6)]
    assert len({task.values for task in seeds}) > 1
    again = newcomers_task(people, PROTOCOL, 1, seed=0)
    np.testing.assert_array_equal(again.given, one.given)


def test_a_second_picture_of_a_given_cell_is_neither_given_nor_wanted(people):
    twice = replace(
        people,
        images=np.concatenate([people.images, people.images]),
        base_ids=np.concatenate([people.base_ids, people.base_ids]),
    )
    task = newcomers_task(twice, PROTOCOL, 1, seed=0)
    given = {tuple(cell) for cell in twice.base_ids[task.given]}
    assert len(given) == len(task.given) == 2
    assert not given & {tuple(cell) for cell in twice.base_ids[task.wanted]}
    assert len(task.wanted) == 2 * 2 * 7


def test_what_is_learned_before_has_no_trace_of_the_newcomers(people):
    task = newcomers_task(people, PROTOCOL, 3, seed=0)
    known = task.known_split()
    names = [people.space["person"].values[i] for i in task.values]
    assert not set(names) & set(known.dataset.space["person"].values)
    assert len(known.dataset.images) == len(task.known)
    np.testing.assert_array_equal(
        pixels(known, np.arange(len(known.ids))),
        pixels(task.split, np.flatnonzero(np.isin(task.split.base, task.known))),
    )
    expected = cells(task.split, np.flatnonzero(np.isin(task.split.base, task.known)))
    assert cells(known, np.arange(len(known.ids))) == expected


def test_the_grown_dataset_has_the_given_pictures_last_and_the_same_cells_by_name(people):
    task = newcomers_task(people, PROTOCOL, 3, seed=0)
    grown, known = task.grown_split(), task.known_split()
    np.testing.assert_array_equal(
        grown.dataset.images[len(known.dataset.images) :], people.images[task.given]
    )
    assert not grown.unseen.any()
    ids = task.ids_in(grown)
    assert [grown.dataset.space.describe(cell) for cell in ids] == cells(task.split, task.rows)
    assert ids[:, 1].min() >= len(known.dataset.space["person"])


def test_the_nearest_given_picture_is_the_newcomers_own_and_shares_most_values(people):
    task = newcomers_task(people, PROTOCOL, 3, seed=0)
    nearest = task.nearest_given()
    base = people.base_ids
    np.testing.assert_array_equal(base[nearest, 1], base[task.wanted, 1])
    for wanted, chosen in zip(task.wanted, nearest, strict=True):
        own = task.given[base[task.given, 1] == base[wanted, 1]]
        differing = (base[own] != base[wanted]).sum(axis=1)
        assert (base[chosen] != base[wanted]).sum() == differing.min()


def test_variations_of_the_true_pictures_are_the_true_pictures(people):
    task = newcomers_task(people, PROTOCOL, 1, seed=0)
    drawn = task.varied(people.images[task.wanted])
    np.testing.assert_array_equal(drawn, pixels(task.split, task.rows))


def test_the_factor_is_the_identity_or_has_most_values(people):
    assert newcomers_factor(people) == "person"
    roles = Roles(("color",), "person", "gesture")
    assert newcomers_factor(replace(people, roles=roles)) == "gesture"
    assert newcomers_factor(people, "light") == "light"
    with pytest.raises(
        ConfigError, match=r"--factor color: it has no newcomers, use one of gesture, person, light"
    ):
        newcomers_factor(people, "color")
    with pytest.raises(ConfigError, match="--factor persn: there is none"):
        newcomers_factor(people, "persn")


def test_an_ordered_factor_has_no_newcomers(people):
    ordered = Factor("light", ("1", "2"), (1, 2))
    space = FactorSpace(tuple(ordered if f.name == "light" else f for f in people.space))
    with pytest.raises(ConfigError, match="it has no newcomers"):
        newcomers_factor(replace(people, space=space), "light")


def test_too_many_newcomers_or_pictures_are_refused_with_what_is_possible(people):
    with pytest.raises(ConfigError, match="--newcomers 4"):
        newcomers_task(people, Protocol("person", 5, (1,)), 1, 0)
    with pytest.raises(ConfigError, match=r"more than 8 pictures each.*smaller --counts"):
        newcomers_task(people, Protocol("person", 1, (8,)), 8, 0)


def test_a_value_that_only_newcomers_have_is_named(people):
    """Nothing could learn it, so nothing could draw it."""
    only = people.base_ids[:, 0] != 3
    task = newcomers_task(people, PROTOCOL, 1, 0)
    kept = only | np.isin(people.base_ids[:, 1], task.values)
    fewer = replace(people, images=people.images[kept], base_ids=people.base_ids[kept])
    with pytest.raises(ConfigError, match="newcomers alone have gesture=z"):
        newcomers_task(fewer, PROTOCOL, 1, 0)
