"""Two workers on one machine train a run: as one process would, and through kills and signals."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from test_workers import free_ports

from gcn_tf.config.files import resolve
from gcn_tf.runs.checkpoints import newest_step
from gcn_tf.training.fit import fit

ROUNDING = 1e-3  # of the largest weight of a variable, after some steps of float32
PROGRAM = """
import sys
from gcn_tf.quiet import import_tensorflow
import_tensorflow(start=False)
from gcn_tf.evaluation import report
from gcn_tf.synthesis import saved_model
report.write_report = lambda run, split: None
saved_model.export_model = lambda run, folder: folder
from gcn_tf.commands import train
train.print_report = lambda picture: None
from gcn_tf.cli import run
run()
"""
SETTINGS = {  # every network that learns, everything that chance decides
    "steps": 50,
    "classifier_share": 0,
    "classifier_learns_from": "both",
    "imagined_class_weight": 0.5,
    "imagined_from": 0.0,
    "imagined_full": 0.2,
    "checkpoint_steps": 6,
    "log_steps": 1,
}


@pytest.fixture
def config_file(toy_config_file, tmp_path):
    path = tmp_path / "together.yaml"
    own = "".join(f"{name}: {value}\n" for name, value in SETTINGS.items())
    kept = [line for line in toy_config_file.read_text().splitlines() if line.split(":")[0] not in SETTINGS]
    text = "\n".join(kept).replace("  tower_units: 8", "  tower_units: 8\n  gaussian_dropout: 0.2")
    path.write_text(f"{text}\n{own}")
    return path


@pytest.fixture
def together(config_file, tmp_path, request):
    """Starts two workers of a run, each in a folder of its own; what still runs at the end is killed."""
    started = []

    def start(name, *more, each=((), ()), variables=lambda place, addresses: {}):
        addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
        words = ["train", "--config", config_file, "--run-dir", name, *more]
        workers = []
        for place in range(2):
            environment = os.environ | variables(place, addresses)
            flags = (
                [] if "TF_CONFIG" in environment else ["--workers", ",".join(addresses), "--worker", place]
            )
            folder = tmp_path / f"machine-{place}"
            folder.mkdir(exist_ok=True)
            command = [sys.executable, "-c", PROGRAM, *map(str, [*words, *each[place], *flags])]
            workers.append(
                subprocess.Popen(
                    command,
                    cwd=folder,
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
        started.extend(workers)
        return workers

    yield start
    for process in started:
        process.kill()
        process.wait()


def by_tf_config(place, addresses):
    task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": place}}
    return {"TF_CONFIG": json.dumps(task)}


def ended(workers, timeout=600):
    """Exit codes and the lines of errors, without progress."""
    said = [worker.communicate(timeout=timeout) for worker in workers]
    lines = [[line for line in err.splitlines() if line.startswith("gcn-tf:")] for _, err in said]
    assert said[1][0] == ""
    assert said[1][1].splitlines() == lines[1]  # the other worker shows nothing else, not even a bar
    return [worker.returncode for worker in workers], lines


def wait_for_step(run, step, workers):
    log, until = run / "metrics.jsonl", time.monotonic() + 600
    while time.monotonic() < until and all(worker.poll() is None for worker in workers):
        if log.exists() and f'"step": {step},' in log.read_text():
            return
        time.sleep(0.01)
    raise AssertionError([worker.communicate()[1][-2000:] for worker in workers])


def weights(run):
    """SHA-256 of every checkpoint of a step, as it says it itself."""
    found = {}
    for path in (run / "checkpoints").glob("step-*.npz"):
        with zipfile.ZipFile(path) as archive:
            found[path.name] = archive.read("sha256")
    return found


def arrays(run, step):
    path = run / "checkpoints" / f"step-{step:08d}.npz"
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".npy"))
        return [np.lib.format.read_array(archive.open(name)) for name in names]


def losses(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key.endswith("_loss")} for line in lines]


def check_same_bits(one, other):
    assert weights(one) == weights(other) != {}
    assert (one / "metrics.jsonl").read_text() == (other / "metrics.jsonl").read_text()


def check_equal_but_for_rounding(together, alone):
    (step,) = {newest_step(run / "checkpoints") for run in (together, alone)}
    for one, two in zip(losses(together), losses(alone), strict=True):
        assert one == pytest.approx(two, rel=1e-4)
    for one, two in zip(arrays(together, step), arrays(alone, step), strict=True):
        apart = np.abs(one.astype(float) - two).max() / max(np.abs(two).max(), 1e-3)
        assert apart < ROUNDING


@pytest.mark.slow
def test_two_workers_train_as_one_process_and_a_killed_one_changes_no_bit(
    together, config_file, start_run, tmp_path
):
    run, whole = (tmp_path / "machine-0" / name for name in ("killed", "whole"))
    undisturbed = together("whole", variables=by_tf_config)
    killed = together("killed")
    wait_for_step(run, 9, killed)
    killed[1].send_signal(signal.SIGKILL)
    since = time.monotonic()
    (code, _), ((line,), _) = ended(killed, timeout=30)
    assert time.monotonic() - since < 30
    assert code == 2
    assert "gcn-tf: worker 1 (127.0.0.1:" in line
    assert "is gone; the same command again on all machines goes on from the last checkpoint" in line
    assert newest_step(run / "checkpoints") < 50

    again = together("killed")
    alone = tmp_path / "alone"
    config = resolve(config_file=config_file)
    fit(start_run(config, alone), alone)
    assert ended(again) == ended(undisturbed) == ([0, 0], [[], []])
    check_same_bits(run, whole)
    check_equal_but_for_rounding(whole, alone)
    assert list((tmp_path / "machine-1").iterdir()) == []


@pytest.mark.long
@pytest.mark.parametrize("place", [0, 1])
def test_sigterm_at_one_worker_ends_both_after_the_same_saved_step(together, tmp_path, place):
    run, whole = (tmp_path / "machine-0" / name for name in ("stopped", "whole"))
    workers = together("stopped", "--steps", "300")
    wait_for_step(run, 7, workers)
    workers[place].send_signal(signal.SIGTERM)
    codes, (of_chief, of_other) = ended(workers, timeout=60)
    assert codes == [143, 143]
    (step,) = re.findall(r"saved after step (\d+); continue with: the same command", of_chief[0])
    assert of_other == [f"gcn-tf: stopped after step {step}; worker 0 has saved it"]
    assert ended(together("stopped", "--steps", "300")) == ([0, 0], [[], []])
    assert ended(together("whole", "--steps", "300")) == ([0, 0], [[], []])
    assert (run / "metrics.jsonl").read_text() == (whole / "metrics.jsonl").read_text()
    assert weights(run)["step-00000300.npz"] == weights(whole)["step-00000300.npz"]


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_chief_that_is_killed_or_says_nothing_ends_the_other(together, tmp_path, number):
    workers = together("killed", "--steps", "3000")
    wait_for_step(tmp_path / "machine-0" / "killed", 9, workers)
    workers[0].send_signal(number)
    since = time.monotonic()
    _, said = workers[1].communicate(timeout=60)
    assert time.monotonic() - since < 30
    assert workers[1].returncode == 2
    assert "gcn-tf: worker 0 (127.0.0.1:" in said
    assert len(said.splitlines()) == 1


@pytest.mark.long
@pytest.mark.parametrize(
    "settings",
    [
        {"cooperation": "frozen", "classifier_steps": 6},
        {"classifier_share": 2.0},
        {"classifier_share": 2.0, "classifier_mixup": 0.4},
    ],
)
def test_two_workers_train_all_phases_as_one_process(together, config_file, start_run, tmp_path, settings):
    flags = [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    assert ended(together("phases", *flags)) == ([0, 0], [[], []])
    config = replace(resolve(config_file=config_file), **settings)
    fit(start_run(config, tmp_path / "alone"), tmp_path / "alone")
    check_equal_but_for_rounding(tmp_path / "machine-0" / "phases", tmp_path / "alone")


@pytest.mark.long
@pytest.mark.parametrize(
    "ways, said",
    [
        (
            {"flags": [["--seed", "1"], ["--seed", "2"]]},
            "has not the settings of worker 0 (seed: 1 at worker 0, 2 now)",
        ),
        (
            {"flags": [["--batch-size", "15"]] * 2},
            "batch_size is 15, which 2 devices cannot share: give a multiple",
        ),
    ],
)
def test_workers_that_differ_or_cannot_share_end_in_one_line_each(together, ways, said):
    codes, lines = ended(together("refused", each=ways["flags"]))
    assert codes == [2, 2]
    assert all(len(of_one) == 1 and said in of_one[0] for of_one in lines)
