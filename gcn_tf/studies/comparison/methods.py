"""What a comparison compares: ways to draw the cells, with and without a network."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.split import Split
from gcn_tf.synthesis.draw import to_uint8


@dataclass(frozen=True)
class Method:
    """One way to draw the cells.

    Args:
        meaning: str. For the table.
        settings: dict. Changes of the preset for a method that trains.
        draw: split -> uint8 (P, H, W, 3), for a method that does not.
    """

    meaning: str
    settings: dict[str, Any] = field(default_factory=dict)
    draw: Callable[[Split], np.ndarray] | None = None


@dataclass(frozen=True)
class Experiment:
    """Methods to compare on the same cells.

    Args:
        name: str. As on the command line.
        methods: by name.
        reference: str. The method whose differences from each other one are tabulated; "" for none.
        explanation: str. For the report, below the table of methods.
        holdout: specs, as `--holdout` takes them.
        same_cells: whether all seeds have the unseen cells of the first one; otherwise each draws its own.
    """

    name: str
    methods: dict[str, Method]
    reference: str
    explanation: str
    holdout: tuple[str, ...] = ("low-level", "high-level")  # both at once: one training tells of both
    same_cells: bool = False


def nearest_seen_cell(split: Split) -> np.ndarray:
    """The picture of the seen cell that shares most factor values, for every cell: uint8 (P, H, W, 3).

    Among equals the one nearest in the order of the last factors' values is taken.
    """
    seen = split.rows(unseen=False)
    places = 1 + np.arange(split.ids.shape[1])  # of equals, one that differs in a late factor comes first
    chosen = []
    for cell in split.ids:
        differs = split.ids[seen] != cell
        chosen.append(seen[np.lexsort((-(differs * places).sum(axis=1), differs.sum(axis=1)))[0]])
    return pixels(split, np.array(chosen))


def additive_model(split: Split) -> np.ndarray:
    """The mean image plus an effect of every factor value, by least squares on seen cells: uint8 (P, H, W, 3)."""
    seen = split.rows(unseen=False)
    codes = split.dataset.space.one_hot(split.ids)
    design = np.hstack([np.ones((len(split.ids), 1)), *codes.values()])
    images = pixels(split, seen).reshape(len(seen), -1) / 255.0
    effects, *_ = np.linalg.lstsq(design[seen], images, rcond=None)  # the smallest of all solutions
    return to_uint8((design @ effects).reshape(-1, *split.dataset.image_shape))


# The paper's network and objective, with its best weight.
PAPER: dict[str, Any] = {
    "generator": {"operators": False},
    "classification_weight": 10.0,
    "imagined_share": 0.0,
    "imagined_class_weight": 0.0,
    "classifier_jitter": 0.0,
}
