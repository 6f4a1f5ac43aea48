"""From the settings of `gcn-tf augment` to a job: which pictures of a run, in which parts, into which files."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gcn_tf.augmentation.augmented_set import AugmentedSet
from gcn_tf.augmentation.blends import blends_of, missing_cells
from gcn_tf.augmentation.config import AugmentationConfig, few_words, settings
from gcn_tf.augmentation.files import WRITERS
from gcn_tf.augmentation.moved_pictures import moved_pictures
from gcn_tf.augmentation.source import Source
from gcn_tf.errors import UserError
from gcn_tf.runs.run_dir import Run

PART_PIXELS = 4096 * 28 * 28  # of a part, which is held in memory as a whole


@dataclass(frozen=True)
class AugmentationJob(AugmentedSet):
    """What to generate, and where to write it.

    Args:
        total: pictures to generate.
        part_size: pictures per part, but for the last.
        confidence_in: factors that the classifier must classify correctly, with --min-confidence.
    """

    run: Run
    config: AugmentationConfig
    source: Source
    total: int
    part_size: int
    confidence_in: tuple[str, ...]

    def numbers(self, part: int) -> np.ndarray:
        """Numbers of a part's pictures: int64 (n,)."""
        return np.arange(part * self.part_size, min((part + 1) * self.part_size, self.total))


def make_job(run: Run, config: AugmentationConfig, out: Path) -> AugmentationJob:
    """The job of checked settings; raises UserError when they do not fit the run."""
    source = _source(run, config)
    wanted = tuple(name for name in (config.confidence_in or source.label).split(",") if name)
    for name in wanted:
        run.space[name]
    if config.min_confidence and not wanted:
        raise UserError(
            "--min-confidence: every factor is blended, name those to classify with --confidence-in"
        )
    if not source.label and (config.balance or config.format == "folders"):
        asking = "--balance" if config.balance else "--format folders"
        raise UserError(f"{asking} needs classes, but every factor is blended: leave one unblended")
    shape = source.image_shape or _generated_shape(run)
    total = min(source.count, config.limit or source.count)
    size = config.part_size or max(16, PART_PIXELS // (shape[0] * shape[1]))
    size = max(1, size // source.classes) * source.classes  # whole rounds through the classes
    writer = WRITERS[config.format](
        folder=out,
        space=source.space,
        soft=source.soft,
        label=source.label,
        classes=source.values,
        image_shape=shape,
        parts=-(-total // size),
    )
    plan = {
        **settings(config),
        **source.identity,
        "label": source.label,
        "part_size": size,
        "pictures": total,
        "run": run.identity.name,
        "weights": _fingerprint(run),
    }
    return AugmentationJob(
        writer=writer,
        plan=json.loads(json.dumps(plan)),
        run_dir=run.folder,
        few=tuple(few_words(config)),
        run=run,
        config=config,
        source=source,
        total=total,
        part_size=size,
        confidence_in=wanted,
    )


def _source(run: Run, config: AugmentationConfig) -> Source:
    if config.for_ and run.config.upright:
        raise UserError(
            f"--for {config.for_} moves pictures as they are, and this run learned them set upright: name one that was trained without --upright"
        )
    if config.upright and not run.config.upright:
        raise UserError(
            "--upright: this run learned its pictures as they are, and generates them so: leave it out"
        )
    if config.for_:
        return moved_pictures(run, config)
    if config.fill:
        split = run.load_split()
        seen = split.ids[split.rows(unseen=False)]
        return missing_cells(run.space, seen, config.with_, config.label, config.seed)
    blended = (config.blend or config.mix).split(",")
    if config.blend and len(blended) > 1:
        raise UserError(f"--blend {config.blend} takes one factor: use --mix {config.blend}")
    return blends_of(run.space, blended, config.ratio, config.with_, config.label, config.copies, config.seed)


def _generated_shape(run: Run) -> tuple[int, int, int]:
    """Of generated pictures without padding, (H, W, C)."""
    height, width, channels = run.model.classifier.input.shape[1:]
    return (*(run.config.options.content_box or (0, 0, height, width))[2:], channels)


def _fingerprint(run: Run) -> str:
    """Of both networks' weights: parts of different trainings must not be mixed."""
    digest = hashlib.sha256()
    for variable in (*run.model.generator.variables, *run.model.classifier.variables):
        digest.update(np.asarray(variable).tobytes())
    return digest.hexdigest()[:16]
