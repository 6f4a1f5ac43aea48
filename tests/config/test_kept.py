import pytest

from gcn_tf.config.kept import check_origin, check_settings, keep_settings, settings_digest
from gcn_tf.errors import ConfigError, UserError

SETTINGS = {"seed": 0, "data_dir": "here"}


@pytest.mark.parametrize(
    ("there", "mine", "what"),
    [
        ("config.yaml", "search.yaml", "holds a run"),
        ("plan.json", "search.yaml", "holds an augmented set"),
        ("study.yaml", "search.yaml", "holds a study"),
        ("search.yaml", "study.yaml", "holds a search"),
        ("config.yaml", "study.yaml", "holds a run"),
    ],
)
def test_a_folder_with_another_kind_of_work_is_refused(there, mine, what, tmp_path):
    (tmp_path / there).write_text("seed: 0")
    with pytest.raises(ConfigError, match=rf"--out .* {what} \({there}\): name another folder"):
        keep_settings(tmp_path / mine, SETTINGS, "work")
    assert [path.name for path in tmp_path.iterdir()] == [there]


@pytest.mark.parametrize("part", ["oracle", "trials", "entries", "pictures.npz", "report.json"])
def test_parts_of_work_whose_settings_are_gone_are_refused(part, tmp_path):
    (tmp_path / part).mkdir()
    (tmp_path / part / "file").touch()
    with pytest.raises(
        ConfigError, match=rf"holds '{part}' but no study\.yaml: put that file back, or name another"
    ):
        keep_settings(tmp_path / "study.yaml", SETTINGS, "study")


def test_work_that_was_killed_before_its_settings_were_written_begins_anew(tmp_path):
    (tmp_path / ".lock").write_text("1")
    (tmp_path / "partial-gcn-tf-0123abcd-study.yaml").write_text("seed")
    keep_settings(tmp_path / "study.yaml", SETTINGS, "study")
    check_settings(tmp_path / "study.yaml", {**SETTINGS, "data_dir": "there"}, "study")
    with pytest.raises(ConfigError, match="seed: 0 there, 1 now"):
        keep_settings(tmp_path / "study.yaml", {"seed": 1}, "study")


def test_a_digest_is_that_of_the_settings_wherever_the_data_lie():
    assert settings_digest(SETTINGS) == settings_digest({"data_dir": "there", "seed": 0})
    assert settings_digest(SETTINGS) != settings_digest({"seed": 1})


def test_a_file_says_what_it_is_of(tmp_path):
    check_origin(tmp_path, {"seed": 0, "more": 1}, {"seed": 0})
    with pytest.raises(
        UserError, match=r"is of other work \(seed: 1 there, 0 now\): delete it, or name another"
    ):
        check_origin(tmp_path, {"seed": 1}, {"seed": 0})
    with pytest.raises(
        UserError, match="does not say what it is of, as files of an older version: delete it"
    ):
        check_origin(tmp_path, None, {"seed": 0})


def test_empty_folders_of_workers_that_were_faster_are_no_work(tmp_path):
    (tmp_path / "oracle" / "deeper").mkdir(parents=True)
    check_settings(tmp_path / "search.yaml", {"seed": 0}, "search")
    (tmp_path / "oracle" / "deeper" / "oracle.json").touch()
    with pytest.raises(ConfigError, match=r"holds 'oracle' but no search\.yaml"):
        check_settings(tmp_path / "search.yaml", {"seed": 0}, "search")
