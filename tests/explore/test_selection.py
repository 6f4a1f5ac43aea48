"""What is chosen on the page, as words, links and lines of code."""

from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pytest

from gcn_tf.errors import UserError
from gcn_tf.explore.selection import (
    Selection,
    between,
    blend,
    command_line,
    python_lines,
    words_of,
)
from gcn_tf.grid.factors import Factor, FactorSpace

WRITER = Factor("writer", ("3", "8", "a+b", "müller"))
ANGLE = Factor("angle", ("0", "90", "180", "270"), (0, 90, 180, 270), period=360)
SPACE = FactorSpace((Factor("digit", ("4", "7")), WRITER, ANGLE))


def test_a_page_begins_with_the_first_cell_and_the_factors_of_most_values():
    first = Selection.first(SPACE)
    assert first.values == {"digit": "4", "writer": "3", "angle": "0"}
    assert {first.rows, first.columns} == {"writer", "angle"}


def test_a_single_factor_runs_across_alone():
    only = Selection.first(FactorSpace((WRITER,)))
    assert only.rows == only.columns == "writer"
    assert only.grid_pictures(FactorSpace((WRITER,))) == [{"writer": value} for value in WRITER.values]


def test_a_link_shows_the_same():
    chosen = Selection(
        {"digit": "7", "writer": "3:0.25+8:0.75", "angle": "45.5"},
        "digit",
        "angle",
        "writer",
        "müller",
        "a+b",
        9,
        1,
    )
    assert Selection.of_link(SPACE, chosen.link) == (chosen, [])


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("writer=9", "writer has no value '9'"),
        ("grid-rows=writter", "no factor 'writter', did you mean writer?"),
        ("angle=0:2", "weight '2' is not a number from 0 to 1"),
    ],
)
def test_what_a_link_has_wrongly_keeps_its_first_value_and_is_said(query, said):
    chosen, wrong = Selection.of_link(SPACE, query + "&digit=7")
    assert chosen.values == {"digit": "7", "writer": "3", "angle": "0"}
    assert len(wrong) == 1
    assert said in wrong[0]


def test_unknown_ends_of_a_strip_in_a_link_become_the_factor_s_own():
    chosen, _ = Selection.of_link(SPACE, "strip-of=writer&strip-from=0&strip-to=nobody&strip-pictures=900")
    assert (chosen.start, chosen.end, chosen.count) == ("3", "müller", 16)


def test_a_grid_holds_every_combination_of_two_factors_row_by_row():
    chosen = Selection.first(SPACE)
    cells = chosen.grid_pictures(SPACE)
    assert [len(side) for side in chosen.grid_sides(SPACE)] == [len(WRITER), 4]
    assert [(cell["writer"], cell["angle"]) for cell in cells[:5]] == [
        *(("3", angle) for angle in ANGLE.values),
        ("8", "0"),
    ]
    assert {cell["digit"] for cell in cells} == {"4"}
    assert chosen.grid_pictures(SPACE, slice(1, 2), slice(2)) == cells[4:6]


def test_strips_blend_values_and_count_numbers():
    assert between(WRITER, "3", "müller", 3) == ["3", "3:0.5+müller:0.5", "müller"]
    assert between(ANGLE, "0", "270", 4) == ["0", "90", "180", "270"]
    assert between(ANGLE, "12.5", "37.5", 3) == ["12.5", "25", "37.5"]
    with pytest.raises(UserError, match="writer has no value 'x'"):
        between(WRITER, "3", "x", 3)


@pytest.mark.parametrize("count", range(1, 7))
def test_the_weights_of_a_blend_sum_to_one_and_are_near_those_asked_for(count):
    values = tuple("abcdef"[:count])
    asked = dict(zip(values, np.linspace(0.13, 0.97, count), strict=True))
    text = blend(asked)
    code = Factor("f", values).code(text)
    assert abs(code.sum() - 1) < 1e-6
    assert np.allclose(code, np.array([*asked.values()]) / sum(asked.values()), atol=3e-3)


def test_weights_of_nothing_leave_the_first_value():
    assert blend({"3": 0, "8": 0}) == "3"


def test_the_lines_to_make_a_picture_again_name_run_and_checkpoint():
    best = Path("my runs/a/checkpoints/best.npz")
    words = words_of([{"digit": "7", "writer": "3:0.5+8:0.5"}])
    assert (
        command_line(best, words)
        == "gcn-tf generate 'my runs/a' digit=7 writer=3:0.5+8:0.5 --checkpoint best"
    )
    assert "open_run('my runs/a', 'best')" in python_lines(best, {"digit": "7"})


def test_links_hold_what_they_show():
    query = parse_qs(Selection.first(SPACE).link)
    assert query["writer"] == ["3"]
    assert query["grid-columns"] == ["angle"]
