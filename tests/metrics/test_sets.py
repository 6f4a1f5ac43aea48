"""Distances of sets of pictures, computed a part at a time."""

import numpy as np
import pytest

from gcn_tf.metrics import sets
from gcn_tf.metrics.sets import kid_of_parts


def by_definition(real, generated):
    def between_others(a, b):
        values = (a @ b.T / a.shape[1] + 1) ** 3
        return (values.sum() - np.trace(values)) / (len(a) * (len(a) - 1))

    return (
        between_others(real, real)
        + between_others(generated, generated)
        - 2 * between_others(real, generated)
    )


@pytest.fixture
def features():
    rng = np.random.default_rng(0)
    return rng.normal(size=(53, 8)), rng.normal(0.5, 1.2, size=(53, 8))


@pytest.mark.parametrize("rows", (7, 1000))
def test_kid_of_all_and_without_each_piece_is_the_published_estimator(features, monkeypatch, rows):
    monkeypatch.setattr(sets, "ROWS_AT_ONCE", rows)
    piece = np.arange(53) % 5
    found = kid_of_parts(*features, piece)
    left = [by_definition(*(part[piece != number] for part in features)) for number in range(5)]
    assert found == pytest.approx([by_definition(*features), *left], rel=1e-9)
