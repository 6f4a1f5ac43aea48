import numpy as np
import pytest

from gcn_tf.grid.factors import Factor, FactorError, FactorSpace

ANGLE = Factor("angle", ("0", "30", "60", "120"), (0, 30, 60, 120))
TURN = Factor("turn", ("0", "90", "180", "330"), (0, 90, 180, 330), period=360)
SPACE = FactorSpace((Factor("digit", tuple("0123456789")), Factor("color", ("red", "green", "blue"))))


def test_cells_are_all_combinations_the_last_factor_fastest():
    cells = SPACE.cells()
    assert cells.shape == (30, 2) == (SPACE.cell_count, 2)
    assert [SPACE.describe(cell) for cell in cells[:4]] == [
        "digit=0 color=red",
        "digit=0 color=green",
        "digit=0 color=blue",
        "digit=1 color=red",
    ]


def test_a_value_is_a_one_hot_code_and_a_blend_a_convex_one():
    np.testing.assert_array_equal(SPACE["color"].code("green"), [0, 1, 0])
    np.testing.assert_allclose(SPACE["color"].code("red:0.25+blue:0.75"), [0.25, 0, 0.75])
    np.testing.assert_array_equal(SPACE.one_hot(np.array([[3, 2]]))["color"], [[0, 0, 1]])


def test_select_spans_stars_lists_and_blends():
    pictures = SPACE.select(["color=*", "digit=3:0.5+8:0.5"])
    assert [p["color"] for p in pictures] == ["red", "green", "blue"]
    assert {p["digit"] for p in pictures} == {"3:0.5+8:0.5"}
    assert SPACE.codes(pictures)["digit"].shape == (3, 10)
    assert len(SPACE.select(["digit=1,2", "color=*"])) == 6


@pytest.mark.parametrize(
    "words, message",
    [
        (["digit=7", "colour=red"], "did you mean color"),
        (["digit=7", "color=rad"], "did you mean red"),
        (["digit=12", "color=red"], "known: 0, 1, 2"),
        (["digit=7"], "color not given: add e.g. color=red"),
        (["digit=7", "digit=8", "color=red"], "given twice"),
        (["digit", "color=red"], "not of the form factor=value"),
        (["digit=3:0.5+8:0.6", "color=red"], "sum to 1.1"),
        (["digit=3:nan+8:1", "color=red"], "not a number from 0 to 1"),
        (["digit=3:-1+8:2", "color=red"], "not a number from 0 to 1"),
        (["digit=3:x+8:1", "color=red"], "not a number from 0 to 1"),
    ],
)
def test_a_wrong_word_is_named_with_its_remedy(words, message):
    with pytest.raises(FactorError, match=message):
        SPACE.codes(SPACE.select(words))


def test_a_space_survives_its_file(tmp_path):
    (tmp_path / "factors.json").write_text(SPACE.to_json())
    assert FactorSpace.read(tmp_path / "factors.json") == SPACE
    (tmp_path / "factors.json").write_text('[{"name": 3}]')
    with pytest.raises(FactorError, match=r"factors\.json is not a factor list"):
        FactorSpace.read(tmp_path / "factors.json")


def test_factors_refuse_doubles_and_names_that_are_no_identifier():
    for bad in (("two words", ("a",)), ("digit", ()), ("digit", ("a", "a"))):
        with pytest.raises(FactorError):
            Factor(*bad)
    with pytest.raises(FactorError, match="must differ"):
        FactorSpace((Factor("a", ("1",)), Factor("a", ("2",))))


@pytest.mark.parametrize("text", ["green", "red:0.25+blue:0.75", "red:0.1+green:0.2+blue:0.7"])
def test_the_text_of_a_code_reads_back(text):
    color = SPACE["color"]
    assert color.text(color.code(text)) == text


def test_factors_that_words_do_not_name_keep_all_values():
    assert SPACE.choices(["digit=3,8,3"]) == {"digit": ["3", "8"], "color": ["red", "green", "blue"]}


@pytest.mark.parametrize(
    ("factor", "text", "weights"),
    [
        (ANGLE, "30", [0, 1, 0, 0]),
        (ANGLE, "30.0", [0, 1, 0, 0]),
        (ANGLE, "45", [0, 0.5, 0.5, 0]),
        (ANGLE, "75", [0, 0, 0.75, 0.25]),
        (ANGLE, "120", [0, 0, 0, 1]),
        (ANGLE, "15:0.5+120:0.5", [0.25, 0.25, 0, 0.5]),
        (TURN, "0", [1, 0, 0, 0]),
        (TURN, "360", [1, 0, 0, 0]),
        (TURN, "345", [0.5, 0, 0, 0.5]),
        (TURN, "-15", [0.5, 0, 0, 0.5]),
        (TURN, "405", [0.5, 0.5, 0, 0]),
    ],
)
def test_a_number_between_ordered_values_is_the_blend_of_its_neighbours(factor, text, weights):
    np.testing.assert_allclose(factor.code(text), weights, atol=1e-6)
    assert FactorSpace((factor,)).choices([f"{factor.name}={text},{text}"]) == {factor.name: [text]}


@pytest.mark.parametrize(
    ("factor", "text", "message"),
    [
        (ANGLE, "121", r"angle=121 is out of range: give a number from 0 to 120"),
        (ANGLE, "-1", r"angle=-1 is out of range"),
        (ANGLE, "nan", "angle has no value 'nan'"),
        (TURN, "inf", "turn has no value 'inf'"),
        (ANGLE, "north", "angle has no value 'north'"),
        (SPACE["digit"], "4.5", "digit has no value '4.5'"),
    ],
)
def test_numbers_that_lie_between_no_values_are_refused(factor, text, message):
    with pytest.raises(FactorError, match=message):
        factor.code(text)


@pytest.mark.parametrize(
    ("numbers", "period", "message"),
    [
        ((0, 1), 0, "3 values and 2 numbers"),
        ((0, 2, 1), 0, "do not ascend"),
        ((0, 1, 1), 0, "do not ascend"),
        ((0, float("nan"), 1), 0, "do not ascend"),
        ((-1e308, 0, 1e308), 0, "do not ascend"),
        ((0, 90, 360), 360, "its period, 360, must be longer"),
        ((0, 90, 180), -360, "its period, -360, must be longer"),
        ((0, 90, 180), float("inf"), "its period, inf, must be longer"),
        ((), 360, "has a period, 360, but no numbers"),
    ],
)
def test_an_order_that_is_none_is_refused(numbers, period, message):
    with pytest.raises(FactorError, match=message):
        Factor("angle", ("a", "b", "c"), numbers, period)


def test_distances_of_a_cyclic_factor_go_the_shorter_way():
    assert ANGLE.distances()[0].tolist() == [0, 30, 60, 120]
    assert TURN.distances()[0].tolist() == [0, 90, 180, 30]


def test_order_is_stored_only_where_there_is_one():
    space = FactorSpace((SPACE["color"], TURN, ANGLE))
    assert FactorSpace.from_json(space.to_json()) == space
    assert space.to_json().count('"numbers"') == 2
    assert FactorSpace.from_json(space.to_json()) != FactorSpace(
        (SPACE["color"], Factor("turn", TURN.values), ANGLE)
    )
    assert "numbers" not in SPACE.to_json()
    assert "period" not in SPACE.to_json()


def test_messages_about_ten_thousand_values_are_short():
    writer = Factor("writer", tuple(f"w{n:05}" for n in range(10_000)))
    space = FactorSpace((writer, Factor("digit", ("0", "1"))))
    with pytest.raises(FactorError, match="no value 'v00042', did you mean w00042") as unknown:
        writer.index("v00042")
    with pytest.raises(FactorError, match="and 9,988 more") as missing:
        space.select(["digit=1"])
    assert max(len(str(error.value)) for error in (unknown, missing)) < 250


def test_one_hot_codes_of_ten_thousand_values_take_a_row_per_cell():
    space = FactorSpace((Factor("writer", tuple(map(str, range(10_000)))), Factor("digit", ("0", "1"))))
    codes = space.one_hot(np.array([[9_999, 1], [3, 0]]))
    assert [code.shape for code in codes.values()] == [(2, 10_000), (2, 2)]
    assert codes["writer"].argmax(axis=1).tolist() == [9_999, 3]
    assert codes["writer"].sum() == 2
