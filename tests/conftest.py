"""Toy networks and runs that the tests share: seconds, not minutes."""

import subprocess
import sys
from pathlib import Path

import pytest

from gcn_tf.quiet import import_tensorflow

import_tensorflow()

TOY_CONFIG = """\
dataset: glyphs
writers: 3
steps: 24
batch_size: 16
checkpoint_steps: 8
log_steps: 4
image_steps: 12
precision: float32
deterministic: always
generator:
  tower_units: 8
  trunk: [16]
  seed_tensor: [7, 7, 4]
  upsampling:
    - {filters: 4, kernel: 4, stride: 2, pad: 1}
    - {filters: 3, kernel: 2, stride: 2, pad: 0}
classifier:
  convolutions:
    - {filters: 4, kernel: 3, pool: 4}
  head_units: [8]
"""


@pytest.fixture(scope="session")
def toy_config_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "toy.yaml"
    path.write_text(TOY_CONFIG)
    return path


@pytest.fixture(scope="session")
def toy_config(toy_config_file: Path):
    from gcn_tf.config.files import resolve

    return resolve(config_file=toy_config_file)


@pytest.fixture(scope="session")
def start_run():
    """Prepares a training and lays out its run directory, as `train` does."""
    from gcn_tf.runs.run_dir import check_new_run_dir, write_run
    from gcn_tf.training.prepare import prepare

    def start(config, run_dir: Path):
        check_new_run_dir(run_dir)
        prepared = prepare(config)
        write_run(prepared.config, prepared.split.dataset.space, run_dir)
        return prepared

    return start


@pytest.fixture(scope="session")
def toy_run(tmp_path_factory: pytest.TempPathFactory, toy_config, start_run) -> Path:
    """A finished toy run, without report: read it, do not write to it."""
    from gcn_tf.synthesis.saved_model import export_model
    from gcn_tf.training.fit import fit

    folder = tmp_path_factory.mktemp("runs") / "toy"
    prepared = start_run(toy_config, folder)
    model, split = fit(prepared, folder), prepared.split
    export_model(model, split.dataset.space, folder / "model")
    return folder


@pytest.fixture
def spawn(tmp_path: Path):
    """Starts Python code as a process of its own in the test's folder; what still runs at the end is killed."""
    started = []

    def start(code: str, *words, **pipes) -> subprocess.Popen:
        command = [sys.executable, "-u", "-c", code, *map(str, words)]
        started.append(subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
