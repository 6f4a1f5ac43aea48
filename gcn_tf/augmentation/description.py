"""The files that describe a whole set; augmentation.json, written last, tells the sizes and SHA-256 of the others."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from gcn_tf.augmentation.contents import Contents
from gcn_tf.augmentation.plan import AugmentationJob
from gcn_tf.augmentation.report import Counts, class_names, report_text
from gcn_tf.augmentation.scratch import scratch_folder, write_whole
from gcn_tf.errors import UserError
from gcn_tf.files import LARGEST_JSON, is_unfinished, read_json_object, read_small
from gcn_tf.pipelines.folder.augmented import DESCRIPTION

NOT_WRITTEN = f"{DESCRIPTION} is missing"


def total_counts(job: AugmentationJob, parts: Sequence[Counts]) -> Counts:
    nothing = np.zeros(len(class_names(job.run.space, job.source.label)), np.int64)
    return reduce(add, parts, Counts(nothing, nothing, nothing))


def write_description(job: AugmentationJob, parts: Sequence[Counts]) -> None:
    """Write these files, from the counts of every part."""
    with scratch_folder(job.folder) as scratch:
        names = job.writer.finish([int(part.kept.sum()) for part in parts], scratch)
        files = {"names": names, **asdict(Contents.of(job.folder, names))}
        text = _report(job, total_counts(job, parts), files)
        write_whole(scratch, job.folder / DESCRIPTION, lambda path: path.write_text(text, encoding="utf-8"))


def description_damage(job: AugmentationJob, parts: Sequence[Counts], read: bool = False) -> str:
    """Which of these files is missing or damaged, in words; "" if none is.

    Args:
        read: whether every byte is read; otherwise only the sizes are compared, but for augmentation.json.
    """
    path = job.folder / DESCRIPTION
    if not path.exists():
        return NOT_WRITTEN
    try:
        files = read_json_object(path, "")["files"]
        names, contents = _names(files), Contents.parse(files)
        text = read_small(path, LARGEST_JSON).decode()
    except (UserError, OSError, KeyError, TypeError, ValueError):
        return f"{DESCRIPTION} is damaged, or of an earlier version"
    if text != _report(job, total_counts(job, parts), files):
        return f"{DESCRIPTION} is damaged"
    missing = [
        folder.relative_to(job.folder) for folder in job.writer.class_folders.values() if not folder.is_dir()
    ]
    return f"{missing[0]} is missing" if missing else contents.damage(job.folder, names, read)


def strange_files(job: AugmentationJob) -> list[str]:
    """Files in the folder of a complete set that do not belong to it, which readers may take for pictures."""
    own = {"plan.json", DESCRIPTION, *_names(read_json_object(job.folder / DESCRIPTION, "")["files"])}
    for part in range(job.parts):
        own |= {f"parts/{job.record_path(part).name}", *job.writer.names(part)}
    there = (path for path in job.folder.rglob("*") if not path.is_dir())
    names = (path.relative_to(job.folder).as_posix() for path in there if not is_unfinished(path.name))
    return sorted(name for name in names if name not in own)


def _names(files: dict[str, Any]) -> list[str]:
    """Names of the files that augmentation.json tells of; raises KeyError, TypeError or ValueError for what `write_description` did not write."""
    names = files["names"]
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError("no names of files")
    return list(names)


def _report(job: AugmentationJob, counts: Counts, files: dict[str, Any]) -> str:
    names = class_names(job.run.space, job.source.label)
    return report_text(job.describe(), names, counts, files)
