"""How fast `gcn-tf augment` generates and writes, in its three formats, and whether its memory grows with the count.

    python benchmarks/augmentation_speed.py                     # trains a short run on the procedural digits first
    python benchmarks/augmentation_speed.py --run runs/demo --rounds 5

Pictures are blends of writers with a ratio sampled for each. Every measurement is a process of its own, so that its
peak of resident memory is its own; the formats run in turn, round after round. A measurement takes from the first
picture, the compilation of the graph included, to the last file; loading TensorFlow and the run is left out.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from training_step import run, spread

FORMATS = ("tfds", "folders", "tfrecord")


def train(folder: Path) -> None:
    """A run with the default networks; how good its pictures are does not matter."""
    command = [sys.executable, "-m", "gcn_tf.cli", "train", "--dataset", "glyphs", "--steps", "100"]
    print(f"training a run in {folder}", file=sys.stderr)
    subprocess.run([*command, "--run-dir", str(folder)], check=True, stdout=subprocess.DEVNULL)


def measure(run_dir: Path, format_: str, pictures: int) -> dict[str, Any]:
    """Pictures a second, bytes on disk, and the peak of memory beside that of the loaded run."""
    from gcn_tf.quiet import import_tensorflow

    import_tensorflow()
    from gcn_tf.augmentation.augment import claim, conclude, generate_parts
    from gcn_tf.augmentation.config import AugmentationConfig
    from gcn_tf.augmentation.plan import make_job
    from gcn_tf.runs.run_dir import open_run

    opened = open_run(run_dir)
    config = AugmentationConfig(
        blend="writer", ratio="beta:0.4", copies=pictures, limit=pictures, format=format_
    )
    with tempfile.TemporaryDirectory() as folder:
        job = make_job(opened, config, Path(folder) / "set")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        claim(job)
        start, used = time.perf_counter(), time.process_time()
        generate_parts(job, list(range(job.parts)), job.total)
        conclude(job, lambda line: None)
        seconds, busy = time.perf_counter() - start, time.process_time() - used
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    return {
        "pictures_per_second": pictures / seconds,
        "processor_microseconds": busy / pictures * 1e6,
        "megabytes": size / 1e6,
        "loaded_gib": before / 2**20,
        "peak_gib": peak / 2**20,
    }


def compare(run_dir: Path, counts: list[int], rounds: int) -> None:
    found: dict[tuple[str, int], list[dict[str, Any]]] = {(f, n): [] for n in counts for f in FORMATS}
    for number in range(rounds):
        for (format_, pictures), measured in found.items():
            words = ["--run", str(run_dir), "--measure", format_, "--pictures", str(pictures)]
            measured.append(run([sys.executable, __file__, *words]))
            rate = measured[-1]["pictures_per_second"]
            print(f"round {number + 1}: {pictures} {format_} {rate:.0f} pictures/s", file=sys.stderr)
    print(f"{os.cpu_count()} processors, {rounds} rounds: median (range)")
    for (format_, pictures), measured in found.items():
        rate = spread([one["pictures_per_second"] for one in measured], 0)
        busy = spread([one["processor_microseconds"] for one in measured], 0)
        peak = spread([one["peak_gib"] for one in measured], 2)
        loaded = statistics.median(one["loaded_gib"] for one in measured)
        print(
            f"{pictures:7} {format_:9} {rate} pictures/s; {busy} us of all processors each; "
            f"peak {peak} GiB, {loaded:.2f} before; {measured[0]['megabytes']:.0f} MB"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, help="run with a factor writer; default: train one, 100 steps")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pictures", type=int, nargs="+", default=[20_000, 80_000])
    parser.add_argument("--measure", choices=FORMATS, help="measure one format in this process, print JSON")
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.run, arguments.measure, arguments.pictures[0])))
        return
    with tempfile.TemporaryDirectory() as folder:
        run_dir = arguments.run or Path(folder) / "run"
        if not arguments.run:
            train(run_dir)
        compare(run_dir, arguments.pictures, arguments.rounds)


if __name__ == "__main__":
    main()
