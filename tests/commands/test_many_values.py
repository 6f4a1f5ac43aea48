import numpy as np

from gcn_tf.commands.datasets import _print_grid
from gcn_tf.evaluation.document import _many_values
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.metrics.confusion import Confusion, ManyValues
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.pipelines.split import split_dataset

WRITERS = Factor("writer", tuple(f"w{n:05}" for n in range(10_000)))
DIGITS = Factor("digit", ("3", "7"))


def test_the_grid_of_ten_thousand_writers_is_printed_on_a_few_lines(capsys):
    ids = np.stack([np.arange(20_000) % 10_000, np.arange(20_000) // 10_000], axis=1)
    noise = np.random.default_rng(0).integers(0, 255, (20_000, 4, 4, 1), np.uint8)
    dataset = Dataset("folder", FactorSpace((WRITERS, DIGITS)), noise, ids.astype(np.int32), ())
    _print_grid(split_dataset(dataset, ("high-level",), 0))
    printed = capsys.readouterr().out
    assert "w00000 (2/2)" in printed or "w00000 (1/2)" in printed
    assert "and 9,988 more" in printed
    assert len(printed) < 2_000


def test_the_report_of_ten_thousand_writers_names_a_few_of_them():
    ids = np.arange(10_000)
    found = {judge: Confusion.of(ids, np.roll(ids, 1), 10_000) for judge in ("convolutional", "hog")}
    many = ManyValues.of(WRITERS.values, ids, np.linspace(10, 20, 10_000), found)
    judges = {judge: {"unrecognised_factors": []} for judge in found}
    parts = _many_values({"judges": judges, "many_values": {"writer": many.to_json()}})
    assert len("\n".join(parts).splitlines()) < 40
    assert "the worst and the best of 10,000 values" in parts[0]
    assert "| w00000 | 1 | 10.0 | 0 | 0 |" in parts[0]
    assert "| w00000 | w09999 | 1 | hog |" in parts[1]
