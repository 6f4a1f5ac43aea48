"""factors.json: damaged, larger than any grid, or with names that lead out of a folder."""

import json
from pathlib import Path

import numpy as np
import pytest
from damage import anything, damaged, inputs, paths_in, read_or_refused, refused, with_replaced, write
from hypothesis import strategies as st

from gcn_tf.grid.factors import Factor, FactorSpace

SPACE = FactorSpace(
    (
        Factor("digit", tuple("0123456789")),
        Factor("color", ("red", "green", "blue")),
        Factor("angle", ("0", "90"), (0, 90), period=360),
    )
)
STORED = json.loads(SPACE.to_json())


def many(count: int) -> list[str]:
    return [str(n) for n in range(count)]


def factors(*values) -> bytes:
    return json.dumps([{"name": f"f{n}", "values": v} for n, v in enumerate(values)]).encode()


def ordered(numbers, **more) -> bytes:
    return json.dumps([{"name": "angle", "values": ["a", "b"], "numbers": numbers, **more}]).encode()


HOSTILE_FACTORS = {
    "nothing": b"",
    "no factors": b"[]",
    "null": b"null",
    "a number": b"1e999",
    "an integer of many digits": b"[" + b"9" * 9000 + b"]",
    "a name alone": b'["digit"]',
    "a number as name": b'[{"name": 3, "values": ["a"]}]',
    "text as values": b'[{"name": "digit", "values": "abc"}]',
    "numbers as values": b'[{"name": "digit", "values": [1, 2]}]',
    "no values": factors([]),
    "an empty value": factors([""]),
    "the same twice": factors(["a", "a"]),
    "the same twice of many": factors([*many(300_000), "0"]),
    "the same factor twice": json.dumps([STORED[0]] * 2).encode(),
    "bytes that are no text": b'[{"name": "\xff", "values": ["a"]}]',
    "zero bytes": factors(["a\0b"]),
    "lists in lists": b"[" * 200_000,
    "mappings in mappings": b'{"a":' * 200_000,
    "far too many values": factors(many(100_000)),
    "terabytes of cells": factors(*[many(4000)] * 8),
    "more cells than can be counted": factors(*[many(2000)] * 16),
    "more dimensions than arrays have": factors(*[["a"]] * 200),
    "a value that leads out": factors(["../../etc"]),
    "a value from the root": factors(["/etc/cron.d"]),
    "a value with a line break": factors(["a\nb"]),
    "a value that a terminal obeys": factors(["\x1b[2J"]),
    "numbers that are text": ordered("ab"),
    "a number that is text": ordered(["0", "1"]),
    "a number that is none": ordered([0.0, None]),
    "an integer larger than any float": ordered([0, 10**400]),
    "more numbers than values": ordered([0.0, 1.0, 2.0]),
    "one number for many": ordered([0.0]),
    "numbers that descend": ordered([1.0, 0.0]),
    "numbers without a limit": ordered([0.0, float("inf")]),
    "numbers that are nothing": ordered([0.0, float("nan")]),
    "numbers too far apart": ordered([-1e308, 1e308]),
    "a period that ends too soon": ordered([0.0, 360.0], period=360.0),
    "a period that is text": ordered([0.0, 90.0], period="360"),
    "a period without an end": ordered([0.0, 90.0], period=1e999),
    "a period that is lost in rounding": ordered([1e20, 1.0000000000000003e20], period=40000.0),
    "a period of nothing": ordered([], period=360.0),
    "more ordered values than can be compared": json.dumps(
        [{"name": "f", "values": many(9000), "numbers": [float(n) for n in range(9000)]}]
    ).encode(),
    "half a letter": b'[{"name": "digit", "values": ["\\ud800"]}]',
}


@pytest.mark.parametrize("kind", HOSTILE_FACTORS)
def test_hostile_factors_are_refused(kind, tmp_path):
    path = write(tmp_path / "factors.json", HOSTILE_FACTORS[kind])
    with refused(path):
        FactorSpace.read(path)


def test_the_largest_grid_fits_into_memory():
    space = FactorSpace(tuple(Factor(f"f{n}", tuple(many(10))) for n in range(7)))
    assert space.cells().shape == (10**7, 7)


def read_factors(path: Path):
    with read_or_refused(path):
        space = FactorSpace.read(path)
        assert FactorSpace.from_json(space.to_json()) == space
        assert space.one_hot(np.zeros((1, len(space.factors)), int)).keys() == space.sizes.keys()
        for value in (value for factor in space for value in factor.values):
            assert (path.parent / value).resolve().is_relative_to(path.parent.resolve())


@inputs(900, content=damaged(SPACE.to_json().encode()))
def test_damaged_factors_are_read_or_refused(content, folder):
    read_factors(write(folder / "factors.json", content))


@inputs(500, st.sampled_from([(), *paths_in(STORED)]), anything())
def test_factors_of_any_value_are_read_or_refused(folder, place, value):
    text = json.dumps(with_replaced(STORED, place, value), default=str, skipkeys=True)
    read_factors(write(folder / "factors.json", text.encode()))
