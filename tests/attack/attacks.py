"""What the attacks share: every command on a toy run, run by forking a process that has imported everything."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import tensorflow as tf

WORDS = {  # of every command, by the name of its work
    "train": "train --preset toy --run-dir run",
    "export": "export run --out model",
    "evaluate": "evaluate run",
    "extend": "extend run writer=anna digit=3 --pictures anna.png --run-dir extended",
    "generate": "generate run digit=* writer=0 color=red rotation=0 --out grid.png",
    **{
        f"augment {kind}": f"augment run --blend writer --limit 90 --part-size 30 --format {kind} --out set"
        for kind in ("tfds", "folders", "tfrecord")
    },
    "tune": "tune --preset toy --steps 2 --trials 2 --strategy random --out search",
    "study": "study settings --preset toy --config tried.yaml --quick --jobs 1 --seeds 1 --out study",
}
SHORT = {  # words for kills before every file operation, of which there are hundreds
    **WORDS,
    **{
        name: words.replace("--limit 90 --part-size 30", "--limit 24 --part-size 12")
        for name, words in WORDS.items()
        if "augment" in name
    },
}
AGAIN = {  # words where the run is there already
    "train": "train --resume run",
    "extend": "generate extended digit=* writer=anna color=red rotation=0",
}
SMALL = {"writers": 2, "steps": 4, "checkpoint_steps": 2, "image_steps": 2, "log_steps": 1}
UNIMPORTANT = {
    "seconds",
    "made_with",
    "run",
    "files",
}  # of reports and trials: they differ between equal runs


class Zygote:
    """Runs commands in a folder, by forking; see zygote.py."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        command = [sys.executable, str(Path(__file__).with_name("zygote.py")), json.dumps(settings)]
        environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, **pipes)
        self.log = folder / "log"
        self.process.stdout.readline()

    def __call__(self, words: str, folder: Path, **request: Any) -> SimpleNamespace:
        """Run a command line, to its end unless the request says otherwise; the answer has what was printed as `said`."""
        self.log.write_text("")
        asked = {"words": words.split(), "folder": str(folder), "log": str(self.log), **request}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return SimpleNamespace(**answer, said=self.log.read_text(errors="replace"))


def check(answer: SimpleNamespace) -> None:
    assert set(answer.codes) == {0}, answer.said


def refused_in_a_line(said: str) -> bool:
    """Whether a command said no more than one line of refusal, perhaps beside the progress bar of another."""
    return "Traceback" not in said and said.count("gcn-tf: ") == 1


def finish(zygote: Zygote, work: str, folder: Path, words: dict[str, str] = WORDS) -> None:
    """Give the command of a work again, as a user would after a kill: a run that has begun is resumed, one that was extended drawn."""
    begun = {"train": "run", "extend": "extended"}.get(work, "none")
    again = AGAIN[work] if (folder / begun / "config.yaml").exists() else words[work]
    check(zygote(again, folder))


def contents(folder: Path) -> dict[str, Any]:
    """What must be equal of a folder of finished work, by file name.

    TensorBoard's files are left out, which hold the time. Of a SavedModel the variables count: TensorFlow numbers the
    functions of its graph as they come.
    """
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_dir() or re.search(
            r"(^|/)(events\.out|variables\.data)|saved_model.pb|fingerprint.pb|identity.json", name
        ):
            continue
        if name.endswith("variables.index"):
            found[name] = variables(path.with_suffix(""))
            continue
        if name.endswith(".npz"):
            with zipfile.ZipFile(path) as archive:
                found[name] = {n: archive.read(n) for n in sorted(archive.namelist()) if n != "seconds.npy"}
        elif name.endswith(".json"):
            found[name] = without_times(json.loads(path.read_text()))
        elif not re.search(r"(^|/)(search|study)/.*\.(md|html|png|csv)$|^(study|search)/", name):
            found[name] = path.read_bytes()
        else:
            found[name] = "there"
    return found


def variables(prefix: Path) -> list[bytes]:
    """The values of the variables of a SavedModel, which Keras numbers as they come."""
    reader = tf.train.load_checkpoint(str(prefix))
    names = [name for name in reader.get_variable_to_shape_map() if not name.startswith("_CHECKPOINTABLE")]
    return sorted(np.asarray(reader.get_tensor(name)).tobytes() for name in names)


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_times(one) for key, one in value.items() if key not in UNIMPORTANT}
    return [without_times(one) for one in value] if isinstance(value, list) else value
