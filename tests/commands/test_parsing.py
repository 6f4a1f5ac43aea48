"""The two stages of parsing, and what the parser's messages become."""

import subprocess
import sys

import pytest

from gcn_tf import __version__
from gcn_tf.cli import main
from gcn_tf.commands import datasets, study, train, tune
from gcn_tf.config.files import resolve
from gcn_tf.errors import ConfigError, UserError


def help_of(words, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert not stop.value.code
    return capsys.readouterr().out


def test_defaults_and_flags_are_those_of_the_dataset():
    assert train.parse([]).config.holdout == ("low-level",)
    faces = train.parse(["--dataset", "faces", "--emotions", "NE,HA"]).config
    assert (faces.steps, faces.options.persons, faces.options.emotions) == (600, "20", "NE,HA")
    assert faces.holdout == ("high-level=8", "low-level")


@pytest.mark.parametrize(
    "words", [["train", "--dataset", "kdef", "--help"], ["help", "train", "--dataset", "kdef"]]
)
def test_help_shows_the_defaults_and_the_flags_of_the_dataset_that_is_asked_for(words, capsys):
    said = help_of(words, capsys)
    assert "kdef options" in said
    assert "--views" in said
    assert "(default: paper-faces)" in said
    assert "--data-seed" not in said.partition("Other datasets")[0]


def test_help_has_groups_and_no_nones(capsys):
    said = help_of(["train", "--help"], capsys)
    titles = [
        "data options",
        "glyphs options",
        "unseen options",
        "run options",
        "training options",
        "output options",
    ]
    places = [said.index(title) for title in titles]
    assert places == sorted(places)
    for ugly in ("{None}", "--no-dry-run", "default: None", "--options"):
        assert ugly not in said
    assert said.index("--steps") < said.index("--imagined-share")


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_the_version(flag, capsys):
    main([flag])
    assert capsys.readouterr().out.strip() == __version__


def test_help_of_a_command_by_its_name(capsys):
    assert "Example: gcn-tf evaluate" in help_of(["help", "evaluate"], capsys)
    main(["help"])
    assert "usage: gcn-tf COMMAND" in capsys.readouterr().out


def test_debug_may_stand_before_the_command():
    with pytest.raises(UserError, match="absent"):
        main(["--debug", "evaluate", "absent"])


def test_a_reader_that_stops_early_is_no_error():
    code = "from gcn_tf.cli import run; import sys; sys.argv = ['gcn-tf', '-h']; run()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )
    process.stdout.close()  # nobody reads what it says
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 0


@pytest.mark.parametrize(
    "words, specs",
    [
        (["--holdout", "high-level=3", "low-level"], ("high-level=3", "low-level")),
        (
            ["--holdout", "high-level=3", "--holdout", "digit=7,8 writer=3"],
            ("high-level=3", "digit=7,8 writer=3"),
        ),
        ([], ("low-level",)),
    ],
)
def test_holdout_takes_several_specs_and_is_repeatable(words, specs):
    assert train.parse(words).config.holdout == specs


@pytest.mark.parametrize(
    "words", [["--deterministic"], ["--deterministic", "--steps", "3"], ["--deterministic", "always"]]
)
def test_deterministic_without_a_value_is_always(words):
    assert train.parse(words).config.deterministic == "always"


@pytest.mark.parametrize(
    "words, message",
    [
        (["--persons", "3"], "--persons belongs to the datasets faces, kdef, mmi: add --dataset faces"),
        (["--trials", "3"], "--trials belongs to gcn-tf tune and study, not to gcn-tf train"),
        (["--zoom=3"], "--zoom belongs to gcn-tf generate"),
        (["--steps"], "--steps needs a value"),
        (["--steps", "1.5"], "--steps 1.5: give a whole number"),
        (["--learning-rate", "fast"], "--learning-rate fast: give a number"),
        (["--factor-weights", "writer"], "--factor-weights writer: give pairs of a name and a number"),
        (["--schedule", "linear"], "--schedule linear: use one of cosine, halving, constant"),
        (["folder"], "folder is not understood: flags start with --"),
        (["--manual-dir", "mypics"], "the dataset glyphs reads no files"),
        (["--resume", "run", "--run-dir", "other"], "leave --run-dir out"),
    ],
)
def test_messages_name_the_flag_the_value_and_the_remedy(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["train", *words])
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert message in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ["glyphs", "--out", "faces.png"],
        ["--out", "faces.png", "glyphs"],
        ["--dataset", "glyphs", "--writers", "20"],
    ],
)
def test_the_dataset_to_show_is_named_by_position_or_by_flag(words):
    """A value of a flag that is spelled like a dataset is none."""
    assert datasets.parse(words).config.dataset == "glyphs"


@pytest.mark.parametrize(
    "words, message",
    [
        (["--writers", "3"], "of which dataset?"),
        (["glyphs", "--dataset", "faces"], "name one dataset"),
        (["glyphs", "--persons", "3"], "belongs to the datasets faces"),
    ],
)
def test_datasets_says_what_is_wrong_with_its_words(words, message):
    with pytest.raises(UserError, match=message):
        datasets.parse(words)


def test_a_contact_sheet_is_a_png(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["datasets", "glyphs", "--out", "."])
    assert "--out .: the contact sheet is a PNG" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_search_fixes_what_a_flag_gives_even_at_its_default():
    search = tune.parse(["--learning-rate", "1e-3", "--factor-weights", "writer", "20"]).search
    assert search.specs == {"learning_rate": 1e-3, "factor_weights.writer": 20.0}
    assert tune.parse([]).search.specs == {}
    with pytest.raises(ConfigError, match="one varies the setting, the other fixes it"):
        tune.parse(["--learning-rate", "1e-3", "--space", "learning_rate=1e-4..1e-3"])


def test_a_search_is_scored_on_the_protocols_of_the_hold_out_unless_told_otherwise():
    assert tune.parse(["--holdout", "high-level=3", "low-level"]).search.validation == (
        "high-level=3",
        "low-level",
    )
    assert tune.parse(["--validation", "fraction=0.1"]).search.validation == ("fraction=0.1",)


def test_the_older_spelling_of_a_flag_works():
    words = ["augmentation", "--dataset", "glyphs"]
    assert study.parse([*words, "--student-steps", "7"]).flags.downstream_steps == 7
    assert study.parse([*words, "--downstream-steps", "7"]).flags.downstream_steps == 7


def test_settings_of_a_file_stand_before_the_flags(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("dataset: faces\npersons: 7\nsteps: 30\ngenerator: {filters: [8, 8]}\n")
    config = train.parse(["--config", str(path), "--steps", "31"]).config
    assert (config.dataset, config.options.persons, config.steps) == ("faces", "7", 31)
    assert config.generator.filters == (8, 8)
    path.write_text("dataset: faces\ngenerator: {tower_units: 8}\n")
    with pytest.raises(ConfigError, match="kind references has no such setting, kind deconvolution has"):
        train.parse(["--config", str(path)])
    path.write_text("dataset: glyphs\npersons: 7\n")
    with pytest.raises(
        ConfigError, match="the dataset glyphs has no such setting, it belongs to faces, kdef, mmi"
    ):
        train.parse(["--config", str(path)])


def test_a_study_of_newcomers_keeps_the_plan_with_which_it_began(tmp_path, monkeypatch):
    """Timing a step again may choose another number of steps; what is given counts."""
    monkeypatch.setattr("gcn_tf.api.training.planned", lambda *words: None)
    config = resolve(dataset="folder")
    (tmp_path / "study.yaml").write_text(
        "experiment: newcomers\nsteps: 321\nbatch_size: 48\ngenerator: references\n"
    )
    found = study._planned(config, ("batch_size",), tmp_path)
    assert (found.steps, found.generator.kind) == (321, "references")
    assert found.batch_size == config.batch_size
    assert study._planned(config, (), tmp_path / "absent") == config
    assert study._planned(config, ("preset",), tmp_path) == config


def test_the_flags_of_the_study_of_newcomers():
    found = study.parse(
        ["newcomers", "--counts", "1", "3", "--factor", "digit", "--newcomers", "2", "--steps", "9"]
    )
    assert (found.flags.counts, found.flags.factor, found.flags.newcomers) == ((1, 3), "digit", 2)
    assert "steps" in found.given
    assert "batch_size" not in found.given
