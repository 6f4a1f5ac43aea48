import itertools
import time

import numpy as np
import pytest

from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.pipelines.folder.fill import Fill


def space_of(*sizes):
    return FactorSpace(
        tuple(Factor(name, tuple(map(str, range(size)))) for name, size in zip("abcdef", sizes, strict=False))
    )


def test_a_full_grid_has_one_line_and_no_warning():
    fill = Fill.of(np.array(list(itertools.product(range(3), range(4)))), space_of(3, 4))
    assert fill.lines() == ["all 12 cells have a picture"]
    assert fill.warnings() == []


def test_repeated_pictures_count_once():
    fill = Fill.of(np.array([[0, 0]] * 5 + [[1, 1]]), space_of(2, 2))
    assert (fill.missing, fill.pairs) == (2, {(0, 1): 0.5})
    assert len(fill.once) == 4


def test_missing_cells_and_the_emptiest_pairs_are_named():
    cells = [cell for cell in itertools.product(range(2), range(2), range(3)) if cell[:2] != (1, 0)]
    one, two = Fill.of(np.array(cells), space_of(2, 2, 3)).lines()
    assert one == (
        "9 of 12 cells (75 %) have a picture; 3 have none, such as a=1 b=0 c=0, a=1 b=0 c=1, a=1 b=0 c=2"
    )
    assert two == "pairs of values with a picture: a x b 75 %, a x c 100 %, b x c 100 %"


def test_values_of_one_cell_are_warned_of():
    cells = [cell for cell in itertools.product(range(4), range(4)) if cell[0] != 2 or cell[1] == 1]
    (line,) = Fill.of(np.array(cells), space_of(4, 4)).warnings()
    assert line == "seen in one cell only, which does not tell what is theirs: 1 of 8 values, a=2"


def test_blocks_that_share_no_value_are_warned_of():
    low, high = itertools.product(range(3), range(2)), itertools.product(range(3, 5), range(2, 4))
    fill = Fill.of(np.array([*high, *low]), space_of(5, 4))
    assert np.bincount(fill.blocks).tolist() == [6, 4]
    (line,) = fill.warnings()
    assert "2 blocks that share no value" in line
    assert "6 with a=0 b=0; 4 with a=3 b=2" in line


def test_a_chain_of_values_is_one_block():
    steps = np.arange(200)
    cells = np.concatenate([np.stack([steps, steps], 1), np.stack([steps[:-1], steps[1:]], 1)])
    assert Fill.of(cells, space_of(200, 200)).blocks.max() == 0


def test_a_single_factor_has_nothing_to_carry_over():
    assert Fill.of(np.arange(5)[:, None], space_of(5)).warnings() == []


@pytest.mark.parametrize(
    ("sizes", "count"), [((1000, 1000), 100_000), ((30, 40, 50, 40), 100_000), ((50_000, 2), 100_000)]
)
def test_large_grids_take_no_time(sizes, count):
    rng = np.random.default_rng(0)
    ids = np.stack([rng.integers(0, size, count) for size in sizes], axis=1)
    start = time.process_time()
    fill = Fill.of(ids, space_of(*sizes))
    assert fill.lines()
    assert isinstance(fill.warnings(), list)
    assert time.process_time() - start < 3
