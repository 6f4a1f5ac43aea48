"""Every example runs: lines of the README, the docs and `--help`, Python in the README, docstrings, the recipes of the doors."""

import ast
import doctest
import importlib
import io
import itertools
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gcn_tf import doors
from gcn_tf.cli import main
from gcn_tf.config.files import with_settings
from gcn_tf.pipelines.batches import pixels
from gcn_tf.synthesis.saved_model import export_model
from gcn_tf.training.fit import fit

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOORS = (ROOT / "docs" / "doors.md").read_text()
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands_in(text: str) -> list[str]:
    """The `gcn-tf` lines of a page's code blocks, without what is left open (`...`, RUN)."""
    blocks = [code for kind, code in FENCE.findall(text) if not kind]
    lines = [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("gcn-tf ") and "..." not in line]


def example_of(command: str) -> str:
    """The example of a command's help."""
    text = importlib.import_module(doors.COMMANDS[command]).HELP
    return text.partition("Example: ")[2].splitlines()[0]


IN_README = commands_in(README)
IN_HELP = [example_of(name) for name in doors.COMMANDS] + [
    "gcn-tf train --dataset glyphs --run-dir runs/demo"
]
# Datasets and files that a reader makes by other lines of the page.
ABSENT = {
    "products",
    "best.yaml",
    "space.yaml",
    "describe",
    "--edges-weight",
    "perceptron",
    "pooled",
    "lsgan",
}
IN_DOCS = [
    line
    for path in sorted((ROOT / "docs").glob("*.md"))
    for line in commands_in(path.read_text())
    if not any(word in line for word in ABSENT)
]


def words_of(line: str) -> list[str]:
    return shlex.split(line)[1:]


@pytest.fixture(scope="module")
def work(tmp_path_factory, toy_config, start_run):
    """A folder with a toy run of ten writers as `runs/demo`, and a home with nothing but own pictures."""
    folder = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder / "home"))
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setattr("gcn_tf.evaluation.convolutional_judge.STEPS", 2)
        patch.setattr("gcn_tf.evaluation.convolutional_judge.ROUNDS", 1)
        patch.setattr("gcn_tf.pipelines.procedural.datasets.GLYPH_REPEATS", 2)
        write_own_pictures(folder / "home")
        (folder / "signs-plan.yaml").write_text("dataset: folder\nsteps: 900\n")
        demo = folder / "runs" / "demo"
        prepared = start_run(with_settings(toy_config, {"writers": "10", "steps": 8}, "toy"), demo)
        export_model(prepared.run(demo, fit(prepared, demo)), demo / "model")
        split = prepared.split
        seven = np.flatnonzero((split.ids == [7, 3, 0, 0]).all(axis=1))
        Image.fromarray(pixels(split, seven)[0]).save(folder / "seven.png")
        yield folder


def write_newcomer(home: Path) -> None:
    """Two pictures of `anna`, with labels.csv."""
    (home / "anna").mkdir(exist_ok=True)
    for gesture in range(2):
        picture = np.random.default_rng(gesture).integers(0, 255, (40, 40, 3), np.uint8)
        Image.fromarray(picture).save(home / "anna" / f"{gesture}.png")
    (home / "anna" / "labels.csv").write_text("file_name,gesture\n0.png,0\n1.png,1\n")
    Image.fromarray(picture).save("photo.png")


def write_few(home: Path) -> None:
    """A picture of each of two new characters, in folders of their names."""
    for name in ("a", "b"):
        (home / "few" / name).mkdir(parents=True, exist_ok=True)
        picture = np.random.default_rng(ord(name)).integers(0, 255, (28, 28), np.uint8)
        Image.fromarray(picture).save(home / "few" / name / "1.png")


def write_own_pictures(home: Path) -> None:
    """`signs`, with labels.csv, and `letters`, labelled by the names of folders and files."""
    (home / "signs").mkdir(parents=True)
    (home / "letters").mkdir()
    rng, rows = np.random.default_rng(0), ["file_name,person,gesture"]
    for person, gesture in itertools.product(("dora", "ben", "cleo"), range(5)):
        picture = Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8))
        picture.save(home / "signs" / f"{len(rows)}.png")
        (home / "letters" / str(gesture)).mkdir(exist_ok=True)
        picture.save(home / "letters" / str(gesture) / f"{len(rows)}_{person}.png")
        rows.append(f"{len(rows)}.png,{person},{gesture}")
    (home / "signs" / "labels.csv").write_text("\n".join(rows))


@pytest.fixture(autouse=True)
def here(work, monkeypatch):
    monkeypatch.chdir(work)


def test_the_pages_have_examples():
    assert len(IN_README) > 15
    assert len(IN_DOCS) > 25
    assert len(IN_HELP) == len(doors.COMMANDS) + 1
    assert all(line.startswith("gcn-tf ") for line in IN_HELP)


@pytest.mark.parametrize("line", sorted({*IN_README, *IN_HELP, *IN_DOCS}))
def test_every_line_is_understood(line):
    command, *words = words_of(line)
    if "--help" in words:
        with pytest.raises(SystemExit) as stop:
            main([command, *words])
        assert not stop.value.code
        return
    importlib.import_module(doors.COMMANDS[command]).parse(words)


NEEDS_FILES = {"qmnist": "qmnist", "kdef": "KDEF", "mmi": "MMI"}
MADE_IN_CI = {"gcn-tf train --dataset glyphs --run-dir runs/demo"}  # by `make demo`
MINUTES = {"study", "explore"}  # tests of their own run them, on toy sizes or until the page is closed
RUNS = sorted({line for line in {*IN_README, *IN_HELP} - MADE_IN_CI if words_of(line)[0] not in MINUTES})
ASKS = [line for line in RUNS if any(f"--dataset {name} --manual-dir" in line for name in NEEDS_FILES)]
DOWNLOADS = [line for line in RUNS if "--dataset qmnist" in line and "--manual-dir" not in line]


@pytest.mark.parametrize("line", ASKS)
def test_a_line_that_needs_files_asks_for_them(line, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words_of(line))
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert said.count("\n") == 1
    assert "--manual-dir" in said


def smaller(words: list[str]) -> list[str]:
    """Flags after a line that would work for minutes; the line itself stays as it is."""
    if words[0] == "augment":
        return [] if "--limit" in words else ["--limit", "40"]
    if words[0] == "train" and "--resume" in words:
        return ["--dry-run"] if "--steps" in words else []
    if words[0] == "train":
        faces = ["--image-size", "32", "--persons", "8"] if "faces" in words else []
        return ["--batch-size", "2", "--dry-run", *faces]
    return []


def slow_if(condition: bool, *values: str | int):
    """Parameters of a test that goes to the slow ones where the condition holds."""
    return pytest.param(*values, marks=pytest.mark.slow if condition else ())


SLOW = ("faces", "evaluate", "compare", "share", "--resume", "extend", "transfer", "litert", "--few")
SLOW_FOLDERS = ("~/letters", "~/signs")
WHOLE_RUNS = [
    slow_if(any(word in line for word in (*SLOW, *SLOW_FOLDERS)), line)
    for line in RUNS
    if line not in {*ASKS, *DOWNLOADS}
]


@pytest.mark.parametrize("line", WHOLE_RUNS)
def test_every_other_line_runs(line, capsys, monkeypatch):
    monkeypatch.setattr("gcn_tf.metrics.intervals.PIECES", 2)  # no intervals of FID
    words = words_of(line)
    if words[0] in ("extend", "transfer"):
        write_newcomer(Path.home())
        if not Path("runs/signs").exists():
            main(["train", "--dataset", "~/signs", "--run-dir", "runs/signs", "--steps", "1"])
    if "--few" in words:
        write_few(Path.home())
    if "--verify" in words:
        main(["evaluate", "runs/demo"])  # what is verified has a report
    if words[0] == "compare" and not Path("runs/other").exists():
        main(["evaluate", "runs/demo"])
        shutil.copytree("runs/demo", "runs/other")
    main([*words, *smaller(words)])
    assert capsys.readouterr().out


class _Fits:
    """Somebody's model, which takes one batch."""

    def fit(self, data, epochs):
        self.images, self.labels = next(iter(data))


def python_in(page: str) -> list[str]:
    """The Python blocks of a page."""
    return [code for kind, code in FENCE.findall((ROOT / page).read_text()) if kind == "python"]


def test_the_python_of_the_readme_blends():
    names = {
        "tf": tf,
        "images": np.zeros((64, 28, 28, 1), np.uint8),
        "digits": np.arange(64) % 10,
        "model": _Fits(),
    }
    exec(python_in("README.md")[0], names)
    assert names["model"].images.shape == (64, 28, 28, 1)
    assert np.asarray(names["model"].images).max() > 0  # blends among the black pictures


@pytest.mark.slow
def test_the_python_of_the_readme_trains(monkeypatch):
    monkeypatch.setattr("gcn_tf.planning.plan.seconds_per_step", lambda prepared: 1e6)  # so one step
    monkeypatch.setattr("gcn_tf.metrics.intervals.PIECES", 2)
    cells = list(itertools.product(("anna", "ben", "cleo", "dan"), range(6)))
    persons, gestures = zip(*cells, strict=True)
    images = np.random.default_rng(0).integers(0, 255, (len(cells), 32, 32, 3), np.uint8)
    names = {"images": images, "persons": persons, "gestures": gestures}
    assert len(python_in("README.md")) == 2
    exec(python_in("README.md")[1], names)
    assert (names["picture"].shape, names["picture"].dtype) == ((32, 32, 3), np.uint8)
    assert names["scores"]["seen"]["psnr_db"]["value"] > 0


def test_the_python_of_transfers_runs():
    names: dict = {}
    exec(python_in("docs/newcomers.md")[0], names)
    assert (names["threes"].shape, names["threes"].dtype) == ((3, 28, 28, 3), np.uint8)


def test_the_python_of_the_saved_model_runs():
    names: dict = {}
    exec(python_in("docs/architecture.md")[0], names)
    assert (names["images"].shape, names["images"].dtype) == ((1, 28, 28, 3), tf.uint8)


PUBLIC = {
    "gcn_tf.api.arrays": ["dataset_from_arrays"],
    "gcn_tf.api.run": ["open_run", "train"],
    "gcn_tf.api.transfer_pictures": ["transfer"],
    "gcn_tf.synthesis.transfer": ["PictureTransfer"],
    "gcn_tf.model.gcn": ["GCN"],
    "gcn_tf.runs.run_dir": ["open_run", "Run"],
    "gcn_tf.synthesis.draw": ["generate"],
    "gcn_tf.augmentation.training_input": ["blend"],
    "gcn_tf.augmentation.moves": ["moved"],
    "gcn_tf.config.schema": ["RunConfig"],
    "gcn_tf.config.data": ["DataConfig"],
    "gcn_tf.config.files": ["resolve", "read_config"],
    "gcn_tf.pipelines.dataset": ["load_dataset", "Dataset"],
    "gcn_tf.training.prepare": ["prepare"],
    "gcn_tf.training.fit": ["fit"],
    "gcn_tf.evaluation.report": ["evaluate"],
    "gcn_tf.evaluation.verdict": ["verdicts"],
    "gcn_tf.reporting.glossary": ["term_of", "plain"],
    "gcn_tf.grid.holdout": ["holdout_rules"],
}
# Everything public of these has an example.
WHOLE = ("gcn_tf.metrics.pictures", "gcn_tf.metrics.sets", "gcn_tf.metrics.intervals", "gcn_tf.grid.factors")


def defined_in(module: str) -> list[str]:
    """Public functions and classes of a module's own."""
    tree = ast.parse(Path(importlib.import_module(module).__file__).read_text())
    names = [node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    return [name for name in names if not name.startswith("_")]


LIKE_THE_README = pytest.mark.long  # its lines do the same
EXAMPLES = [
    pytest.param(module, name, marks=LIKE_THE_README if name in ("evaluate", "train") else ())
    for module, names in {**PUBLIC, **{module: defined_in(module) for module in WHOLE}}.items()
    for name in names
]


@pytest.mark.parametrize("module, name", EXAMPLES)
def test_the_example_of_a_public_name_runs(module, name, monkeypatch):
    if name == "evaluate":
        monkeypatch.setattr("gcn_tf.metrics.intervals.PIECES", 2)  # no intervals of FID
    found = vars(importlib.import_module(module))
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    tests = doctest.DocTestFinder(recurse=False).find(found[name], name, globs=dict(found))
    assert sum(len(test.examples) for test in tests) > 0, f"{module}.{name} has no example"
    said = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=flags)
    for test in tests:
        runner.run(test, out=said.write)
    assert runner.failures == 0, said.getvalue()


def recipes(text: str) -> dict[str, str]:
    """The sections of docs/doors.md by their titles."""
    parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def follow(section: str, root: Path) -> None:
    """Make the two edits of a recipe in a copy of the package."""
    for place, kind, code in re.findall(
        r"`((?:gcn_tf|pipelines)/[\w/]+\.py)`[^`]*```(python|diff)\n(.*?)^```$",
        section,
        re.MULTILINE | re.DOTALL,
    ):
        path = root / (place if place.startswith("gcn_tf") else f"gcn_tf/{place}")
        if kind == "python":
            path.write_text(f"{path.read_text()}\n\n{code}" if path.exists() else code)
        else:
            apply(code, path)
    for code in re.findall(r"```\n\n```diff\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
        apply(code, root / "gcn_tf/studies/comparison/experiments.py")


def apply(diff: str, path: Path) -> None:
    """Make a change that is written as lines with a space, - or + before them."""
    lines = diff.splitlines()
    before = "\n".join(line[1:] for line in lines if line[:1] != "+")
    after = "\n".join(line[1:] for line in lines if line[:1] != "-")
    text = path.read_text()
    assert text.count(before) == 1, f"{path} does not have, once:\n{before}"
    path.write_text(text.replace(before, after))


THROUGH_THE_DOORS = """
import os, sys
from pathlib import Path
import numpy as np
from PIL import Image
import gcn_tf
assert gcn_tf.__file__.startswith(os.getcwd()), gcn_tf.__file__
from gcn_tf.cli import main

Path("photographs").mkdir()
for number, product in enumerate(("mug", "cup", "jug")):
    for angle, name in enumerate(("left", "front", "right")):
        picture = np.full((40, 40, 3), 60 * number + 20, np.uint8)
        picture[:, 12 * angle : 12 * angle + 8] = 255
        Image.fromarray(picture).save(f"photographs/{product}-{name}.png")
small = ["--batch-size", "4", "--dry-run"]
main(["datasets", "products", "--manual-dir", "photographs"])
main(["train", "--dataset", "products", "--manual-dir", "photographs", "--image-size", "64", *small])
main(["train", "--edges-weight", "0.5", "--generator", "perceptron", "--classifier", "pooled", "--devices", "/cpu:0", *small])
main(["train", "--method", "lsgan", *small])
main(["describe", sys.argv[1]])

from gcn_tf.config.files import resolve
from gcn_tf.pipelines.split import load_split
from gcn_tf.studies.comparison.experiments import cooperation
config = resolve(dataset="glyphs")
split, method = load_split(config), cooperation().methods["mean pictures"]
pictures = method.draw(method.train(config, split, 0, Path("runs/mean")), split)
print("mean pictures", pictures.shape, pictures.dtype)
"""


def test_the_edits_of_the_recipes_fit_the_files_that_they_name(tmp_path):
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "gcn_tf", tmp_path / "gcn_tf", ignore=ignored)
    for section in recipes(DOORS).values():
        follow(section, tmp_path)


@pytest.mark.slow
def test_the_recipes_of_the_doors_work_as_they_are_written(tmp_path, work):
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "gcn_tf", tmp_path / "gcn_tf", ignore=ignored)  # links become folders
    for title, section in recipes(DOORS).items():
        assert re.search(r"^1\. ", section, re.MULTILINE), title
        assert re.search(r"^2\. ", section, re.MULTILINE), title
        follow(section, tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", THROUGH_THE_DOORS, str(work / "runs" / "demo")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "9 cells: 8 seen, 1 unseen" in done.stdout
    assert "products: 9 cells 64x64x3" in done.stdout
    assert "digit        0, 1, 2" in done.stdout
    assert "mean pictures (1200, 28, 28, 3) uint8" in done.stdout


@pytest.mark.parametrize("number, kind", [(0, "keras"), slow_if(True, 1, "litert"), (2, "onnx")])
def test_the_python_of_exports_runs(number, kind):
    main(["export", "runs/demo", "--format", kind])
    shown = (
        python_in("docs/export.md")[number]
        + "\nassert images.shape == (1, 28, 28, 3) and images.dtype == 'float32', images"
    )
    if kind == "litert":  # not in the process of TensorFlow, which has another LiteRT
        subprocess.run([sys.executable, "-c", shown], check=True)
    else:
        exec(shown, {})
