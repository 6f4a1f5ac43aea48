import numpy as np
import pytest

from gcn_tf.errors import UserError
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.grid.holdout import check_values_seen, holdout_rules, unseen_mask

DIGITS = FactorSpace(
    (
        Factor("digit", tuple("0123456789")),
        Factor("writer", tuple(str(100 + w) for w in range(10))),
        Factor("color", ("red", "green", "blue")),
        Factor("rotation", ("0", "90", "180", "270")),
    )
)
STYLES = FactorSpace(
    (
        Factor("digit", tuple("0123456789")),
        Factor("style", tuple(str(s) for s in range(1, 11))),
        Factor("color", ("red", "green", "blue")),
        Factor("transformation", ("0", "90", "180", "270", "flip-up-down", "flip-left-right")),
    )
)


def unseen_cells(space, *specs, seed=0):
    cells = space.cells()
    return cells[unseen_mask(cells, holdout_rules(specs, space, seed), space)]


def test_a_rule_leaves_its_unnamed_factors_free():
    cells = unseen_cells(DIGITS, "digit=7 writer=109 rotation=180")
    assert [DIGITS.describe(cell) for cell in cells] == [
        f"digit=7 writer=109 color={color} rotation=180" for color in ("red", "green", "blue")
    ]


def test_rules_add_up():
    assert (
        len(unseen_cells(DIGITS, "digit=7 writer=109 rotation=180", "digit=2 writer=103 color=red")) == 3 + 4
    )


def test_low_level_takes_four_percent_one_cell_of_each_drawn_base_image():
    cells = unseen_cells(DIGITS, "low-level")
    assert len(cells) == 48 == round(0.04 * DIGITS.cell_count)
    assert len({tuple(cell[:2]) for cell in cells}) == 48
    for m, factor in enumerate(DIGITS.factors[2:], 2):
        assert set(cells[:, m]) == set(range(len(factor)))


def test_high_level_takes_one_whole_digit_of_every_writer():
    cells = unseen_cells(DIGITS, "high-level")
    assert len(cells) == 10 * 12
    pairs = {tuple(cell[:2]) for cell in cells}
    assert len(pairs) == 10 == len({writer for _, writer in pairs}) == len({digit for digit, _ in pairs})


def test_high_level_takes_as_many_writers_as_it_is_told():
    cells = unseen_cells(DIGITS, "high-level=3")
    assert len({tuple(cell[:2]) for cell in cells}) == 3 == len({cell[1] for cell in cells})


@pytest.mark.parametrize("protocol", ["low-level", "high-level"])
def test_protocols_depend_on_the_seed_alone(protocol):
    first, again, other = (unseen_cells(DIGITS, protocol, seed=s) for s in (3, 3, 4))
    assert (first == again).all()
    assert not np.array_equal(first, other)


def test_paper_digits_is_the_authors_list():
    told = [STYLES.describe(cell) for cell in unseen_cells(STYLES, "paper-digits")]
    assert told == [
        "digit=2 style=4 color=red transformation=90",
        *(f"digit=7 style=9 color={c} transformation=flip-up-down" for c in ("red", "green", "blue")),
    ]


def faces(emotions, persons=65):
    return FactorSpace(
        (
            Factor("person", tuple(f"P{p:02}" for p in range(persons))),
            Factor("emotion", emotions),
            Factor("session", ("A", "B")),
            Factor("rotation", ("0", "90", "180", "270")),
        )
    )


@pytest.mark.parametrize("fourth", ["SU", "AN"])
def test_paper_faces_is_the_authors_list_with_the_fourth_emotion_of_the_set(fourth):
    space = faces(("NE", "DI", "HA", fourth))
    cells = unseen_cells(space, "paper-faces")
    assert len(cells) == 2 * 2 + 8 * 2 * 4  # two pairs in one rotation, eight in all four, both sessions
    expected = [(4, "NE"), (36, "DI"), (41, "NE"), (46, "NE"), (56, "DI"), (63, "DI")]
    expected += [(34, "HA"), (48, "HA"), (9, fourth), (28, fourth)]
    pairs = {tuple(space.describe(cell).split()[:2]) for cell in cells}
    assert pairs == {(f"person=P{p:02}", f"emotion={e}") for p, e in expected}
    turned = {space.describe(cell).split()[3] for cell in cells if cell[0] in (4, 36)}
    assert turned == {"rotation=90", "rotation=180"}


def test_paper_faces_says_what_a_dataset_lacks():
    with pytest.raises(UserError, match="needs 37 values of person, not 10"):
        holdout_rules(["paper-faces"], faces(("NE", "DI", "HA", "SU"), persons=10), 0)
    with pytest.raises(UserError, match="needs the emotion HA; this dataset has NE, DI, SA, SU"):
        holdout_rules(["paper-faces"], faces(("NE", "DI", "SA", "SU")), 0)


@pytest.mark.parametrize("share", [0.04, 0.5, 0.98])
def test_a_fraction_leaves_every_value_seen(share):
    cells = DIGITS.cells()
    mask = unseen_mask(cells, holdout_rules([f"fraction={share}"], DIGITS, 1), DIGITS)
    assert mask.sum() == round(share * len(cells))
    check_values_seen(cells, mask, DIGITS)
    other = unseen_mask(cells, holdout_rules([f"fraction={share}"], DIGITS, 2), DIGITS)
    assert not np.array_equal(mask, other)


def test_a_rule_that_loses_a_value_names_it():
    cells = DIGITS.cells()
    mask = unseen_mask(cells, holdout_rules(["color=green"], DIGITS, 0), DIGITS)
    with pytest.raises(UserError, match="no seen cell with color=green"):
        check_values_seen(cells, mask, DIGITS)


@pytest.mark.parametrize(
    "spec, message",
    [
        ("low-levl", "did you mean low-level"),
        ("digit=7 writter=109", "did you mean writer"),
        ("digit=7 writer=9", "writer has no value '9'"),
        ("digit=7 9", "not of the form"),
        ("fraction=1.2", "between 0 and 1"),
        ("fraction=half", "between 0 and 1"),
        ("fraction=0.999", "at most 0.987 here"),
        ("high-level=11", "high-level=11: give 1 to 10, the values of writer"),
        ("high-level=many", "give a whole number"),
    ],
)
def test_a_wrong_spec_is_named_with_its_remedy(spec, message):
    with pytest.raises(UserError, match=message):
        holdout_rules([spec], DIGITS, 0)


def test_a_protocol_says_which_factor_it_misses():
    plain = FactorSpace((Factor("product", ("a", "b")), Factor("light", ("on", "off"))))
    for protocol in ("low-level", "high-level", "paper-digits"):
        with pytest.raises(UserError, match="product, light"):
            holdout_rules([protocol], plain, 0)
