"""Traits of a procedural writer or person, each declared with the range that it is sampled from."""

from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

import numpy as np


class Between(NamedTuple):
    """Range of a trait that the share `odds` of all individuals have; it is 0 for the others."""

    low: float
    high: float
    odds: float = 1.0


def draw_traits(kind: type, rng: np.random.Generator) -> dict[str, Any]:
    """Sample every annotated field of `kind`: a float from its `Between`, or a bool that is True with the given odds."""
    traits: dict[str, Any] = {}
    for name, hint in get_type_hints(kind, include_extras=True).items():
        if get_origin(hint) is not Annotated:
            continue
        spec = get_args(hint)[1]
        has = bool(rng.random() < (spec.odds if isinstance(spec, Between) else spec))
        traits[name] = rng.uniform(spec.low, spec.high) * has if isinstance(spec, Between) else has
    return traits


def random_generator(seed: int, *key: int) -> np.random.Generator:
    """An independent random generator for each key, e.g. (writer, purpose)."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))
