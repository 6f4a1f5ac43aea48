"""`gcn-tf augment --verify FOLDER`: is every shard of a set there, whole and of one job? Then describe the set."""

from collections.abc import Callable, Mapping
from pathlib import Path

import tensorflow as tf

from gcn_tf.augmentation.augmented_set import AugmentedSet, read_set
from gcn_tf.augmentation.description import (
    NOT_WRITTEN,
    conclude,
    counts_of,
    description_damage,
    strange_files,
    strange_pictures,
)
from gcn_tf.augmentation.parts import NOT_MADE, find_damage, part_damage, what_was_read
from gcn_tf.augmentation.scratch import sweep_scratch
from gcn_tf.augmentation.shards import Shard, command_of, stated_shards
from gcn_tf.errors import UserError

LISTED = 3  # damaged parts of a shard that are named in its line
Say = Callable[[str], None]


def verify_set(folder: Path, say: Say = print) -> None:
    """Read every part of a set, whoever wrote it; when all are whole, write what describes them, if that is missing.

    The run is not needed. A set that is complete is read and not written to.

    Args:
        say: takes lines for the user, one for every shard that is missing or damaged.

    Raises:
        UserError: no set, one of which parts are missing, damaged, doubled or of another job, or a folder that cannot be
            written.

    Example:

    >>> from pathlib import Path
    >>> from gcn_tf.augmentation.augment import augment
    >>> from gcn_tf.augmentation.config import AugmentationConfig
    >>> from gcn_tf.augmentation.verify import verify_set
    >>> config = AugmentationConfig(blend="writer", limit=20, part_size=10)
    >>> augment(Path("runs/demo"), Path("half"), config, shard="1/2", say=lambda line: None)
    False
    >>> verify_set(Path("half"), say=lambda line: None)
    Traceback (most recent call last):
    gcn_tf.errors.UserError: half is not whole, 1 of 2 shards: give the command above, then this one again
    """
    found = read_set(folder)
    try:
        _verify(found, say)
    except (OSError, tf.errors.OpError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:160]
        raise UserError(f"cannot write to {folder}: {reason}") from error


def _verify(found: AugmentedSet, say: Say) -> None:
    parts = range(found.parts)
    damage = find_damage(found, read=parts)
    say(what_was_read(found, parts, damage))
    _require_whole(found, damage, say)
    if doubles := strange_pictures(found):
        raise UserError(
            f"{found.folder} holds {len(doubles)} files with pictures that are not of this set, such as {doubles[0]}: "
            "readers would take them for its own, remove them and give this command again"
        )
    undescribed = description_damage(found, counts_of(found, parts), read=True)
    if undescribed:
        if undescribed != NOT_WRITTEN:
            say(f"what describes the set is written again: {undescribed}")
        try:
            conclude(found, say)
        finally:
            sweep_scratch(found.folder)
    else:
        say(f"{found.folder} is complete, nothing to do; read it: {found.writer.how_to_read()}")
    if strange := strange_files(found):
        say(f"files that augment did not write: {len(strange)}, such as {strange[0]}")


def _require_whole(found: AugmentedSet, damage: Mapping[int, str], say: Say) -> None:
    """Say which shards have parts that are damaged, and raise UserError if there are any."""
    if not damage:
        return
    stated = stated_shards(found)
    counts = {shard.count for shard in stated}
    if len(counts) > 1:
        which = ", ".join(f"{shard.number}/{shard.count}" for shard in stated)
        say(f"shards of different counts were written here ({which}): together they are not all parts")
    count = counts.pop() if len(counts) == 1 else 1
    shards = [Shard(number + 1, count) for number in range(count)]
    lines = [line for shard in shards if (line := _shard_line(found, shard, damage))]
    for line in lines:
        say(line)
    which = f"{len(lines)} of {count} shards" if count > 1 else f"{len(damage)} of {found.parts} parts"
    above = "the command above" if len(lines) == 1 else "the commands above"
    raise UserError(f"{found.folder} is not whole, {which}: give {above}, then this one again")


def _shard_line(found: AugmentedSet, shard: Shard, damage: Mapping[int, str]) -> str:
    """What is wrong with a shard, and what makes it again; "" if nothing is."""
    parts = shard.of(found.parts)
    wrong = {part: damage[part] for part in parts if part in damage}
    if not wrong:
        return ""
    name = f"shard {shard.number}/{shard.count}" if shard.count > 1 else "the set"
    if len(wrong) == len(parts) and set(wrong.values()) == {NOT_MADE}:
        what = f"none of its {len(parts)} parts is there"
    else:
        what = ", ".join(f"part {part:05d}: {reason}" for part, reason in list(wrong.items())[:LISTED])
        what += f", and {len(wrong) - LISTED} more parts" * (len(wrong) > LISTED)
    changed = any(not part_damage(found, part) for part in wrong)  # found by reading alone
    return f"{name}: {what}; make it again: {command_of(found, shard, changed)}"
