"""How fast generators of kind references draw cells and blends, and what learning the memory takes, beside other work on the machine or not.

    python benchmarks/references_speed.py draw
    python benchmarks/references_speed.py learn --values 512 8 --side 28 --channels 1

The pictures are noise and the poses chance: the time does not depend on what is drawn. Medians of three; processor seconds hardly depend on what
else runs. `draw` takes an untrained network of kind references.
"""

import argparse
import os
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from gcn_tf.quiet import import_tensorflow

SPREAD = 0.05  # of the numbers of a pose, about what registration finds on photographs
COUNT = 1024  # pictures drawn, a quarter of it for blends


def memory_of(sizes: dict[str, int], images: np.ndarray) -> Any:
    """A memory whose poses, light and sources are chance; the pictures are of the first cells."""
    from gcn_tf.model.references.learn import CANDIDATES, Memory
    from gcn_tf.model.references.poses import NUMBERS

    random, cells = np.random.default_rng(0), int(np.prod(list(sizes.values())))
    light = (sum(sizes.values()), *images.shape[1:])
    return Memory(
        images,
        np.arange(len(images), dtype=np.int32),
        random.normal(0, SPREAD, (cells, NUMBERS)).astype(np.float32),
        random.normal(0, 0.02, light).astype(np.float32),
        random.integers(0, len(images), (cells, 1 + CANDIDATES)).astype(np.int32),
        (1.0, 1.0),
        (2,) * len(sizes),
        0.0,
    )


def codes_of(sizes: dict[str, int], blended: bool) -> dict[str, np.ndarray]:
    """Codes of cells by chance, or of mixtures of two values of every factor."""
    random = np.random.default_rng(0)
    codes = {
        name: np.eye(size, dtype=np.float32)[random.integers(0, size, COUNT)] for name, size in sizes.items()
    }
    if not blended:
        return codes
    return {name: ((code + np.roll(code, 1, axis=0)) / 2)[: COUNT // 4] for name, code in codes.items()}


def timed(name: str, count: int, call: Callable[[], Any]) -> None:
    """Print pictures a second and processor milliseconds for a picture, medians of three."""
    wall, used = [], []
    for _ in range(3):
        start, processor = time.perf_counter(), time.process_time()
        call()
        wall.append(time.perf_counter() - start)
        used.append(time.process_time() - processor)
    print(
        f"{name}: {count / statistics.median(wall):,.0f} a second, {1000 * statistics.median(used) / count:.2f} "
        f"processor ms each, load {os.getloadavg()[0]:.1f}"
    )


def draw(sizes: dict[str, int], images: np.ndarray) -> None:
    from dataclasses import replace

    from gcn_tf.config.files import resolve
    from gcn_tf.grid.factors import Factor, FactorSpace
    from gcn_tf.model.build import build_model
    from gcn_tf.model.precision import resolve_precision
    from gcn_tf.model.references.generator import LAYER, References
    from gcn_tf.synthesis.draw import generate_from_codes

    config = replace(
        resolve("faces"),
        generator=References(references=len(images)),
        factor_weights={},
        precision=resolve_precision("auto"),
    )
    space = FactorSpace(
        tuple(Factor(name, tuple(str(n) for n in range(size))) for name, size in sizes.items())
    )
    model = build_model(replace(config, seed=0), space, images.shape[1:])
    model.generator.get_layer(LAYER).assign(memory_of(sizes, images), {})
    for name, blended in (("cells", False), ("blends", True)):
        codes = codes_of(sizes, blended)
        generate_from_codes(model, codes)
        timed(name, len(next(iter(codes.values()))), lambda codes=codes: generate_from_codes(model, codes))


def learn_noise(sizes: dict[str, int], images: np.ndarray) -> None:
    from gcn_tf.model.references.learn import learn

    cells = np.sort(np.random.default_rng(0).permutation(np.prod(list(sizes.values())))[: len(images)])
    ids = np.stack(np.unravel_index(cells, tuple(sizes.values())), axis=1)
    start, processor = time.perf_counter(), time.process_time()
    learn(images, ids, sizes)
    print(
        f"learn: {len(images):,} pictures, {time.perf_counter() - start:.0f} s, {time.process_time() - processor:.0f} "
        f"processor seconds, {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB, load {os.getloadavg()[0]:.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("draw", "learn"))
    parser.add_argument("--values", type=int, nargs="+", default=[40, 10], help="of every factor")
    parser.add_argument("--side", type=int, default=64, help="of the pictures, in pixels")
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=0, help="that are seen; default: one of every cell")
    arguments = parser.parse_args()
    import_tensorflow()
    sizes = {f"factor{n}": size for n, size in enumerate(arguments.values)}
    shape = (
        arguments.pictures or int(np.prod(arguments.values)),
        arguments.side,
        arguments.side,
        arguments.channels,
    )
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    (draw if arguments.what == "draw" else learn_noise)(sizes, images)


if __name__ == "__main__":
    main()
