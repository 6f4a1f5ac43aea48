"""From the settings of `gcn-tf augment` to a job: which pictures of a run, in which parts, into which files."""

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gcn_tf.augmentation.blends import Blends, Cells, blends_of, missing_cells
from gcn_tf.augmentation.config import AugmentationConfig, settings
from gcn_tf.augmentation.files import WRITERS, Writer
from gcn_tf.errors import UserError
from gcn_tf.runs.run_dir import Run

PART_PIXELS = 4096 * 28 * 28  # of a part, which is held in memory as a whole
Source = Blends | Cells


@dataclass(frozen=True)
class AugmentationJob:
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
    writer: Writer

    @property
    def folder(self) -> Path:
        return self.writer.folder

    @property
    def parts(self) -> int:
        return self.writer.parts

    def numbers(self, part: int) -> np.ndarray:
        """Numbers of a part's pictures: int64 (n,)."""
        return np.arange(part * self.part_size, min((part + 1) * self.part_size, self.total))

    def record_path(self, part: int) -> Path:
        """The file that is there once a part is whole."""
        return self.folder / "parts" / f"{part:05d}.json"

    @functools.cached_property
    def plan_sha256(self) -> str:
        """Of `describe`: every part says it."""
        return hashlib.sha256(json.dumps(self.describe(), sort_keys=True).encode()).hexdigest()

    def describe(self) -> dict[str, Any]:
        """All that decides about the files, as plan.json keeps it."""
        plan = {
            **settings(self.config),
            "label": self.source.label,
            "part_size": self.part_size,
            "pictures": self.total,
            "run": self.run.identity.name,
            "weights": _fingerprint(self.run),
        }
        return json.loads(json.dumps(plan))


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
    height, width, channels = run.model.classifier.input.shape[1:]
    shape = (*(run.config.options.content_box or (0, 0, height, width))[2:], channels)
    total = min(source.count, config.limit or source.count)
    size = config.part_size or max(16, PART_PIXELS // (shape[0] * shape[1]))
    size = max(1, size // source.classes) * source.classes  # whole rounds through the classes
    writer = WRITERS[config.format](
        folder=out,
        space=run.space,
        soft=source.soft,
        label=source.label,
        classes=_classes(source),
        image_shape=shape,
        parts=-(-total // size),
    )
    return AugmentationJob(run, config, source, total, size, wanted, writer)


def _source(run: Run, config: AugmentationConfig) -> Source:
    if config.fill:
        split = run.load_split()
        seen = split.ids[split.rows(unseen=False)]
        return missing_cells(run.space, seen, config.with_, config.label, config.seed)
    blended = (config.blend or config.mix).split(",")
    if config.blend and len(blended) > 1:
        raise UserError(f"--blend {config.blend} takes one factor: use --mix {config.blend}")
    return blends_of(run.space, blended, config.ratio, config.with_, config.label, config.copies, config.seed)


def _classes(source: Source) -> tuple[str, ...]:
    """Values of the label that are generated, in code order."""
    if not source.label:
        return ()
    factor = source.space[source.label]
    if isinstance(source, Cells):
        ids = source.cells[:, source.space.names.index(source.label)]
    else:
        ids = source.choices[source.label].argmax(axis=1)
    return tuple(factor.values[i] for i in np.unique(ids))


def _fingerprint(run: Run) -> str:
    """Of both networks' weights: parts of different trainings must not be mixed."""
    digest = hashlib.sha256()
    for variable in (*run.model.generator.variables, *run.model.classifier.variables):
        digest.update(np.asarray(variable).tobytes())
    return digest.hexdigest()[:16]
