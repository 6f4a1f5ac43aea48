"""A set as its folder tells of it, so that it can be checked and described without the run: plan.json and parts/layout.json."""

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gcn_tf.augmentation.config import AugmentationConfig, settings
from gcn_tf.augmentation.contents import checksum
from gcn_tf.augmentation.files import WRITERS, Writer
from gcn_tf.augmentation.scratch import scratch_folder, write_whole
from gcn_tf.errors import UserError
from gcn_tf.files import read_json_object
from gcn_tf.grid.factors import FactorSpace

PLAN, LAYOUT = "plan.json", "parts/layout.json"
WITHOUT_RUN = (
    "give the command that wrote it, with --verify and --out"  # what makes again what a set says of itself
)


@dataclass(frozen=True)
class AugmentedSet:
    """What lies in a folder, or will.

    Args:
        writer: how its files are written.
        plan: all that decides about the files, as plan.json keeps it.
        run_dir: folder of the run that it is of, as the user named it.
        few: flags that say where its few pictures lay; what they are, `plan` tells.
    """

    writer: Writer
    plan: dict[str, Any]
    run_dir: Path
    few: tuple[str, ...]

    @property
    def folder(self) -> Path:
        return self.writer.folder

    @property
    def parts(self) -> int:
        return self.writer.parts

    @property
    def label(self) -> str:
        return self.writer.label

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the rows of `Counts`: the label's values, or one for everything."""
        return self.writer.space[self.label].values if self.label else ("all",)

    def record_path(self, part: int) -> Path:
        """The file that is there once a part is whole."""
        return self.folder / "parts" / f"{part:05d}.json"

    @functools.cached_property
    def plan_sha256(self) -> str:
        """Of the plan: every part says it."""
        return hashlib.sha256(json.dumps(self.plan, sort_keys=True).encode()).hexdigest()

    def layout(self) -> dict[str, Any]:
        """What parts/layout.json holds: what a reader of the plan needs beside it, with a checksum."""
        stored = {
            "plan": self.plan_sha256,
            "run": str(self.run_dir),
            "few": list(self.few),
            "factors": json.loads(self.writer.space.to_json()),
            "soft": list(self.writer.soft),
            "classes": list(self.writer.classes),
            "image_shape": list(self.writer.image_shape),
        }
        return {**stored, "check": checksum(stored)}


def layout_is_kept(wanted: AugmentedSet) -> bool:
    """Whether the folder has the layout of this set."""
    try:
        return read_set(wanted.folder).plan_sha256 == wanted.plan_sha256
    except UserError:
        return False


def keep_layout(wanted: AugmentedSet) -> None:
    """Write parts/layout.json unless it is there."""
    if layout_is_kept(wanted):
        return
    text = json.dumps(wanted.layout(), indent=1)
    with scratch_folder(wanted.folder) as scratch:
        write_whole(scratch, wanted.folder / LAYOUT, lambda path: path.write_text(text, encoding="utf-8"))


def read_set(folder: Path) -> AugmentedSet:
    """The set in a folder, by its plan and its layout.

    Raises:
        UserError: there is none, or what it says of itself is missing or damaged.
    """
    if not (folder / PLAN).exists():
        raise UserError(
            f"{folder} holds no augmented set (no {PLAN}): give the folder that augment wrote, or add --out for a run"
        )
    plan = read_json_object(folder / PLAN, WITHOUT_RUN)
    if not (folder / LAYOUT).exists():
        raise UserError(
            f"{folder} has no {LAYOUT}, as sets of an earlier version: {WITHOUT_RUN}, which adds it"
        )
    stored = read_json_object(folder / LAYOUT, WITHOUT_RUN)
    check = stored.pop("check", "")
    try:
        found = _parse(folder, plan, stored)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        check = ""
    if check != checksum(stored):
        raise UserError(f"{folder / LAYOUT} or {PLAN} is damaged: {WITHOUT_RUN}")
    if stored["plan"] != found.plan_sha256:
        raise UserError(
            f"{folder} holds parts of two sets ({LAYOUT} is not of {PLAN}): remove the other set's files, "
            f"or {WITHOUT_RUN}"
        )
    return found


def _parse(folder: Path, plan: dict[str, Any], stored: Mapping[str, Any]) -> AugmentedSet:
    """What both files say; raises KeyError, TypeError, ValueError or ZeroDivisionError for what augment did not write."""
    height, width, channels = map(int, stored["image_shape"])
    writer = WRITERS[plan["format"]](
        folder=folder,
        space=FactorSpace.from_json(json.dumps(stored["factors"])),
        soft=tuple(stored["soft"]),
        label=plan["label"],
        classes=tuple(stored["classes"]),
        image_shape=(height, width, channels),
        parts=-(-int(plan["pictures"]) // int(plan["part_size"])),
    )
    missing = settings(AugmentationConfig()).keys() - plan.keys()
    if missing or (writer.label and not writer.space[writer.label]):
        raise KeyError(*missing)
    return AugmentedSet(writer, plan, Path(stored["run"]), tuple(map(str, stored.get("few", ()))))
