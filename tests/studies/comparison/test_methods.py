import dataclasses
from pathlib import Path

import numpy as np
import pytest

from gcn_tf.config.files import with_settings
from gcn_tf.errors import ConfigError
from gcn_tf.model.generator import Deconvolution
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.dataset import load_dataset
from gcn_tf.pipelines.split import split_dataset
from gcn_tf.studies.comparison.experiments import cooperation, settings, weights
from gcn_tf.studies.comparison.methods import AdditiveModel, Experiment, NearestSeenCell
from gcn_tf.training.prepare import check_settings


def drawn_by(method, config, split):
    """A method without a network needs no folder."""
    return method.draw(method.train(config, split, 0, Path("nowhere")), split)


@pytest.fixture(scope="module")
def split(toy_config):
    return split_dataset(load_dataset(toy_config), Experiment.holdout, 0)


def test_the_nearest_seen_cell_differs_in_one_factor_and_is_seen(toy_config, split):
    drawn = drawn_by(NearestSeenCell(), toy_config, split)
    real = pixels(split, np.arange(len(split.ids)))
    seen = split.rows(unseen=False)
    np.testing.assert_array_equal(drawn[seen], real[seen])
    known = {image.tobytes(): cell for image, cell in zip(real[seen], split.ids[seen], strict=True)}
    for group, differing in (("unseen low-level", {2, 3}), ("unseen high-level", {0, 1})):
        for n in split.groups()[group]:
            different = np.flatnonzero(known[drawn[n].tobytes()] != split.ids[n])
            assert len(different) == 1
            assert different[0] in differing


def test_the_additive_model_adds_effects(toy_config):
    """On a grid that is additive, unseen cells come out right."""
    dataset = load_dataset(toy_config)
    base = np.random.default_rng(0).integers(0, 100, (13, 28, 28, 1))
    ids = dataset.base_ids
    images = (base[ids[:, 0]] + base[10 + ids[:, 1]]).astype(np.uint8)
    plain = dataclasses.replace(dataset, images=np.repeat(images, 3, axis=-1), variations=())
    plain = dataclasses.replace(plain, space=type(plain.space)(plain.space.factors[:2]))
    split = split_dataset(plain, ("digit=7 writer=1", "digit=2 writer=0"), 0)
    difference = drawn_by(AdditiveModel(), toy_config, split).astype(int) - plain.images
    assert np.abs(difference).max() <= 1


def test_the_cooperation_study_has_every_regime_with_and_without_imagined_cells():
    methods = cooperation().methods
    for regime in ("frozen", "real", "generated", "both"):
        assert methods[regime].settings["imagined_share"] == 0
        assert methods[f"{regime} + imagined"].settings["imagined_share"] > 0
    assert methods["pixel"].settings["cooperation"] == "none"
    assert methods["preset"].settings == {}
    assert {"nearest seen cell", "additive model"} <= set(methods)


def test_the_study_of_weights_has_three_weights_for_each_of_three_activations(toy_config):
    experiment = weights()
    made = {name: with_settings(toy_config, m.settings, "study") for name, m in experiment.methods.items()}
    found = {(c.generator.activation, c.classification_weight, c.pixel_weight) for c in made.values()}
    assert found == {(a, w, 1.0) for a in ("relu", "prelu", "leaky_relu") for w in (1.0, 10.0, 100.0)}
    assert all(not c.generator.operators and not c.imagined_class for c in made.values())
    assert experiment.reference in made


def test_the_study_of_settings_changes_how_is_learned_and_not_what_from(toy_config):
    tried = dataclasses.replace(
        toy_config.with_options(writers="5"),
        learning_rate=2e-3,
        seed=7,
        holdout=("none",),
        generator=Deconvolution(),
    )
    experiment = settings(toy_config, tried, Path("folder/best.yaml"))
    assert list(experiment.methods) == ["preset", "best.yaml"]
    assert set(experiment.methods["best.yaml"].settings) == {"learning_rate", "generator"}
    assert experiment.holdout == ("none",)
    assert experiment.same_cells
    with pytest.raises(ConfigError, match="nothing to compare"):
        settings(toy_config, toy_config, Path("same.yaml"))


def test_the_study_of_settings_takes_files_for_another_dataset(toy_config):
    """Which data, options of the dataset included, is never a setting that is compared."""
    tried = dataclasses.replace(toy_config.of_dataset("faces"), learning_rate=2e-3)
    methods = settings(toy_config, tried, Path("best.yaml")).methods
    assert set(methods["best.yaml"].settings) == {"learning_rate"}


def test_every_method_of_an_experiment_can_be_trained(toy_config):
    for experiment in (cooperation(), weights()):
        for method in experiment.methods.values():
            assert method.meaning
            check_settings(with_settings(toy_config, getattr(method, "settings", {}), "study"))
