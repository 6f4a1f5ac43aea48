"""The machine that this process runs on: its processor, its cores and the available memory."""

import os
import platform
import resource
from collections.abc import Iterator
from pathlib import Path


def available_bytes() -> int | None:
    """Bytes that this process may still allocate within the machine, the container and its own limit; None if unknown."""
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
    """Parse lines such as `MemAvailable:  1234 kB` into numbers by name; empty if there is no such file."""
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return {}
    return {words[0].rstrip(":"): int(words[1]) for words in lines if len(words) > 1 and words[1].isdigit()}


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # "max": no limit
        return None


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def usable_cores() -> int:
    """Number of cores that this process may use; a container or `taskset` can limit it."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    return len(affinity(0)) if affinity else os.cpu_count() or 1
