"""Decoded pictures in one file, for sets that need not fit into memory: made part by part, checked, and mapped.

A folder `packed-KEY` holds `pixels`, the pictures one after the other, `contents`, the SHA-256 of their files, and
`parts.jsonl`, a line for every part that is complete. What a killed process left beyond the last line is cut off, and the
next start goes on there.
"""

import hashlib
import json
import math
import mmap
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from gcn_tf.errors import UserError, shown_text
from gcn_tf.files import write_atomically
from gcn_tf.pipelines.folder.decoded import Decoded
from gcn_tf.pipelines.folder.fitting import Form
from gcn_tf.progress import progress

PART = 4_096  # files between two lines of parts.jsonl
MOST_FOLDERS = 3  # those that were not used for the longest time are removed
READ_AT_ONCE = 1 << 24  # bytes
DELAY = 2  # seconds of work without a progress bar
_DIGEST = hashlib.sha256().digest_size


class Packed:
    """The pictures of a list of files in one form, as far as they are decoded.

    Args:
        folder: Path. Created with the first part.
        form: what every picture was brought to.
        say: called with one line for the user when a part is damaged.
    """

    def __init__(self, folder: Path, form: Form, say: Callable[[str], Any]) -> None:
        self.folder, self.form, self.say = folder, form, say
        self.bytes = math.prod(form.size) * form.channels  # of a picture
        self.parts = self._whole_parts()

    @property
    def files(self) -> int:
        """How many files are done, from the first one on."""
        return sum(part["files"] for part in self.parts)

    @property
    def pictures(self) -> int:
        """How many of them decoded."""
        return sum(part["pictures"] for part in self.parts)

    def require_room(self, files: int) -> None:
        """Raise UserError unless so many files in all fit on the disk."""
        self.folder.mkdir(parents=True, exist_ok=True)
        needed = (files - self.files) * (self.bytes + _DIGEST)
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise UserError(
                f"{files:,} pictures of {self.form.size[0]}x{self.form.size[1]} take {needed / 2**30:.1f} GiB more in "
                f"{shown_text(str(self.folder.parent))}, {free / 2**30:.1f} GiB are free: name a larger place by --data-dir, or choose a smaller size"
            )

    def append(self, decoded: Decoded, files: int) -> None:
        """Write the pictures of the next files, numbered from 0, and note that they are done."""
        done, pictures = self.files, self.pictures
        pixels = np.ascontiguousarray(decoded.images).reshape(-1).data
        self._write("pixels", pictures * self.bytes, pixels)
        self._write("contents", pictures * _DIGEST, memoryview(b"".join(decoded.sha256)))
        part = {
            "files": files,
            "pictures": len(decoded.good),
            "problems": [[done + number, reason] for number, reason in decoded.problems],
            "notes": decoded.notes,
            "sha256": hashlib.sha256(pixels).hexdigest(),
        }
        with (self.folder / "parts.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(part) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.parts.append(part)

    def _write(self, name: str, start: int, content: memoryview) -> None:
        path = self.folder / name
        with path.open("r+b" if path.exists() else "w+b") as file:
            file.truncate(start)
            file.seek(start)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def decoded(self) -> Decoded:
        """All pictures, mapped from the file: what is not looked at takes no memory, and what is written stays in memory."""
        bad = {number for part in self.parts for number, _ in part["problems"]}
        good = np.setdiff1d(np.arange(self.files), np.fromiter(bad, np.int64, len(bad)))
        contents = (self.folder / "contents").read_bytes()
        self._remember_state()
        os.utime(self.folder)
        return Decoded(
            self._mapped().reshape(-1, *self.form.size, self.form.channels),
            good,
            tuple((number, reason) for part in self.parts for number, reason in part["problems"]),
            tuple(dict.fromkeys(note for part in self.parts for note in part["notes"])),
            tuple(contents[n : n + _DIGEST] for n in range(0, len(good) * _DIGEST, _DIGEST)),
            hashlib.sha256("".join(part["sha256"] for part in self.parts).encode()).hexdigest(),
        )

    def _mapped(self) -> np.ndarray:
        if not self.pictures:
            return np.empty(0, np.uint8)
        with (self.folder / "pixels").open("rb") as file:
            return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY), np.uint8)

    def forget_others(self) -> None:
        """Remove the folders beside this one that were not used for the longest time."""
        with suppress(OSError):  # another process removes them as well
            others = sorted(self.folder.parent.glob("packed-*"), key=lambda path: path.stat().st_mtime)
            for path in [other for other in others if other != self.folder][: -(MOST_FOLDERS - 1)]:
                shutil.rmtree(path, ignore_errors=True)

    def _whole_parts(self) -> list[dict[str, Any]]:
        """What parts.jsonl says, up to the first part that is not as it was written; the rest is cut off."""
        parts = self._noted_parts()
        whole = len(parts) if self._is_remembered(parts) else self._count_whole(parts)
        if whole < len(parts):
            self.say(f"{shown_text(str(self.folder))} is damaged: part of the pictures is read again")
            parts = parts[:whole]
            lines = "".join(json.dumps(part) + "\n" for part in parts)
            write_atomically(
                self.folder / "parts.jsonl", lambda path: path.write_text(lines, encoding="utf-8")
            )
        return parts

    def _noted_parts(self) -> list[dict[str, Any]]:
        try:
            lines = (self.folder / "parts.jsonl").read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return []
        parts = []
        for line in lines:
            try:
                match json.loads(line):
                    case {
                        "files": int(),
                        "pictures": int(),
                        "problems": list(),
                        "notes": list(),
                        "sha256": str(),
                    } as part:
                        parts.append(part)
                        continue
            except ValueError:
                pass
            break
        return parts

    def _count_whole(self, parts: list[dict[str, Any]]) -> int:
        """How many parts, from the first one on, have the pixels and contents that were written."""
        try:
            contents = (self.folder / "contents").stat().st_size // _DIGEST
            with (
                (self.folder / "pixels").open("rb") as file,
                progress(len(parts), "checking pictures", "part", delay=DELAY) as bar,
            ):
                pictures = 0
                for number, part in enumerate(parts):
                    pictures += part["pictures"]
                    if (
                        pictures > contents
                        or _read_sha256(file, part["pictures"] * self.bytes) != part["sha256"]
                    ):
                        return number
                    bar.update()
        except OSError:
            return 0
        return len(parts)

    def _state(self) -> list[int]:
        """What changes whenever somebody writes the pixels."""
        found = (self.folder / "pixels").stat()
        return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]

    def _remember_state(self) -> None:
        if self.pictures and not self._is_remembered(self.parts):
            state = json.dumps(self._state())
            write_atomically(self.folder / "checked", lambda path: path.write_text(state, encoding="utf-8"))

    def _is_remembered(self, parts: list[dict[str, Any]]) -> bool:
        """Whether the pixels are those that were checked before, by size and times."""
        wanted = sum(part["pictures"] for part in parts)
        try:
            state = self._state()
            contents = (self.folder / "contents").stat().st_size
            known = json.loads((self.folder / "checked").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return bool(known == state and state[0] == wanted * self.bytes and contents == wanted * _DIGEST)


def _read_sha256(file: Any, count: int) -> str:
    """SHA-256 of the next bytes of a file."""
    digest = hashlib.sha256()
    while count > 0 and (some := file.read(min(count, READ_AT_ONCE))):
        digest.update(some)
        count -= len(some)
    return digest.hexdigest() if not count else ""
