"""Shares of a set's parts: which parts a process makes, and how the division is known while parts are missing.

A process that makes a share leaves `parts/shard-3-of-16.json`, until the set is whole: then nothing depends on who
wrote what.
"""

import json
import re
import shlex
from dataclasses import dataclass

from gcn_tf.augmentation.augmented_set import AugmentedSet
from gcn_tf.augmentation.config import command_words
from gcn_tf.augmentation.scratch import scratch_folder, write_whole
from gcn_tf.errors import UserError
from gcn_tf.files import read_json_object


@dataclass(frozen=True, order=True)
class Shard:
    """One of several shares of the parts of a set: the `number`th, from 1, of `count`.

    >>> Shard(2, 3).of(8)
    range(1, 8, 3)
    """

    number: int = 1
    count: int = 1

    def of(self, parts: int) -> range:
        """The numbers of its parts, of so many in all."""
        return range(self.number - 1, parts, self.count)

    @property
    def statement(self) -> str:
        """The file that says that a process makes it, relative to the folder of the set."""
        return f"parts/shard-{self.number}-of-{self.count}.json"


def is_statement(name: str) -> bool:
    """Whether a file of a set, by its name relative to the folder, says that a process makes a shard.

    >>> is_statement("parts/shard-3-of-16.json"), is_statement("parts/00003.json")
    (True, False)
    """
    return re.fullmatch(r"parts/shard-\d+-of-\d+\.json", name) is not None


def keep_statement(found: AugmentedSet, shard: Shard) -> None:
    """Say in the folder that a process makes a shard; of a set that one process makes, nothing."""
    path, text = found.folder / shard.statement, json.dumps({"plan": found.plan_sha256})
    if shard.count > 1 and not path.exists():
        with scratch_folder(found.folder) as scratch:
            write_whole(scratch, path, lambda path: path.write_text(text, encoding="utf-8"))


def forget_shards(found: AugmentedSet) -> None:
    """Remove what shards said, once the set is whole."""
    for path in found.folder.glob("parts/shard-*-of-*.json"):
        path.unlink(missing_ok=True)


def stated_shards(found: AugmentedSet) -> list[Shard]:
    """The shards of this set that processes said they make."""
    shards = []
    for path in found.folder.glob("parts/shard-*-of-*.json"):
        number, count = map(int, re.findall(r"\d+", path.name)[:2])
        try:
            ours = read_json_object(path, "")["plan"] == found.plan_sha256
        except (UserError, KeyError):
            ours = False
        if ours and 1 <= number <= count:
            shards.append(Shard(number, count))
    return sorted(shards)


def command_of(found: AugmentedSet, shard: Shard, verify: bool = False) -> str:
    """The command that makes what is missing of a shard, with `verify` also what has changed without another size."""
    words = ["gcn-tf", "augment", str(found.run_dir), *command_words(found.plan), *found.few]
    if shard.count > 1:
        words += ["--shard", f"{shard.number}/{shard.count}"]
    words += ["--verify"] * verify
    return shlex.join([*words, "--out", str(found.folder)])
