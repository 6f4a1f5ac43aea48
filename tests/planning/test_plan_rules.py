"""The rules of a plan, one by one."""

import dataclasses

import numpy as np
import pytest

from gcn_tf.config.files import resolve, with_settings
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.grid.holdout import default_roles
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.pipelines.split import split_dataset
from gcn_tf.planning.fingerprint import Fingerprint
from gcn_tf.planning.plan import make_plan
from gcn_tf.planning.rules import (
    TRAINING_SECONDS,
    decisions,
    planned_holdout,
    planned_sizes,
    planned_steps,
)

FOUND = Fingerprint((100, 100), (64, 64, 3), {"person": 40, "sign": 10}, 400, 1.0, 0, 0.6, 0.25, {}, (), 2)


TURNED = dataclasses.replace(FOUND, exact=("turn",), plain=0.9)


def settings(found):
    return {key: value for decision in decisions(found) for key, value in decision.settings.items()}


@pytest.mark.parametrize(
    "native, sizes",
    [
        ((100, 100), [64, 48, 32]),
        ((1200, 900), ["64x48", "40x32", "32x28"]),
        ((300, 100), ["64x32", "48x32", "32x28"]),
        ((28, 28), [28]),
        ((50, 50), [48, 32]),
        ((20, 20), [28]),
    ],
)
def test_sizes_have_the_proportions_of_the_pictures_and_fit_the_layers(native, sizes):
    planned = planned_sizes(native)
    assert [decision.settings["image_size"] for decision in planned] == sizes
    for decision in planned:
        config = with_settings(resolve(), decision.settings, "test")
        found = dataclasses.replace(FOUND, shape=(*config.image_sides, 3))
        config = with_settings(config, settings(found), "test")
        config.generator.check_fit(config.image_shape)
        config.classifier.check_fit(config.image_shape)


def test_larger_pictures_have_more_layers():
    for side, layers in {28: 2, 40: 2, 64: 3, 96: 4, 128: 4, 256: 5}.items():
        chosen = settings(dataclasses.replace(TURNED, shape=(side, side, 1)))
        assert len(chosen["generator"]["upsampling"]) == layers + 1
        assert chosen["generator"]["upsampling"][-1]["filters"] == 1
        config = with_settings(resolve(), chosen, "test")
        config.generator.check_fit((side, side, 1))


def test_the_ground_and_exact_factors_decide_about_the_generator():
    dark = settings(dataclasses.replace(TURNED, ground=0.02))["generator"]
    assert not dark["mean_picture"]
    assert settings(TURNED)["generator"]["mean_picture"]
    assert settings(TURNED)["generator"]["operators"]
    assert settings(FOUND)["generator"] == {"kind": "references", "light": True}
    assert not settings(dataclasses.replace(FOUND, plain=0.9))["generator"]["light"]
    photographs = dataclasses.replace(TURNED, plain=0.2)
    assert settings(photographs)["generator"] == settings(FOUND)["generator"]
    large = settings(dataclasses.replace(FOUND, cells=5000))["generator"]
    assert not large["operators"]


def test_drawings_and_exact_factors_have_imagined_cells():
    assert settings(FOUND)["imagined_share"] == 0
    assert settings(TURNED)["imagined_share"] > 0
    many = {"cells": 5000}
    assert settings(dataclasses.replace(FOUND, **many, plain=0.9))["imagined_share"] > 0
    assert settings(dataclasses.replace(FOUND, **many, plain=0.2))["imagined_share"] == 0


def test_steps_end_where_the_time_does():
    quick, slow = (planned_steps(dataclasses.replace(FOUND, seconds_per_step=s), 32) for s in (0.01, 3.0))
    assert quick.decision.settings["steps"] == quick.wanted == 600
    assert slow.decision.settings["steps"] == TRAINING_SECONDS / 3
    assert "600 would be better, but a step takes 3 s on 2 cores" in slow.decision.reason
    assert planned_steps(dataclasses.replace(TURNED, seconds_per_step=0.01), 32).wanted == 900
    many = dataclasses.replace(FOUND, cells=40_000, seconds_per_step=0.001)
    assert planned_steps(many, 64).wanted == 15 * 40_000 // 64


def grid(cells, **settings):
    ids = np.indices((cells // 4, 4)).reshape(2, -1).T
    space = FactorSpace(
        tuple(Factor(n, tuple("abcdefgh"[:k])) for n, k in (("row", cells // 4), ("column", 4)))
    )
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 200, (cells // 4, 28, 28, 1))
    images = (rows[ids[:, 0]] + 2 * rng.integers(0, 20, (cells, 28, 28, 1))).astype(np.uint8)
    roles = dataclasses.replace(default_roles(space), cells=ids, **settings)
    return Dataset("grid", space, images, ids.astype(np.int32), (), roles=roles)


def test_at_least_three_cells_are_unseen_unless_the_labels_say_which():
    assert planned_holdout(grid(12)).settings == {"holdout": ["fraction=0.25"]}
    split = split_dataset(grid(12), ("fraction=0.25",), 0)
    assert split.unseen.sum() == 3
    diagonal = grid(16)
    rows = np.arange(4)
    alone = dataclasses.replace(
        diagonal, images=diagonal.images[5 * rows], base_ids=diagonal.base_ids[5 * rows]
    )
    alone = dataclasses.replace(alone, roles=dataclasses.replace(alone.roles, cells=alone.base_ids))
    assert planned_holdout(alone).settings == {"holdout": ["none"]}
    published = {"split": lambda space, seed, say: [{"row": "a", "column": "b"}]}
    assert planned_holdout(grid(12, published=published)).settings == {"holdout": ["split"]}


def test_a_fingerprint_knows_which_factor_explains_the_pictures():
    found = Fingerprint.of(split_dataset(grid(32), ("fraction=0.1",), 0), (50, 50))
    assert (found.shape, found.cells, found.fill, found.native) == ((28, 28, 1), 32, 1.0, (50, 50))
    assert found.explained["row"] > 0.9
    assert found.explained["column"] < 0.1
    assert 0.2 < found.ground < 0.7
    assert found.plain < 0.4
    assert found.exact == ()
    assert any("row 9" in line for line in found.lines())


def test_colours_and_turns_are_exact(toy_config):
    from gcn_tf.pipelines.split import load_split

    found = Fingerprint.of(load_split(toy_config))
    assert found.exact == ("color", "rotation")
    assert found.ground < 0.1
    assert found.plain > 0.7
    assert (found.native, found.repeats) == (None, 120)


@pytest.mark.parametrize("dataset", ["glyphs", pytest.param("faces", marks=pytest.mark.slow)])
def test_the_plan_of_a_grid_with_a_preset_is_the_preset(dataset, monkeypatch):
    monkeypatch.setattr("gcn_tf.planning.plan.seconds_per_step", lambda prepared: 0.28)
    config = resolve(dataset=dataset)
    assert make_plan(config, ("holdout",)).config == config
