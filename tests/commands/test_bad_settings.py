"""Every setting with a value that it can not have: one line, exit code 2, before any data are loaded."""

import math
import typing
from dataclasses import fields, is_dataclass, replace

import pytest
import yaml

from gcn_tf.cli import main
from gcn_tf.config.checks import check_config, ranges_of
from gcn_tf.config.files import read_config
from gcn_tf.config.schema import RunConfig, to_dict
from gcn_tf.errors import ConfigError
from gcn_tf.model.classifier import AlexNet
from gcn_tf.model.generator import Deconvolution
from gcn_tf.pipelines.procedural.datasets import Glyphs
from gcn_tf.pipelines.qmnist.datasets import Qmnist

KINDS = (RunConfig, Glyphs, Qmnist)
RANGES = {name: allowed for kind in KINDS for name, allowed in ranges_of(kind).items()}
HINTS = {name: hint for kind in KINDS for name, hint in typing.get_type_hints(kind).items()}
NUMBERS = [name for name, hint in HINTS.items() if hint in (int, float)]
CHOICES = [name for name, hint in HINTS.items() if typing.get_origin(hint) is typing.Literal]


def outside(name):
    """Numbers that a setting can not have."""
    allowed = RANGES[name]
    above = [] if allowed.highest is None else [allowed.highest * 2 + 1]
    return [allowed.lowest - 1, *above, math.nan, math.inf, -math.inf]


DATASET = {"exemplars": ("--dataset", "qmnist")}  # of an option that the default dataset does not have


@pytest.fixture
def no_work(monkeypatch, tmp_path):
    """Loading data would be expensive work."""

    def refuse(*arguments):
        raise AssertionError("data were loaded for settings that can not be")

    monkeypatch.setattr(
        "gcn_tf.planning.plan.load_dataset", refuse
    )  # first: it takes the name from where it is replaced below
    monkeypatch.setattr("gcn_tf.pipelines.split.load_dataset", refuse)
    monkeypatch.setattr("gcn_tf.pipelines.dataset.load_dataset", refuse)
    monkeypatch.setattr("gcn_tf.studies.materials.load_dataset", refuse)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(words, capsys):
    """The one line that a command says."""
    with pytest.raises(SystemExit) as stop:
        main(words)
    said = capsys.readouterr().err
    assert stop.value.code == 2, said
    assert said.count("\n") == 1
    assert said.startswith("gcn-tf: ")
    assert "Traceback" not in said
    return said


def test_every_number_has_a_range():
    assert set(NUMBERS) <= set(RANGES)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_out_of_range_is_named(name):
    kind = next(kind for kind in KINDS if name in typing.get_type_hints(kind))
    for value in outside(name):
        with pytest.raises(ConfigError, match=name):
            check_config(replace(kind(), **{name: value}))


@pytest.mark.parametrize("name", NUMBERS)
def test_a_flag_out_of_range_is_named(name, no_work, capsys):
    flag = f"--{name.replace('_', '-')}"
    said = refused(["train", *DATASET.get(name, ()), f"{flag}={outside(name)[0]}"], capsys)
    assert name in said or flag in said
    assert not list(no_work.iterdir())


@pytest.mark.parametrize("name", ["steps", "learning_rate"])
@pytest.mark.parametrize("value", ["abc", "nan", "inf", "-inf", "", "1.5x"])
def test_a_flag_of_the_wrong_kind_is_named(name, value, no_work, capsys):
    """Of a whole number and of any number; the parser knows no other kinds."""
    flag = f"--{name.replace('_', '-')}"
    said = refused(["train", f"{flag}={value}"], capsys)
    assert name in said or flag in said


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_that_is_none_is_named_with_those_that_are(name, no_work, capsys):
    said = refused(["train", f"--{name.replace('_', '-')}", "nonsense"], capsys)
    assert str(typing.get_args(HINTS[name])[0]) in said


@pytest.mark.parametrize(
    "words, message",
    [
        (["--imagined-from", "0.5", "--imagined-full", "0.2"], "make imagined_full larger"),
        (["--writers", "none"], "--writers 'none'"),
        (["--writers", "0"], "--writers '0'"),
        (["--image-size", "30"], "nearest that do are"),
        (["--factor-weights", "writer", "-3"], "factor_weights.writer is -3"),
        (["--factor-weights", "writer", "nan"], "factor_weights.writer is nan"),
        (["--steps"], "--steps"),
        (["--no-such-flag"], "--no-such-flag"),
        (["stray"], "stray"),
    ],
)
def test_contradictions_and_strangers_are_named(words, message, no_work, capsys):
    assert message in refused(["train", *words], capsys)


OTHERS = {
    ("generate", "absent", "digit=7"): ["zoom"],
    ("augment", "absent", "--blend=writer", "--out=x"): [
        *(
            "copies",
            "limit",
            "seed",
            "part_size",
            "min_confidence",
            "min_distance",
            "ratio",
            "shard",
            "format",
        ),
    ],
    ("study", "cooperation"): ["steps", "seeds", "seed", "jobs", "image_size", "data_seed"],
    ("study", "augmentation"): ["counts", "downstream_steps", "jobs", "seeds"],
    ("study", "newcomers"): ["newcomers"],
    ("tune",): ["trials", "psnr_weight", "executions", "max_parameters", "steps", "beta_2", "chief_address"],
    ("datasets", "glyphs"): ["image_size", "seed", "data_seed", "transformations", "writers"],
    ("evaluate", "absent"): ["checkpoint"],
    ("export", "absent"): ["checkpoint"],
}


BAD = ["-1", "abc", "nan", "", "1e400", "\u00b2", "9" * 400, "9" * 5000]
# A flag of every type, and those whose text the package parses itself; one bad value shows that the others are checked.
EVERY_TYPE = {"copies", "min_confidence", "limit", "counts"}
PARSED = {"ratio", "shard", "chief_address", "writers", "checkpoint"}


@pytest.mark.parametrize(
    "words, name, value",
    [
        (words, name, value)
        for words, names in OTHERS.items()
        for name in names
        for value in (BAD if name in EVERY_TYPE | PARSED else BAD[:1])
    ],
    ids=lambda part: str(part)[:9],
)
def test_flags_of_the_other_commands_are_refused_by_name(words, name, value, no_work, capsys):
    flag = f"--{name.replace('_', '-')}"
    said = refused([*words, f"{flag}={value}"], capsys)
    assert flag in said or name in said
    assert not list(no_work.iterdir())


@pytest.mark.parametrize("flag", ["--run-dir", "--config"])
def test_a_resumed_run_keeps_its_folder_and_settings(flag, no_work, capsys):
    assert f"leave {flag} out" in refused(["train", "--resume", "run", flag, "other"], capsys)


@pytest.mark.parametrize(
    "words",
    [
        ["export", "RUN", "--out", "/proc/none"],
        ["generate", "RUN", "digit=7", "writer=0", "color=red", "rotation=0", "--out", "/proc/x.png"],
    ],
)
def test_a_place_that_can_not_be_written_is_one_line(words, toy_run, capsys):
    assert "/proc" in refused([str(toy_run) if word == "RUN" else word for word in words], capsys)


@pytest.mark.parametrize("words", [["--zoom", "64"], ["--out", "x.gif"], ["--out", "."]])
def test_pictures_that_can_not_be_are_refused(words, toy_run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    all_of_it = [f"{name}=*" for name in ("digit", "writer", "color", "rotation")]
    refused(["generate", str(toy_run), *all_of_it, *words], capsys)
    assert not list(tmp_path.iterdir())


def complaint(path):
    """What is said of a file of settings; None when it is read. Anything but a ConfigError is a failure."""
    try:
        read_config(path)
    except ConfigError as error:
        return str(error)


@pytest.mark.parametrize("name", [entry.name for kind in KINDS for entry in fields(kind)])
@pytest.mark.parametrize("value", [None, [], {"a": 1}, [1, [2]], -7, "\0", float("nan"), True, 10**400])
def test_a_file_with_any_setting_of_another_kind_is_read_or_refused_by_name(name, value, tmp_path):
    settings = to_dict(RunConfig()) | {name: value}
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(settings))
    said = complaint(path)
    flag = f"--{name.replace('_', '-')}"
    assert said is None or name in said or flag in said or "is not YAML" in said


@pytest.mark.parametrize("part, network", [("generator", Deconvolution), ("classifier", AlexNet)])
def test_a_file_with_layers_of_another_kind_is_refused_by_name(part, network, tmp_path):
    path = tmp_path / "config.yaml"
    for entry in fields(network):
        for value in (
            "x",
            [[]],
            {"a": "b"},
            -1,
            [{"filters": "many"}],
            [{"filters": 3, "kernel": 3, "depth": 1}],
        ):
            settings = to_dict(RunConfig())
            settings[part][entry.name] = value
            path.write_text(yaml.safe_dump(settings))
            said = complaint(path)
            assert said is None or entry.name in said


def test_nothing_but_plain_values_is_in_the_settings():
    """So that every one of them can be checked."""
    for entry in fields(RunConfig):
        assert not is_dataclass(HINTS[entry.name]) or entry.name in ("options", "generator", "classifier")
