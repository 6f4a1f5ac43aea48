import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gcn_tf.errors import UserError
from gcn_tf.machine import usable_cores
from gcn_tf.workers import companions, workers

# A file of its own, for workers are new interpreters that import what they do.
JOBS = """
import os, sys, time
from pathlib import Path
from gcn_tf import workers as module
from gcn_tf.workers import workers

module.import_tensorflow = lambda: None  # these jobs do not need it
module.visible_gpus = lambda: os.environ.get("GPUS_OF_TEST", "").split()

def note(folder, number, seconds):
    Path(folder, f"{number}-{os.getpid()}").touch()
    time.sleep(seconds)

def tell(folder, number):
    said = " ".join(os.environ.get(name, "") for name in ("CUDA_VISIBLE_DEVICES", "TF_NUM_INTRAOP_THREADS"))
    Path(folder, f"{number}-{os.getpid()}").write_text(said)
    time.sleep(1)

def die(folder):
    os._exit(9)

if __name__ == "__main__":
    with workers(2) as run:
        if sys.argv[2] == "tell":
            run(tell, [(sys.argv[1], n) for n in range(2)], "jobs")
        else:
            run(note, [(sys.argv[1], n, float(sys.argv[2])) for n in range(4)], "jobs")
"""


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    (tmp_path / "jobs_for_workers.py").write_text(JOBS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("gcn_tf.workers.visible_gpus", list)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    (tmp_path / "done").mkdir()
    return tmp_path


def done(jobs: Path) -> list[tuple[int, int]]:
    """Number and process of every job that began."""
    return [tuple(map(int, path.name.split("-"))) for path in (jobs / "done").iterdir()]


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def start(jobs: Path, seconds: float | str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, jobs / "jobs_for_workers.py", jobs / "done", str(seconds)])


def until(happened, seconds=60.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


def test_all_jobs_are_done_by_other_processes(jobs):
    process = start(jobs, 0.5)
    assert process.wait(90) == 0
    numbers, processes = zip(*done(jobs), strict=True)
    assert sorted(numbers) == [0, 1, 2, 3]
    assert len(set(processes)) == 2
    assert process.pid not in processes


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc")
def test_workers_end_with_a_process_that_was_killed(jobs):
    process = start(jobs, 600)
    until(lambda: len(done(jobs)) == 2)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    until(lambda: not any(alive(worker) for _, worker in done(jobs)), 10)


@pytest.mark.slow
def test_a_killed_worker_is_told_in_one_line(jobs):
    import jobs_for_workers

    with pytest.raises(UserError, match="was killed, perhaps for want of memory"), workers(2) as run:
        run(jobs_for_workers.die, [(str(jobs / "done"),)], "jobs")


def test_a_single_job_runs_in_this_process(jobs):
    import jobs_for_workers

    with workers(1) as run:
        run(jobs_for_workers.note, [(str(jobs / "done"), n, 0) for n in range(3)], "jobs")
    assert {process for _, process in done(jobs)} == {os.getpid()}


def test_every_worker_has_a_gpu_of_its_own(jobs, monkeypatch):
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    monkeypatch.setenv("GPUS_OF_TEST", "3 GPU-8f1c")
    assert start(jobs, "tell").wait(90) == 0
    told = {path.read_text() for path in (jobs / "done").iterdir()}
    threads = max(1, usable_cores() // 2)
    assert told == {f"3 {threads}", f"GPU-8f1c {threads}"}


def test_companions_are_done_with_at_the_end(jobs):
    import jobs_for_workers

    with companions(2, jobs_for_workers.tell, (str(jobs / "done"), 0)) as processes:
        until(lambda: len(list((jobs / "done").iterdir())) == 2)
    assert [process.exitcode for process in processes] == [0, 0]


def end_after_the_first_job(jobs, companions_of_it):
    """A block that an error ends."""
    import jobs_for_workers

    with companions(1, jobs_for_workers.note, (str(jobs / "done"), 0, 600)) as processes:
        companions_of_it += processes
        until(lambda: done(jobs))
        raise ZeroDivisionError


def test_companions_end_with_an_error_of_the_block(jobs):
    found = []
    with pytest.raises(ZeroDivisionError):
        end_after_the_first_job(jobs, found)
    found[0].join(20)
    assert found[0].exitcode == -signal.SIGTERM


def wait_for_companions_that_fail():
    import jobs_for_workers

    with companions(1, jobs_for_workers.die, ("",)):
        for _ in range(600):
            time.sleep(0.1)


def test_a_block_whose_companions_all_failed_is_stopped(jobs):
    with pytest.raises(UserError, match="have failed or were killed"):
        wait_for_companions_that_fail()
