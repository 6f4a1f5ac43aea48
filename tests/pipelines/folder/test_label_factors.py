"""From columns of labels to factors."""

import numpy as np
import pytest

from gcn_tf.errors import ConfigError, UserError
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.pipelines.folder.factors import grid_of, limited

PEOPLE = ["anna", "ben", "anna", "ben"]


def names(grid):
    return {column.name: column.values for column in grid.columns}


def test_columns_become_factors_in_their_order():
    grid = grid_of({"person": PEOPLE, "mood": ["sad", "sad", "glad", "glad"]})
    assert names(grid) == {"person": ("anna", "ben"), "mood": ("glad", "sad")}
    assert grid.ids.tolist() == [[0, 1], [1, 1], [0, 0], [1, 0]]
    assert grid.rows.tolist() == [0, 1, 2, 3]
    assert grid.notes == ()


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (["x"] * 4, "constant"),
        (["a", "b", "c", "d"], "another value for every picture"),
        (["a " * 50, "b", "a " * 50, "b"], "free text"),
        ([None] * 4, "empty"),
    ],
)
def test_columns_that_do_not_serve_are_left_out_by_name(values, why):
    grid = grid_of({"person": PEOPLE, "other": values})
    assert list(names(grid)) == ["person"]
    assert grid.notes == (f"no factor: other ({why})",)
    with pytest.raises(UserError, match=f"other is {why}.*name some with --factors"):
        grid_of({"other": values})


def test_wanted_columns_are_taken_whatever_they_hold():
    grid = grid_of({"person": PEOPLE, "number": ["4", "3", "2", "1"]}, ("number",))
    assert names(grid) == {"number": ("1", "2", "3", "4")}
    with pytest.raises(ConfigError, match="--factors persn: no such column, did you mean person"):
        grid_of({"person": PEOPLE}, ("persn",))


def test_numbers_are_in_numeric_order_and_text_in_the_natural_one():
    grid = grid_of({"angle": ["100", "-5", "20.5", "100"], "take": ["IMG 10", "img 9", "IMG 10", "img 9"]})
    assert [column.numbers for column in grid.columns] == [(-5, 20.5, 100), ()]
    assert names(grid) == {"angle": ("-5", "20.5", "100"), "take": ("img-9", "IMG-10")}


def test_leading_zeros_stay():
    assert names(grid_of({"person": ["007", "7a", "007", "7a"]})) == {"person": ("007", "7a")}
    grid = grid_of({"person": ["007", "008", "007", "008"]})
    assert names(grid) == {"person": ("007", "008")}


def test_two_spellings_of_a_number_are_two_values():
    column = grid_of({"n": ["1", "01", "1", "01"]}).columns[0]
    assert set(column.values) == {"1", "01"}
    assert column.numbers == ()


def test_names_that_the_command_line_cannot_take_are_mapped_and_said():
    grid = grid_of({"hair colour": ["a,b", "3:0.5", "a,b", "3:0.5"], "class": ["x", "y", "y", "x"]})
    assert names(grid) == {"hair_colour": ("3-0.5", "a-b"), "factor_class": ("x", "y")}
    assert grid.notes == (
        "factor hair_colour: the column hair colour",
        "hair_colour: 3-0.5 for 3:0.5, a-b for a,b",
        "factor factor_class: the column class",
    )
    space = FactorSpace(tuple(Factor(column.name, column.values) for column in grid.columns))
    assert space.select(["hair_colour=a-b", "factor_class=*"])


def test_names_that_become_alike_are_numbered():
    grid = grid_of({"a b": ["x y", "x-y", "x y", "x-y"], "a_b": ["1", "2", "2", "1"]})
    assert names(grid) == {"a_b": ("x-y", "x-y_2"), "a_b_2": ("1", "2")}


def test_rows_without_a_label_are_left_out_and_counted():
    grid = grid_of({"person": ["anna", None, "anna", "ben", "ben"]})
    assert grid.rows.tolist() == [0, 2, 3, 4]
    assert grid.notes == ("1 pictures lack a label of person: left out",)


def test_a_column_split_is_a_holdout_and_no_factor():
    grid = grid_of({"person": PEOPLE, "Split": ["train", "test", "Training", "val"]})
    assert list(names(grid)) == ["person"]
    assert grid.held_out.tolist() == [False, True, False, True]


def test_the_first_values_of_a_factor():
    grid = limited(grid_of({"person": PEOPLE, "n": ["1", "1", "2", "2"]}), {"person": 1})
    assert names(grid) == {"person": ("anna",), "n": ("1", "2")}
    np.testing.assert_array_equal(grid.rows, [0, 2])
    assert limited(grid, {"n": 1}).columns[1].numbers == (1,)
    with pytest.raises(ConfigError, match="--limit persom=3: no such factor, did you mean person"):
        limited(grid, {"persom": 3})


def test_a_column_that_says_the_same_as_one_before_is_left_out():
    columns = {
        "person": ["1", "2", "1", "2", "3", "3"],
        "name": ["Ann", "Bo", "Ann", "Bo", "Cy", "Cy"],
        "sign": ["a", "a", "b", "b", "a", "b"],
    }
    grid = grid_of(columns)
    assert list(names(grid)) == ["person", "sign"]
    assert "no factor: name (it says the same as person)" in grid.notes
    assert list(names(grid_of(columns, ("name", "person")))) == ["name", "person"]
