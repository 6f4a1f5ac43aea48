"""What a training needs at least, and what there is: TensorFlow ends the process, with no word to users, when it runs out."""

import math
import resource
from collections.abc import Iterator
from pathlib import Path

import keras
import tensorflow as tf

from gcn_tf.config import RunConfig
from gcn_tf.errors import UserError
from gcn_tf.model import GCN

COPIES = 4  # of every weight: itself, its gradient and Adam's two moments


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
    """Raise UserError when a training needs more memory than there is, however little it takes beside."""
    needed, there = least_bytes(model, config.batch_size), available_bytes()
    if there is None or needed <= there or tf.config.list_physical_devices("GPU"):
        return
    raise UserError(
        f"--batch-size {config.batch_size} and these networks need at least {needed / 2**30:.1f} GiB of memory, "
        f"{max(there, 0) / 2**30:.1f} are free: lower --batch-size, --image-size or the layers' widths"
    )
