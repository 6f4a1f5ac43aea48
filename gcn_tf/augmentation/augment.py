"""`gcn-tf augment`: generate, filter and write pictures part by part, so that any machine can do any part at any time.

Every part has a file `parts/NUMBER.json` with its counts, written last: a part that has it is not done again.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
import tensorflow as tf

from gcn_tf.augmentation.config import AugmentationConfig, check_augmentation_config, parse_shard
from gcn_tf.augmentation.files import NAME, Pictures
from gcn_tf.augmentation.picture_filter import balanced, confidence, nearest_difference
from gcn_tf.augmentation.plan import AugmentationJob, make_job
from gcn_tf.augmentation.ratios import Ratio
from gcn_tf.augmentation.report import Counts, check_kept, class_names, report_lines, write_report
from gcn_tf.config.kept import differing_settings
from gcn_tf.errors import UserError
from gcn_tf.files import read_json_object, write_atomically
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.split import load_split
from gcn_tf.progress import progress
from gcn_tf.runs.run_dir import open_run
from gcn_tf.synthesis.draw import generate_from_codes

BATCH = 256
Say = Callable[[str], None]
Test = Callable[[np.ndarray, Mapping[str, np.ndarray]], np.ndarray]


def augment(
    run_dir: Path, out: Path, config: AugmentationConfig, shard: str = "1/1", say: Say = print
) -> bool:
    """Write the pictures that `config` asks for into a folder; go on with what is there.

    Args:
        shard: "3/16": do the third of sixteen shares of the parts.
        say: takes lines for the user.

    Returns:
        Whether the set is complete; it is not while parts of other shards are missing.

    Raises:
        UserError: bad settings, a run that does not fit them, a folder that holds something else or cannot be
            written, or nothing that passes the filter.
    """
    check_augmentation_config(config)
    Ratio.parse(config.ratio)
    number, count = parse_shard(shard)
    job = make_job(open_run(run_dir), config, out)
    try:
        claim(job)
        mine = range(number - 1, job.parts, count)
        todo = [part for part in mine if not job.done(part)]
        if not todo and (out / "augmentation.json").exists():
            say(f"{out} is complete, nothing to do; read it: {job.writer.how_to_read()}")
            return True
        if not mine:
            say(f"--shard {shard} has none of the {job.parts} parts: a smaller --part-size makes more")
        say(f"{job.total} pictures, {len(todo)} of {job.parts} parts to do here; {out}")
        generate_parts(job, todo, sum(len(job.numbers(part)) for part in mine))
        return conclude(job, say)
    except (OSError, tf.errors.OpError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:160]
        raise UserError(f"cannot write to --out {out}: {reason}") from error


def claim(job: AugmentationJob) -> None:
    """Write plan.json; raise UserError when the folder holds other pictures or other things."""
    path, plan = job.folder / "plan.json", job.describe()
    there = [entry.name for entry in job.folder.iterdir()] if job.folder.exists() else []
    if path.exists():  # looked for after the other files: another shard may be starting, and writes it first
        differing = differing_settings(read_json_object(path, "name another folder"), plan, "there")
        if differing:
            raise UserError(
                f"--out {job.folder} holds other pictures ({'; '.join(differing)}): name another folder"
            )
        return
    if any(not name.startswith("partial-") for name in there):
        raise UserError(f"--out {job.folder} holds files that augment did not write: name a new folder")
    write_atomically(path, lambda path: path.write_text(json.dumps(plan, indent=1)))


def generate_parts(job: AugmentationJob, todo: list[int], share: int) -> None:
    """Generate and write the parts `todo` of a share of `share` pictures.

    A thread writes one part while the next is generated.
    """
    if not todo:
        return
    tests = _tests(job)
    ahead = sum(len(job.numbers(part)) for part in todo)
    with ThreadPoolExecutor(1) as thread, progress(share, "generating", "picture", share - ahead) as bar:
        writing: Future | None = None
        for part in todo:
            batches = []
            for pictures, passed in _batches(job, part, tests):
                batches.append((pictures, passed))
                bar.update(len(passed))
            if writing:
                writing.result()
            writing = thread.submit(write_part, job, part, batches)
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
        split = load_split(job.run.config)
        seen = pixels(split, split.rows(unseen=False))
        tests.append(lambda images, codes: nearest_difference(images, seen) >= config.min_distance)
    return tests


def _batches(job: AugmentationJob, part: int, tests: list[Test]) -> Iterator[tuple[Pictures, np.ndarray]]:
    """A part's pictures, and which of them passed all tests, bool (B,)."""
    numbers = job.numbers(part)
    for start in range(0, len(numbers), BATCH):
        some = numbers[start : start + BATCH]
        codes = job.source.codes(some)
        images = generate_from_codes(job.run.model, codes)
        passed = np.ones(len(some), bool)
        for test in tests:
            passed &= test(images, codes)
        yield Pictures(some, images, codes), passed


def write_part(job: AugmentationJob, part: int, batches: list[tuple[Pictures, np.ndarray]]) -> None:
    """Write what passed, balanced if wanted, and then the part's counts."""
    pictures = Pictures.joined([some for some, _ in batches])
    passed = np.concatenate([marks for _, marks in batches])
    label, space = job.source.label, job.run.space
    classes = pictures.codes[label].argmax(axis=1) if label else np.zeros(len(passed), np.int64)
    kept = passed.copy()
    if job.config.balance:
        kept[passed] = balanced(classes[passed], [space[label].index(c) for c in job.writer.classes])
    job.writer.write(part, pictures.rows(kept))
    names = class_names(space, label)
    counts = Counts(
        *(np.bincount(some, minlength=len(names)) for some in (classes, classes[passed], classes[kept]))
    )
    write_atomically(job.counts_path(part), lambda path: path.write_text(counts.to_json()))


def conclude(job: AugmentationJob, say: Say) -> bool:
    """Report what is there; when that is everything, write what describes it."""
    label, balance = job.source.label, job.config.balance
    names = class_names(job.run.space, label)
    there = [Counts.read(job.counts_path(part), len(names)) for part in range(job.parts) if job.done(part)]
    nothing = np.zeros(len(names), np.int64)
    counts = reduce(add, there, Counts(nothing, nothing, nothing))
    filtered = bool(job.config.min_confidence or job.config.min_distance)
    for line in report_lines(label, names, counts, filtered, balance):
        say(line)
    missing = job.parts - len(there)
    if missing:
        say(
            f"{missing} of {job.parts} parts are missing: run the other shards; in a folder that has the files of "
            "all of them, this command completes the set"
        )
        return False
    check_kept(label, names, counts, balance)
    job.writer.finish([int(part.kept.sum()) for part in there])
    _remove_leftovers(job.folder)
    write_report(job.folder / "augmentation.json", job.describe(), names, counts)
    say(f"{int(counts.kept.sum())} pictures; read them: {job.writer.how_to_read()}")
    return True


def _remove_leftovers(folder: Path) -> None:
    """What killed processes left of parts; other machines may be writing the files that describe the set."""
    for path in (*folder.glob(f"partial-*-{NAME}-*"), *folder.glob("parts/partial-*")):
        path.unlink(missing_ok=True)
