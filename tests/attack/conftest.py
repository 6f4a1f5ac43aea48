"""A process that runs commands by forking, and folders where they can begin."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from attacks import SMALL, WORDS, Zygote, check
from PIL import Image

from gcn_tf.config.files import read_yaml
from gcn_tf.pipelines.procedural.glyphs import draw_glyphs


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory, toy_config_file: Path) -> Iterator[Zygote]:
    made = Zygote(tmp_path_factory.mktemp("zygote"), {**read_yaml(toy_config_file), **SMALL})
    yield made
    made.process.stdin.close()
    made.process.wait()


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory, toy_config_file: Path, zygote: Zygote) -> Path:
    """A folder where every work can begin: a finished run, a picture of a newcomer, and settings to compare in a study."""
    folder = tmp_path_factory.mktemp("start")
    tried = {**read_yaml(toy_config_file), **SMALL, "learning_rate": 0.002}
    Image.fromarray(draw_glyphs(1, seed=100)[0, 3]).save(folder / "anna.png")
    (folder / "tried.yaml").write_text(yaml.safe_dump(tried))
    check(zygote(WORDS["train"], folder))
    return folder


@pytest.fixture
def begin(start: Path, tmp_path: Path) -> Callable[[str, str], Path]:
    """Makes a folder where a work can begin."""

    def make(work: str, name: str) -> Path:
        folder = tmp_path / name
        left_out = shutil.ignore_patterns("run") if work in ("train", "tune", "study") else None
        return Path(shutil.copytree(start, folder, ignore=left_out))

    return make
