"""What the judges learned, damaged: they come back as they were, or the file is refused."""

import io
import json

import numpy as np
import pytest
from damage import anything, damaged, inputs, paths_in, read_or_refused, refused, with_replaced, write
from hypothesis import strategies as st

from gcn_tf.config.data import DataConfig
from gcn_tf.evaluation.judge import JudgePictures, doubted_factors, judge_pictures
from gcn_tf.evaluation.judges import _key, _read, train_judges
from gcn_tf.pipelines.dataset import load_dataset


@pytest.fixture(scope="module")
def pictures():
    whole = judge_pictures(load_dataset(DataConfig.of(writers="2")))
    few = ((images[:40], ids[:40]) for images, ids in (whole.grid, whole.repeats, whole.held_out))
    return JudgePictures(whole.space, *few)


@pytest.fixture(scope="module")
def learned(pictures, tmp_path_factory):
    """The arrays in the file of untrained judges. Their network is made once, for all tests here."""
    folder = tmp_path_factory.mktemp("judges")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gcn_tf.evaluation.judges.train_network", lambda network, pictures: None)
        network = train_judges(pictures, folder)[0].network
        patch.setattr("gcn_tf.evaluation.judges.judge_network", lambda *arguments: network)
        (path,) = folder.iterdir()
        with np.load(path) as file:
            yield {name: file[name] for name in file.files}


def packed(arrays) -> bytes:
    made = io.BytesIO()
    np.savez(made, **arrays)
    return made.getvalue()


def accuracy(learned, place=(), value=None):
    """The judges' accuracies with one value replaced, as they are stored."""
    return np.array(json.dumps(with_replaced(json.loads(str(learned["accuracy"])), place, value)))


CHANGES = {
    "no features": lambda a: {"features": None},
    "features of fewer pictures": lambda a: {"features": a["features"][1:]},
    "features of another length": lambda a: {"features": a["features"][:, 1:]},
    "features that are no numbers": lambda a: {"features": a["features"] * np.nan},
    "features as text": lambda a: {"features": np.full(a["features"].shape, "x")},
    "one feature": lambda a: {"features": a["features"][0, 0]},
    "no weights": lambda a: {name: None for name in a if name.startswith("weights/")},
    "weights too few": lambda a: {"weights/03": None},
    "weights too many": lambda a: {"weights/99": a["weights/00"]},
    "weights of another shape": lambda a: {"weights/00": a["weights/00"][1:]},
    "weights as text": lambda a: {"weights/00": np.full(a["weights/00"].shape, "x")},
    "no accuracy": lambda a: {"accuracy": None},
    "accuracies as numbers": lambda a: {"accuracy": np.zeros(9)},
    "accuracy that is no JSON": lambda a: {"accuracy": np.array("{")},
    "accuracy nested too deep": lambda a: {"accuracy": np.array("[" * 200_000)},
    "accuracy of no judge": lambda a: {"accuracy": accuracy(a, (), {})},
    "accuracy of one judge": lambda a: {"accuracy": accuracy(a, ("hog",), [])},
    "accuracy of no factor": lambda a: {"accuracy": accuracy(a, ("hog", 0), {})},
    "accuracy as text": lambda a: {"accuracy": accuracy(a, ("hog", 0), "high")},
    "an accuracy as text": lambda a: {"accuracy": accuracy(a, ("hog", 1, "digit"), "high")},
}


@pytest.mark.parametrize("kind", CHANGES)
def test_judges_of_other_values_are_refused(kind, learned, pictures, tmp_path):
    changed = {n: array for n, array in {**learned, **CHANGES[kind](learned)}.items() if array is not None}
    path = write(tmp_path / "judges.npz", packed(changed))
    with refused(path, "trained anew"):
        _read(path, _key(pictures), pictures)


def read_judges(path, pictures):
    """What is read must be able to judge."""
    with read_or_refused(path, "trained anew"):
        for one in _read(path, _key(pictures), pictures):
            assert one.classify(pictures.grid[0][:2]).keys() == set(pictures.space.names)
            assert set(doubted_factors(one)) <= set(pictures.space.names)


@inputs(150, st.data())
def test_damaged_judges_are_read_or_refused(learned, pictures, folder, data):
    read_judges(write(folder / "judges.npz", data.draw(damaged(packed(learned)))), pictures)


@inputs(150, st.data(), anything())
def test_judges_of_any_accuracy_are_read_or_refused(learned, pictures, folder, data, value):
    stored = json.loads(str(learned["accuracy"]))
    place = data.draw(st.sampled_from([(), *paths_in(stored)]))
    text = json.dumps(with_replaced(stored, place, value), default=str, skipkeys=True)
    path = write(folder / "judges.npz", packed({**learned, "accuracy": np.array(text)}))
    read_judges(path, pictures)
