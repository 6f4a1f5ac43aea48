"""What a study compares: ways to draw the cells, with and without a network."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gcn_tf.metrics import to_uint8
from gcn_tf.pipelines.batches import Split, pixels


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


def nearest_seen_cell(split: Split) -> np.ndarray:
    """The picture of the seen cell that shares most factor values, for every cell: uint8 (P, H, W, 3).

    Among equals the one nearest in the order of the last factors' values is taken.
    """
    seen = split.pictures(unseen=False)
    places = 1 + np.arange(split.ids.shape[1])  # of equals, one that differs in a late factor comes first
    chosen = []
    for cell in split.ids:
        differs = split.ids[seen] != cell
        chosen.append(seen[np.lexsort((-(differs * places).sum(axis=1), differs.sum(axis=1)))[0]])
    return pixels(split, np.array(chosen))


def additive_model(split: Split) -> np.ndarray:
    """The mean image plus an effect of every factor value, by least squares on seen cells: uint8 (P, H, W, 3)."""
    seen = split.pictures(unseen=False)
    codes = split.dataset.space.one_hot(split.ids)
    design = np.hstack([np.ones((len(split.ids), 1)), *codes.values()])
    images = pixels(split, seen).reshape(len(seen), -1) / 255.0
    effects, *_ = np.linalg.lstsq(design[seen], images, rcond=None)  # the smallest of all solutions
    return to_uint8((design @ effects).reshape(-1, *split.dataset.image_shape))


# The paper's objective with its best weights; imagined cells as strong as they helped before they were told apart.
_PAPER: dict[str, Any] = {
    "generator": {"operators": False},
    "classification_weight": 10.0,
    "imagined_weight": 0.3,
    "classifier_jitter": 0.0,
    "imagined_class_weight": 0.0,
}
_NOT_IMAGINED = {"imagined_share": 0.0}


def cooperation_methods() -> dict[str, Method]:
    """The paper's network under every regime, with and without imagined cells; two baselines; the preset."""
    methods = {
        "nearest seen cell": Method(
            "no network: the picture of the most similar seen cell", draw=nearest_seen_cell
        ),
        "additive model": Method(
            "no network: mean image plus effects of the factor values", draw=additive_model
        ),
        "pixel": Method("no classifier: the plain deconvolution network", {**_PAPER, "cooperation": "none"}),
    }
    regimes: dict[str, tuple[str, dict[str, Any]]] = {
        "frozen": ("classifier learns first, then stays", {"cooperation": "frozen"}),
        "real": ("classifier learns along, from real pictures", {}),
        "generated": ("... from drawn ones", {"classifier_learns_from": "generated"}),
        "both": ("... from both", {"classifier_learns_from": "both"}),
    }
    for name, (meaning, settings) in regimes.items():
        methods[name] = Method(meaning, {**_PAPER, **settings, **_NOT_IMAGINED})
        methods[f"{name} + imagined"] = Method("the same with imagined cells", {**_PAPER, **settings})
    methods["preset"] = Method("the preset as it is")
    without: dict[str, tuple[str, dict[str, Any]]] = {
        "operators": ("every cell drawn by the layers alone", {"generator": {"operators": False}}),
        "jitter": ("the classifier sees pictures as they are", {"classifier_jitter": 0.0}),
        "imagined class": ("imagined cells are not told from real ones", {"imagined_class_weight": 0.0}),
        "imagined": ("no imagined cells at all", _NOT_IMAGINED),
        "cooperation": ("pixel loss and operators", {"cooperation": "none"}),
    }
    for name, (meaning, settings) in without.items():
        methods[f"preset without {name}"] = Method(meaning, settings)
    return methods
