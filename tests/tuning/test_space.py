import dataclasses

import pytest

from gcn_tf.config.files import resolve
from gcn_tf.config.schema import RunConfig
from gcn_tf.errors import ConfigError
from gcn_tf.tuning.space import (
    VARIED,
    WIDTHS,
    Choices,
    Range,
    current,
    default_space,
    exact,
    narrowed,
    parse_specs,
    read_space_file,
    trial_config,
)

NAMES = ("digit", "writer", "color", "rotation")
PAIRS = ("0.5 x 1", "1 x 1")


@pytest.fixture
def config():
    return resolve("qmnist")


def narrow(config, specs):
    return narrowed(default_space(config, NAMES, PAIRS), specs, config, "--space")


def test_everything_that_the_authors_chose_by_hand_varies(config):
    space = default_space(config, NAMES, PAIRS)
    for key in (
        *("pixel_weight", "imagined_weight", "cooperation", "learning_rate", "beta_2", "schedule", WIDTHS),
        *(f"factor_weights.{name}" for name in NAMES),
    ):
        assert key in space
    for key in ("pixel_weight", "factor_weights.digit", "learning_rate"):
        assert space[key].log
    for network in ("generator", "classifier"):
        kinds = {"relu", "leaky_relu", "prelu", "elu", "gelu"}
        assert set(space[f"{network}.activation"].values) == kinds
        assert (f"{network}.activation", ("leaky_relu",)) in space[f"{network}.negative_slope"].when
    assert set(VARIED) - {"classification_weight", "factor_weights"} <= set(space)


def test_factors_that_nobody_is_asked_about_stay_so():
    faces = resolve("faces")
    space = default_space(faces, ("person", "emotion", "session", "rotation"), PAIRS)
    assert "factor_weights.session" not in space
    assert "factor_weights.person" in space


def test_halving_is_offered_only_where_it_halves(config):
    assert "halving" not in default_space(config, NAMES, PAIRS)["schedule"].values
    longer = dataclasses.replace(config, steps=4000)
    assert "halving" in default_space(longer, NAMES, PAIRS)["schedule"].values


@pytest.mark.parametrize(
    "spec, expected",
    [
        ("learning_rate=1e-4..1e-3", Range(1e-4, 1e-3, True)),
        ("beta_2=0.99", Choices((0.99,))),
        ("generator.activation=relu,elu", Choices(("relu", "elu"))),
        ("batch_size=32..128", Range(32, 128, False, whole=True)),
        ("imagined_share=0.25..4", Range(0.25, 4.0, True)),
        ("classifier_jitter=0..2", Range(0.0, 2.0, False)),
        ("widths=1 x 1", Choices(("1 x 1",))),
        ("generator.operators=true,false", Choices((True, False))),
    ],
)
def test_a_setting_is_narrowed_fixed_or_added_by_one_word(config, spec, expected):
    (key,) = parse_specs([spec])
    assert narrow(config, parse_specs([spec]))[key] == expected


def test_the_classification_weight_stands_for_all_factors_that_are_not_named(config):
    space = narrow(config, {"classification_weight": "1..5", "factor_weights.writer": "7"})
    assert space["factor_weights.writer"].values == (7.0,)
    assert {
        (space[f"factor_weights.{n}"].low, space[f"factor_weights.{n}"].high) for n in ("digit", "color")
    } == {(1.0, 5.0)}


def test_a_setting_whose_condition_can_not_hold_is_left_out(config):
    space = narrow(config, {"generator.activation": "relu,elu", "cooperation": "none"})
    gone = {
        "generator.negative_slope",
        "classifier.activation",
        "classifier.negative_slope",
        "imagined_weight",
    }
    assert not gone & set(space)
    assert "generator.activation" in space


def test_a_file_narrows_as_flags_do(config, tmp_path):
    path = tmp_path / "space.yaml"
    path.write_text(
        "learning_rate: 1e-4..1e-3\nbeta_2: 0.99\ngenerator: {activation: [relu, elu]}\ncooperation: joint\n"
    )
    words = ["learning_rate=1e-4..1e-3", "beta_2=0.99", "generator.activation=relu,elu", "cooperation=joint"]
    assert narrow(config, read_space_file(path)) == narrow(config, parse_specs(words))


@pytest.mark.parametrize(
    "word, message",
    [
        ("learning_rate=1e-3..1e-4", "a larger number"),
        ("learning_rate=fast", "expected float"),
        ("lerning_rate=1..2", "did you mean learning_rate"),
        ("generator.activation=rlu", "'rlu': use one of relu"),
        ("generator.trunk=3", "no setting that a search can vary"),
        ("batch_size=many", "give a whole number"),
        ("beta_2=2", "beta_2 is 2: give a number from 0"),
        ("pixel_weight=nan..1", "finite number"),
        ("widths=9 x 9", "within the budget"),
        ("learning_rate", "write setting=LOW..HIGH"),
        ("generator.activation=relu..elu", "two dots"),
    ],
)
def test_bad_words_are_named(config, word, message):
    with pytest.raises(ConfigError, match=message):
        narrow(config, parse_specs([word]))


def test_the_values_of_a_trial_become_its_settings(config):
    values = {
        "pixel_weight": 0.5,
        "factor_weights.writer": 7.0,
        "generator.activation": "elu",
        "classifier.negative_slope": 0.05,
        WIDTHS: "0.5 x 1",
    }
    made = trial_config(config, values)
    assert (made.pixel_weight, made.generator.activation, made.classifier.negative_slope) == (
        0.5,
        "elu",
        0.05,
    )
    assert [made.weight_of(name) for name in NAMES] == [2.0, 7.0, 2.0, 2.0]
    assert made.generator.trunk == (256, 256)
    assert made.classifier.convolutions == config.classifier.convolutions
    assert trial_config(config, {}) == config
    same = {key: current(config, key) for key in default_space(config, NAMES, PAIRS)}
    again = trial_config(config, same)
    assert [again.weight_of(name) for name in NAMES] == [config.weight_of(name) for name in NAMES]
    assert dataclasses.replace(again, factor_weights={}) == config


def test_shorter_trials_are_whole_trainings_of_fewer_steps(config):
    short = trial_config(config, {}, 1 / 9)
    assert (short.steps, short.classifier_steps) == (67, 33)
    assert short.schedule == config.schedule


def test_widths_scale_all_layers_but_those_that_the_data_fix():
    config = RunConfig()
    trial = trial_config(config, {WIDTHS: "0.5 x 0.5"})
    half, classifier = trial.generator, trial.classifier
    assert (half.tower_units, half.trunk, half.seed_tensor) == (32, (256, 256), (0, 0, 32))
    assert [layer.filters for layer in half.upsampling] == [32, 16, 3]
    assert [layer.filters for layer in classifier.convolutions] == [16, 32, 64]
    assert classifier.head_units == (64,)
    assert trial_config(config, {WIDTHS: "1 x 1"}) == config


def test_numbers_that_came_over_the_network_are_those_of_the_space():
    assert exact(0.9900000095367432, Choices((0.98, 0.99, 0.995))) == 0.99
    assert exact("elu", Choices(("elu",))) == "elu"
