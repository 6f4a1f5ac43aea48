"""Sizes of the exports of a run, and how many pictures a second their runtimes make of codes.

    python benchmarks/export_formats.py runs/demo

Every format is written into a temporary folder and run by its own runtime in a process of its own, with one and with two threads, one picture and
32 pictures at a time. Needs `gcn-tf[litert,onnx]`. The codes are cells by chance. What counts is how long the fastest fiftieth of the
calls takes: other work on the machine makes calls slower, nothing makes them faster.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gcn_tf.grid.factors import FactorSpace

SECONDS = 4.0
FASTEST = 50
BATCHES, THREADS = (1, 32), (1, 2)
EXPORTS = {
    "savedmodel": ("model", ()),
    "keras": ("model.keras", ()),
    "litert": ("model.tflite", ()),
    "litert float16": ("model-float16.tflite", ("--precision", "float16")),
    "litert int8": ("model-int8.tflite", ("--precision", "int8")),
    "onnx": ("model.onnx", ()),
}
Codes = dict[str, np.ndarray]


def opened(path: Path, threads: int) -> Callable[[Codes], Any]:
    """A function from weights by factor name to pictures."""
    if path.suffix == ".tflite":
        from ai_edge_litert.interpreter import Interpreter

        blend = Interpreter(str(path), num_threads=threads).get_signature_runner("blend")
        return lambda codes: blend(**codes)["image"]
    if path.suffix == ".onnx":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(path, options)
        return lambda codes: session.run(None, codes)[0]
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    if path.suffix == ".keras":
        import keras

        network = keras.saving.load_model(path)
        call = tf.function(lambda codes: network(codes, training=False), reduce_retracing=True)
        return lambda codes: call({name: tf.constant(code) for name, code in codes.items()}).numpy()
    model = tf.saved_model.load(str(path))
    blend = model.signatures["blend"]
    return lambda codes: blend(**{name: tf.constant(code) for name, code in codes.items()})["image"].numpy()


def measure(path: Path, sizes: dict[str, int], threads: int) -> dict[str, float]:
    """Pictures a second by the number of pictures at a time."""
    draw, random = opened(path, threads), np.random.default_rng(0)
    found = {}
    for batch in BATCHES:
        codes = {name: np.eye(k, dtype=np.float32)[random.integers(0, k, batch)] for name, k in sizes.items()}
        draw(codes)
        durations: list[float] = []
        end = time.perf_counter() + SECONDS
        while (start := time.perf_counter()) < end:
            draw(codes)
            durations.append(time.perf_counter() - start)
        found[str(batch)] = batch / sorted(durations)[len(durations) // FASTEST]
    return found


def size(path: Path) -> int:
    """Bytes of a file or folder, with the classifier's file if it has one of its own."""
    if path.is_dir():
        return sum(part.stat().st_size for part in path.rglob("*") if part.is_file())
    beside = path.with_name(f"{path.stem}-classifier{path.suffix}")
    return path.stat().st_size + (beside.stat().st_size if beside.exists() else 0)


def measured_elsewhere(path: Path, sizes: dict[str, int], threads: int) -> dict[str, float]:
    command = [sys.executable, __file__, str(path), "--measure", json.dumps(sizes), "--threads", str(threads)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    rates: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return rates


def compare(run: Path) -> None:
    """Print a table with a row for every format."""
    sizes = FactorSpace.read(run / "factors.json").sizes
    columns = [
        f"{threads} thread{'s' * (threads > 1)}, {batch} at a time"
        for threads in THREADS
        for batch in BATCHES
    ]
    print(f"| format | MB | {' | '.join(columns)} |")
    print(f"|---|---:|{'---:|' * len(columns)}")
    with tempfile.TemporaryDirectory() as scratch:
        for label, (name, flags) in EXPORTS.items():
            path = Path(scratch) / name
            words = ["export", str(run), "--format", label.split()[0], "--out", str(path), *flags]
            done = subprocess.run(
                [sys.executable, "-m", "gcn_tf.cli", *words], capture_output=True, text=True, check=False
            )
            if done.returncode:
                print(f"{label}: {done.stderr.strip()}", file=sys.stderr)
                continue
            rates = [measured_elsewhere(path, sizes, threads) for threads in THREADS]
            cells = [f"{rate[str(batch)]:,.0f}" for rate in rates for batch in BATCHES]
            print(f"| {label} | {size(path) / 1e6:.1f} | {' | '.join(cells)} |", flush=True)
    print(f"load {os.getloadavg()[0]:.1f}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", type=Path, help="a run")
    parser.add_argument("--measure", type=json.loads, help=argparse.SUPPRESS)  # of an export, in this process
    parser.add_argument("--threads", type=int, default=1, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.path, arguments.measure, arguments.threads)))
    else:
        compare(arguments.path)


if __name__ == "__main__":
    main()
