import os
import signal
import subprocess
import sys

import pytest

from gcn_tf.cli import main
from gcn_tf.errors import UserError
from gcn_tf.runs.lock import locked, require_held
from gcn_tf.runs.run_dir import check_new_run_dir

HOLD = (
    "import sys, time; from pathlib import Path; from gcn_tf.runs.lock import locked\n"
    "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
)


def test_a_second_process_is_refused_while_the_first_lives(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "held\n"
        with (
            pytest.raises(UserError, match=f"{tmp_path} is in use by process {first.pid}"),
            locked(tmp_path),
        ):
            pass
        os.kill(first.pid, signal.SIGKILL)  # a crash leaves no lock behind
        first.wait()
        with locked(tmp_path):
            assert (tmp_path / ".lock").read_text() == str(os.getpid())


def test_a_folder_can_be_held_again(tmp_path):
    for _ in range(2):
        with locked(tmp_path):
            pass


def test_a_lock_within_a_lock_of_the_same_process_is_no_obstacle(tmp_path):
    with locked(tmp_path), locked(tmp_path / "." / ""):
        assert (tmp_path / ".lock").exists()


def test_nothing_is_left_of_a_lock(tmp_path):
    (tmp_path / "there").mkdir()
    with locked(tmp_path / "there"), locked(tmp_path / "new/er"):
        assert (tmp_path / "new/er/.lock").exists()
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]


def test_a_lock_that_was_removed_or_a_folder_that_was_moved_is_noticed(tmp_path):
    with locked(tmp_path / "a"):
        require_held(tmp_path / "a")
        (tmp_path / "a").rename(tmp_path / "b")
        (tmp_path / "a").mkdir()
        (tmp_path / "a/.lock").touch()
        with pytest.raises(UserError, match="is not the folder that was locked: nothing more is written"):
            require_held(tmp_path / "a")
    assert (tmp_path / "a/.lock").exists()
    with locked(tmp_path / "b"):
        (tmp_path / "b/.lock").unlink()
        with pytest.raises(UserError, match="nothing more is written"):
            require_held(tmp_path / "b")


def test_a_loop_of_links_is_refused_in_a_line(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UserError, match="loop"), locked(tmp_path / "loop"):
        pass


def test_a_file_is_refused_by_name(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file is a file: name a new folder"), locked(tmp_path / "file"):
        pass


@pytest.fixture
def held(tmp_path):
    """A folder that another process holds."""
    folder = tmp_path / "held"
    folder.mkdir()
    with subprocess.Popen([sys.executable, "-c", HOLD, folder], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        yield folder
        other.kill()


def test_a_training_that_is_refused_has_written_nothing(held, toy_config_file, capsys):
    for seed in ("0", "1"):
        with pytest.raises(SystemExit) as stop:
            main(["train", "--config", str(toy_config_file), "--seed", seed, "--run-dir", str(held)])
        assert stop.value.code == 2
        assert f"{held} is in use by process" in capsys.readouterr().err
        assert [path.name for path in held.iterdir()] == [".lock"]


@pytest.mark.parametrize("left", ["checkpoints/step-00000024.npz", "model/saved_model.pb", "metrics.jsonl"])
def test_a_folder_with_a_part_of_a_run_is_no_new_run(left, toy_run, toy_config_file, tmp_path, capsys):
    (tmp_path / "run" / left).parent.mkdir(parents=True)
    (tmp_path / "run" / left).write_bytes((toy_run / left).read_bytes())
    with pytest.raises(SystemExit) as stop:
        main(["train", "--config", str(toy_config_file), "--run-dir", str(tmp_path / "run")])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert (
        f"run holds parts of a run ({left.partition('/')[0]}) without its config.yaml: put that back" in said
    )
    assert said.count("\n") == 1


def test_a_run_that_was_killed_before_it_had_settings_can_begin_again(toy_config, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    for name in ("factors.json", ".lock", "partial-gcn-tf-0123abcd-config.yaml"):
        (tmp_path / name).touch()
        check_new_run_dir(tmp_path)
