"""What a factor of many values costs: seconds of a processor and memory of every command, on digits of so many procedural writers.

    python benchmarks/many_values.py OUT 100 1000 10000
    python benchmarks/many_values.py OUT 10000 --commands train,evaluate

Every writer writes three of the ten digits; the pictures are a folder of one's own. Every command runs in a process of its own,
with the caches of OUT; a folder that OUT
already holds is not written again, a run is. Settings are planned: up to 4,096 cells are drawn from seen pictures, more by deconvolution. Prints a table.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from gcn_tf.api.arrays import dataset_from_arrays
from gcn_tf.pipelines.procedural.glyphs import WriterStyle, draw_digit

DIGITS_PER_WRITER = 3
STEPS = 60


def write_folder(writers: int, folder: Path) -> None:
    """Draw the digits w, w + 3 and w + 6 of every writer w."""
    if (folder / "labels.csv").exists():
        return
    cells = [((w + 3 * n) % 10, w) for w in range(writers) for n in range(DIGITS_PER_WRITER)]
    images = np.stack([draw_digit(digit, WriterStyle.draw(0, writer)) for digit, writer in cells])
    digits, names = zip(*((digit, f"w{writer:05d}") for digit, writer in cells), strict=True)
    dataset_from_arrays(images, {"digit": digits, "writer": names}).write(folder)


def commands(folder: Path, run: Path) -> dict[str, list[str]]:
    """The words of every command, in the order in which they need each other."""
    train = ["--dataset", str(folder), "--steps", str(STEPS), "--run-dir", str(run)]
    return {
        "datasets": [str(folder), "--out", f"{folder}.png"],
        "train": [*train, "--holdout", "fraction=0.1"],
        "evaluate": [str(run)],
        "generate": [str(run), "digit=*", "writer=w00001,w00003"],
        "export": [str(run), "--out", f"{run}-model"],
    }


def measured(command: str, words: list[str], out: Path) -> str:
    """A cell of the table: seconds and peak MB of a command; its output goes to a file beside the runs."""
    environment = {**os.environ, "XDG_CACHE_HOME": str((out / "cache").resolve())}
    with (out / f"{command}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gcn_tf.cli", command, *words], stdout=log, stderr=log, env=environment
        )
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    failed = f", exit code {process.returncode}" if process.returncode else ""
    return f"{used.ru_utime + used.ru_stime:.0f} s, {used.ru_maxrss / 1e3:,.0f} MB{failed}"


def main(out: Path, counts: list[int], chosen: list[str]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    print(f"| writers | {' | '.join(chosen)} |\n|---|{'---|' * len(chosen)}")
    for writers in counts:
        folder, run = out / f"pictures-{writers}", out / f"run-{writers}"
        write_folder(writers, folder)
        if "train" in chosen:
            shutil.rmtree(run, ignore_errors=True)
        words = commands(folder, run)
        cells = [measured(name, words[name], out) for name in chosen]
        print(f"| {writers:,} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("counts", nargs="+", type=int)
    parser.add_argument("--commands", default="datasets,train,evaluate,generate,export")
    given = parser.parse_args()
    main(given.out, given.counts, given.commands.split(","))
