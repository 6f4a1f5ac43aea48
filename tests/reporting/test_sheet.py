from fractions import Fraction

import numpy as np
import pytest

from gcn_tf.reporting.lettering import LINE
from gcn_tf.reporting.sheet import LARGEST_SIDE, Block, Sheet, _scales, arrange, sheet_picture


def sheet(rows, columns, side=28, heads=None, **settings):
    image = np.full((1, side, side, 3), 200, np.uint8)
    blocks = {(row, column): Block(image) for row in range(rows) for column in range(columns)}
    heads = heads or [f"{n:03}" for n in range(columns)]
    return Sheet(blocks, 1, heads, [f"{n:03}" for n in range(rows)], turned=True, **settings)


@pytest.mark.parametrize(
    ("side", "scales"),
    [
        (28, [4, 3, 2, 1]),
        (64, [2, 1]),
        (128, [1, Fraction(1, 2), Fraction(1, 3)]),
        (256, [Fraction(1, k) for k in (2, 3, 4, 5, 6)]),
    ],
)
def test_scales_are_whole_zooms_or_one_over_a_whole_number(side, scales):
    found = list(_scales(side, 40, 128))
    assert found == scales


def test_a_small_sheet_is_one_piece_as_large_as_wanted():
    arrangement = arrange(sheet(3, 4))
    assert arrangement.measures.scale == 4
    assert arrangement.pieces == (1, 1)


def test_few_large_pictures_keep_their_size_and_many_are_reduced():
    assert arrange(sheet(2, 4, side=256)).measures.scale == 1
    assert arrange(sheet(2, 40, side=256)).measures.scale == Fraction(1, 2)


def test_a_long_row_is_cut_into_bands_and_a_tall_column_into_stacks():
    bands, stacks = arrange(sheet(1, 60)).pieces
    assert (bands > 1, stacks) == (True, 1)
    bands, stacks = arrange(sheet(60, 1)).pieces
    assert (bands, stacks > 1) == (1, True)


@pytest.mark.parametrize("rows, columns", [(1, 5_000), (5_000, 1), (300, 300), (2, 900)])
def test_what_does_not_fit_is_left_out(rows, columns):
    arrangement = arrange(sheet(rows, columns))
    assert max(arrangement.size) <= LARGEST_SIDE
    assert arrangement.shown[0] * arrangement.shown[1] >= 400
    assert arrangement.shown != (rows, columns)


def test_narrow_columns_have_turned_heads_and_never_more_than_fit_side_by_side(monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "gcn_tf.reporting.sheet.draw_lines", lambda canvas, lines, *place, **how: drawn.extend(lines)
    )
    heads = [f"flip-left-right-{n}" for n in range(100)]
    tiny = sheet(100, 100, side=8, heads=heads, smallest=8, largest=8)
    measures = arrange(tiny).measures
    assert measures.turned
    assert measures.column < LINE
    sheet_picture(tiny, "")
    assert drawn.count(heads[0]) == 1
    assert heads[1] not in drawn
    assert heads[2] in drawn


def test_texts_of_their_own_make_columns_wider():
    image = np.zeros((1, 28, 28, 3), np.uint8)
    wide = Sheet({(0, 0): Block(image)}, 1, ["unbreakable-and-long"], [], largest=28)
    assert arrange(wide).measures.column > 120
    assert not arrange(wide).measures.turned


def test_a_block_that_is_larger_than_a_page_is_reduced():
    image = np.zeros((8_000, 28, 28, 3), np.uint8)
    arrangement = arrange(Sheet({(0, 0): Block(image)}, 50, ["a"], []))
    assert max(arrangement.size) <= LARGEST_SIDE
    assert arrangement.measures.scale < 1


@pytest.mark.parametrize("shape", [(24, 40, 1), (28, 1024, 1), (1024, 28, 3)])
def test_rectangles_are_as_large_as_wanted_by_their_larger_side(shape):
    blocks = {(0, column): Block(np.full((1, *shape), 200, np.uint8)) for column in range(3)}
    rectangles = Sheet(blocks, 1, ["a", "b", "c"], ["d"])
    scale = arrange(rectangles).measures.scale
    assert 64 < max(shape) * scale <= 128
    assert sheet_picture(rectangles, "").shape[2] == 3
