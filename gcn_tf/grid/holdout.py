"""Hold-out rules: which cells training never sees.

A rule is data, a mapping `{factor: value}` with the unnamed factors free: `{"digit": "7", "writer": "9",
"rotation": "180"}` holds out all three colours. A protocol is a named function that returns rules.
"""

from collections.abc import Callable, Sequence

import numpy as np

from gcn_tf.errors import UserError, suggest
from gcn_tf.grid.factors import FactorSpace

Rule = dict[str, str]


# (person's position, emotion, rotation) of the authors' hold-out; None: the fourth emotion, and every rotation.
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


LOW_LEVEL_SHARE = 0.04  # of all cells, one missing rotation or colour per base image, as the slides describe


HIGH_LEVEL_COUNT = 10  # writers or persons, as in the paper


LOW_LEVEL_NAMES = ("color", "rotation", "transformation")


class HoldoutError(UserError):
    """A rule that names nothing, or that leaves a factor value without any seen cell."""


def parse_rule(text: str, space: FactorSpace) -> Rule:
    """`"digit=7 writer=9 rotation=180"` as a rule of `space`; raises FactorError for unknown names or values."""
    rule = space.parse_assignments(text.split())
    if not rule:
        raise HoldoutError("--holdout is empty: give factor=value words, a protocol name, or 'none'")
    for name, value in rule.items():
        space[name].index(value)
    return rule


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


def paper_digits(space: FactorSpace, seed: int) -> list[Rule]:
    """The authors' digits: style 9 of digit 7 flipped up-down, all colours; style 4 of digit 2, red, 90 degrees.

    On `qmnist`, which has writers and no flips, the writer at that position stands for the style and 180
    degrees for the flip (figure 6 of the paper shows a 7 turned by 180 degrees).
    """
    style = "style" if "style" in space.names else "writer"
    turn = "transformation" if "transformation" in space.names else "rotation"
    fourth, ninth = _values(space, style, (3, 8), "paper-digits")
    flip = "flip-up-down" if turn == "transformation" else "180"
    return [
        {"digit": "7", style: ninth, turn: flip},
        {"digit": "2", style: fourth, "color": "red", turn: "90"},
    ]


def low_level(space: FactorSpace, seed: int) -> list[Rule]:
    """4 % of the cells, drawn by seed: one rotation or one colour missing of different base images.

    From each drawn combination of the other factors (a digit of a writer) exactly one cell is taken, so its
    other colours and rotations are all seen.
    """
    varied = [m for m, name in enumerate(space.names) if name in LOW_LEVEL_NAMES]
    if not varied:
        raise HoldoutError(
            f"protocol low-level needs one of the factors {', '.join(LOW_LEVEL_NAMES)}; "
            f"this dataset has {', '.join(space.names)}: give rules such as --holdout "
            f"'{space.names[0]}={space.factors[0].values[0]} ...'"
        )
    cells = space.cells()
    rng = np.random.default_rng([seed, 0x10])
    cells = cells[rng.permutation(len(cells))]
    base = np.delete(cells, varied, axis=1)
    _, first = np.unique(base, axis=0, return_index=True)  # one random cell of every base image
    count = min(len(first), max(1, round(LOW_LEVEL_SHARE * len(cells))))
    drawn = cells[np.sort(first)[:count]]
    return [dict(zip(space.names, _names_of(space, cell), strict=True)) for cell in drawn]


def high_level(space: FactorSpace, seed: int, count: int | None = None) -> list[Rule]:
    """One whole digit of each of ten writers (one emotion of a person), in every colour, session and rotation.

    `high-level=8` takes eight writers or persons.

    The concept itself is unseen: no picture of that digit by that writer exists in training.
    """
    concept = next((name for name in ("digit", "emotion") if name in space.names), None)
    hand = next((name for name in ("writer", "style", "person") if name in space.names), None)
    if concept is None or hand is None:
        raise HoldoutError(
            f"protocol high-level needs a digit or emotion and a writer, style or person; "
            f"this dataset has {', '.join(space.names)}"
        )
    if count is None:
        count = min(HIGH_LEVEL_COUNT, len(space[hand]))
    if not 1 <= count <= len(space[hand]):
        raise HoldoutError(
            f"--holdout high-level={count}: give 1 to {len(space[hand])}, the values of {hand}"
        )
    rng = np.random.default_rng([seed, 0x20])
    hands = rng.permutation(len(space[hand]))[:count]
    concepts = np.resize(rng.permutation(len(space[concept])), len(hands))
    return [
        {concept: space[concept].values[c], hand: space[hand].values[h]}
        for c, h in zip(concepts, hands, strict=True)
    ]


def paper_faces(space: FactorSpace, seed: int) -> list[Rule]:
    """The authors' faces: ten (person, emotion) pairs, two of them in one rotation alone.

    Persons are positions, as in the authors' list after they dropped five of KDEF's seventy. "The fourth" is the
    fourth emotion of the chosen set: SU in the paper, AN in the authors' file.
    """
    rules = []
    for position, emotion, rotation in PAPER_FACES:
        (person,) = _values(space, "person", (position,), "paper-faces")
        (fourth,) = _values(space, "emotion", (3,), "paper-faces")
        wanted = emotion or fourth
        if wanted not in space["emotion"].values:
            raise HoldoutError(
                f"protocol paper-faces needs the emotion {wanted}; this dataset has "
                f"{', '.join(space['emotion'].values)}"
            )
        rule = {"person": person, "emotion": wanted}
        if rotation:
            turn = "transformation" if "transformation" in space.names else "rotation"
            if turn not in space.names or rotation not in space[turn].values:
                raise HoldoutError(f"protocol paper-faces needs a rotation by {rotation} degrees")
            rule[turn] = rotation
        rules.append(rule)
    return rules


def random_fraction(space: FactorSpace, seed: int, share: float) -> list[Rule]:
    """A random share of all cells, every factor value still seen in some other cell.

    Raises:
        HoldoutError: `share` is not between 0 and 1, or so large that a value would be lost.
    """
    if not 0 < share < 1:
        raise HoldoutError(f"--holdout fraction={share:g}: give a share between 0 and 1, e.g. fraction=0.2")
    cells = space.cells()
    cells = cells[np.random.default_rng([seed, 0x30]).permutation(len(cells))]
    kept = {int(np.flatnonzero(cells[:, m] == k)[0]) for m, f in enumerate(space) for k in range(len(f))}
    free = np.setdiff1d(np.arange(len(cells)), sorted(kept))  # in the order of the permutation
    count = round(share * len(cells))
    if count > len(free):
        most = int(1000 * len(free) / len(cells)) / 1000
        raise HoldoutError(
            f"--holdout fraction={share:g} would leave some value without a seen cell: at most {most:g} here"
        )
    return [dict(zip(space.names, _names_of(space, cell), strict=True)) for cell in cells[free[:count]]]


def no_holdout(space: FactorSpace, seed: int) -> list[Rule]:
    """Every cell is seen."""
    return []


PROTOCOLS: dict[str, Callable[[FactorSpace, int], list[Rule]]] = {
    "low-level": low_level,
    "high-level": high_level,
    "paper-digits": paper_digits,
    "paper-faces": paper_faces,
    "none": no_holdout,
}


def holdout_rules(specs: Sequence[str], space: FactorSpace, seed: int) -> list[Rule]:
    """Rules of `--holdout` specs, each a protocol by name, `fraction=P` or `factor=value` words.

    Raises:
        HoldoutError, FactorError: an unknown protocol, factor or value, with the nearest spelling.
    """
    rules: list[Rule] = []
    for spec in specs:
        if spec.startswith("fraction="):
            rules.extend(random_fraction(space, seed, _share(spec)))
        elif spec.startswith("high-level="):
            rules.extend(high_level(space, seed, _count(spec)))
        elif "=" in spec:
            rules.append(parse_rule(spec, space))
        elif spec in PROTOCOLS:
            rules.extend(PROTOCOLS[spec](space, seed))
        else:
            hint = suggest(spec, list(PROTOCOLS))
            raise HoldoutError(
                f"--holdout {spec!r}: no such protocol{hint or ';'} known: {', '.join(PROTOCOLS)}, "
                f"high-level=N, fraction=P; or a rule such as '{space.names[0]}={space.factors[0].values[0]}'"
            )
    return rules


def unseen_mask(cells: np.ndarray, rules: Sequence[Rule], space: FactorSpace) -> np.ndarray:
    """Which cells some rule holds out.

    Args:
        cells: int (N, M), value ids in the order of the space's factors.

    Returns:
        bool (N,).
    """
    mask = np.zeros(len(cells), bool)
    for names in {tuple(rule) for rule in rules}:
        columns = [space.names.index(name) for name in names]
        shape = [len(space[name]) for name in names]
        wanted = [[space[n].index(rule[n]) for n in names] for rule in rules if tuple(rule) == names]
        held = np.ravel_multi_index(np.transpose(wanted), shape)
        mask |= np.isin(np.ravel_multi_index(cells[:, columns].T, shape), held)
    return mask


def check_values_seen(cells: np.ndarray, unseen: np.ndarray, space: FactorSpace) -> None:
    """Raise HoldoutError unless every factor value that has a picture has a seen one."""
    for m, factor in enumerate(space):
        seen = np.bincount(cells[~unseen, m], minlength=len(factor))
        there = np.bincount(cells[:, m], minlength=len(factor))
        for value, before, after in zip(factor.values, there, seen, strict=True):
            if before and not after:
                raise HoldoutError(
                    f"the hold-out leaves no seen cell with {factor.name}={value}: "
                    "nothing could be learned about it; relax --holdout"
                )


def _names_of(space: FactorSpace, cell: Sequence[int]) -> list[str]:
    return [factor.values[i] for factor, i in zip(space, cell, strict=True)]


def _count(spec: str) -> int:
    try:
        return int(spec.partition("=")[2])
    except ValueError:
        raise HoldoutError(f"--holdout {spec}: give a whole number, e.g. high-level=8") from None


def _share(spec: str) -> float:
    try:
        return float(spec.partition("=")[2])
    except ValueError:
        raise HoldoutError(f"--holdout {spec}: give a share between 0 and 1, e.g. fraction=0.2") from None
