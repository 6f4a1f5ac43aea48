"""Decoded pictures kept between starts: named by content, and found again by the sizes and times of unchanged files."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gcn_tf.errors import shown_text
from gcn_tf.files import require_regular, write_atomically

MOST_ENTRIES = 16  # of a kind; those that were not used for the longest time are removed
BYTES_OF_A_FILE = 4000  # that an entry may take for what it says about one file, besides its pixels
_DIGEST = hashlib.sha256().digest_size


def stamp(states: bytes, settings: str) -> str:
    """Hash of settings and of what `states` says of files."""
    return hashlib.sha256(settings.encode() + states).hexdigest()


def states(files: Sequence[str | Path]) -> bytes:
    """Hash of every file's name, size and times: it changes when a file is written anew."""
    digest = hashlib.sha256()
    for path in files:
        try:
            found = os.stat(path)
            state = f"{path}\0{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}\0"
        except (OSError, ValueError):
            state = f"{path}\0missing\0"
        digest.update(os.fsencode(state))
    return digest.digest()


def content_key(digests: Iterable[bytes], settings: str) -> str:
    """Hash of settings and of the content of all files."""
    digest = hashlib.sha256(settings.encode())
    for content in digests:
        digest.update(content)
    return digest.hexdigest()


class Cache:
    """Entries in a folder: a JSON object and pixels, under a checksum.

    Args:
        folder: Path. Created when the first entry is written.
        say: called with one line for the user when an entry is damaged or cannot be written.
    """

    def __init__(self, folder: Path, say: Callable[[str], Any]) -> None:
        self.folder = folder
        self.say = say

    def read(
        self, kind: str, key: str, files: int, pixels: int = 0
    ) -> tuple[dict[str, Any], np.ndarray] | None:
        """An entry's object and pixels, uint8 (P,); None if there is none or it is damaged.

        Args:
            files: number of files that it is about.
            pixels: bytes of pixels that it may hold.
        """
        path = self._path(kind, key)
        if not path.exists():
            return None
        try:
            found = _read(path, pixels + BYTES_OF_A_FILE * (files + 1))
            os.utime(path)
            return found
        except (OSError, ValueError, RecursionError):
            self.say(f"{shown_text(str(path))} is damaged: the pictures are read again")
            return None

    def write(self, kind: str, key: str, about: dict[str, Any], pixels: np.ndarray | None = None) -> bool:
        """Write an entry, and return whether that worked; if not, the next start takes longer, no more."""

        def fill(path: Path) -> None:
            with path.open("wb") as file:
                _fill(file, json.dumps(about).encode() + b"\n", pixels)

        try:
            write_atomically(self._path(kind, key), fill)
            self._forget(kind)
        except OSError as error:
            place = shown_text(str(self.folder))
            self.say(f"cannot write to {place} ({error.strerror}): the pictures are read again next time")
            return False
        return True

    def has(self, kind: str) -> bool:
        """Whether there is any entry of a kind."""
        return any(self.folder.glob(f"{kind}-*.entry"))

    def _path(self, kind: str, key: str) -> Path:
        return self.folder / f"{kind}-{key[:40]}.entry"

    def _forget(self, kind: str) -> None:
        with suppress(OSError):  # another process removes them as well
            entries = sorted(self.folder.glob(f"{kind}-*.entry"), key=lambda path: path.stat().st_mtime)
            for path in entries[:-MOST_ENTRIES]:
                path.unlink()


def _fill(file: BinaryIO, about: bytes, pixels: np.ndarray | None) -> None:
    parts = [memoryview(about)]
    if pixels is not None:
        parts.append(np.ascontiguousarray(pixels).reshape(-1).data)
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    for part in (memoryview(digest.digest()), *parts):
        file.write(part)


def _read(path: Path, most: int) -> tuple[dict[str, Any], np.ndarray]:
    require_regular(path)
    size = path.stat().st_size
    if not _DIGEST < size <= most + _DIGEST:
        raise ValueError("of an impossible size")
    content = np.empty(size, np.uint8)
    with path.open("rb") as file:
        if file.readinto(content.data) != size:
            raise ValueError("cut")
    if hashlib.sha256(content[_DIGEST:].data).digest() != content[:_DIGEST].tobytes():
        raise ValueError("another checksum")
    end = _DIGEST + int(np.argmax(content[_DIGEST:] == ord("\n")))
    about = json.loads(content[_DIGEST:end].tobytes())
    if not isinstance(about, dict):
        raise ValueError("not an object")
    return about, content[end + 1 :]
