import pytest

from gcn_tf.errors import UserError
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.grid.holdout import holdout_rules, unseen_mask
from gcn_tf.pipelines.published_holdouts import digit_roles, face_roles

STYLES = FactorSpace(
    (
        Factor("digit", tuple("0123456789")),
        Factor("style", tuple(str(s) for s in range(1, 11))),
        Factor("color", ("red", "green", "blue")),
        Factor("transformation", ("0", "90", "180", "270", "flip-up-down", "flip-left-right")),
    )
)


def unseen_cells(space, roles, spec):
    cells = space.cells()
    return cells[unseen_mask(cells, holdout_rules([spec], space, 0, roles), space)]


def test_paper_digits_is_the_authors_list():
    described = [
        STYLES.describe(cell) for cell in unseen_cells(STYLES, digit_roles("style", ()), "paper-digits")
    ]
    assert described == [
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
    cells = unseen_cells(space, face_roles(space, ()), "paper-faces")
    assert len(cells) == 2 * 2 + 8 * 2 * 4  # two pairs in one rotation, eight in all four, both sessions
    expected = [(4, "NE"), (36, "DI"), (41, "NE"), (46, "NE"), (56, "DI"), (63, "DI")]
    expected += [(34, "HA"), (48, "HA"), (9, fourth), (28, fourth)]
    pairs = {tuple(space.describe(cell).split()[:2]) for cell in cells}
    assert pairs == {(f"person=P{p:02}", f"emotion={e}") for p, e in expected}
    turned = {space.describe(cell).split()[3] for cell in cells if cell[0] in (4, 36)}
    assert turned == {"rotation=90", "rotation=180"}


def test_paper_faces_names_an_emotion_that_the_grid_lacks():
    space = faces(("NE", "DI", "SA", "SU"))
    with pytest.raises(UserError, match="needs the emotion HA; this dataset has NE, DI, SA, SU"):
        unseen_cells(space, face_roles(space, ()), "paper-faces")


def test_paper_faces_with_few_persons_holds_out_pairs_instead_and_says_so():
    space, said = faces(("NE", "DI", "HA", "SU"), persons=12), []
    rules = holdout_rules(["paper-faces"], space, 0, face_roles(space, ()), said.append)
    assert len(rules) == 10 == len({rule["person"] for rule in rules})
    assert "this dataset has 12: high-level=10 is used instead" in said[0]
