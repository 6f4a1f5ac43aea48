"""Toy networks and runs that the tests share: seconds, not minutes."""

import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gcn_tf.quiet import import_tensorflow


def pytest_configure(config: pytest.Config) -> None:
    """TensorFlow comes first, silently, and only into processes that run tests: not into the one that hands them out.

    Linear algebra has one thread in each of several processes: more of them wait for each other, which takes twice the
    time of the processor.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ |= {
            name: os.environ.get(name, "1") for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
        }
    if config.getoption("dist", "no") == "no":
        import_tensorflow()


LONGEST = (  # files of tests in the order of their time; what shares fixtures runs in one process
    *("test_real_digits.py", "test_examples.py", "explore/test_browser.py", "tuning/test_search.py"),
    *("studies/new_classes/test_new_classes_study.py", "rivals/test_rivals_as_runs.py"),
    *(
        "commands/test_reference_runs.py",
        "training/test_workers_together.py",
        "commands/test_command_line.py",
    ),
    *("augmentation/test_whole_sets.py", "commands/test_grey_rectangles.py", "newcomers/test_extend.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first, so that no process waits for the other at the end."""
    place = {Path(__file__).parent / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


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
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Builds a folder by its name once for all test processes: the first that asks builds it, the others wait."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def build(name: str, make: Callable[[Path], object]) -> Path:
        folder = root / "built" / name
        folder.parent.mkdir(exist_ok=True)
        with folder.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                partial = folder.with_suffix(".partial")
                make(partial)
                partial.rename(folder)
        return folder

    return build


@pytest.fixture(scope="session")
def toy_run(built_once, toy_config, start_run) -> Path:
    """A finished toy run, without report: read it, do not write to it."""
    from gcn_tf.synthesis.saved_model import export_model
    from gcn_tf.training.fit import fit

    def make(folder: Path) -> None:
        prepared = start_run(toy_config, folder)
        export_model(prepared.run(folder, fit(prepared, folder)), folder / "model")

    return built_once("toy", make)


@pytest.fixture(scope="session")
def kdef_files(built_once) -> Path:
    """Three procedural persons with three emotions in KDEF's layout: read the files, do not change them."""
    from gcn_tf.pipelines.procedural.faces.pictures import write_kdef

    def make(folder: Path) -> None:
        assert write_kdef(folder, 3, emotions=("NE", "HA", "SU")) == 18

    return built_once("kdef", make)


@contextlib.contextmanager
def short_judging(cache: Path) -> Iterator[None]:
    """Judges come from and go into this cache; convolutional ones are barely trained, and FID has no intervals."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        patch.setattr("gcn_tf.evaluation.convolutional_judge.STEPS", 5)
        patch.setattr("gcn_tf.evaluation.convolutional_judge.ROUNDS", 1)
        patch.setattr("gcn_tf.metrics.intervals.PIECES", 2)
        yield


@pytest.fixture(scope="session")
def judge_cache(built_once, toy_config) -> Path:
    """A cache folder with judges of the toy dataset."""
    from gcn_tf.config.data import DataConfig
    from gcn_tf.evaluation.judges import dataset_judges
    from gcn_tf.pipelines.dataset import load_dataset

    def make(folder: Path) -> None:
        with short_judging(folder):
            dataset_judges(load_dataset(toy_config.part(DataConfig)), None)

    return built_once("cache", make)


@pytest.fixture(scope="session")
def reported_run(built_once, toy_run, judge_cache) -> Path:
    """The toy run with its report: read it, do not write to it."""
    import shutil

    from gcn_tf.evaluation.report import evaluate

    def make(folder: Path) -> None:
        with short_judging(judge_cache):
            evaluate(Path(shutil.copytree(toy_run, folder)))

    return built_once("reported", make)


@pytest.fixture(scope="module")
def toy_judges(judge_cache: Path) -> Iterator[None]:
    """The tests find judges of the toy dataset in the cache, in this process and in those that it starts."""
    with short_judging(judge_cache):
        yield


@pytest.fixture(scope="module")
def brief_judges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The tests train barely trained judges of any pictures, and keep them in a cache of their own."""
    with short_judging(tmp_path_factory.mktemp("cache")):
        yield


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
