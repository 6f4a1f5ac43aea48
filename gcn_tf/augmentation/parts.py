"""What parts/NUMBER.json tells of a part: its counts, and the sizes and SHA-256 of its files, by which damage is found."""

import hashlib
import json
from collections.abc import Container, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gcn_tf.augmentation.contents import Contents
from gcn_tf.augmentation.plan import AugmentationJob
from gcn_tf.augmentation.report import Counts, class_names
from gcn_tf.errors import UserError
from gcn_tf.files import read_json_object
from gcn_tf.progress import progress

REMEDY = "give the same command again"
NOT_MADE = "not made yet"
EARLIER = "written by an earlier version"


class EarlierVersion(UserError):
    """A record of an earlier version, without the contents of the files."""


@dataclass(frozen=True)
class PartRecord:
    """Which set a part is of, by the SHA-256 of its plan, its counts, and the contents of its files."""

    plan: str
    counts: Counts
    files: Contents

    def to_json(self) -> str:
        """The record with a checksum of its own."""
        stored = {"plan": self.plan, **json.loads(self.counts.to_json()), "files": asdict(self.files)}
        return json.dumps({**stored, "check": _checksum(stored)})

    @classmethod
    def read(cls, path: Path, values: int) -> "PartRecord":
        """Read what `to_json` gave of so many values.

        Raises:
            EarlierVersion: it has no contents.
            UserError: it is damaged; the message names the file.
        """
        counts = Counts.read(path, values)
        stored = read_json_object(path, REMEDY)
        if stored.keys() == {"wanted", "passed", "kept"}:
            raise EarlierVersion(f"{path} is of an earlier version: {REMEDY}")
        check = stored.pop("check", "")
        try:
            files = Contents.parse(stored["files"])
        except (KeyError, TypeError, ValueError):
            check = ""
        if check != _checksum(stored):
            raise UserError(f"{path} is damaged (its checksum differs): {REMEDY}")
        return cls(str(stored.get("plan")), counts, files)


def _checksum(stored: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(stored).encode()).hexdigest()


def read_record(job: AugmentationJob, part: int) -> PartRecord:
    return PartRecord.read(job.record_path(part), len(class_names(job.run.space, job.source.label)))


def part_damage(job: AugmentationJob, part: int, read: bool = False) -> str:
    """Why a part has to be made, in words; "" if all its files are as they were written.

    Args:
        read: whether every byte is read; otherwise only the sizes are compared.
    """
    path = job.record_path(part)
    if not path.exists():
        return NOT_MADE
    try:
        record = read_record(job, part)
    except EarlierVersion:
        return EARLIER
    except UserError:
        return f"parts/{path.name} is damaged"
    if record.plan != job.plan_sha256:
        return f"parts/{path.name} is of another set"
    return record.files.damage(job.folder, job.writer.names(part), read)


def find_damage(job: AugmentationJob, read: Container[int]) -> dict[int, str]:
    """Parts that have to be made, and why; of those in `read` every byte is read."""
    damage = {}
    with progress(job.parts, "checking", "part", delay=2) as bar:
        for part in range(job.parts):
            if reason := part_damage(job, part, part in read):
                damage[part] = reason
            bar.update()
    return damage


def damage_lines(damage: Mapping[int, str]) -> list[str]:
    """Lines for people, by part: which are made again, and why; those of an earlier version in one line."""
    lines = [
        f"part {part:05d} is made again: {reason}"
        for part, reason in damage.items()
        if reason not in (NOT_MADE, EARLIER)
    ]
    earlier = sum(reason == EARLIER for reason in damage.values())
    if earlier:
        lines.append(
            f"made again, for an earlier version wrote them without the sizes of their files: {earlier} parts"
        )
    return lines
