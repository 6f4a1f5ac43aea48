"""The workers of a training on several machines: who they are, by `--workers`, by `TF_CONFIG` or by Slurm. No TensorFlow here."""

import json
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gcn_tf.config.checks import whole_number
from gcn_tf.errors import UserError, shown_text

KINDS = "host:port,host:port,... or slurm"
LOWEST_SLURM_PORT, SLURM_PORTS = 20_000, 10_000  # below the ports that Linux gives to outgoing connections


@dataclass(frozen=True)
class Workers:
    """The workers of a training, and which of them this process is.

    Args:
        addresses: "host:port" of each, the same on all machines; the first is the chief's.
        place: from 0.
    """

    addresses: tuple[str, ...]
    place: int

    @property
    def is_chief(self) -> bool:
        """Whether this is the one that writes the run."""
        return self.place == 0

    def named(self, place: int) -> str:
        """`"worker 1 (10.0.0.2:2222)"`."""
        return f"worker {place} ({self.addresses[place]})"


def workers_of(given: str, place: int | None, environment: Mapping[str, str]) -> Workers | None:
    """The workers that flags or the environment name; None for a training on one machine.

    Args:
        given: of `--workers`: addresses with commas between them, the same on every machine; "slurm"; or "".
        place: of `--worker`; None if it was not given.
        environment: variables: `TF_CONFIG` counts if no workers are given, Slurm's if they are "slurm".

    Raises:
        UserError: addresses that no worker can have, or a place that cannot be told.

    >>> workers_of("10.0.0.1:2222,10.0.0.2:2222", 1, {})
    Workers(addresses=('10.0.0.1:2222', '10.0.0.2:2222'), place=1)
    """
    if given == "slurm":
        _refuse_place(place, "--workers slurm tells the place of every task")
        return of_slurm(environment)
    if given:
        return _of_flags(given, place)
    text = environment.get("TF_CONFIG", "")
    if text:
        _refuse_place(place, "TF_CONFIG tells the place of this worker")
        return of_tf_config(text)
    _refuse_place(place, "it is a place in the list of --workers, which is missing")
    return None


def _refuse_place(place: int | None, reason: str) -> None:
    if place is not None:
        raise UserError(f"--worker {place}: {reason}; leave --worker out")


def _of_flags(given: str, place: int | None) -> Workers:
    addresses = tuple(word.strip() for word in given.split(","))
    if len(addresses) == 1:
        raise UserError(
            f"--workers {shown_text(given)}: that is one worker; name all, {KINDS}, or leave --workers out"
        )
    check_addresses(addresses, "--workers")
    if place is None:
        place = _own_place(addresses)
    elif not 0 <= place < len(addresses):
        raise UserError(
            f"--worker {place}: the list of --workers has places 0 to {len(addresses) - 1}; give the one of this machine"
        )
    return Workers(addresses, place)


def check_addresses(addresses: Sequence[str], source: str) -> None:
    """Raise UserError unless all addresses are of the form host:port, and all different."""
    for address in addresses:
        host, port = split_address(address)
        if not host or not 0 < (whole_number(port) or 0) < 2**16:
            raise UserError(
                f"{source}: {shown_text(address) if address else 'an empty address'} is not host:port with a port from 1 to 65535"
            )
    for address in addresses:
        if addresses.count(address) > 1:
            raise UserError(f"{source}: {address} is there twice; give every worker a port of its own")


def split_address(address: str) -> tuple[str, str]:
    """Host and port of an address; that of IPv6 stands in brackets.

    >>> split_address("node1:2222"), split_address("[::1]:2222"), split_address("node1")
    (('node1', '2222'), ('::1', '2222'), ('node1', ''))
    """
    found = re.fullmatch(r"\[(.*)\]:(.*)|([^:]*):(.*)", address)
    if not found:
        return address, ""
    return (found[1], found[2]) if found[1] is not None else (found[3], found[4])


def _own_place(addresses: Sequence[str]) -> int:
    """The only place whose host is this machine; raises UserError if there is no such, or if there are several."""
    own = [place for place, address in enumerate(addresses) if _is_here(split_address(address)[0])]
    if len(own) == 1:
        return own[0]
    reason = (
        f"places {', '.join(map(str, own))} are on this machine"
        if own
        else "none of its hosts is this machine"
    )
    raise UserError(f"--workers {','.join(addresses)}: {reason}; say which is this one with --worker N")


def _is_here(host: str) -> bool:
    """Whether an address of the host is one of this machine's."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except OSError:
        return False
    for family, kind, protocol, _, place in found:
        with socket.socket(family, kind, protocol) as probe:
            try:
                probe.bind(place)
            except OSError:
                continue
            return True
    return False


def of_tf_config(text: str) -> Workers | None:
    """The workers that the value of `TF_CONFIG` names, the chief first; None if there is one only.

    Raises:
        UserError: no JSON, or not of the form that TensorFlow documents.

    >>> of_tf_config('{"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 1}}')
    Workers(addresses=('a:2222', 'b:2222'), place=1)
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"TF_CONFIG is no JSON ({error}): {shown_text(text)}; correct it, or unset it"
        ) from None
    cluster, kind, index = _parts(found)
    if others := sorted(set(cluster) - {"chief", "worker"}):
        raise UserError(
            f"TF_CONFIG names tasks of the type {shown_text(others[0])}: gcn-tf trains on chief and worker only"
        )
    chiefs, workers = cluster.get("chief", []), cluster.get("worker", [])
    addresses = (*chiefs, *workers)
    if kind not in cluster or not 0 <= index < len(cluster[kind]):
        raise UserError(
            f'TF_CONFIG: its task is {shown_text(str(kind))} {index}, which its cluster lacks; give the "type" and "index" of this one'
        )
    check_addresses(addresses, "TF_CONFIG")
    if len(addresses) == 1:
        return None
    return Workers(addresses, index + (len(chiefs) if kind == "worker" else 0))


def _parts(found: Any) -> tuple[dict[str, list[str]], str, int]:
    """Cluster, and type and index of the task; raises UserError for another form."""
    match found:
        case {"cluster": dict(cluster), "task": {"type": str(kind), "index": int() | str() as index}}:
            listed = all(
                isinstance(tasks, list) and all(isinstance(task, str) for task in tasks)
                for tasks in cluster.values()
            )
            number = whole_number(str(index))
            if listed and number is not None:
                return cluster, kind, number
    raise UserError(
        'TF_CONFIG is not of the form {"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}: correct it, '
        "or unset it"
    )


def of_slurm(environment: Mapping[str, str]) -> Workers:
    """The tasks of a step of Slurm as workers, in the order of their numbers; ports follow from the number of the job.

    Raises:
        UserError: this is no task of Slurm, or the only one.

    >>> of_slurm({"SLURM_JOB_ID": "77", "SLURM_PROCID": "1", "SLURM_NTASKS": "2", "SLURM_JOB_NODELIST": "n[1-2]"})
    Workers(addresses=('n1:20077', 'n2:20077'), place=1)
    """
    place, count = (
        _slurm_number(environment, *names)
        for names in (("SLURM_PROCID",), ("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"))
    )
    nodes = hosts(_slurm_value(environment, "SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST"))
    if count < 2:
        raise UserError(
            "--workers slurm: the step has one task; start it with srun and --ntasks of 2 or more"
        )
    given = environment.get("SLURM_STEP_TASKS_PER_NODE") or environment.get("SLURM_TASKS_PER_NODE") or ""
    per_node = _tasks_per_node(given, count, len(nodes))
    base = LOWEST_SLURM_PORT + _slurm_number(environment, "SLURM_JOB_ID") % SLURM_PORTS
    addresses = tuple(
        f"{node}:{base + task}" for node, tasks in zip(nodes, per_node, strict=True) for task in range(tasks)
    )
    if not place < len(addresses) == count:
        raise UserError(
            f"--workers slurm: SLURM_PROCID {place} of {count} tasks, but the nodes have {len(addresses)}; give --workers host:port,..."
        )
    node = whole_number(environment.get("SLURM_NODEID", ""))
    if node is not None and addresses[place].rpartition(":")[0] not in nodes[node : node + 1]:
        raise UserError(
            f"--workers slurm: task {place} is not on {addresses[place]}; give srun --distribution=block, or one task per node"
        )
    return Workers(addresses, place)


def _slurm_value(environment: Mapping[str, str], *names: str) -> str:
    """The first of the variables that is set; raises UserError if none is."""
    for name in names:
        if environment.get(name):
            return environment[name]
    raise UserError(
        f"--workers slurm: {names[0]} is not set; start gcn-tf with srun, or give --workers host:port,..."
    )


def _slurm_number(environment: Mapping[str, str], *names: str) -> int:
    text = _slurm_value(environment, *names)
    number = whole_number(text)
    if number is None:
        raise UserError(f"--workers slurm: {names[-1]} is {shown_text(text)}, not a number")
    return number


def hosts(text: str) -> tuple[str, ...]:
    """The nodes of a list as Slurm writes it.

    >>> hosts("gpu[08-10,12],login,rack[1-2]n[1-2]")
    ('gpu08', 'gpu09', 'gpu10', 'gpu12', 'login', 'rack1n1', 'rack1n2', 'rack2n1', 'rack2n2')
    """
    words = re.findall(r"(?:[^,\[\]]|\[[^\[\]]*\])+", text)
    return tuple(host for word in words for host in _expanded(word))


def _expanded(word: str) -> list[str]:
    """`n[1-2]` -> n1, n2; with several brackets, the last varies fastest."""
    found = re.fullmatch(r"([^\[]*)\[([^\]]*)\](.*)", word)
    if not found:
        return [word]
    numbers = [number for part in found[2].split(",") for number in _numbers(part, word)]
    return [found[1] + number + rest for number in numbers for rest in _expanded(found[3])]


def _numbers(part: str, word: str) -> list[str]:
    first, _, last = part.partition("-")
    if not all(number.isdecimal() for number in (first, last or first)):
        raise UserError(f"--workers slurm: cannot read the list of nodes {shown_text(word)}")
    return [f"{number:0{len(first)}d}" for number in range(int(first), int(last or first) + 1)]


def _tasks_per_node(text: str, tasks: int, nodes: int) -> list[int]:
    """`2(x3),1` -> 2, 2, 2, 1; without a text, as many on each node as can be."""
    if not text:
        return [tasks // nodes + (node < tasks % nodes) for node in range(nodes)]
    counts: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", part)
        if not found:
            raise UserError(f"--workers slurm: cannot read the tasks per node {shown_text(text)}")
        counts += [int(found[1])] * int(found[2] or 1)
    if len(counts) != nodes:
        raise UserError(f"--workers slurm: {nodes} nodes, but the tasks of {len(counts)}: {shown_text(text)}")
    return counts
