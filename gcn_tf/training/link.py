"""The connections between the workers of a training: messages, arrays and signs of life, over TCP.

The chief listens at its own address until all others have come; then TensorFlow's server takes that port, and the connections stay.
Whoever closes his connection, or says nothing for too long, is lost, and that ends all workers.
"""

import json
import os
import queue
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any

import numpy as np

from gcn_tf import __version__
from gcn_tf.errors import UserError, shown_text
from gcn_tf.training.workers import Workers, split_address

WAIT = 600  # seconds until all workers must have come
BEAT = 2  # seconds between signs of life
SILENCE_AT_START = 300  # seconds without a sign of life: libraries that load, or devices that start, may stop a process for long
SILENCE = 15  # the same during the training
GRACE = 8  # seconds that a worker has to end in order once another one is lost
LONGEST_MESSAGE = 2**26  # bytes
HEAD = struct.Struct("!cQ")  # kind and length of what follows
MESSAGE, ARRAY, SIGN = b"M", b"A", b"."
REMEDY = "the same command again on all machines goes on from the last checkpoint"

Message = dict[str, Any]


class WorkerLost(UserError):
    """Another worker has ended, or cannot be reached any longer."""

    at_once = True


class Peer:
    """One connection: writes of several threads do not mix, reads are those of one.

    Attributes:
        place: of the worker at the other end.
        patience: seconds that may pass without a byte of it.
    """

    def __init__(self, connection: socket.socket, place: int) -> None:
        self.connection, self.place = connection, place
        self.patience: float = SILENCE_AT_START
        connection.settimeout(None)
        self.received: queue.Queue[Message | bytes] = queue.Queue()
        self._writing = threading.Lock()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def write(self, kind: bytes, body: bytes = b"") -> None:
        with self._writing:
            self.connection.sendall(HEAD.pack(kind, len(body)))
            self.connection.sendall(body)

    def tell(self, **message: Any) -> None:
        self.write(MESSAGE, json.dumps(message).encode())

    def read(self, longest: int = LONGEST_MESSAGE) -> Message | bytes | None:
        """The next message or array; None for a sign of life. Raises OSError or ValueError if no such comes."""
        kind, length = HEAD.unpack(self._exactly(HEAD.size))
        if kind == SIGN and not length:
            return None
        if kind == ARRAY and longest == LONGEST_MESSAGE:
            return self._exactly(length)
        if kind != MESSAGE or length > longest:
            raise ValueError("that is no message of gcn-tf")
        found = json.loads(self._exactly(length))
        if not isinstance(found, dict):
            raise ValueError("that is no message of gcn-tf")
        return found

    def _exactly(self, length: int) -> bytes:
        parts, since = bytearray(), time.monotonic()
        readable = select.poll()
        readable.register(self.connection, select.POLLIN)
        while len(parts) < length:
            if not readable.poll(1000 * min(1, self.patience)):
                if time.monotonic() - since > self.patience:
                    raise TimeoutError(f"it has given no sign of life for {self.patience:.0f} s")
                continue
            since = time.monotonic()
            part = self.connection.recv(min(length - len(parts), 2**20))
            if not part:
                raise ConnectionResetError("it closed the connection")
            parts += part
        return bytes(parts)


class Link:
    """The connections of this worker: the chief's to all others, any other's to the chief.

    Used as a context: an exception within it is told to the others, as the reason why this worker ends.

    Attributes:
        lost: why the workers cannot go on, one line; "" as long as they can.
        released: whether this worker no longer minds what becomes of the others.
        on_loss: called with `lost`, by another thread, so that the main one need not wait for who is lost.
    """

    def __init__(self, workers: Workers, peers: list[Peer]) -> None:
        self.workers, self.peers = workers, {peer.place: peer for peer in peers}
        self.lost = ""
        self.released = False
        self.on_loss: Callable[[str], None] = lambda reason: None
        self._losing = threading.Lock()
        self._noticed = threading.Event()
        for peer in peers:
            _in_background(self._listen, peer)
        _in_background(self._give_signs)

    def __enter__(self) -> "Link":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not self.released:
            reason = str(error) if isinstance(error, UserError) else "it was stopped"
            if not isinstance(error, (UserError, KeyboardInterrupt, SystemExit)):
                reason = f"{type(error).__name__}: {error}"
            self._tell_all(end=" ".join(reason.split())[:500])
        self.release()

    def release(self) -> None:
        """From now on this worker does not mind what becomes of the others."""
        self.released = True

    def watch_closely(self) -> None:
        """From now on a worker that gives no sign of life for `SILENCE` seconds is lost."""
        for peer in self.peers.values():
            peer.patience = SILENCE

    def check(self) -> None:
        """Raise WorkerLost if another worker is lost."""
        if self.lost:
            raise WorkerLost(self.lost)

    def wait_for_loss(self) -> None:
        """Raise WorkerLost as soon as it is known which worker is lost; return if none is, after as long as that may take."""
        self._noticed.wait(SILENCE + BEAT)
        self.check()

    def tell(self, **message: Any) -> None:
        """Send a message: the chief's goes to all others, any other's to the chief."""
        self._tell_all(**message)
        self.check()

    def _tell_all(self, **message: Any) -> None:
        for peer in self.peers.values():
            with suppress(OSError):  # the listening thread notices it as well
                peer.tell(**message)

    def hear(self, key: str, place: int = 0, or_else: str = "") -> Any:
        """Wait for the next message of a worker, the value of `key`; None if it is `or_else` instead.

        Raises:
            WorkerLost: none will come.
        """
        found = self._next(place)
        if isinstance(found, dict) and or_else in found:
            return None
        if not isinstance(found, dict) or key not in found:
            raise WorkerLost(f"{self.workers.named(place)} does not say its {key}: {REMEDY}")
        return found[key]

    def hear_all(self, key: str) -> dict[int, Any]:
        """The same of all workers that are connected, by their places."""
        return {place: self.hear(key, place) for place in self.peers}

    def send_array(self, array: np.ndarray) -> None:
        """Send an array to all others."""
        body = np.ascontiguousarray(array).tobytes()
        for peer in self.peers.values():
            with suppress(OSError):
                peer.write(ARRAY, body)
        self.check()

    def receive_array(self, kind: Any, shape: tuple[int, ...]) -> np.ndarray:
        """The next array of the chief, of a known dtype and shape."""
        found, size = self._next(0), int(np.prod(shape)) * np.dtype(kind).itemsize
        if not isinstance(found, bytes) or len(found) != size:
            raise WorkerLost(f"{self.workers.named(0)} has other networks: {REMEDY}")
        return np.frombuffer(found, kind).reshape(shape)

    def _next(self, place: int) -> Message | bytes:
        while True:
            with suppress(queue.Empty):
                return self.peers[place].received.get(timeout=0.2)
            self.check()

    def _listen(self, peer: Peer) -> None:
        while True:
            try:
                found = peer.read()
            except TimeoutError as error:
                self._lose(f"{self.workers.named(peer.place)}: {error}; {REMEDY}")
                return
            except (OSError, ValueError):
                self._lose(f"{self.workers.named(peer.place)} is gone; {REMEDY}")
                return
            if isinstance(found, dict) and "end" in found:
                self._lose(f"{self.workers.named(peer.place)} has ended: {found['end']}")
                return
            if isinstance(found, dict) and "lost" in found:
                self._lose(str(found["lost"]))
                return
            if found is not None:
                peer.received.put(found)

    def _give_signs(self) -> None:
        while not self.released:
            for peer in self.peers.values():
                with suppress(OSError):
                    peer.write(SIGN)
            time.sleep(BEAT)

    def _lose(self, reason: str) -> None:
        """Note the first loss, tell the others, and end this process if it does not end in order."""
        with self._losing:
            if self.released or self.lost:
                return
            self.lost = reason
        self._noticed.set()
        _in_background(self._end_if_late)
        self.on_loss(self.lost)
        if self.workers.is_chief:
            self._tell_all(lost=self.lost)

    def _end_if_late(self) -> None:
        time.sleep(GRACE)
        if not self.released:
            below_bar = "\n" if self.workers.is_chief else ""
            print(f"{below_bar}gcn-tf: {self.lost}", file=sys.stderr, flush=True)
            os._exit(2)


def _in_background(function: Callable[..., None], *arguments: Any) -> None:
    threading.Thread(target=function, args=arguments, daemon=True).start()


def connect(workers: Workers, say: Callable[[str], None] = print) -> Link:
    """Connect all workers of a training, each of which calls this.

    Args:
        say: called with lines for the user of the chief.

    Raises:
        UserError: an address that is in use or cannot be reached, or workers with another list or version.
    """
    peers = _await_others(workers, say) if workers.is_chief else [_reach_chief(workers)]
    return Link(workers, peers)


def _about(workers: Workers) -> Message:
    """What all workers must have in common before anything else."""
    return {"version": __version__, "workers": list(workers.addresses)}


def _await_others(workers: Workers, say: Callable[[str], None]) -> list[Peer]:
    found: dict[int, Peer] = {}
    until = time.monotonic() + WAIT
    with listening(workers) as listener:
        say(
            f"worker 0 of {len(workers.addresses)} waits for the others at {workers.addresses[0]}, up to {WAIT // 60} minutes"
        )
        listener.settimeout(1)
        while len(found) < len(workers.addresses) - 1:
            if time.monotonic() > until:
                missing = [n for n in range(1, len(workers.addresses)) if n not in found]
                raise UserError(
                    f"{', '.join(map(workers.named, missing))} did not come within {WAIT // 60} minutes: start gcn-tf with the same "
                    "--workers on every machine, and open the ports between them"
                )
            with suppress(TimeoutError):
                connection, _ = listener.accept()
                if peer := _greeted(connection, workers, found):
                    found[peer.place] = peer
    for peer in found.values():
        peer.tell(welcome=True)
    return list(found.values())


@contextmanager
def listening(workers: Workers) -> Iterator[socket.socket]:
    """A socket that listens at the port of this worker; raises UserError if it cannot."""
    port = int(split_address(workers.addresses[workers.place])[1])
    try:
        both = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if both else socket.AF_INET
        listener = socket.create_server(("", port), family=family, dualstack_ipv6=both)
    except OSError as error:
        raise UserError(
            f"{workers.named(workers.place)}: cannot listen on port {port} ({error.strerror or error}); give another one in the list of "
            "workers, on all machines"
        ) from None
    with listener:
        yield listener


def _greeted(connection: socket.socket, workers: Workers, found: dict[int, Peer]) -> Peer | None:
    """Who has come; None for a stranger, who is sent away. Raises UserError for a worker that cannot take part."""
    peer = Peer(connection, 0)
    peer.patience = 10
    try:
        said = peer.read(longest=2**16)
    except (OSError, ValueError):
        said = None
    place = said.get("place") if isinstance(said, dict) else None
    if not isinstance(said, dict) or not isinstance(place, int):
        connection.close()
        return None
    reason = _refusal(workers, said, place, found)
    if reason:
        with suppress(OSError):
            peer.tell(refused=reason)
        for other in found.values():
            with suppress(OSError):
                other.tell(refused=reason)
        raise UserError(reason)
    peer.place, peer.patience = place, SILENCE_AT_START
    return peer


def _refusal(workers: Workers, said: Message, place: int, found: dict[int, Peer]) -> str:
    """Why a worker cannot take part; "" if it can."""
    for key, own in _about(workers).items():
        if said.get(key) != own:
            other = shown_text(str(said.get(key)))
            return f"workers differ: {key} is {own} at worker 0 and {other} at worker {place}; start all of them alike"
    if place in found or not 0 < place < len(workers.addresses):
        return f"two workers say that they are worker {place}: give each its own --worker"
    return ""


def _reach_chief(workers: Workers) -> Peer:
    with listening(workers):
        pass  # TensorFlow's server would fail later, with a page of text
    host, port = split_address(workers.addresses[0])
    until, reason = time.monotonic() + WAIT, ""
    while time.monotonic() < until:
        try:
            connection = socket.create_connection((host, int(port)), timeout=10)
        except OSError as error:
            reason = error.strerror or str(error)
            time.sleep(0.5)
            continue
        peer = Peer(connection, 0)
        peer.patience = WAIT
        try:
            peer.tell(place=workers.place, **_about(workers))
            answer = peer.read(longest=2**16)
        except (OSError, ValueError) as error:
            reason = f"it answers, but not as gcn-tf: {error}"
            time.sleep(0.5)
            continue
        if isinstance(answer, dict) and "refused" in answer:
            raise UserError(str(answer["refused"]))
        peer.patience = SILENCE_AT_START
        return peer
    raise UserError(
        f"{workers.named(0)} cannot be reached ({reason}): start gcn-tf with the same --workers on every machine, and open the port"
    )
