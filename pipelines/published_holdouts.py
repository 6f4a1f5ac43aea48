"""Published hold-outs: lists of cells of one dataset, unlike the general protocols of `gcn_tf.grid.holdout`."""

from collections.abc import Sequence

from gcn_tf.grid.factors import FactorSpace
from gcn_tf.grid.holdout import HoldoutError, Roles, Rule, Say, pair_rules
from gcn_tf.pipelines.variations import Variation

# (person's position, emotion, rotation) of the authors' hold-out. None stands for the fourth emotion, or every rotation.
PAPER_FACES: tuple[tuple[int, str | None, str | None], ...] = (
    (4, "NE", "90"),
    (36, "DI", "180"),
    (41, "NE", None),
    (46, "NE", None),
    (56, "DI", None),
    (63, "DI", None),
    (34, "HA", None),
    (48, "HA", None),
    (9, None, None),
    (28, None, None),
)


def _values(space: FactorSpace, name: str, positions: Sequence[int], protocol: str) -> list[str]:
    if name not in space.names:
        raise HoldoutError(
            f"protocol {protocol} needs the factor {name}; this dataset has {', '.join(space.names)}"
        )
    known = space[name].values
    if max(positions) >= len(known):
        raise HoldoutError(
            f"protocol {protocol} needs {max(positions) + 1} values of {name}, not {len(known)}"
        )
    return [known[position] for position in positions]


def paper_digits(space: FactorSpace, seed: int, say: Say) -> list[Rule]:
    """The authors' digits: style 9 of digit 7 flipped up-down, all colours; style 4 of digit 2, red, 90 degrees.

    On a grid of writers, which has no flips, the writer at that position stands for the style and 180 degrees for the
    flip (figure 6 of the paper shows a 7 turned by 180 degrees).
    """
    style = "style" if "style" in space.names else "writer"
    turn = "transformation" if "transformation" in space.names else "rotation"
    fourth, ninth = _values(space, style, (3, 8), "paper-digits")
    flip = "flip-up-down" if turn == "transformation" else "180"
    return [
        {"digit": "7", style: ninth, turn: flip},
        {"digit": "2", style: fourth, "color": "red", turn: "90"},
    ]


def paper_faces(space: FactorSpace, seed: int, say: Say) -> list[Rule]:
    """The authors' faces: ten (person, emotion) pairs, two of them in one rotation only.

    Persons are positions, as in the authors' list after they dropped five of KDEF's seventy. "The fourth" is the
    fourth emotion of the chosen set: SU in the paper, AN in the authors' file. If the grid has too few persons, the same
    number of `high-level` pairs is held out instead, and `say` reports it.
    """
    wanted, there = 1 + max(position for position, _, _ in PAPER_FACES), len(space["person"])
    if there < wanted:
        count = min(len(PAPER_FACES), there)
        say(
            f"paper-faces needs {wanted} persons, this dataset has {there}: high-level={count} is used instead, one "
            f"emotion of each of {count} persons"
        )
        return pair_rules(space, "emotion", "person", seed, count)
    rules = []
    for position, emotion, rotation in PAPER_FACES:
        (person,) = _values(space, "person", (position,), "paper-faces")
        (fourth,) = _values(space, "emotion", (3,), "paper-faces")
        chosen = emotion or fourth
        if chosen not in space["emotion"].values:
            raise HoldoutError(
                f"protocol paper-faces needs the emotion {chosen}; this dataset has "
                f"{', '.join(space['emotion'].values)}"
            )
        rule = {"person": person, "emotion": chosen}
        if rotation:
            turn = "transformation" if "transformation" in space.names else "rotation"
            if turn not in space.names or rotation not in space[turn].values:
                raise HoldoutError(f"protocol paper-faces needs a rotation by {rotation} degrees")
            rule[turn] = rotation
        rules.append(rule)
    return rules


def digit_roles(identity: str, varied: Sequence[Variation]) -> Roles:
    """Roles of a grid of digits: single colours and turns, whole digits of a writer or style, and the authors' list."""
    variations = tuple(variation.factor.name for variation in varied)
    return Roles(variations or (identity,), "digit", identity, {"paper-digits": paper_digits})


def face_roles(space: FactorSpace, varied: Sequence[Variation]) -> Roles:
    """Roles of a grid of faces: single turns (without turns, sessions), whole emotions of a person, the authors' list."""
    variations = tuple(variation.factor.name for variation in varied) or space.names[-1:]
    return Roles(variations, "emotion", "person", {"paper-faces": paper_faces})
