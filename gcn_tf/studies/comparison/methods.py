"""What a comparison compares: methods that learn from the seen cells and then draw all of them.

To add one: write a class with `meaning`, `train` and `draw`, and name it in an experiment (`experiments.py`).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from gcn_tf.config.files import with_settings
from gcn_tf.config.kept import check_origin
from gcn_tf.config.schema import RunConfig, to_dict
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.split import Split
from gcn_tf.runs.run_dir import Run, read_run_config, write_run
from gcn_tf.synthesis.draw import generate_from_codes, to_uint8
from gcn_tf.training.fit import fit
from gcn_tf.training.prepare import prepare


@dataclass(frozen=True)
class Method(ABC):
    """One way to draw cells that were never seen.

    Methods go to other processes by pickle: their classes stand at the top of a module.

    Args:
        meaning: str. For the table.

    Example, the mean picture of every value of the first factor:

    >>> @dataclass(frozen=True)
    ... class MeanPictures(Method):
    ...     def train(self, config, split, seed, run_dir):
    ...         seen = split.rows(unseen=False)
    ...         values, images = split.ids[seen, 0], pixels(split, seen)
    ...         return np.stack([images[values == value].mean(axis=0) for value in np.unique(values)])
    ...
    ...     def draw(self, trained, split):
    ...         return trained[split.ids[:, 0]].astype(np.uint8)
    """

    meaning: str

    @abstractmethod
    def train(self, config: RunConfig, split: Split, seed: int, run_dir: Path) -> Any:
        """Learn from the seen cells alone.

        Args:
            config: the settings that all methods start from.
            seed: of everything that chance decides.
            run_dir: folder of this training, where it may keep what it needs to go on after a kill; it need not exist.

        Returns:
            Whatever `draw` takes.

        Raises:
            gcn_tf.training.step_callback.Diverged: a result like any other, without figures.
        """

    @abstractmethod
    def draw(self, trained: Any, split: Split) -> np.ndarray:
        """One picture for every cell of the split, seen and unseen: uint8 (P, H, W, 3)."""


@dataclass(frozen=True)
class Experiment:
    """Methods to compare on the same cells.

    Args:
        name: str. As on the command line.
        methods: by name.
        reference: str. The method whose differences from each other one are tabulated; "" for none.
        explanation: str. For the report, below the table of methods.
        holdout: specs, as `--holdout` takes them.
        same_cells: whether all seeds have the unseen cells of the first one; otherwise each samples its own.
    """

    name: str
    methods: dict[str, Method]
    reference: str
    explanation: str
    holdout: tuple[str, ...] = ("low-level", "high-level")  # both at once: one training tells of both
    same_cells: bool = False


@dataclass(frozen=True)
class GcnMethod(Method):
    """A GCN with some settings of its own.

    Args:
        settings: changes of the settings that all methods start from.
    """

    settings: dict[str, Any] = field(default_factory=dict)

    def train(self, config: RunConfig, split: Split, seed: int, run_dir: Path) -> Run:
        """Train a run, or go on with the one that is there; raises UserError when that has other settings."""
        space = split.dataset.space
        start = replace(
            config, seed=seed, classifier_share=0.0
        )  # what the run's classifier can is not compared
        prepared = prepare(with_settings(start, self.settings, "study"), split)
        if (run_dir / "config.yaml").exists():
            check_origin(run_dir, to_dict(read_run_config(run_dir)), to_dict(prepared.config))
        else:
            write_run(prepared.config, space, run_dir)
        return prepared.run(run_dir, fit(prepared, run_dir))

    def draw(self, trained: Run, split: Split) -> np.ndarray:
        return generate_from_codes(trained.model, split.dataset.space.one_hot(split.ids))


@dataclass(frozen=True)
class NearestSeenCell(Method):
    """The picture of the seen cell that shares most factor values.

    Among equals the one nearest in the order of the last factors' values is taken.
    """

    meaning: str = "no network: the picture of the most similar seen cell"

    def train(self, config: RunConfig, split: Split, seed: int, run_dir: Path) -> None:
        """Nothing is learned."""

    def draw(self, trained: None, split: Split) -> np.ndarray:
        seen = split.rows(unseen=False)
        return pixels(split, seen[nearest_cells(split.ids[seen], split.ids)])


def nearest_cells(known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """For each wanted cell, int (P, M), the number of the known one, int (N, M), that shares most values: int (P,)."""
    places = 1 + np.arange(known.shape[1])  # of equals, one that differs in a late factor comes first
    chosen = []
    for cell in wanted:
        differs = known != cell
        chosen.append(np.lexsort((-(differs * places).sum(axis=1), differs.sum(axis=1)))[0])
    return np.array(chosen)


@dataclass(frozen=True)
class AdditiveModel(Method):
    """The mean picture plus an effect of every factor value, by least squares on the seen cells."""

    meaning: str = "no network: mean image plus effects of the factor values"

    def train(self, config: RunConfig, split: Split, seed: int, run_dir: Path) -> np.ndarray:
        """Effects, float64 (1 + all values of all factors, H * W * C)."""
        seen = split.rows(unseen=False)
        images = pixels(split, seen).reshape(len(seen), -1) / 255.0
        effects, *_ = np.linalg.lstsq(
            _design(split)[seen], images, rcond=None
        )  # the smallest of all solutions
        return effects

    def draw(self, trained: np.ndarray, split: Split) -> np.ndarray:
        return to_uint8((_design(split) @ trained).reshape(-1, *split.dataset.image_shape))


def _design(split: Split) -> np.ndarray:
    """A one and the one-hot codes of every cell: float64 (P, 1 + all values of all factors)."""
    codes = split.dataset.space.one_hot(split.ids)
    return np.hstack([np.ones((len(split.ids), 1)), *codes.values()])
