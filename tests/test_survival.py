"""Runs that are killed, stopped, or lose their disk, for real: they go on, or end with one line and lose nothing."""

import functools
import hashlib
import os
import re
import resource
import runpy
import signal
import subprocess
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from gcn_tf.runs.run_dir import open_run

CODE = (
    "import sys; from gcn_tf.quiet import import_tensorflow; import_tensorflow();"
    "from gcn_tf.evaluation import report; report.write_report = lambda run, split: sys.exit();"  # no judges
    "from gcn_tf.cli import run; run()"
)


@pytest.fixture
def train(toy_config_file, tmp_path, spawn):
    """Starts the same training as a process: a new run, or `--resume` of the one that is there."""

    def start(name, *more, settings=("--config", toy_config_file), **pipes):
        words = ["--resume", name]
        if not (tmp_path / name / "config.yaml").exists():
            words = [*settings, "--run-dir", name, "--data-dir", "data", *more]
        return spawn(CODE, "train", *words, stderr=subprocess.PIPE, **pipes)

    return start


def finish(process):
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    return out, err


def kill(process):
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def wait_until(condition, process, seconds=120):
    until = time.monotonic() + seconds
    while not condition() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.002)


def scalars(run):
    """Bytes of every scalar and picture of TensorBoard by name and step; a file may end in the middle of one."""
    found = {}
    for path in sorted(run.rglob("events.out.tfevents.*")):
        records = iter(tf.data.TFRecordDataset(str(path)))
        while True:
            try:
                event = tf.compat.v1.Event.FromString(next(records).numpy())
            except (StopIteration, tf.errors.DataLossError):
                break
            for value in event.summary.value:
                if value.tag != "training/images_per_second":
                    found.setdefault((str(path.parent.relative_to(run)), value.tag, event.step), set()).add(
                        value.tensor.SerializeToString()
                    )
    return found


def checkpoint_digests(run):
    """By file name, from the checkpoints themselves."""
    digests = {}
    for path in (run / "checkpoints").iterdir():
        with zipfile.ZipFile(path) as archive:
            arrays = b"".join(archive.read(n) for n in sorted(archive.namelist()) if n.endswith(".npy"))
            digests[path.name] = hashlib.sha256(arrays).hexdigest()
    return digests


def check_equal(killed, whole):
    assert checkpoint_digests(killed) == checkpoint_digests(whole)
    assert (killed / "metrics.jsonl").read_text() == (whole / "metrics.jsonl").read_text()
    assert scalars(killed) == scalars(whole)
    drawn = []
    for run in (killed, whole):
        model = tf.saved_model.load(str(run / "model"))
        ids = {name: tf.constant([1, 2]) for name in ("digit", "writer", "color", "rotation")}
        drawn.append(model.signatures["serving_default"](**ids)["image"].numpy())
    np.testing.assert_array_equal(*drawn)


def killed_at_random(train, run, kills, seed, *settings):
    """Kill a run that often, at a random moment after it wrote its first checkpoint of the sitting."""
    rng = np.random.default_rng(seed)
    for _ in range(kills):
        process, before = train(run.name, *settings), steps_saved(run)
        wait_until(lambda before=before: steps_saved(run) - before, process)
        time.sleep(rng.uniform(0, 0.25))
        assert process.poll() is None, "it ended before it could be killed so often"
        kill(process)


def steps_saved(run):
    return {path.name for path in (run / "checkpoints").glob("step-*")}


def check_killed_run(train, folder, kills, *settings):
    """A run that is killed so often ends as one that nobody disturbed."""
    finish(train("whole", *settings))
    killed_at_random(train, folder / "killed", kills, 0, *settings)
    finish(train("killed"))
    check_equal(folder / "killed", folder / "whole")


@pytest.mark.long
def test_a_run_that_is_killed_ends_with_the_same_bits(train, tmp_path):
    check_killed_run(train, tmp_path, 1, "--steps", "60", "--checkpoint-steps", "5")


@pytest.mark.long
def test_a_run_that_is_killed_at_20_random_moments_ends_with_the_same_bits(train, tmp_path):
    settings = ("--steps", "1500", "--checkpoint-steps", "2", "--image-steps", "100")
    check_killed_run(train, tmp_path, 20, *settings)


@pytest.mark.long
def test_a_run_of_the_default_size_that_is_killed_5_times_ends_with_the_same_bits(train, tmp_path):
    train = functools.partial(train, settings=("--dataset", "glyphs"))
    settings = ("--steps", "120", "--checkpoint-steps", "5", "--image-steps", "40")
    check_killed_run(train, tmp_path, 5, *settings)


@pytest.mark.long
def test_a_run_of_many_steps_grows_neither_in_memory_nor_in_open_files(train, tmp_path):
    watch = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "long_run.py"))
    process = train("run", "--steps", "100000", "--checkpoint-steps", "25", "--image-steps", "25")
    memory, files = [], []
    for step in (1500, 3000):
        wait_until(
            lambda step=step: any(int(name[5:13]) > step for name in steps_saved(tmp_path / "run")),
            process,
            200,
        )
        looked = [
            (watch["own_mib"](process.pid), watch["open_files"](process.pid), time.sleep(0.1))
            for _ in range(50)
        ]
        memory.append(np.median([one[0] for one in looked]))
        files.append(np.median([one[1] for one in looked]))
    assert process.poll() is None
    assert memory[1] < 1.02 * memory[0]
    assert files[1] == files[0]


@pytest.mark.long
def test_a_kill_during_the_export_leaves_no_half_of_a_model(train, tmp_path):
    process = train("run")
    wait_until(lambda: any((tmp_path / "run").glob("partial-*-model")), process)
    kill(process)
    assert not (tmp_path / "run/model").exists()
    assert int(open_run(tmp_path / "run").model.step) == 24
    finish(train("run"))
    assert tf.saved_model.load(str(tmp_path / "run/model")).signatures["serving_default"]
    assert not list((tmp_path / "run").glob("partial-*"))


@pytest.mark.slow
def test_sigterm_saves_and_ends_with_143_within_ten_seconds(train, tmp_path):
    process = train("run", "--steps", "5000", "--checkpoint-steps", "5000")
    wait_until((tmp_path / "run/metrics.jsonl").exists, process)
    since = time.monotonic()
    os.kill(process.pid, signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - since < 10
    assert process.returncode == 143
    assert "saved after step" in err
    assert "continue with: gcn-tf train --resume run" in err
    assert int(open_run(tmp_path / "run").model.step) >= 4


@pytest.mark.long
def test_a_second_ctrl_c_ends_at_once_and_leaves_the_last_checkpoint(train, tmp_path):
    process = train("run", "--steps", "5000", "--checkpoint-steps", "20")
    wait_until(lambda: list((tmp_path / "run/checkpoints").glob("step-*")), process)
    os.kill(process.pid, signal.SIGINT)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert int(open_run(tmp_path / "run").model.step) >= 20


@pytest.mark.slow
def test_a_batch_that_memory_can_not_hold_is_refused_in_one_line(train):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))

    process = train("run", "--batch-size", "65536", preexec_fn=limit)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2, err
    assert re.search(r"--batch-size 65536 .* needs at least [\d.]+ GiB of memory", one_line(err))


@pytest.mark.long
def test_a_second_training_of_the_same_run_is_refused_while_the_first_lives(train, tmp_path):
    first = train("run", "--steps", "5000")
    wait_until((tmp_path / "run/metrics.jsonl").exists, first)
    second = train("run")
    _, err = second.communicate(timeout=120)
    assert second.returncode == 2
    assert f"run is in use by process {first.pid}" in err
    assert first.poll() is None


@pytest.fixture
def small_disk(tmp_path):
    """Mounts a file system of so many bytes, where this user may."""
    mounted = []

    def mount(name, size):
        folder = tmp_path / name
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("this user may not mount a file system")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def one_line(err):
    """What was said beside the progress bar."""
    lines = [line for line in err.replace("\r", "\n").splitlines() if line.startswith("gcn-tf:")]
    assert "Traceback" not in err
    assert len(lines) == 1
    return lines[0]


def newest_is_whole(run):
    return int(open_run(run).model.step) == max(int(n[5:13]) for n in steps_saved(run))


LOGGING = ("--steps", "3000", "--checkpoint-steps", "5", "--image-steps", "20", "--log-steps", "1")


@pytest.mark.slow
def test_a_full_disk_ends_a_run_with_one_line_and_it_goes_on_when_there_is_room(train, small_disk, tmp_path):
    disk = small_disk("disk", "1500k")
    process = train("disk/run", *LOGGING)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert re.search(r"No space left on device; last good checkpoint: .*step-\d+\.npz", one_line(err))
    assert newest_is_whole(disk / "run")
    before = max(steps_saved(disk / "run"))
    subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
    process = train("disk/run")
    wait_until(lambda: max(steps_saved(disk / "run")) > before, process)
    assert process.poll() is None
    kill(process)


@pytest.mark.long
def test_a_read_only_disk_is_named_in_one_line(train, small_disk, tmp_path):
    disk = small_disk("disk", "20m")
    process = train("disk/run", *LOGGING)
    wait_until(lambda: steps_saved(disk / "run"), process)
    kill(process)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    for name in ("disk/run", "disk/other"):
        process = train(name, *LOGGING)
        _, err = process.communicate(timeout=120)
        assert process.returncode == 2
        assert "Read-only file system" in one_line(err)
    assert newest_is_whole(disk / "run")


@pytest.mark.long
def test_a_folder_that_vanishes_ends_a_run_with_one_line_and_is_not_made_again(train, tmp_path):
    process = train("run", *LOGGING)
    wait_until(lambda: steps_saved(tmp_path / "run"), process)
    (tmp_path / "run").rename(tmp_path / "gone")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert re.search("has vanished|No such file or directory", one_line(err))
    assert not (tmp_path / "run").exists()
    assert newest_is_whole(tmp_path / "gone")
