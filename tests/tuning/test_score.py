import numpy as np
import pytest

from gcn_tf.evaluation.scores import CellScores
from gcn_tf.grid.holdout import HoldoutError
from gcn_tf.pipelines.batches import training_batches
from gcn_tf.pipelines.dataset import load_dataset
from gcn_tf.pipelines.split import split_dataset
from gcn_tf.tuning.score import rules_of, score, validation_split


@pytest.fixture(scope="module")
def dataset(toy_config):
    return load_dataset(toy_config.with_options(writers="10"))


def cells(ids):
    return {tuple(cell) for cell in ids.tolist()}


@pytest.mark.parametrize("seed", [0, 1, 7])
@pytest.mark.parametrize(
    "test, validation",
    [
        (("low-level",), ("low-level",)),
        (("low-level", "high-level"), ("low-level", "high-level")),
        (("paper-digits",), ("fraction=0.2",)),
        (("digit=7 writer=1",), ("digit=7 color=red", "digit=7 writer=1")),
    ],
)
def test_no_trial_learns_from_or_is_scored_on_a_test_cell(dataset, test, validation, seed):
    held = split_dataset(dataset, test, seed)
    kept = cells(held.ids[held.unseen])
    split = validation_split(dataset, test, validation, seed)
    assert kept
    assert split.unseen.any()
    assert not cells(split.ids) & kept
    assert cells(split.ids) | kept == cells(dataset.pictures()[1])
    learned = cells(split.ids[~split.unseen])
    assert not learned & cells(split.ids[split.unseen])


def test_training_batches_of_a_trial_have_neither_test_nor_validation_cells(dataset):
    split = validation_split(dataset, ("low-level", "high-level"), ("low-level", "high-level"), 0)
    names = dataset.space.names
    trained = set()
    for ids, _ in training_batches(split, 64, 0, 0, 12):
        trained |= cells(np.stack([ids[name].numpy() for name in names], axis=1))
    allowed = cells(split.ids[~split.unseen])
    assert len(trained) > len(allowed) / 2
    assert trained <= allowed


def test_validation_cells_are_of_the_kind_that_was_asked_for(dataset):
    split = validation_split(dataset, ("low-level", "high-level"), ("low-level", "high-level"), 0)
    assert list(split.groups()) == ["seen", "unseen low-level", "unseen high-level"]


def test_a_fixed_protocol_can_not_be_both(dataset):
    with pytest.raises(HoldoutError, match="name another"):
        validation_split(dataset, ("paper-digits",), ("paper-digits",), 0)


def test_the_cells_of_a_trial_can_be_said_as_rules(dataset):
    split = validation_split(dataset, ("low-level",), ("low-level",), 0)
    held = split_dataset(dataset, ("low-level", *rules_of(split)), 0)
    assert cells(held.ids[~held.unseen]) == cells(split.ids[~split.unseen])


def test_the_score_is_the_formula_of_its_docstring():
    """Groups weigh the same, whatever their size; judges and factors are averaged; beyond 35 dB nothing is gained."""
    values = {
        "psnr_db": np.array([30.0, 50.0, 10.0]),
        "sharpness": np.array([1.0, 1.0, 0.5]),
        "stray_ink": np.zeros(3),
        "digit_accuracy/convolutional": np.array([1.0, 1.0, 1.0]),
        "digit_accuracy/hog": np.array([1.0, 0.0, 1.0]),
        "writer_accuracy/convolutional": np.array([1.0, 1.0, 0.0]),
        "writer_accuracy/hog": np.array([1.0, 1.0, 0.0]),
        "all_factors_accuracy/hog": np.array([9.0, 9.0, 9.0]),
    }
    empty = np.zeros((3, 1))
    found = score(CellScores(values, {}, (empty, empty)), np.array([1, 1, 2]), ("digit", "writer"), 0.01)
    low, high = (1.0 + 0.75) / 2, 0.5
    assert found["accuracy/unseen low-level"] == pytest.approx(low)
    assert found["psnr_db/unseen high-level"] == 10.0
    assert found["psnr_db/unseen low-level"] == 40.0
    assert found["sharpness"] == 0.75
    assert found["score"] == pytest.approx((low + 0.325 + high + 0.10) / 2)
