import dataclasses

import numpy as np
import pytest

from gcn_tf.evaluation.baselines import score_baselines
from gcn_tf.evaluation.hands import Hands, hands_to_json
from gcn_tf.evaluation.scores import score_cells, summarise
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.metrics.geometry import GEOMETRY
from gcn_tf.metrics.hand import pooled_hand_correlation
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.pipelines.split import Split
from gcn_tf.pipelines.variations import color
from gcn_tf.reporting.tables import hand_tables

LETTERS, DRAWERS, SIDE = 6, 8, 32


class BlindJudge:
    """Takes every picture for the first value of every factor."""

    recognised = ("letter", "drawer", "color")

    def __init__(self, name):
        self.name = name

    def classify(self, images):
        return {name: np.zeros(len(images), int) for name in self.recognised}

    def features(self, images):
        return np.zeros((len(images), 3))


JUDGES = (BlindJudge("convolutional"), BlindJudge("hog"))


def box(letter, drawer, rng) -> np.ndarray:
    """A box whose height is the letter's, and whose width and place are the drawer's, with a whim of its own."""
    image = np.zeros((SIDE, SIDE, 1), np.uint8)
    height, width, x = 6 + 2 * letter, 4 + drawer + rng.integers(0, 2), 2 + drawer + rng.integers(0, 3)
    image[16 - height // 2 : 16 + height // 2, x : x + width] = 255
    return image


@pytest.fixture(scope="module")
def split():
    """6 letters of 8 drawers in three colors; a fourth of the letters is unseen in all colors."""
    rng = np.random.default_rng(0)
    space = FactorSpace(
        (Factor("letter", tuple("abcdef")), Factor("drawer", tuple("12345678")), color().factor)
    )
    base_ids = np.indices((LETTERS, DRAWERS)).reshape(2, -1).T.astype(np.int32)
    images = np.stack([box(*ids, rng) for ids in base_ids])
    dataset = Dataset("toy", space, images, base_ids, (color(),))
    base, ids = dataset.pictures()
    return Split(dataset, base, ids, np.isin(base, rng.permutation(len(images))[:12]))


@pytest.fixture(scope="module")
def hands(split):
    return Hands.of(split)


def everything(split):
    return np.arange(len(split.ids))


def test_true_pictures_have_the_hand_and_a_color_is_no_hand(split, hands):
    found = hands.correlations(pixels(split, everything(split)), everything(split))
    assert list(found) == ["unseen high-level"]
    drawer = found["unseen high-level"]["drawer"]
    assert list(found["unseen high-level"]) == ["letter", "drawer"]
    assert "height" not in drawer, "no drawer differs in height"
    for number in ("width", "x"):
        assert drawer[number].value == pytest.approx(1)
    assert set(drawer) <= set(GEOMETRY)


def test_pictures_of_another_drawer_do_not(split, hands):
    ids = split.ids * 1
    ids[:, 1] = 3
    place = {tuple(cell): n for n, cell in enumerate(split.ids.tolist())}
    other = pixels(split, np.array([place[tuple(cell)] for cell in ids.tolist()]))
    drawer = hands.correlations(other, everything(split))["unseen high-level"]["drawer"]
    assert drawer["width"].value < 0.6
    assert drawer["width"].low < 0.2


def test_the_usual_hand_is_that_of_the_seen_pictures_alone(split, hands):
    usual = hands.of_usual_hand()["unseen high-level"]["drawer"]
    assert usual["width"].value > 0.8
    images = split.dataset.images.copy()
    hidden = np.unique(split.base[split.unseen])
    images[hidden] = 0
    images[hidden, 10:20, 10:20] = 255
    changed = Hands.of(dataclasses.replace(split, dataset=dataclasses.replace(split.dataset, images=images)))
    for name, content in hands.content.items():
        np.testing.assert_array_equal(changed.content[name], content)
        np.testing.assert_array_equal(changed.usual[name], hands.usual[name])


def test_the_order_of_the_pictures_does_not_matter(split, hands):
    shuffled = np.random.default_rng(0).permutation(len(split.ids))
    generated = np.roll(pixels(split, everything(split)), 1, axis=0)
    one = hands.correlations(generated, everything(split))["unseen high-level"]["drawer"]
    other = hands.correlations(generated[shuffled], shuffled)["unseen high-level"]["drawer"]
    assert one["x"].value == pytest.approx(other["x"].value)


def test_scores_and_baselines_tell_real_from_generated_in_unseen_cells(split, hands):
    real = pixels(split, everything(split))
    scores = summarise(score_cells(split, real, JUDGES))
    assert scores["unseen high-level"]["two_sample_accuracy"].value == 0.5
    assert "two_sample_accuracy" not in scores["seen"]
    half = summarise(score_cells(split, real // 2, JUDGES))
    assert half["unseen high-level"]["two_sample_accuracy"].value == 1
    found = score_baselines(split, JUDGES, hands)
    assert found["additive"]["scores"]["unseen high-level"]["two_sample_accuracy"]["value"] > 0.9
    assert (
        found["mean over letter"]["hand_correlation"]["unseen high-level"]["drawer"]["width"]["value"] > 0.5
    )
    assert (
        found["mean over drawer"]["hand_correlation"]["unseen high-level"]["drawer"]["width"]["value"] < 0.5
    )


def test_nothing_unseen_has_no_hand(split):
    bare = dataclasses.replace(split, unseen=np.zeros(len(split.ids), bool))
    hands = Hands.of(bare)
    assert hands.of_usual_hand() == hands.correlations(pixels(bare, everything(bare)), everything(bare)) == {}


def test_the_tables_set_the_run_beside_the_usual_hand_and_the_baselines(split, hands):
    real = pixels(split, everything(split))
    report = {
        "hand_correlation": {
            "generated": hands_to_json(hands.correlations(real, everything(split))),
            "usual_hand": hands_to_json(hands.of_usual_hand()),
        },
        "baselines": score_baselines(split, JUDGES, hands),
    }
    tables = hand_tables(report)
    assert list(tables) == ["letter, unseen high-level", "drawer, unseen high-level"]
    rows = tables["drawer, unseen high-level"]
    assert rows[0][:2] == ["hand correlation", "width"]
    assert [row[0] for row in rows[1:4]] == ["this run", "usual deviation of the value", "mean over letter"]
    assert rows[1][1].startswith("1.00 (1.00")
    assert "(" not in rows[3][1]
    assert hand_tables({"scores": {}}) == {}, "a report of an earlier version"


def test_what_a_correlation_is_made_of_is_that_of_unseen_pictures_in_their_order(split, hands):
    rows = np.random.default_rng(0).permutation(len(split.ids))[:100]
    generated = np.roll(pixels(split, rows), 1, axis=0)
    found = hands.compared(generated, rows, "drawer")
    assert found.shape == (100, len(GEOMETRY), 3)
    assert np.isnan(found[~split.unseen[rows]]).all()
    unseen = split.unseen[rows]
    x = found[unseen, GEOMETRY.index("x")]
    one = pooled_hand_correlation([(x, split.base[rows][unseen])])
    other = hands.correlations(generated, rows)["unseen high-level"]["drawer"]["x"]
    assert one.value == pytest.approx(other.value)
