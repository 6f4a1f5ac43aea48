"""Studies that are killed, or of which two share a folder, for real."""

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from gcn_tf.cli import main

# A file of its own, for workers are new interpreters that import what they do.
STUDY = """
import sys
from dataclasses import replace
from pathlib import Path
from gcn_tf.quiet import import_tensorflow

if __name__ == "__main__":
    import_tensorflow()
    from gcn_tf.config.files import resolve
    from gcn_tf.studies.comparison.methods import Experiment, GcnMethod, NearestSeenCell
    from gcn_tf.studies.comparison.run import run_comparison

    methods = {"nearest": NearestSeenCell(), "pixel": GcnMethod("no classifier", {"cooperation": "none"})}
    run_comparison(Experiment("toy", methods, "pixel", "Toys."), resolve(config_file=Path("toy.yaml")), 2, Path(sys.argv[1]), jobs=2)
"""
HOLD = """
import sys
from pathlib import Path
from gcn_tf.runs.lock import locked
with locked(Path(sys.argv[1])):
    print("locked")
    sys.stdin.read()
"""


@pytest.mark.parametrize("experiment", ["cooperation", "augmentation"])
def test_a_folder_in_use_is_refused_before_anything_is_read_or_written(experiment, tmp_path, spawn, capsys):
    out = tmp_path / "study"
    other = spawn(HOLD, out, stdin=subprocess.PIPE)
    assert other.stdout.readline() == "locked\n"
    with pytest.raises(SystemExit) as ended:
        main(["study", experiment, "--dataset", "glyphs", "--quick", "--jobs", "1", "--out", str(out)])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(f"study is in use by process {other.pid}: wait for it, or stop it first")
    assert [path.name for path in out.iterdir()] == [".lock"]


@pytest.fixture
def study(tmp_path, toy_judges, toy_config_file):
    """Starts a toy study as a process of its own, with two workers."""
    (tmp_path / "toy.yaml").write_text(toy_config_file.read_text())
    (tmp_path / "study_of_toys.py").write_text(STUDY)
    return lambda out: subprocess.Popen(
        [sys.executable, "study_of_toys.py", out],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def what_was_found(folder: Path):
    """The report of a study without what depends on the clock."""
    report = json.loads((folder / "report.json").read_text())
    report.pop("seconds")
    return report


@pytest.mark.long
def test_a_study_killed_at_any_moments_finds_the_same(study, tmp_path):
    """Its report and the pictures in it are those of a study that was left alone."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"

    def begin(folder):
        process = study(folder.name)
        while not (folder / ".lock").exists() and process.poll() is None:
            time.sleep(0.002)
        return process, time.monotonic()

    first, since = begin(whole)
    assert first.wait(timeout=300) == 0
    moments = np.random.default_rng().uniform(0, time.monotonic() - since, 4)
    for moment in moments:
        process, _ = begin(killed)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=moment)
        process.kill()
        process.wait()
        (killed / ".lock").unlink(missing_ok=True)  # tells when the next one begins
    assert study("killed").wait(timeout=300) == 0
    assert what_was_found(killed) == what_was_found(whole), moments
    for name in ("samples.png", "methods.png"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
    entries = [sorted(path.name for path in (folder / "entries").iterdir()) for folder in (killed, whole)]
    assert entries[0] == entries[1]
    assert {path.name for path in killed.iterdir()} == {path.name for path in whole.iterdir()}
