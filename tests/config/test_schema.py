import dataclasses

import pytest

from gcn_tf.config.checks import check_config
from gcn_tf.config.files import preset_names, read_config, resolve, write_config
from gcn_tf.config.schema import RunConfig
from gcn_tf.errors import ConfigError, UserError
from gcn_tf.model.classifier import AlexNet
from gcn_tf.model.generator import Deconvolution, Upsampling
from gcn_tf.pipelines.writers import parse_writers


def test_every_preset_is_complete_and_in_range():
    known = {"glyphs", "qmnist", "qmnist-published", "mnist-style", "faces", "folder"}
    assert known | {"kdef", "kdef-published", "mmi", "tfds"} == set(preset_names())
    for name in preset_names():
        config = resolve(preset=name)
        check_config(config)
        assert config.preset == name


@pytest.mark.parametrize("preset", ["qmnist-published", "kdef-published"])
def test_a_config_survives_its_file(tmp_path, preset):
    config = resolve(preset=preset)
    config = dataclasses.replace(
        config, factor_weights={"writer": 20.0}, holdout=("digit=7 writer=3", "low-level")
    )
    write_config(config, tmp_path / "config.yaml")
    assert read_config(tmp_path / "config.yaml") == config


def test_a_file_wins_over_the_preset_and_the_dataset_chooses_one(tmp_path):
    (tmp_path / "mine.yaml").write_text("preset: qmnist-published\nsteps: 7\nlearning_rate: 1e-5\n")
    config = resolve(config_file=tmp_path / "mine.yaml")
    assert (config.preset, config.steps, config.learning_rate) == ("qmnist-published", 7, 1e-5)
    assert config.generator.trunk == (2048, 2048)
    assert config.generator.upsampling[0] == Upsampling(256, 4, 2, 1)
    assert resolve(dataset="qmnist/train").preset == "qmnist"


def test_the_layers_of_older_files_read_as_they_were(tmp_path):
    (tmp_path / "old.yaml").write_text(
        "generator: {seed_tensor: [7, 7, 64]}\n"
        "classifier: {convolutions: [{filters: 4, kernel: 3, pool: 2}], head_units: [8]}\n"
    )
    config = resolve(config_file=tmp_path / "old.yaml")
    assert config.generator.seed_tensor == (7, 7, 64)
    layer = config.classifier.convolutions[0]
    assert (layer.pool, layer.stride, layer.padding, layer.normalize) == (2, 1, "same", False)
    assert (layer.pool_stride, layer.pool_padding, config.classifier.heads) == (None, "valid", {})


@pytest.mark.parametrize(
    "text, message",
    [
        ("stepps: 3", "unknown setting 'stepps', did you mean steps"),
        ("steps: many", "steps is 'many': expected int"),
        ("steps: 0", "steps is 0: give a number from 1 up"),
        ("steps: true", "steps is True: expected int"),
        ("learning_rate: .nan", "learning_rate is nan: give a finite number"),
        ("learning_rate: .inf", "finite"),
        ("learning_rate: -1", "learning_rate is -1"),
        ("cooperation: jiont", "use one of joint, frozen, none"),
        ("holdout: 3", "holdout is 3"),
        ("factor_weights: {writer: -1}", "factor_weights.writer is -1"),
        ("generator: {trunk: [0.5]}", r"generator: trunk\[0\] is 0.5: expected int"),
        ("generator: {upsampling: [{filters: 3}]}", "kernel not given"),
        ("generator: {tower_units: 0}", "generator.tower_units is 0"),
        ("generator: {towers: {writer: 0}}", "generator.towers.writer is 0"),
        ("generator: {trunk: [8, 0]}", r"generator.trunk\[1\] is 0"),
        ("generator: {upsampling: [{filters: 3, kernel: 0}]}", r"generator.upsampling\[0\].kernel is 0"),
        ("classifier: {heads: {person: [8, 0]}}", r"classifier.heads.person\[1\] is 0: give a number from 1"),
        ("classifier: {heads: {person: 8}}", r"classifier: heads.person is 8: expected tuple"),
        ("classifier: {heads: {person: [a]}}", r"heads.person\[0\] is 'a': expected int"),
        ("classifier: {convolutions: [{filters: 3, kernel: 3, pool_stride: 0}]}", "pool_stride is 0"),
        (
            "classifier: {convolutions: [{filters: 3, kernel: 3, stride: 0}]}",
            r"convolutions\[0\].stride is 0",
        ),
        (
            "classifier: {convolutions: [{filters: 3, kernel: 3, normalize: 1}]}",
            "normalize is 1: expected bool",
        ),
        ("classifier: {convolutions: [{filters: 3, kernel: 3, padding: full}]}", "use one of same, valid"),
        ("generator: 3", "expected settings"),
        ("- a\n- b", "expected settings of the form"),
        ("a: [", "is not YAML"),
        ("writers: none", "--writers 'none'"),
    ],
)
def test_a_bad_setting_is_one_line_that_names_it(tmp_path, text, message):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as error:
        check_config(resolve(config_file=path))
    assert "\n" not in str(error.value)


def test_a_missing_file_and_an_unknown_preset_are_named(tmp_path):
    with pytest.raises(ConfigError, match="cannot read"):
        resolve(config_file=tmp_path / "absent.yaml")
    with pytest.raises(ConfigError, match="did you mean qmnist"):
        resolve(preset="qmnst")


def test_writers_is_a_number_or_ids():
    assert parse_writers("12") == 12
    assert parse_writers("115,203") == (115, 203)
    assert parse_writers("115,") == (115,)


def test_a_loss_weight_for_an_unknown_factor_is_refused():
    config = RunConfig(factor_weights={"writer": 20})
    config.check_factor_weights(("digit", "writer"))
    assert [config.weight_of(name) for name in ("digit", "writer")] == [2, 20]
    with pytest.raises(ConfigError, match="'wrter', did you mean writer"):
        RunConfig(factor_weights={"wrter": 20}).check_factor_weights(("digit", "writer"))


def test_imagined_cells_cannot_be_at_full_weight_before_they_set_in():
    check_config(RunConfig(imagined_from=0.3, imagined_full=0.3))
    with pytest.raises(ConfigError, match="make imagined_full larger"):
        check_config(RunConfig(imagined_from=0.5, imagined_full=0.4))


def test_a_preset_that_extends_another_differs_where_it_says_so():
    faces, kdef = resolve(preset="faces"), resolve(preset="kdef")
    assert kdef.generator == faces.generator
    assert kdef.classifier == faces.classifier
    assert (kdef.dataset, kdef.options.persons, kdef.holdout) == ("kdef", "authors-65", ("paper-faces",))


def test_weights_of_factors_that_settings_take_away_do_not_matter():
    faces = resolve(preset="faces")
    faces.check_factor_weights(("person", "emotion"))
    assert faces.weight_of("session") == 0


def test_there_are_rules_without_end_but_not_layers():
    check_config(RunConfig(holdout=("digit=7 writer=1",) * 500))
    check_config(RunConfig(generator=Deconvolution(trunk=(8,) * 100)))
    with pytest.raises(ConfigError, match=r"generator\.trunk has 101 entries: give at most 100"):
        check_config(RunConfig(generator=Deconvolution(trunk=(8,) * 101)))


FIRST_VERSION = """\
dataset: {dataset}
writers: '10'
exemplars: 1
persons: '20'
emotions: paper-4
sessions: A,B
views: S
transformations: 6
image_size: 28
data_seed: 5
data_dir: null
manual_dir: null
preset: ''
steps: 7
factor_weights: {{session: 0}}
generator:
  towers: {{}}
  trunk: [8]
classifier:
  head_units: [8]
"""


@pytest.mark.parametrize(
    "dataset, options",
    [
        ("glyphs", {"writers": "10", "transformations": 6, "data_seed": 5}),
        ("qmnist/train", {"writers": "10", "exemplars": 1, "transformations": 6}),
        (
            "kdef",
            {"persons": "20", "emotions": "paper-4", "sessions": "A,B", "transformations": 6, "views": "S"},
        ),
    ],
)
def test_runs_of_the_first_version_open(tmp_path, dataset, options):
    """It wrote the options of all datasets into every run, and no kinds of networks."""
    path = tmp_path / "config.yaml"
    path.write_text(FIRST_VERSION.format(dataset=dataset))
    config = read_config(path)
    assert (config.dataset, config.steps) == (dataset, 7)
    assert dataclasses.asdict(config.options) == options
    assert config.generator == Deconvolution(trunk=(8,))
    assert config.classifier == AlexNet(head_units=(8,))


def test_an_option_of_another_dataset_is_refused_in_a_users_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("dataset: glyphs\nviews: S\n")
    with pytest.raises(ConfigError, match="the dataset glyphs has no such setting, it belongs to kdef"):
        resolve(config_file=path)


def test_options_of_the_same_name_survive_a_change_of_the_dataset():
    config = RunConfig.of("glyphs", writers="7", data_seed=3).of_dataset("qmnist")
    assert (config.options.writers, config.options.exemplars) == ("7", 1)


@pytest.mark.parametrize(
    "text, message",
    [
        ("dataset: flyphs\n", "--dataset 'flyphs' is unknown, did you mean glyphs"),
        ("classifier: {kind: []}\n", r"classifier: there is no kind \[\]; known: alexnet"),
        ("generator: {kind: {a: 1}}\n", r"generator: there is no kind \{'a': 1\}; known: deconvolution"),
    ],
)
def test_what_a_file_names_wrongly_is_refused_with_the_files_name(tmp_path, text, message):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    for read in (read_config, lambda path: resolve(config_file=path)):
        with pytest.raises(ConfigError, match=f"mine.yaml: {message}"):
            read(path)


def test_a_wrong_dataset_of_a_flag_names_no_file():
    with pytest.raises(ConfigError, match=r"^--dataset 'flyphs' is unknown"):
        resolve(preset="faces", dataset="flyphs")


def test_a_dataset_name_of_thousands_of_letters_is_cut():
    for name in ("x" * 5000, "glyphs/" + "x" * 5000):
        with pytest.raises(ConfigError) as error:
            resolve(dataset=name)
        assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    "dataset, option",
    [
        ("glyphs", "manual_dir"),
        ("glyphs", "writers"),
        ("faces", "persons"),
        ("faces", "emotions"),
        ("faces", "sessions"),
    ],
)
def test_what_a_message_quotes_is_cut(dataset, option):
    with pytest.raises(UserError) as error:
        check_config(RunConfig.of(dataset, **{option: "x," * 3000}))
    assert len(str(error.value)) < 1000
