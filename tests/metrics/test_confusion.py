import json

import numpy as np

from gcn_tf.metrics.confusion import MOST_LINES, Confusion, ManyValues
from gcn_tf.reporting.tables import many_value_tables, markdown_table

RNG = np.random.default_rng(0)


def counted(table):
    pairs = np.argwhere(table)
    return Confusion(len(table), pairs, table[tuple(pairs.T)].astype(int))


def test_the_most_confused_values_are_those_with_most_mistakes():
    right = np.diag(np.arange(30.0))
    table = right.copy()
    table[3, 17], table[20, 4], table[5, 6] = 9, 5, 1
    assert counted(table).most_confused(4).tolist() == [3, 4, 17, 20]
    assert counted(table).most_confused(8).tolist() == [3, 4, 5, 6, 17, 20, 28, 29]
    assert counted(right).most_confused(3).tolist() == [27, 28, 29]
    assert counted(table).most_confused(30).tolist() == list(range(30))


def test_counts_are_those_of_a_table():
    wanted, classified = RNG.integers(0, 5, (2, 200))
    found, table = Confusion.of(wanted, classified, 5), np.zeros((5, 5), int)
    np.add.at(table, (wanted, classified), 1)
    np.testing.assert_array_equal(found.table(), table)
    np.testing.assert_array_equal(found.wanted, table.sum(axis=1))
    np.testing.assert_array_equal(found.correct, np.diag(table))
    np.testing.assert_array_equal(found.table(np.array([1, 4])), table[np.ix_([1, 4], [1, 4])])
    assert found.to_json() == table.tolist()
    assert (
        found.mistakes[:, 2].tolist()
        == sorted(table[~np.eye(5, dtype=bool)], reverse=True)[: len(found.mistakes)]
    )


def ten_thousand_writers():
    """Of every writer two pictures; w00003 is taken for w00008 in both, and has the worst of them."""
    ids = np.repeat(np.arange(10_000), 2)
    classified = np.where(RNG.random(len(ids)) < 0.3, RNG.integers(0, 10_000, len(ids)), ids)
    classified[6:8] = 8
    psnr = RNG.uniform(10, 20, len(ids))
    psnr[6:8] = 1.5
    names = [f"w{n:05}" for n in range(10_000)]
    found = Confusion.of(ids, classified, 10_000)
    return found, ManyValues.of(names, ids, psnr, {"convolutional": found, "hog": found})


def test_of_ten_thousand_values_a_reader_gets_a_dozen_lines():
    found, many = ten_thousand_writers()
    stored = found.to_json()
    assert stored["pictures"] == 20_000
    assert len(json.dumps(stored)) < 30_000
    assert stored["mistakes"][0] == [3, 8, 2]
    judges = {judge: {"unrecognised_factors": []} for judge in ("convolutional", "hog")}
    report = {"judges": judges, "many_values": {"writer": many.to_json()}}
    tables = many_value_tables(json.loads(json.dumps(report)))["writer"]
    assert len(tables) == 2
    for rows in tables.values():
        assert len(rows) <= 1 + MOST_LINES
        assert len(markdown_table(rows)) < 1_500
    values, mistakes = tables.values()
    assert values[1] == ["w00003", "2", "1.5", "0", "0"]
    psnr = [one.psnr_db for one in (*many.best, *reversed(many.worst))]
    assert len(psnr) == 8
    assert psnr == sorted(psnr, reverse=True)
    assert mistakes[1] == ["w00003", "w00008", "2", "convolutional"]
    assert sum(row[3] == "hog" for row in mistakes) == MOST_LINES // 2


def test_what_a_judge_does_not_recognise_is_left_out():
    _, many = ten_thousand_writers()
    judges = {
        "convolutional": {"unrecognised_factors": ["writer"], "held_out_accuracy": {"writer": 0.1}},
        "hog": {"unrecognised_factors": []},
    }
    tables = many_value_tables({"judges": judges, "many_values": {"writer": many.to_json()}})["writer"]
    values, mistakes = tables.values()
    assert values[0][3:] == ["classified correctly, hog judge"]
    assert {row[3] for row in mistakes[1:]} == {"hog"}
