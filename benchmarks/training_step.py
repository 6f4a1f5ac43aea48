"""How fast the training step is at the published digit size, beside the same step in PyTorch.

    python benchmarks/training_step.py                                # this package alone
    python benchmarks/training_step.py --peer PEER.py --peer-python ENV/bin/python

A peer is a script that takes `--dtype float32|bfloat16` and `--compile` and prints one JSON line with
`seconds_per_step`; `--jax` adds jax_step.py, and `--plain` this package without oneDNN, as TensorFlow starts by itself on processors
without AVX-512 VNNI. Every measurement is a process of its own; they run in turn, round after round, so that
a machine whose speed drifts slows all of them. Reported are medians over the rounds with their range.

Also: the share of the step spent waiting for data, and the share of the machine's own matrix-product peak.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

DTYPES = ("float32", "bfloat16")
FACTOR_SIZES = {"digit": 10, "writer": 10, "color": 3, "rotation": 4}


def forward_operations(network: Any) -> float:
    """Multiplications and additions of one example through the dense and convolutional layers."""
    total = 0.0
    for layer in network.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is None:
            continue
        spots = 1
        if (
            kernel.ndim == 4
        ):  # a transposed convolution applies its kernel at every input, a plain one at every output
            shape = layer.input.shape if "Transpose" in type(layer).__name__ else layer.output.shape
            spots = shape[1] * shape[2]
        total += 2.0 * spots * float(kernel.size if hasattr(kernel, "size") else kernel.shape.num_elements())
    return total


def peak(dtype_name: str, side: int = 3072) -> float:
    """Operations per second of the best of several large matrix products."""
    import tensorflow as tf

    a = tf.cast(tf.random.stateless_normal((side, side), (0, 0)), dtype_name)
    product = tf.function(lambda: tf.reduce_sum(tf.linalg.matmul(a, a)[:1]))
    product().numpy()
    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        product().numpy()
        seconds.append(time.perf_counter() - start)
    return 2 * side**3 / min(seconds)


def measure(preset: str, dtype: str, steps: int, warmup: int, batch: int) -> dict[str, Any]:
    """Median seconds per step fed by the real pipeline, and the share of them spent waiting for it."""
    from gcn_tf.quiet import import_tensorflow

    import_tensorflow()
    import dataclasses

    import tensorflow as tf

    from gcn_tf.config.files import resolve
    from gcn_tf.pipelines.batches import training_batches
    from gcn_tf.training.prepare import prepare

    config = resolve(preset, dataset="glyphs")
    policy = "mixed_bfloat16" if dtype == "bfloat16" else dtype
    config = dataclasses.replace(config, precision=policy, batch_size=batch, seed=0)
    prepared = prepare(config)
    model = prepared.build()
    step = tf.function(model.train_step)
    batches = iter(training_batches(prepared.split, batch, 0, 0, warmup + steps))
    seconds, waiting = [], []
    for _ in range(warmup + steps):
        start = time.perf_counter()
        data = next(batches)
        fed = time.perf_counter()
        float(step(data)["generator_loss"])
        seconds.append(time.perf_counter() - start)
        waiting.append(fed - start)
    median = statistics.median(seconds[warmup:])
    # three passes through the generator; five through the classifier, which sees both batches and
    # whose weights get no gradient from the generator's
    operations = batch * (3 * forward_operations(model.generator) + 5 * forward_operations(model.classifier))
    return {
        "framework": f"tensorflow {tf.__version__}",
        "dtype": dtype,
        "seconds_per_step": median,
        "waiting_share": sum(waiting[warmup:]) / sum(seconds[warmup:]),
        "operations_per_step": operations,
        "peak_share": operations / median / peak(dtype),
    }


def run(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-1500:]}")
    return json.loads(done.stdout.splitlines()[-1])


def spread(values: list[float], digits: int = 3) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def compare(arguments: argparse.Namespace) -> None:
    commands: dict[tuple[str, str], list[str]] = {}
    for dtype in arguments.dtypes:
        own = [
            sys.executable,
            __file__,
            "--measure",
            dtype,
            "--steps",
            str(arguments.steps),
            "--preset",
            arguments.preset,
        ]
        commands["gcn-tf", dtype] = own
        if arguments.plain:
            commands["without oneDNN", dtype] = ["env", "TF_ENABLE_ONEDNN_OPTS=0", *own]
        if arguments.peer:
            peer = [arguments.peer_python, arguments.peer, "--dtype", dtype, "--steps", str(arguments.steps)]
            commands["torch eager", dtype] = peer
            commands["torch compiled", dtype] = [*peer, "--compile"]
        if arguments.jax:
            script = str(Path(__file__).with_name("jax_step.py"))
            commands["jax", dtype] = [
                sys.executable,
                script,
                "--dtype",
                dtype,
                "--steps",
                "3",
                "--warmup",
                "2",
            ]
    found: dict[tuple[str, str], list[dict[str, Any]]] = {key: [] for key in commands}
    for number in range(arguments.rounds):
        for key, command in commands.items():
            found[key].append(run(command))
            print(
                f"round {number + 1}: {' '.join(key)} {found[key][-1]['seconds_per_step']:.3f} s",
                file=sys.stderr,
            )
    print(
        f"{os.cpu_count()} processors, {arguments.rounds} rounds of {arguments.steps} steps: median (range)"
    )
    for dtype in arguments.dtypes:
        for name in dict.fromkeys(name for name, _ in commands):
            seconds = [r["seconds_per_step"] for r in found[name, dtype]]
            print(f"{dtype:9} {name:15} {spread(seconds)} s per step")
        ours = found["gcn-tf", dtype]
        print(f"{dtype:9} waiting for data {spread([100 * r['waiting_share'] for r in ours], 2)} % of a step")
        print(
            f"{dtype:9} share of the matrix-product peak {spread([100 * r['peak_share'] for r in ours], 0)} %"
        )
        if arguments.peer:
            ratios = [
                min(found[name, dtype][n]["seconds_per_step"] for name in ("torch eager", "torch compiled"))
                / ours[n]["seconds_per_step"]
                for n in range(arguments.rounds)
            ]
            print(f"{dtype:9} times as fast as the best torch mode of the same round: {spread(ratios, 2)}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", help="script of the peer")
    parser.add_argument("--jax", action="store_true", help="the same step in JAX as well")
    parser.add_argument("--plain", action="store_true", help="this package without oneDNN as well")
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=DTYPES, help="default: both")
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that has its framework")
    parser.add_argument(
        "--preset", default="qmnist-published", help="whose networks; default: the published ones"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--measure", choices=DTYPES, help="measure one type in this process and print JSON")
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.preset, arguments.measure, arguments.steps, 5, arguments.batch)))
    else:
        compare(arguments)


if __name__ == "__main__":
    main()
