import dataclasses

import numpy as np
import pytest

from gcn_tf.evaluation.baselines import baselines, score_baselines
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.pipelines.split import Split
from gcn_tf.pipelines.variations import color
from gcn_tf.reporting.tables import baseline_tables

UNSEEN = (0, 7)  # base images


class BlindJudge:
    """Takes every picture for the first value of every factor."""

    recognised = ("shape", "size", "color")

    def __init__(self, name):
        self.name = name

    def classify(self, images):
        return {name: np.zeros(len(images), int) for name in ("shape", "size", "color")}

    def features(self, images):
        return np.zeros((len(images), 3))


@pytest.fixture(scope="module")
def split():
    """4 shapes x 3 sizes of 24 x 40, in three colours. Two base images are unseen in all colours, a third one in red."""
    space = FactorSpace((Factor("shape", tuple("abcd")), Factor("size", tuple("123")), color().factor))
    images = np.random.default_rng(0).integers(0, 255, (12, 24, 40, 1), np.uint8)
    base_ids = np.indices((4, 3)).reshape(2, -1).T.astype(np.int32)
    dataset = Dataset("toy", space, images, base_ids, (color(),))
    base, ids = dataset.pictures()
    unseen = np.isin(base, UNSEEN) | ((base == 4) & (ids[:, 2] == 0))
    return Split(dataset, base, ids, unseen)


def made_by(split):
    return {one.name: one for one in baselines(split)}


def test_every_factor_an_additive_and_a_pairwise_model_are_tried(split):
    found = made_by(split)
    assert list(found) == ["mean over shape", "mean over size", "mean over color", "additive", "pairwise"]
    for one in found.values():
        assert one.pictures.shape == (7, 24, 40, 3)
        assert one.pictures.dtype == np.uint8


def test_a_mean_is_of_the_seen_pictures_that_differ_in_its_factor_alone(split):
    pictures = made_by(split)["mean over size"].pictures
    red = split.dataset.images[1:3, ..., 0].astype(float).mean(axis=0)  # sizes 2 and 3 of the first shape
    np.testing.assert_array_equal(pictures[0, ..., 0], np.rint(red))
    assert not pictures[0, ..., 1:].any()


def test_a_cell_without_neighbour_has_the_mean_of_all_seen_pictures(split):
    found = made_by(split)["mean over color"]
    np.testing.assert_array_equal(found.defined, [False, False, False, True, False, False, False])
    everything = np.rint(pixels(split, split.rows(unseen=False)).mean(axis=0))
    np.testing.assert_array_equal(found.pictures[0], everything)


def test_unseen_pictures_change_no_baseline(split):
    images = split.dataset.images.copy()
    images[list(UNSEEN)] = 0
    other = dataclasses.replace(split, dataset=dataclasses.replace(split.dataset, images=images))
    for name, one in made_by(other).items():
        np.testing.assert_array_equal(one.pictures, made_by(split)[name].pictures)


def test_with_two_factors_pairs_tell_nothing(split):
    bare = dataclasses.replace(
        split.dataset, space=FactorSpace(split.dataset.space.factors[:2]), variations=()
    )
    base, ids = bare.pictures()
    assert "pairwise" not in made_by(Split(bare, base, ids, np.isin(base, UNSEEN)))
    assert not made_by(Split(bare, base, ids, np.zeros(12, bool)))


def test_scores_say_how_many_cells_a_baseline_could_not_predict(split):
    found = score_baselines(split, (BlindJudge("convolutional"), BlindJudge("hog")))
    assert list(found["mean over color"]["scores"]) == ["unseen low-level"]
    assert found["mean over shape"]["undefined_cells"] == {"unseen low-level": 0, "unseen high-level": 0}
    assert found["additive"]["scores"]["unseen high-level"]["color_accuracy/hog"]["value"] == pytest.approx(
        1 / 3
    )
    assert 3 < found["additive"]["scores"]["unseen low-level"]["psnr_db"]["value"] < 30


def test_pictures_of_few_base_images_have_no_two_sample_test_and_no_hand(split):
    found = score_baselines(split, (BlindJudge("convolutional"), BlindJudge("hog")))
    assert "two_sample_accuracy" not in found["additive"]["scores"]["unseen high-level"]
    assert found["additive"]["hand_correlation"] == {}


def test_the_table_tells_which_pictures_can_be_told_from_real_ones():
    def figures(share):
        return {"two_sample_accuracy": {"value": share, "low": None, "high": None}}

    report = {
        "judges": {"one": {"known_accuracy": {}}},
        "scores": {"seen": {}, "unseen low-level": figures(0.55)},
        "baselines": {
            "additive": {
                "scores": {"unseen low-level": figures(1.0)},
                "undefined_cells": {"unseen low-level": 0},
            }
        },
    }
    rows = baseline_tables(report)["unseen low-level"]
    column = rows[0].index("told from real pictures")
    assert [row[column] for row in rows[1:]] == ["0.55", "1.00"]


def test_the_table_begins_with_the_run():
    def figures(psnr_db, share):
        accuracies = {f"{n}_accuracy/{j}": share for n in ("person", "all_factors") for j in ("one", "two")}
        return {
            n: {"value": v, "low": None, "high": None} for n, v in {"psnr_db": psnr_db, **accuracies}.items()
        }

    report = {
        "judges": {name: {"known_accuracy": {"person": 1.0}} for name in ("one", "two")},
        "scores": {"seen": figures(40, 1), "unseen low-level": figures(20.04, 0.5)},
        "baselines": {
            "mean over person": {
                "scores": {"unseen low-level": figures(18, 0)},
                "undefined_cells": {"unseen low-level": 3},
            }
        },
    }
    assert baseline_tables(report) == {
        "unseen low-level": [
            ["", "PSNR (dB)", "SSIM", "sharpness", "person, one / two", "all factors, one / two"],
            ["this run", "20.0", "-", "-", "0.50 / 0.50", "0.50 / 0.50"],
            ["mean over person (3 cells: mean of all)", "18.0", "-", "-", "0.00 / 0.00", "0.00 / 0.00"],
        ]
    }
    assert baseline_tables({**report, "baselines": {}}) == {}
    report["judges"]["two"]["unrecognised_factors"] = ["person"]
    assert baseline_tables(report)["unseen low-level"][1][4:] == ["0.50 / -", "0.50 / 0.50"]
    report["judges"]["one"]["unrecognised_factors"] = ["person"]
    assert baseline_tables(report)["unseen low-level"][0][4:] == ["all factors, one / two"]
