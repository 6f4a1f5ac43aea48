"""A part of a large split that can be looked at as a whole."""

import numpy as np
import pytest

from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.pipelines.excerpt import excerpt, said
from gcn_tf.pipelines.split import split_dataset
from gcn_tf.pipelines.variations import rotation


def numbered(n):
    return tuple(map(str, range(n)))


@pytest.fixture
def split():
    """Forty persons x three moods, in four rotations, with repeats of every cell."""
    turn = rotation()
    space = FactorSpace((Factor("mood", numbered(3)), Factor("person", numbered(40)), turn.factor))
    ids = np.stack(np.meshgrid(range(3), range(40), indexing="ij"), axis=-1).reshape(-1, 2).astype(np.int32)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (120, 4, 4, 3), np.uint8)
    repeats = rng.integers(0, 256, (120, 4, 4, 3), np.uint8), ids.copy()
    dataset = Dataset("many", space, images, ids, (turn,), repeats, pixels_sha256="0" * 64)
    return split_dataset(dataset, ("fraction=0.2",), 0)


def test_an_excerpt_has_all_pictures_of_some_values_of_the_largest_factor(split):
    part = excerpt(split, most=130)
    persons = np.unique(part.ids[:, 1])
    assert len(persons) == 10
    assert len(part.ids) == 10 * 3 * 4
    assert np.isin(split.ids[:, 1], persons).sum() == len(part.ids)
    assert set(part.dataset.repeats[1][:, 1]) == set(persons)
    assert said(part, split) == "120 of 480 pictures are looked at, those of 10 of 40 values of person."


def test_pictures_cells_and_groups_of_an_excerpt_are_those_of_the_whole(split):
    part = excerpt(split, most=130)
    whole = {tuple(cell): n for n, cell in enumerate(split.ids.tolist())}
    rows = np.array([whole[tuple(cell)] for cell in part.ids.tolist()])
    assert np.array_equal(pixels(part, np.arange(len(rows))), pixels(split, rows))
    assert np.array_equal(part.unseen, split.unseen[rows])
    assert np.array_equal(part.group(), split.group()[rows])
    assert part.dataset.pixels_sha256 == ""


def test_a_small_split_is_its_own_excerpt(split):
    assert excerpt(split, most=480) is split
    assert said(split, split) == ""


def test_few_large_values_are_thinned_out(split):
    part = excerpt(split, most=24)
    assert len(part.ids) == 24
    assert len(np.unique(part.ids[:, 1])) <= 4
    assert np.array_equal(part.ids, excerpt(split, most=24).ids)
