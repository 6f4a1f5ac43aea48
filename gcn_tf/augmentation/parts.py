"""What parts/NUMBER.json tells of a part: its counts, and the sizes and SHA-256 of its files, by which damage is found."""

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from gcn_tf.augmentation.augmented_set import AugmentedSet
from gcn_tf.augmentation.contents import Contents, checksum
from gcn_tf.augmentation.report import Counts
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
    """Which part of which set it is, by the SHA-256 of the plan, its counts, and the contents of its files.

    Args:
        part: its number; None in a record of an earlier version.
    """

    plan: str
    part: int | None
    counts: Counts
    files: Contents

    def to_json(self) -> str:
        """The record with a checksum of its own."""
        stored = {
            "plan": self.plan,
            "part": self.part,
            **json.loads(self.counts.to_json()),
            "files": asdict(self.files),
        }
        return json.dumps({**stored, "check": checksum(stored)})

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
            part = None if stored.get("part") is None else int(stored["part"])
        except (KeyError, TypeError, ValueError):
            check = ""
        if check != checksum(stored):
            raise UserError(f"{path} is damaged (its checksum differs): {REMEDY}")
        return cls(str(stored.get("plan")), part, counts, files)


def read_record(found: AugmentedSet, part: int) -> PartRecord:
    return PartRecord.read(found.record_path(part), len(found.class_names))


def part_damage(found: AugmentedSet, part: int, read: bool = False) -> str:
    """Why a part has to be made, in words; "" if all its files are as they were written.

    Args:
        read: whether every byte is read; otherwise only the sizes are compared.
    """
    path = found.record_path(part)
    if not path.exists():
        return NOT_MADE
    try:
        record = read_record(found, part)
    except EarlierVersion:
        return EARLIER
    except UserError:
        return f"parts/{path.name} is damaged"
    if record.plan != found.plan_sha256:
        return f"parts/{path.name} is of another set"
    if record.part not in (None, part):
        return f"parts/{path.name} is a copy of that of part {record.part:05d}"
    return record.files.damage(found.folder, found.writer.names(part), read)


def find_damage(found: AugmentedSet, read: Container[int]) -> dict[int, str]:
    """Parts that have to be made, and why; of those in `read` every byte is read."""
    damage = {}
    with progress(found.parts, "checking", "part", delay=2) as bar:
        for part in range(found.parts):
            if reason := part_damage(found, part, part in read):
                damage[part] = reason
            bar.update()
    return damage


def what_was_read(found: AugmentedSet, parts: Sequence[int], damage: Mapping[int, str]) -> str:
    """What --verify did with some parts, in a line."""
    made = [part for part in parts if damage.get(part) != NOT_MADE]
    files = sum(1 + len(found.writer.names(part)) for part in made)
    damaged = sum(damage.get(part, NOT_MADE) != NOT_MADE for part in parts)
    return f"parts read: {len(made)} ({files} files); damaged: {damaged or 'none'}"


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
