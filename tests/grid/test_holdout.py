import numpy as np
import pytest

from gcn_tf.errors import UserError
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.grid.holdout import Roles, check_values_seen, default_roles, holdout_rules, unseen_mask

DIGITS = FactorSpace(
    (
        Factor("digit", tuple("0123456789")),
        Factor("writer", tuple(str(100 + w) for w in range(10))),
        Factor("color", ("red", "green", "blue")),
        Factor("rotation", ("0", "90", "180", "270")),
    )
)

ROLES = Roles(("color", "rotation"), "digit", "writer")


def unseen_cells(space, *specs, seed=0, roles=ROLES):
    cells = space.cells()
    return cells[unseen_mask(cells, holdout_rules(specs, space, seed, roles), space)]


def test_a_rule_leaves_its_unnamed_factors_free():
    cells = unseen_cells(DIGITS, "digit=7 writer=109 rotation=180")
    assert [DIGITS.describe(cell) for cell in cells] == [
        f"digit=7 writer=109 color={color} rotation=180" for color in ("red", "green", "blue")
    ]


def test_rules_add_up():
    assert (
        len(unseen_cells(DIGITS, "digit=7 writer=109 rotation=180", "digit=2 writer=103 color=red")) == 3 + 4
    )


def test_low_level_takes_four_percent_one_cell_of_each_sampled_base_picture():
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


def test_rules_take_several_values_and_leave_starred_factors_free():
    cells = unseen_cells(DIGITS, "digit=7,8 writer=103 color=* rotation=0")
    assert {DIGITS.describe(cell).rpartition(" color")[0] for cell in cells} == {
        "digit=7 writer=103",
        "digit=8 writer=103",
    }
    assert len(cells) == 2 * 3


def test_low_level_and_high_level_mean_the_same_on_any_grid():
    """Single values of the last factor, and whole pairs of the first two, whatever their names."""
    products = FactorSpace(
        (
            Factor("light", ("lamp", "sun", "dusk")),
            Factor("product", tuple(f"p{n}" for n in range(20))),
            Factor("angle", ("0", "45", "90", "135")),
        )
    )
    roles = default_roles(products)
    assert (roles.concept, roles.identity) == ("light", "product")
    single = unseen_cells(products, "low-level", roles=None)
    assert len(single) == round(0.04 * products.cell_count)
    assert len({tuple(cell[:2]) for cell in single}) == len(single)
    pairs = unseen_cells(products, "high-level=5", roles=None)
    assert len(pairs) == 5 * 4
    assert len({cell[1] for cell in pairs}) == 5
    for cells in (single, pairs):
        mask = np.zeros(products.cell_count, bool)
        mask[np.ravel_multi_index(cells.T, (3, 20, 4))] = True
        check_values_seen(products.cells(), mask, products)


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
        ("high-level=11", "high-level=11: give 1 to 10, the number of values of writer"),
        ("high-level=many", "give a whole number"),
    ],
)
def test_a_wrong_spec_is_named_with_its_remedy(spec, message):
    with pytest.raises(UserError, match=message):
        holdout_rules([spec], DIGITS, 0, ROLES)


def test_published_protocols_belong_to_their_dataset():
    with pytest.raises(UserError, match="no such protocol"):
        holdout_rules(["paper-digits"], DIGITS, 0)
