"""Preparations that are killed, or run side by side, for real; and where prepared data go without a home."""

import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from gcn_tf.errors import UserError
from gcn_tf.pipelines import prepared
from gcn_tf.pipelines.kdef.pictures import load_kdef
from gcn_tf.pipelines.prepared import default_data_dir

SIDE = 24
# Prepares KDEF's files; between two examples it waits for the file "go", so that it can be met in the middle.
PREPARE = f"""
import sys, time
from pathlib import Path
from gcn_tf.quiet import import_tensorflow; import_tensorflow()
from gcn_tf.pipelines.kdef import kdef_dataset_builder
from gcn_tf.pipelines.kdef.pictures import load_kdef

whole = kdef_dataset_builder.face_examples

def halting(*arguments):
    for example in whole(*arguments):
        yield example
        while not Path("go").exists():
            time.sleep(0.01)

kdef_dataset_builder.face_examples = halting
print(load_kdef({SIDE}, Path("data"), Path(sys.argv[1])).images.shape)
"""


def unfinished(data_dir: Path) -> list[Path]:
    return list(data_dir.rglob("incomplete.*"))


def wait_for_unfinished(data_dir: Path) -> None:
    until = time.monotonic() + 120
    while not unfinished(data_dir):
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.slow
def test_what_a_killed_preparation_leaves_is_removed_by_the_next(kdef_files, tmp_path, spawn):
    process = spawn(PREPARE, kdef_files)
    wait_for_unfinished(tmp_path / "data")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert unfinished(tmp_path / "data")
    assert len(load_kdef(SIDE, tmp_path / "data", kdef_files).images) == 18
    assert not unfinished(tmp_path / "data")


@pytest.mark.slow
def test_of_two_preparations_at_once_the_second_waits_and_takes_over(kdef_files, tmp_path, spawn):
    first = spawn(PREPARE, kdef_files)
    wait_for_unfinished(tmp_path / "data")
    second = spawn(PREPARE, kdef_files, stderr=subprocess.PIPE)
    assert f"waiting for another process that prepares {Path('data/kdef')}" in second.stderr.readline()
    assert len(unfinished(tmp_path / "data")) == 1  # still the first's
    (tmp_path / "go").touch()
    for process in (first, second):
        assert process.communicate(timeout=120)[0] == f"(18, {SIDE}, {SIDE}, 3)\n"
        assert process.returncode == 0


def test_data_that_another_process_prepared_in_the_meantime_are_read(kdef_files, tmp_path, monkeypatch):
    def lock_late(number, folder):
        with monkeypatch.context() as other:
            other.setattr(prepared, "_lock", lock)
            load_kdef(SIDE, tmp_path, kdef_files)
        return True

    lock = prepared._lock
    monkeypatch.setattr(prepared, "_lock", lock_late)
    late = load_kdef(SIDE, tmp_path, kdef_files)
    np.testing.assert_array_equal(late.images, load_kdef(SIDE, tmp_path).images)


def test_a_file_system_without_locks_is_no_obstacle_and_nothing_there_is_swept(
    kdef_files, tmp_path, monkeypatch
):
    def unsupported(number, how):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(prepared.fcntl, "flock", unsupported)
    left = tmp_path / "kdef/24/incomplete.ABCDEF_1.0.0"
    left.mkdir(parents=True)
    assert len(load_kdef(SIDE, tmp_path, kdef_files).images) == 18
    assert left.exists()


@pytest.fixture
def no_home(monkeypatch, tmp_path):
    def unknown():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def test_a_user_without_a_home_has_a_private_folder(no_home, tmp_path):
    folder = default_data_dir()
    assert folder == tmp_path / f"gcn-tf-{os.getuid()}" == default_data_dir()
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_private_folder_of_somebody_else_is_refused(no_home, tmp_path, monkeypatch):
    folder = default_data_dir()
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    folder.rename(tmp_path / f"gcn-tf-{owner + 1}")
    with pytest.raises(UserError, match=f"gcn-tf-{owner + 1} belongs to another user: .*--data-dir"):
        default_data_dir()
