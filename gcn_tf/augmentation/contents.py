"""Sizes and SHA-256 of written files, by which cut, lost and changed ones are found."""

import hashlib
import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Contents:
    """What some files hold: the bytes of each, and the SHA-256 of all of them, one file after the other."""

    sizes: tuple[int, ...]
    sha256: str

    @classmethod
    def of(cls, folder: Path, names: Sequence[str]) -> "Contents":
        """Read the files; raises OSError for one that is missing or unreadable."""
        digest = hashlib.sha256()
        sizes = []
        for name in names:
            with open(
                f"{folder}/{name}", "rb"
            ) as file:  # a Path for each of a million names takes twice the time
                content = file.read()
            digest.update(content)
            sizes.append(len(content))
        return cls(tuple(sizes), digest.hexdigest())

    @classmethod
    def parse(cls, stored: dict[str, Any]) -> "Contents":
        """Of what JSON keeps of the fields; raises KeyError, TypeError or ValueError for anything else."""
        sizes, sha256 = stored["sizes"], stored["sha256"]
        if not isinstance(sha256, str) or not all(type(size) is int for size in sizes):
            raise ValueError("no sizes and SHA-256")
        return cls(tuple(sizes), sha256)

    def damage(self, folder: Path, names: Sequence[str], read: bool) -> str:
        """How the files differ from this, in words; "" if they do not.

        Args:
            read: whether every byte is read; otherwise only the sizes are compared.
        """
        for name, size in zip(names, self.sizes, strict=False):
            try:
                found = os.stat(f"{folder}/{name}")
            except OSError as error:
                return _unreadable(name, error)
            if not stat.S_ISREG(found.st_mode):
                return f"{name} is not a regular file"
            if found.st_size != size:
                return f"{name} has {found.st_size:,} bytes, not {size:,}"
        if len(names) != len(self.sizes):
            return f"{len(names)} files are listed, {len(self.sizes)} were written"
        if not read:
            return ""
        try:
            same = Contents.of(folder, names) == self
        except OSError as error:
            return _unreadable(str(error.filename), error)
        return "" if same else f"the content of {_listed(names)} has changed"


def checksum(stored: Mapping[str, Any]) -> str:
    """SHA-256 of what a JSON file keeps."""
    return hashlib.sha256(json.dumps(stored).encode()).hexdigest()


def _unreadable(name: str, error: OSError) -> str:
    return f"{name} is missing" if isinstance(error, FileNotFoundError) else f"{name}: {error.strerror}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} or of another of {len(names)} files"
