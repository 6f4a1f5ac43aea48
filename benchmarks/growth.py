"""Seconds and memory of every stage of a run against the number of pictures: own pictures of 64x64 in a folder.

python benchmarks/growth.py OUT 1000 10000 100000        # growth.json and growth.png in OUT
python benchmarks/growth.py OUT 1000000 --limit 4        # GiB that the whole of a process may take, of file pages too; as root

Pictures and prepared files are made in OUT and removed afterwards. Memory is anonymous memory: pages of mapped files can be given
back at any time, and do not count unless --limit makes the system count them.
"""

import argparse
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

SIDE = 64
SHAPES, COLORS = 20, 5  # values of two factors; the third one grows
FILES_PER_FOLDER = 10_000
STAGES = {
    "prepare": "decode all files for the first time",
    "open": "the second start, to the first batch",
    "before": "operators and mean picture",
    "train": "30 steps of 64 pictures",
    "score": "cells that are scored while a run trains",
    "calibrate": "choose what the classifier is calibrated on",
    "report": "judges, scores, baselines, figures",
}
CGROUP = Path("/sys/fs/cgroup/memory/growth")


def make_pictures(folder: Path, count: int) -> None:
    """PNG files of shapes and colours by many persons, and their table of labels."""
    starts = range(0, count, FILES_PER_FOLDER)
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(make_some, [folder] * len(starts), starts, [count] * len(starts)))
    with (folder / "labels.csv").open("w") as file:
        file.write("file_name,shape,color,person\n")
        for n in range(count):
            shape, color, person = place(n)
            file.write(f"{n // FILES_PER_FOLDER}/{n}.png,s{shape},c{color},p{person}\n")


def pictures_folder(out: Path, count: int) -> Path:
    return out / f"pictures-{count}"


def place(n: int) -> tuple[int, int, int]:
    return n % SHAPES, n // SHAPES % COLORS, n // (SHAPES * COLORS)


def make_some(folder: Path, start: int, count: int) -> None:
    import cv2
    import numpy as np

    of = folder / str(start // FILES_PER_FOLDER)
    of.mkdir(parents=True)
    for n in range(start, min(start + FILES_PER_FOLDER, count)):
        shape, color, person = place(n)
        picture = np.zeros((SIDE, SIDE, 3), np.uint8)
        ink = [60 + 195 * (color >> bit & 1) for bit in range(3)]
        turn = shape * 180 // SHAPES
        size = 12 + person % 17, 4 + person // 17 % 5
        cv2.ellipse(picture, (30 + person // 85 % 5, 32), size, turn, 0, 360, ink, -1)
        cv2.circle(picture, (8 + person // 425 % 48, 6 + person // 20_400 % 52), 3, (255, 255, 255), -1)
        cv2.imwrite(str(of / f"{n}.png"), picture)


@contextmanager
def measured() -> Iterator[dict[str, float]]:
    """Seconds, and the most anonymous memory in GiB, of the block."""
    found = {"seconds": 0.0, "GiB": 0.0}
    done = threading.Event()

    def watch() -> None:
        while True:
            lines = Path("/proc/self/status").read_text().splitlines()
            kib = sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon", "RssShmem")))
            found["GiB"] = max(found["GiB"], kib / 2**20)
            if done.wait(0.05):
                return

    thread = threading.Thread(target=watch)
    thread.start()
    begun = time.perf_counter()
    try:
        yield found
    finally:
        found["seconds"] = time.perf_counter() - begun
        done.set()
        thread.join()


def measure(stage: str, folder: Path, out: Path) -> dict[str, float]:
    """One stage, in this process."""
    from gcn_tf.quiet import import_tensorflow

    import_tensorflow()
    from gcn_tf.config.files import resolve, with_settings
    from gcn_tf.pipelines.batches import training_batches
    from gcn_tf.training.prepare import prepare

    settings = {
        "data_dir": str(out / "data"),
        "image_size": SIDE,
        "holdout": ["fraction=0.05"],
        "steps": 30,
        "batch_size": 64,
    }
    config = with_settings(resolve(dataset=str(folder)), settings, "growth")
    if stage in ("prepare", "open"):
        with measured() as found:
            prepared = prepare(config)
            split = prepared.split
            next(iter(training_batches(split, config.batch_size, 0, 0, 1)))
        return found
    return of_prepared(stage, prepare(config), out)


def of_prepared(stage: str, prepared, out: Path) -> dict[str, float]:
    """A stage that follows when the pictures are at hand."""
    from gcn_tf.evaluation.report import write_report
    from gcn_tf.pipelines.batches import training_batches
    from gcn_tf.runs.run_dir import open_run, write_run
    from gcn_tf.training.calibration import spared_base_images
    from gcn_tf.training.fit import fit, learn_before_training
    from gcn_tf.training.scoring import Evaluation

    split, config = prepared.split, prepared.config
    if stage == "before":
        model = prepared.build()
        with measured() as found:
            learn_before_training(model, prepared)
    elif stage == "train":
        model = prepared.build()
        data = iter(training_batches(split, config.batch_size, 0, 0, 40))
        for _ in range(5):
            model.train_step(next(data))
        step, waited = train_function(model), 0.0
        step(next(data))
        with measured() as found:
            for _ in range(30):
                begun = time.perf_counter()
                batch = next(data)
                waited += time.perf_counter() - begun
                step(batch)
        found["waiting"] = waited / found["seconds"]
    elif stage == "score":
        model = prepared.build()
        with measured() as found:
            scoring = Evaluation(0, split, 10, 10)
            scoring.set_model(model)
            scoring.step(10, {})
    elif stage == "calibrate":
        with measured() as found:
            spared_base_images(split, 0)
    else:
        folder = out / "run"
        shutil.rmtree(folder, ignore_errors=True)
        write_run(config, split.dataset.space, folder)
        fit(prepared, folder)
        with measured() as found:
            write_report(open_run(folder), split)
    return found


def train_function(model):
    import tensorflow as tf

    return tf.function(lambda batch: model.train_step(batch), autograph=False)


def write_chart(rows: list[dict], path: Path) -> None:
    """Seconds and memory against the number of pictures, a line per stage."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for axis, key, title in zip(axes, ("seconds", "GiB"), ("seconds", "memory (GiB)"), strict=True):
        for stage in STAGES:
            points = {row["pictures"]: row[key] for row in rows if row["stage"] == stage}
            if points:
                axis.plot(sorted(points), [points[count] for count in sorted(points)], "o-", label=stage)
        axis.set(xscale="log", xlabel="pictures of 64x64", title=title)
        axis.grid(alpha=0.3)
    axes[0].set_yscale("log")
    axes[1].set_ylim(bottom=0)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center")
    figure.savefig(path, dpi=110)


def run_limited(words: list[str], limit: float) -> str:
    """The output of a command, its memory limited by the system if `limit` GiB are given."""
    if limit:
        CGROUP.mkdir(exist_ok=True)
        (CGROUP / "memory.limit_in_bytes").write_text(str(int(limit * 2**30)))
        words = ["sh", "-c", f'echo $$ > {CGROUP}/cgroup.procs; exec "$@"', "sh", *words]
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("counts", type=int, nargs="*")
    parser.add_argument("--limit", type=float, default=0)
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--stage", choices=STAGES)
    parser.add_argument("--keep", action="store_true")
    chosen = parser.parse_args()
    if chosen.stage:
        print(json.dumps(measure(chosen.stage, pictures_folder(chosen.out, chosen.counts[0]), chosen.out)))
        return
    path = chosen.out / "growth.json"
    rows = json.loads(path.read_text()) if path.exists() else []
    for count in chosen.counts:
        folder = pictures_folder(chosen.out, count)
        if not folder.exists():
            make_pictures(folder, count)
        for stage in chosen.stages:
            words = [sys.executable, __file__, str(chosen.out), str(count), "--stage", stage]
            found = json.loads(run_limited(words, chosen.limit).splitlines()[-1])
            rows.append({"pictures": count, "stage": stage, "limit": chosen.limit, **found})
            print(f"{count:9,} {stage:10} {found}", flush=True)
            path.write_text(json.dumps(rows, indent=1))
        write_chart(rows, chosen.out / "growth.png")
        if not chosen.keep:
            shutil.rmtree(folder)
            shutil.rmtree(chosen.out / "data", ignore_errors=True)
            shutil.rmtree(chosen.out / "run", ignore_errors=True)


if __name__ == "__main__":
    main()
