"""What a training step of the published face networks costs: seconds, memory and operations.

    python benchmarks/published_faces_step.py
    python benchmarks/published_faces_step.py --rounds 3 --steps 4 --sustained 8 40

A step is `train_step` with both networks and both optimizers, on random pictures: the time does not depend on
what they show. Each measurement is a process of its own, so that its peak of resident memory is its own; the two
dtypes run in turn, round after round. The operations are counted from the layers (see `forward_operations` in
training_step.py), and give the hours of a whole training on a machine that sustains a stated rate.
"""

import argparse
import json
import os
import resource
import statistics
import sys
import time
from typing import Any

from training_step import DTYPES, forward_operations, run, spread

FACTOR_SIZES = {"person": 65, "emotion": 4, "session": 2, "rotation": 4}
SIDE = 158


def measure(dtype: str, steps: int, batch: int) -> dict[str, Any]:
    """Seconds of every step after the first, which builds the graph; peak memory; operations.

    Seconds of all processors together are given too: where others use the machine, the clock overstates a step.
    """
    from gcn_tf.quiet import import_tensorflow

    import_tensorflow()
    import dataclasses

    import tensorflow as tf

    from gcn_tf.config.files import resolve
    from gcn_tf.grid.factors import Factor, FactorSpace
    from gcn_tf.model.build import build_model

    policy = "mixed_bfloat16" if dtype == "bfloat16" else dtype
    config = dataclasses.replace(resolve("kdef-published"), precision=policy)
    factors = [Factor(name, tuple(map(str, range(size)))) for name, size in FACTOR_SIZES.items()]
    model = build_model(config, FactorSpace(tuple(factors)), (SIDE, SIDE, 3))
    pictures = tf.random.stateless_uniform((batch, SIDE, SIDE, 3), (0, 0))
    ids = {
        name: tf.random.stateless_uniform([batch], (0, i), 0, size, tf.int32)
        for i, (name, size) in enumerate(FACTOR_SIZES.items())
    }
    step = tf.function(model.train_step)
    seconds, busy = [], []
    for _ in range(1 + steps):
        start, used = time.perf_counter(), time.process_time()
        float(step((ids, pictures))["generator_loss"])
        seconds.append(time.perf_counter() - start)
        busy.append(time.process_time() - used)
    # As in training_step.py: three passes through the generator, five through the classifier.
    passes = {"generator": 3, "classifier": 5}
    networks = {name: getattr(model, name) for name in passes}
    return {
        "seconds_per_step": statistics.median(seconds[1:]),
        "seconds": seconds[1:],
        "processor_seconds": busy[1:],
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "parameters": {name: network.count_params() for name, network in networks.items()},
        "operations_per_step": batch * sum(passes[n] * forward_operations(networks[n]) for n in passes),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--batches", type=int, default=40_000, help="of the whole training")
    parser.add_argument(
        "--sustained", type=float, nargs="+", default=[10.0, 50.0], help="rates in 10^12 operations a second"
    )
    parser.add_argument("--measure", choices=DTYPES, help="measure one type in this process and print JSON")
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.steps, arguments.batch)))
        return
    found: dict[str, list[dict[str, Any]]] = {dtype: [] for dtype in DTYPES}
    options = ["--steps", str(arguments.steps), "--batch", str(arguments.batch)]
    for number in range(arguments.rounds):
        for dtype in DTYPES:
            found[dtype].append(run([sys.executable, __file__, "--measure", dtype, *options]))
            print(
                f"round {number + 1}: {dtype} {found[dtype][-1]['seconds_per_step']:.2f} s", file=sys.stderr
            )
    print(f"{os.cpu_count()} processors, batch {arguments.batch}: median (range)")
    for dtype in DTYPES:
        seconds = [s for one in found[dtype] for s in one["seconds"]]
        memory = [one["peak_gib"] for one in found[dtype]]
        busy = [s for one in found[dtype] for s in one["processor_seconds"]]
        print(f"{dtype:9} {spread(seconds, 2)} s per step, {len(seconds)} steps")
        print(f"{dtype:9} {spread(busy, 1)} s of all processors together")
        print(f"{dtype:9} {spread(memory, 1)} GiB of memory at the peak")
    one = found["float32"][0]
    operations = one["operations_per_step"]
    print(f"parameters {one['parameters']}, {operations / 1e12:.2f} * 10^12 operations per step")
    for rate in arguments.sustained:
        hours = arguments.batches * operations / (rate * 1e12) / 3600
        print(f"{arguments.batches} batches at {rate:g} * 10^12 operations a second: {hours:.1f} hours")


if __name__ == "__main__":
    main()
