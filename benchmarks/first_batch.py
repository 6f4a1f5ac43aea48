"""Seconds and memory until the first batch of training, for so many pictures of 64x64 in memory.

python benchmarks/first_batch.py 20000 100000
"""

import subprocess
import sys
import time
from pathlib import Path


def held_bytes() -> int:
    """Memory of this process, as Linux counts it."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def measure(count: int) -> None:
    """Print a line for `count` pictures, a tenth as many values of one factor, ten of the other."""
    from gcn_tf.quiet import import_tensorflow

    import_tensorflow()
    import numpy as np

    from gcn_tf.grid.factors import Factor, FactorSpace
    from gcn_tf.pipelines.batches import training_batches
    from gcn_tf.pipelines.dataset import Dataset, aligned_empty
    from gcn_tf.pipelines.split import undivided

    before = held_bytes()
    images = aligned_empty((count, 64, 64, 3))
    images[...] = 51
    numbers = np.arange(count)
    factors = (Factor("a", tuple(map(str, range(-(-count // 10))))), Factor("b", tuple(map(str, range(10)))))
    ids = np.stack([numbers // 10, numbers % 10], axis=1).astype(np.int32)
    since = time.perf_counter()
    split = undivided(Dataset("many", FactorSpace(factors), images, ids, ()))
    data = iter(training_batches(split, 32, 0, 0, 100))
    next(data)
    seconds, memory = time.perf_counter() - since, (held_bytes() - before) / images.nbytes
    print(
        f"{count:7,} pictures: first batch after {seconds:.2f} s, memory {memory:.2f} times the pictures' own size"
    )


if __name__ == "__main__":
    if len(sys.argv) == 2:
        measure(int(sys.argv[1]))
    for text in sys.argv[1:] if len(sys.argv) > 2 else ():  # each in a process of its own
        subprocess.run([sys.executable, __file__, text], check=True)
