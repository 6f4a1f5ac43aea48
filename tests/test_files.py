import os
import subprocess
import sys

import pytest

from gcn_tf import files
from gcn_tf.files import replace_folder, sweep, write_atomically

WRITE_AND_DIE = """
import os, signal, sys
from pathlib import Path
from gcn_tf.files import replace_folder, write_atomically
def write(path):
    (path / "half" if sys.argv[1] == "replace_folder" else path).write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
globals()[sys.argv[1]](Path("target"), write)
"""


def names(folder):
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("function", ["write_atomically", "replace_folder"])
def test_what_a_killed_writer_left_goes_with_the_next_write(function, tmp_path):
    subprocess.run([sys.executable, "-c", WRITE_AND_DIE, function], cwd=tmp_path, check=False)
    assert len(names(tmp_path)) == 1
    assert "target" not in names(tmp_path)
    write_atomically(tmp_path / "target", lambda path: path.write_text("whole"))
    assert names(tmp_path) == {"target"}


def test_what_a_living_writer_writes_is_left_alone(tmp_path):
    def write(beside):
        sweep(tmp_path)
        write_atomically(tmp_path / "other", lambda path: path.write_text("other"))
        assert beside.exists()
        beside.write_text("whole")

    write_atomically(tmp_path / "target", write)
    assert names(tmp_path) == {"target", "other"}


def test_a_file_that_is_there_stays_when_it_is_not_to_be_replaced(tmp_path):
    assert write_atomically(tmp_path / "file", lambda path: path.write_text("first"), replace=False)
    assert not write_atomically(tmp_path / "file", lambda path: path.write_text("second"), replace=False)
    assert (tmp_path / "file").read_text() == "first"
    assert names(tmp_path) == {"file"}


@pytest.mark.parametrize("exchange", [files._exchange, lambda one, other: False])
def test_a_folder_is_replaced_as_a_whole(exchange, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_exchange", exchange)
    for number in (1, 2):
        replace_folder(tmp_path / "folder", lambda beside, number=number: (beside / str(number)).touch())
        assert names(tmp_path) == {"folder"}
        assert names(tmp_path / "folder") == {str(number)}


def test_a_folder_is_exchanged_in_one_operation_where_the_system_can(tmp_path):
    (tmp_path / "one/1").mkdir(parents=True)
    (tmp_path / "other/2").mkdir(parents=True)
    if not files._exchange(tmp_path / "one", tmp_path / "other"):
        pytest.skip("this system cannot")
    assert names(tmp_path / "one") == {"2"}


def test_a_failed_write_leaves_the_old_folder(tmp_path):
    def fail(beside):
        (beside / "half").touch()
        raise OSError(28, "No space left on device", str(beside / "half"))

    replace_folder(tmp_path / "folder", lambda beside: (beside / "whole").touch())
    with pytest.raises(OSError, match=str(tmp_path / "folder")):
        replace_folder(tmp_path / "folder", fail)
    assert names(tmp_path) == {"folder"}
    assert names(tmp_path / "folder") == {"whole"}


@pytest.mark.parametrize(
    "name", ["partial-results", "partial-20241201-target", "replaced-target", "partial-gcn-tf-target"]
)
def test_what_users_call_by_a_similar_name_stays(name, tmp_path):
    (tmp_path / name).mkdir()
    (tmp_path / name / "thesis.txt").write_text("dear")
    replace_folder(tmp_path / "target", lambda beside: (beside / "1").touch())
    sweep(tmp_path)
    assert (tmp_path / name / "thesis.txt").read_text() == "dear"


def test_pipes_and_links_of_such_a_name_are_left_alone_and_block_nothing(tmp_path):
    os.mkfifo(tmp_path / "partial-gcn-tf-0123abcd-pipe")
    (tmp_path / "partial-gcn-tf-0123abcd-link").symlink_to(tmp_path / "dear")
    (tmp_path / "dear").mkdir()
    sweep(tmp_path)
    assert (tmp_path / "dear").exists()


def test_a_pipe_is_not_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "out.png")
    with pytest.raises(OSError, match="not a regular file"):
        write_atomically(tmp_path / "out.png", lambda path: path.write_text("whole"))


def test_a_link_to_a_folder_stays(tmp_path):
    (tmp_path / "link").symlink_to("target")
    for number in (1, 2):
        replace_folder(tmp_path / "link", lambda beside, number=number: (beside / str(number)).touch())
        assert (tmp_path / "link").is_symlink()
        assert names(tmp_path / "target") == {str(number)}


@pytest.mark.parametrize("function", [write_atomically, replace_folder])
def test_a_file_that_is_swept_before_it_is_locked_is_made_again(function, tmp_path, monkeypatch):
    lock, calls = files.fcntl.flock, []

    def swept_first(number, operation):
        calls.append(operation)
        if len(calls) == 1:
            (partial,) = tmp_path.iterdir()
            partial.rmdir() if partial.is_dir() else partial.unlink()
        lock(number, operation)

    monkeypatch.setattr(files.fcntl, "flock", swept_first)
    function(tmp_path / "target", lambda path: (path / "in" if path.is_dir() else path).write_text("whole"))
    assert len(calls) == 2
    assert names(tmp_path) == {"target"}
