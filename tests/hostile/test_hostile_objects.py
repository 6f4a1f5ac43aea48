"""JSON files that gcn-tf writes and reads again, damaged: plans, counts, specifications, scores and reports."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import tensorflow as tf
from damage import anything, damaged, inputs, paths_in, read_or_refused, refused, with_replaced, write
from hypothesis import strategies as st

from gcn_tf.augmentation.augment import claim
from gcn_tf.augmentation.report import Counts
from gcn_tf.evaluation.report import read_report
from gcn_tf.pipelines.folder.augmented import parse_spec
from gcn_tf.tuning.hypermodel import read_score

PLAN = {"run": "runs/toy", "seed": 0, "blend": "writer", "ratio": [0.25, 0.75], "classes": ["0", "1"]}
SPEC = {
    "pictures": 720,
    "label": "digit",
    "features": {
        "image": {"dtype": "string", "shape": [], "encoding": "png"},
        "label": {"dtype": "int64", "shape": [], "values": ["0", "1"]},
        "writer": {"dtype": "float32", "shape": [3], "values": ["0", "1", "2"]},
    },
}
COUNTS = {"wanted": [9, 9, 9], "passed": [9, 4, 0], "kept": [4, 4, 0]}
SCORE = {"score": 0.7, "accuracy": 0.5, "psnr_db": 20.0, "accuracy/low-level": 0.5, "steps": 24.0}
REPORT = {"steps": 24, "scores": {"seen": {"psnr_db": {"value": 20.0, "low": 19.0, "high": 21.0}}}}


def read_plan(path: Path) -> None:
    claim(SimpleNamespace(folder=path.parent, plan=PLAN))


def read_spec(path: Path) -> None:
    """The specification must be one that TensorFlow takes."""
    spec = parse_spec(path.parent)
    assert tf.io.parse_example(tf.constant([], tf.string), spec).keys() == spec.keys()


def read_counts(path: Path) -> None:
    counts = Counts.read(path, 3)
    assert (counts + counts).shares.shape == (3,)


def read_metrics(path: Path) -> None:
    metrics = read_score(path)
    assert {"score", "accuracy", "psnr_db", "steps"} <= metrics.keys()
    assert all(isinstance(value, float) for value in metrics.values())


def read_scores(path: Path) -> None:
    assert isinstance(read_report(path.parent.parent), dict)


READERS = {
    "plan.json": (read_plan, PLAN),
    "features.json": (read_spec, SPEC),
    "counts.json": (read_counts, COUNTS),
    "score.json": (read_metrics, SCORE),
    "report/report.json": (read_scores, REPORT),
}
HOSTILE_JSON = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[1]",
    "text": b'"plan"',
    "a number": b"1e999",
    "an integer of many digits": b'{"seed": ' + b"9" * 9000 + b"}",
    "cut": b'{"seed": 0, "wan',
    "lists in lists": b"[" * 200_000,
    "mappings in mappings": b'{"a":' * 200_000,
    "bytes that are no text": b'{"seed": "\xff"}',
    "the first half of UTF-16": '{"seed": 0}'.encode("utf-16")[:-1],
    "zero bytes": b'{"seed": 0}\0',
    "a line break within text": b'{"seed": "\n"}',
}
HOSTILE_VALUES = {
    "plan.json": [
        {},
        {**PLAN, "seed": "\x1b[2J"},
        {**PLAN, "run": "x" * 10**6},
        {**PLAN, "ratio": {"a": [1]}},
    ],
    "features.json": [
        {},
        {"features": None},
        {"features": ["image"]},
        {"features": {}},
        {"features": {"image": {"dtype": "string"}}},
        *(
            {"features": {"image": {"dtype": dtype, "shape": []}}}
            for dtype in (None, "strin", "complex64", ["string"])
        ),
        *(
            {"features": {"image": {"dtype": "string", "shape": shape}}}
            for shape in (None, "x", [-1], [None], [1.5], [10**30], [[1]], [1] * 300)
        ),
    ],
    "counts.json": [
        {},
        *(
            {**COUNTS, "passed": values}
            for values in (
                *(None, 9, "999", [], [9, 4], [9, 4, 0, 0], [9, 4, -1], [9, 4, 0.5], [9, 4, None]),
                *([[9], [4], [0]], [9, 4, 10**30], ["9", "4", "0"], {"0": 9}, [True, False, True]),
            )
        ),
    ],
    "score.json": [{}, {"score": 0.7}, *({**SCORE, "psnr_db": value} for value in (None, "9.5", [9.5], {}))],
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("kind", HOSTILE_JSON)
def test_hostile_objects_are_refused(kind, name, tmp_path):
    path = write(tmp_path / name, HOSTILE_JSON[kind])
    with refused(path):
        READERS[name][0](path)


@pytest.mark.parametrize(
    "name, value", [(name, value) for name in HOSTILE_VALUES for value in HOSTILE_VALUES[name]]
)
def test_objects_of_other_values_are_refused(name, value, tmp_path):
    path = write(tmp_path / name, json.dumps(value).encode())
    with refused(tmp_path):
        READERS[name][0](path)


@pytest.mark.parametrize("name", READERS)
def test_whole_objects_are_read(name, tmp_path):
    read, whole = READERS[name]
    read(write(tmp_path / name, json.dumps(whole).encode()))


@inputs(900, st.sampled_from(sorted(READERS)), st.data())
def test_damaged_objects_are_read_or_refused(folder, name, data):
    read, whole = READERS[name]
    path = write(folder / name.partition(".")[0] / name, data.draw(damaged(json.dumps(whole).encode())))
    with read_or_refused(folder):
        read(path)


@inputs(900, st.sampled_from(sorted(READERS)), st.data(), anything())
def test_objects_of_any_value_are_read_or_refused(folder, name, data, value):
    read, whole = READERS[name]
    place = data.draw(st.sampled_from([(), *paths_in(whole)]))
    text = json.dumps(with_replaced(whole, place, value), default=str, skipkeys=True)
    path = write(folder / name.partition(".")[0] / name, text.encode())
    with read_or_refused(folder):
        read(path)
