"""`gcn-tf augment`: generate or move, filter and write pictures part by part, so that any machine can do any part at any time.

Every part has a file `parts/NUMBER.json`, written last: a part that has it, and whose files are as it says, is not done
again.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf

from gcn_tf.augmentation.augmented_set import LAYOUT, PLAN, keep_layout, layout_is_kept
from gcn_tf.augmentation.config import AugmentationConfig, check_augmentation_config, parse_shard
from gcn_tf.augmentation.contents import Contents
from gcn_tf.augmentation.description import (
    DESCRIPTION,
    NOT_WRITTEN,
    conclude,
    counts_of,
    description_damage,
    strange_files,
)
from gcn_tf.augmentation.files import Pictures
from gcn_tf.augmentation.parts import PartRecord, damage_lines, find_damage, what_was_read
from gcn_tf.augmentation.picture_filter import balanced, confidence, nearest_difference
from gcn_tf.augmentation.plan import AugmentationJob, make_job
from gcn_tf.augmentation.posed_pictures import PosedPictures, posed_pictures
from gcn_tf.augmentation.ratios import Ratio
from gcn_tf.augmentation.report import Counts
from gcn_tf.augmentation.scratch import scratch_folder, sweep_scratch, write_whole
from gcn_tf.augmentation.shards import Shard, keep_statement
from gcn_tf.config.kept import differing_settings
from gcn_tf.errors import UserError
from gcn_tf.files import is_unfinished, read_json_object, write_atomically
from gcn_tf.pipelines.batches import pixels
from gcn_tf.progress import progress
from gcn_tf.runs.run_dir import open_run
from gcn_tf.synthesis.draw import generate_from_codes, without_padding

BATCH = 256
Say = Callable[[str], None]
Test = Callable[[np.ndarray, Mapping[str, np.ndarray]], np.ndarray]


def augment(
    run_dir: Path,
    out: Path,
    config: AugmentationConfig,
    shard: str = "1/1",
    say: Say = print,
    verify: bool = False,
) -> bool:
    """Write the pictures that `config` asks for into a folder; go on with what is there.

    Args:
        shard: "3/16": do the third of sixteen shares of the parts.
        say: takes lines for the user.
        verify: whether the files that are there are read, and those whose SHA-256 differs are made again; otherwise
            those whose sizes differ are.

    Returns:
        Whether the set is complete; it is not while parts of other shards are missing.

    Raises:
        UserError: bad settings, a run that does not fit them, a folder that holds something else or cannot be
            written, or nothing that passes the filter.
    """
    check_augmentation_config(config)
    Ratio.parse(config.ratio)
    share = Shard(*parse_shard(shard))
    job = make_job(open_run(run_dir), config, out)
    for note in job.source.notes:
        say(note)
    try:
        claim(job)
        if not share.of(job.parts):
            say(f"--shard {shard} has none of the {job.parts} parts: a smaller --part-size makes more")
        try:
            return continue_set(job, share, say, verify)
        finally:
            sweep_scratch(out)
    except (OSError, tf.errors.OpError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:160]
        raise UserError(f"cannot write to --out {out}: {reason}") from error


def claim(job: AugmentationJob) -> None:
    """Write plan.json; raise UserError when the folder holds other pictures or other things."""
    path, plan = job.folder / PLAN, job.plan
    there = [entry.name for entry in job.folder.iterdir()] if job.folder.exists() else []
    # plan.json is looked for after the other files: another process may be starting, and writes it first.
    if not path.exists():
        if any(not is_unfinished(name) for name in there):
            raise UserError(f"--out {job.folder} holds files that augment did not write: name a new folder")
        text = json.dumps(plan, indent=1)
        write_atomically(path, lambda path: path.write_text(text, encoding="utf-8"), replace=False)
    # Another process may have been faster, with other settings. Plans of an earlier version name no run.
    stored = {"run": plan.get("run")} | read_json_object(path, "name another folder")
    differing = differing_settings(stored, plan, "there")
    if differing:
        raise UserError(
            f"--out {job.folder} holds other pictures ({'; '.join(differing)}): name another folder"
        )


def continue_set(job: AugmentationJob, share: Shard, say: Say, verify: bool) -> bool:
    """Make the parts of a share that are missing or damaged, and what describes the set; return whether it is complete."""
    mine = share.of(job.parts)
    damage = find_damage(job, read=mine if verify else ())
    todo = {part: damage[part] for part in mine if part in damage}
    undescribed = "" if damage else description_damage(job, counts_of(job, range(job.parts)), verify)
    if verify and not damage and not undescribed and not layout_is_kept(job):
        undescribed = f"{LAYOUT} is missing or damaged"
    if verify:
        say(what_was_read(job, mine, todo))
    if not damage and not undescribed:
        if verify and (strange := strange_files(job)):
            say(
                f"files that augment did not write: {len(strange)}, such as {strange[0]}; readers may take them"
            )
        say(f"{job.folder} is complete, nothing to do; read it: {job.writer.how_to_read()}")
        return True
    for line in damage_lines(todo):
        say(line)
    if undescribed not in ("", NOT_WRITTEN):
        say(f"what describes the set is written again: {undescribed}")
    say(f"{job.total} pictures, {len(todo)} of {job.parts} parts to do here; {job.folder}")
    keep_layout(job)
    if todo:
        keep_statement(job, share)
    _forget(job, todo)
    generate_parts(job, list(todo), sum(len(job.numbers(part)) for part in mine))
    return conclude(job, say)


def _forget(job: AugmentationJob, parts: Iterable[int]) -> None:
    """Remove what says that parts are whole, before they are made again."""
    for part in parts:
        job.record_path(part).unlink(missing_ok=True)
        (job.folder / DESCRIPTION).unlink(missing_ok=True)


def generate_parts(job: AugmentationJob, todo: list[int], share: int) -> None:
    """Generate and write the parts `todo` of a share of `share` pictures.

    A thread writes one part while the next is generated. All parts share a scratch folder: ext4 searches long for the
    first place in a new one, twice the time of the whole work where many files were deleted of late.
    """
    if not todo:
        return
    tests, posed = _tests(job), posed_pictures(job)
    ahead = sum(len(job.numbers(part)) for part in todo)
    with (
        scratch_folder(job.folder) as scratch,
        ThreadPoolExecutor(1) as thread,
        progress(share, "generating", "picture", share - ahead) as bar,
    ):
        writing: Future | None = None
        for part in todo:
            batches = []
            for pictures, passed in _batches(job, part, tests, posed):
                batches.append((pictures, passed))
                bar.update(len(passed))
            if writing:
                writing.result()
            writing = thread.submit(write_part, job, part, batches, scratch)
        if writing:
            writing.result()


def _tests(job: AugmentationJob) -> list[Test]:
    """What a picture has to pass: functions of uint8 (B, H, W, 3) and codes that give bool (B,)."""
    config = job.config
    tests: list[Test] = []
    if config.min_confidence:
        sure = confidence(job.run.model, job.confidence_in)
        tests.append(lambda images, codes: sure(images, codes) >= config.min_confidence)
    if config.min_distance:
        split = job.run.load_split()
        seen = pixels(split, split.rows(unseen=False))
        tests.append(lambda images, codes: nearest_difference(images, seen) >= config.min_distance)
    return tests


def _batches(
    job: AugmentationJob, part: int, tests: list[Test], posed: PosedPictures | None
) -> Iterator[tuple[Pictures, np.ndarray]]:
    """A part's pictures, and which of them passed all tests, bool (B,); upright ones are tested, then set in poses."""
    numbers = job.numbers(part)
    for start in range(0, len(numbers), BATCH):
        some = numbers[start : start + BATCH]
        codes = job.source.codes(some)
        passed = np.ones(len(some), bool)
        images = job.source.pictures(some)
        if images is None:
            padded = generate_from_codes(job.run.model, codes)
            for test in tests:
                passed &= test(padded, codes)
            images = without_padding(posed(padded, codes, some) if posed else padded, job.run)
        yield Pictures(some, images, codes), passed


def write_part(
    job: AugmentationJob, part: int, batches: list[tuple[Pictures, np.ndarray]], scratch: Path
) -> None:
    """Write what passed, balanced if wanted, and then what the part holds."""
    pictures = Pictures.joined([some for some, _ in batches])
    passed = np.concatenate([marks for _, marks in batches])
    label, space = job.label, job.source.space
    classes = pictures.codes[label].argmax(axis=1) if label else np.zeros(len(passed), np.int64)
    kept = passed.copy()
    if job.config.balance:
        kept[passed] = balanced(classes[passed], [space[label].index(c) for c in job.writer.classes])
    values = len(job.class_names)
    counts = Counts(
        *(np.bincount(some, minlength=values) for some in (classes, classes[passed], classes[kept]))
    )
    job.writer.write(part, pictures.rows(kept), scratch)
    record = PartRecord(job.plan_sha256, part, counts, Contents.of(job.folder, job.writer.names(part)))
    write_whole(
        scratch, job.record_path(part), lambda path: path.write_text(record.to_json(), encoding="utf-8")
    )
