"""Hold-out rules: which cells training never sees.

A rule is data, a mapping `{factor: value}` with the unnamed factors free: `{"digit": "7", "writer": "9",
"rotation": "180"}` holds out all three colours. A protocol is a named function that returns rules.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gcn_tf.errors import UserError, suggest
from gcn_tf.grid.factors import FactorSpace

Rule = dict[str, str]
Say = Callable[[str], None]  # takes a line for the user
Protocol = Callable[[FactorSpace, int, Say], list[Rule]]

LOW_LEVEL_SHARE = 0.04  # of all cells, one missing rotation or colour per base image, as the slides describe
HIGH_LEVEL_COUNT = 10  # identities, as in the paper
PROTOCOLS = ("low-level", "high-level", "none")  # for any grid; a dataset can add published ones


class HoldoutError(UserError):
    """A rule that names nothing, or that leaves a factor value without any seen cell."""


@dataclass(frozen=True)
class Roles:
    """What the protocols need to know about a grid besides its factors.

    Args:
        variations: factors of which "low-level" holds out single values, such as exact variations of a base picture.
        concept, identity: factors of which "high-level" holds out whole pairs: what is shown, and who made or shows it.
        published: protocols of this dataset only, by name.
        cells: int (N, M). Value ids of the cells that have a picture; None: all have.
    """

    variations: tuple[str, ...]
    concept: str
    identity: str
    published: Mapping[str, Protocol] = field(default_factory=dict)
    cells: np.ndarray | None = None


def default_roles(space: FactorSpace) -> Roles:
    """Roles for any grid: the last factor varies; of the first two, the one with more values is the identity."""
    first, second = (*space.names, *space.names)[:2]
    identity = second if len(space[second]) > len(space[first]) else first
    return Roles(space.names[-1:], first if identity == second else second, identity)


def parse_rules(text: str, space: FactorSpace) -> list[Rule]:
    """Parse `"digit=7,8 writer=9"` into a rule per combination; a factor with `*`, or not named, is free.

    Raises:
        FactorError: unknown factors or values.
        HoldoutError: no factor is named.
    """
    assignments = space.parse_assignments(text.split())
    named = {name: value.split(",") for name, value in assignments.items() if value != "*"}
    if not named:
        raise HoldoutError("--holdout is empty: give factor=value words, a protocol name, or 'none'")
    for name, values in named.items():
        for value in values:
            space[name].index(value)
    return [dict(zip(named, values, strict=True)) for values in itertools.product(*named.values())]


def low_level(space: FactorSpace, seed: int, roles: Roles) -> list[Rule]:
    """Hold out 4 % of the cells, sampled by seed: single values of the factors that vary.

    Of each sampled combination of the other factors (a digit of a writer) exactly one cell is held out, so all its other
    variations are seen.
    """
    varied = [space.names.index(name) for name in roles.variations]
    cells = space.cells()
    rng = np.random.default_rng([seed, 0x10])
    cells = cells[rng.permutation(len(cells))]
    base = np.delete(cells, varied, axis=1)
    _, first = np.unique(base, axis=0, return_index=True)  # one random cell of every base picture
    count = min(len(first), max(1, round(LOW_LEVEL_SHARE * len(cells))))
    chosen = cells[np.sort(first)[:count]]
    return [dict(zip(space.names, _names_of(space, cell), strict=True)) for cell in chosen]


def high_level(space: FactorSpace, seed: int, roles: Roles, count: int | None = None) -> list[Rule]:
    """Hold out whole pairs of a concept and an identity: one concept of each of ten identities, sampled by seed.

    `high-level=8` holds out eight. Training sees no picture of such a pair (that digit by that writer).
    """
    if len(space.factors) < 2:
        raise HoldoutError("protocol high-level needs two factors: use fraction=0.2")
    there = len(space[roles.identity])
    if count is None:
        count = min(HIGH_LEVEL_COUNT, there)
    if not 1 <= count <= there:
        raise HoldoutError(
            f"--holdout high-level={count}: give 1 to {there}, the number of values of {roles.identity}"
        )
    return pair_rules(space, roles.concept, roles.identity, seed, count)


def pair_rules(space: FactorSpace, concept: str, identity: str, seed: int, count: int) -> list[Rule]:
    """Rules for `count` pairs, sampled by seed: all identities differ, and concepts repeat as little as possible."""
    rng = np.random.default_rng([seed, 0x20])
    identities = rng.permutation(len(space[identity]))[:count]
    concepts = np.resize(rng.permutation(len(space[concept])), len(identities))
    return [
        {concept: space[concept].values[c], identity: space[identity].values[i]}
        for c, i in zip(concepts, identities, strict=True)
    ]


def random_fraction(space: FactorSpace, seed: int, share: float, roles: Roles) -> list[Rule]:
    """Hold out a random share of all cells that have a picture; every factor value is still seen in some cell.

    Raises:
        HoldoutError: `share` is not between 0 and 1, or so large that a value would be lost.
    """
    if not 0 < share < 1:
        raise HoldoutError(f"--holdout fraction={share:g}: give a share between 0 and 1, e.g. fraction=0.2")
    cells = space.cells() if roles.cells is None else np.unique(roles.cells, axis=0)
    cells = cells[np.random.default_rng([seed, 0x30]).permutation(len(cells))]
    kept = {int(first) for column in cells.T for first in np.unique(column, return_index=True)[1]}
    free = np.setdiff1d(np.arange(len(cells)), sorted(kept))  # in the order of the permutation
    count = round(share * len(cells))
    if not len(free):
        raise HoldoutError(
            f"--holdout fraction={share:g}: every cell has a value that no other cell has, so none can be held out: leave "
            "that factor out, or give --holdout none"
        )
    if count > len(free):
        most = int(1000 * len(free) / len(cells)) / 1000
        raise HoldoutError(
            f"--holdout fraction={share:g} would leave some value without a seen cell: at most {most:g} here"
        )
    return [dict(zip(space.names, _names_of(space, cell), strict=True)) for cell in cells[free[:count]]]


def holdout_rules(
    specs: Sequence[str],
    space: FactorSpace,
    seed: int,
    roles: Roles | None = None,
    say: Say = lambda line: None,
) -> list[Rule]:
    """Rules of `--holdout` specs, each a protocol by name, `fraction=P` or `factor=value` words.

    Args:
        roles: of the grid; by default `default_roles`.
        say: called with a line if a protocol does something other than its name says.

    Raises:
        HoldoutError, FactorError: an unknown protocol, factor or value, with the nearest spelling.

    >>> from gcn_tf.grid.factors import Factor
    >>> space = FactorSpace((Factor("digit", ("3", "7")), Factor("color", ("red", "green", "blue"))))
    >>> holdout_rules(["digit=7 color=red,blue"], space, seed=0)
    [{'digit': '7', 'color': 'red'}, {'digit': '7', 'color': 'blue'}]
    """
    roles = roles or default_roles(space)
    rules: list[Rule] = []
    for spec in specs:
        if spec.startswith("fraction="):
            rules.extend(random_fraction(space, seed, _share(spec), roles))
        elif spec.startswith("high-level="):
            rules.extend(high_level(space, seed, roles, _count(spec)))
        elif "=" in spec:
            rules.extend(parse_rules(spec, space))
        elif spec == "low-level":
            rules.extend(low_level(space, seed, roles))
        elif spec == "high-level":
            rules.extend(high_level(space, seed, roles))
        elif spec in roles.published:
            rules.extend(roles.published[spec](space, seed, say))
        elif spec != "none":
            raise _unknown_protocol(spec, space, roles)
    return rules


def _unknown_protocol(spec: str, space: FactorSpace, roles: Roles) -> HoldoutError:
    known = [*PROTOCOLS, *roles.published]
    return HoldoutError(
        f"--holdout {spec!r}: no such protocol{suggest(spec, known) or ';'} known: {', '.join(known)}, "
        f"high-level=N, fraction=P; or a rule such as '{space.names[0]}={space.factors[0].values[0]}'"
    )


def unseen_mask(cells: np.ndarray, rules: Sequence[Rule], space: FactorSpace) -> np.ndarray:
    """Which cells are held out by any rule.

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
