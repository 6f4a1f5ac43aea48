"""What a training needs at least, and what there is: TensorFlow ends the process, with no word to users, when it runs out."""

import itertools
import math
import resource
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import keras
import tensorflow as tf

from gcn_tf.config import RunConfig
from gcn_tf.errors import UserError
from gcn_tf.model import GCN
from gcn_tf.networks import classifier_feature_side, seed_side

# Peaks of `train --dry-run` over `least_bytes`, beside what the process had before: 3.0 to 3.1 (glyphs with batches of 512
# and 2048, faces).
USUALLY = 3.1
COPIES = 4  # of every weight: itself, its gradient and Adam's two moments


def count_weights(config: RunConfig, factor_sizes: Mapping[str, int], image_side: int) -> int:
    """Weights of both networks without biases, from the settings alone: nothing is built."""

    def chain(widths: Sequence[int]) -> int:
        return sum(a * b for a, b in itertools.pairwise(widths))

    generator, classifier = config.generator, config.classifier
    towers = {name: generator.towers.get(name, generator.tower_units) for name in factor_sizes}
    weights = sum(chain((size, towers[name], towers[name])) for name, size in factor_sizes.items())
    side, channels = seed_side(generator, image_side), generator.seed_tensor[2]
    weights += chain((sum(towers.values()), *generator.trunk, side * side * channels))
    for up in generator.upsampling:
        weights += channels * up.filters * up.kernel**2
        channels = up.filters
    channels = 3
    for layer in classifier.convolutions:
        weights += channels * layer.filters * layer.kernel**2
        channels = layer.filters
    features = classifier_feature_side(classifier, image_side) ** 2 * channels
    for name, size in factor_sizes.items():
        units = classifier.heads.get(name, classifier.head_units)
        weights += chain((features, *units, size + config.imagined_class))
    return weights


def check_weights(config: RunConfig, factor_sizes: Mapping[str, int], image_side: int) -> None:
    """Raise UserError when the networks alone, with Adam's moments, need more memory than there is."""
    weights, there = count_weights(config, factor_sizes, image_side), available_bytes()
    needed = (COPIES - 1) * weights * tf.float32.size
    if there is not None and needed > there and not tf.config.list_physical_devices("GPU"):
        raise UserError(
            f"the networks have {weights:,} weights and need at least {needed / 2**30:.1f} GiB of memory, "
            f"{max(there, 0) / 2**30:.1f} are free: make the layers' widths, or --image-size, smaller"
        )


def least_bytes(model: GCN, batch_size: int) -> int:
    """Weights with what training keeps of them, and what every layer gives for one batch: a training takes more."""
    weights = COPIES * sum(_bytes(v.shape, v.dtype) for v in model.trainable_variables)
    outputs = sum(
        _bytes(tensor.shape[1:], tensor.dtype)
        for network in (model.generator, model.classifier)
        for layer in network.layers
        for tensor in keras.tree.flatten(layer.output)
    )
    return weights + batch_size * outputs


def _bytes(shape: tuple[int, ...], dtype: str) -> int:
    return math.prod(shape) * tf.as_dtype(dtype).size


def available_bytes() -> int | None:
    """Memory that this process may still take: of the machine, its container and its own limit; None if nobody says."""
    return min(_limits(), default=None)


def _limits() -> Iterator[int]:
    found = _table(Path("/proc/meminfo"))
    if "MemAvailable" in found:
        yield found["MemAvailable"] * 1024
    group = Path("/sys/fs/cgroup")
    most, used = (_number(group / name) for name in ("memory.max", "memory.current"))
    if most is not None and used is not None:
        yield most - used
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    held = _table(Path("/proc/self/status")).get("VmSize")
    if limit != resource.RLIM_INFINITY and held is not None:
        yield limit - held * 1024


def _table(path: Path) -> dict[str, int]:
    """Numbers of lines such as `MemAvailable:  1234 kB`; nothing where there is no such file."""
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return {}
    return {words[0].rstrip(":"): int(words[1]) for words in lines if len(words) > 1 and words[1].isdigit()}


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # "max": no limit
        return None


def check_memory(model: GCN, config: RunConfig) -> None:
    """Raise UserError when a training needs more memory than there is, however little it takes beside; warn when it
    takes more as trainings usually do."""
    least, there = least_bytes(model, config.batch_size), available_bytes()
    if there is None or USUALLY * least <= there or tf.config.list_physical_devices("GPU"):
        return
    needed = f"needs at least {least / 2**30:.1f} GiB of memory, usually {USUALLY * least / 2**30:.1f}"
    message = (
        f"--batch-size {config.batch_size} with these networks {needed}; {max(there, 0) / 2**30:.1f} are free: lower "
        "--batch-size, --image-size or the layers' widths"
    )
    if least > there:
        raise UserError(message)
    print(f"gcn-tf: {message}, for the system may end the training without a word", file=sys.stderr)
