"""The files that describe a whole set; augmentation.json, written last, tells the sizes and SHA-256 of the others."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from gcn_tf.augmentation.augmented_set import LAYOUT, PLAN, AugmentedSet
from gcn_tf.augmentation.contents import Contents
from gcn_tf.augmentation.parts import find_damage, read_record
from gcn_tf.augmentation.report import Counts, check_kept, report_lines, report_text
from gcn_tf.augmentation.scratch import scratch_folder, write_whole
from gcn_tf.augmentation.shards import forget_shards, is_statement
from gcn_tf.errors import UserError
from gcn_tf.files import LARGEST_JSON, is_unfinished, read_json_object, read_small
from gcn_tf.pipelines.folder.augmented import DESCRIPTION

NOT_WRITTEN = f"{DESCRIPTION} is missing"


def counts_of(found: AugmentedSet, parts: Iterable[int]) -> list[Counts]:
    return [read_record(found, part).counts for part in parts]


def total_counts(found: AugmentedSet, parts: Sequence[Counts]) -> Counts:
    nothing = np.zeros(len(found.class_names), np.int64)
    return reduce(add, parts, Counts(nothing, nothing, nothing))


def write_description(found: AugmentedSet, parts: Sequence[Counts]) -> None:
    """Write these files, from the counts of every part."""
    with scratch_folder(found.folder) as scratch:
        names = found.writer.finish([int(part.kept.sum()) for part in parts], scratch)
        files = {"names": names, **asdict(Contents.of(found.folder, names))}
        text = _report(found, total_counts(found, parts), files)
        write_whole(scratch, found.folder / DESCRIPTION, lambda path: path.write_text(text, encoding="utf-8"))


def description_damage(found: AugmentedSet, parts: Sequence[Counts], read: bool = False) -> str:
    """Which of these files is missing or damaged, in words; "" if none is.

    Args:
        read: whether every byte is read; otherwise only the sizes are compared, but for augmentation.json.
    """
    path = found.folder / DESCRIPTION
    if not path.exists():
        return NOT_WRITTEN
    try:
        files = read_json_object(path, "")["files"]
        names, contents = _names(files), Contents.parse(files)
        text = read_small(path, LARGEST_JSON).decode()
    except (UserError, OSError, KeyError, TypeError, ValueError):
        return f"{DESCRIPTION} is damaged, or of an earlier version"
    if text != _report(found, total_counts(found, parts), files):
        return f"{DESCRIPTION} is damaged"
    missing = [
        folder.relative_to(found.folder)
        for folder in found.writer.class_folders.values()
        if not folder.is_dir()
    ]
    return f"{missing[0]} is missing" if missing else contents.damage(found.folder, names, read)


def strange_files(found: AugmentedSet) -> list[str]:
    """Files in the folder of a whole set that do not belong to it."""
    own = {PLAN, LAYOUT, DESCRIPTION}
    with suppress(UserError, KeyError, TypeError, ValueError):  # nothing describes the set yet
        own |= {*_names(read_json_object(found.folder / DESCRIPTION, "")["files"])}
    for part in range(found.parts):
        own |= {f"parts/{found.record_path(part).name}", *found.writer.names(part)}
    there = (path for path in found.folder.rglob("*") if not path.is_dir())
    names = (path.relative_to(found.folder).as_posix() for path in there if not is_unfinished(path.name))
    return sorted(name for name in names if name not in own and not is_statement(name))


def strange_pictures(found: AugmentedSet) -> list[str]:
    """Those of them that readers take for pictures of the set."""
    return [name for name in strange_files(found) if found.writer.holds_pictures(name)]


def _names(files: dict[str, Any]) -> list[str]:
    """Names of the files that augmentation.json tells of; raises KeyError, TypeError or ValueError for what `write_description` did not write."""
    names = files["names"]
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError("no names of files")
    return list(names)


def _report(found: AugmentedSet, counts: Counts, files: dict[str, Any]) -> str:
    return report_text(found.plan, found.class_names, counts, files)


def conclude(found: AugmentedSet, say: Callable[[str], None]) -> bool:
    """Report what is there; when that is everything, write what describes it.

    Returns:
        Whether the set is complete.

    Raises:
        UserError: it is, and no picture was kept.
    """
    balance = bool(found.plan["balance"])
    filtered = bool(found.plan["min_confidence"] or found.plan["min_distance"])
    damage = find_damage(found, read=())
    there = counts_of(found, (part for part in range(found.parts) if part not in damage))
    counts = total_counts(found, there)
    for line in report_lines(found.label, found.class_names, counts, filtered, balance):
        say(line)
    if damage:
        say(
            f"{len(damage)} of {found.parts} parts are missing or damaged: run the other shards; in a folder that has the files of "
            "all of them, this command completes the set"
        )
        return False
    check_kept(found.label, found.class_names, counts, balance)
    write_description(found, there)
    forget_shards(found)
    say(f"{int(counts.kept.sum())} pictures; read them: {found.writer.how_to_read()}")
    return True
