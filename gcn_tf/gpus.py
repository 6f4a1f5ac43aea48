"""Which GPU each of several processes works on: every process has one, in turn."""

import os
import re
from collections.abc import Mapping, Sequence

from gcn_tf.errors import UserError, shown_text
from gcn_tf.machine import usable_cores

VISIBLE = "CUDA_VISIBLE_DEVICES"
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def visible_gpus(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The GPUs that TensorFlow sees in this process, each as `CUDA_VISIBLE_DEVICES` names it.

    Raises:
        UserError: `CUDA_VISIBLE_DEVICES` does not name them.
    """
    import tensorflow as tf

    return gpu_names(len(tf.config.list_physical_devices("GPU")), environment.get(VISIBLE))


def gpu_names(count: int, named: str | None) -> list[str]:
    """Names of `count` GPUs that TensorFlow sees while `CUDA_VISIBLE_DEVICES` is `named`, which may be unset.

    Raises:
        UserError: it does not name as many: CUDA leaves out a name that it does not know, and all after it.

    >>> gpu_names(2, None), gpu_names(2, "3,GPU-8f1c"), gpu_names(0, "")
    (['0', '1'], ['3', 'GPU-8f1c'], [])
    """
    if not count:
        return []
    if named is None:
        return [str(number) for number in range(count)]
    names = [name.strip() for name in named.split(",")]
    known = all(re.fullmatch(r"\d+|(GPU|MIG)-[\w/-]+", name) for name in names)
    if not known or len(names) != count or len(set(names)) < len(names):
        raise UserError(
            f"{VISIBLE}={shown_text(named)}, but TensorFlow sees {count} GPUs: name each that is to be used once, such as 0,1"
        )
    return names


def process_count(jobs: int | None, gpus: Sequence[str], on_cpu: int) -> int:
    """How many processes `--jobs` asks for: so many on every GPU, by default one; without a GPU, by default `on_cpu`.

    >>> process_count(None, ["0", "1"], 8), process_count(2, ["0", "1"], 8), process_count(None, [], 8)
    (2, 4, 8)
    """
    if gpus:
        return (jobs or 1) * len(gpus)
    return jobs or on_cpu


def process_environments(
    count: int, gpus: Sequence[str], environment: Mapping[str, str] = os.environ
) -> list[dict[str, str]]:
    """What to add to the environment of each of `count` processes, so that they share the machine.

    The GPUs go round. Without one a process has one thread: small networks train about twice as fast side by side as
    one after the other with two threads. Beside a GPU it has its share of the cores. What the environment says of
    threads already stays.

    >>> process_environments(3, ["4", "5"], {name: "1" for name in THREADS})
    [{'CUDA_VISIBLE_DEVICES': '4'}, {'CUDA_VISIBLE_DEVICES': '5'}, {'CUDA_VISIBLE_DEVICES': '4'}]
    """
    threads = str(max(1, usable_cores() // count)) if gpus else "1"
    alike = {name: threads for name in THREADS if name not in environment}
    return [{**alike, **({VISIBLE: gpus[number % len(gpus)]} if gpus else {})} for number in range(count)]
