"""The rules of a plan: from a fingerprint to settings, each with its reason.

They come from the table of docs/planning.md, which `benchmarks/plans.py` measures. What can be computed from the
pictures is computed; what was found out by training is written here, with the figures that decided.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gcn_tf.config.data import IMAGE_SIDES
from gcn_tf.grid.holdout import HoldoutError
from gcn_tf.metrics.pictures import DRAWN
from gcn_tf.model.references.generator import MOST_CELLS, MOST_REFERENCES
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.pipelines.split import split_dataset
from gcn_tf.planning.fingerprint import Fingerprint

TRAINING_SECONDS = 300  # of ten minutes; the others are for judges, report and loading
SIDES = (64, 48, 32)  # longer sides to choose from, in pixels
ENLARGED, SMALLER = 1.1, 0.75  # how much larger than the pictures, or smaller than such a side, it may be
SEED_SIDE = 10  # pixels at most where the transposed convolutions begin
DARK = 0.1  # brightness of a border that counts as a black ground
FEW_CELLS, MANY_CELLS = 20, 500
LEAST_UNSEEN, UNSEEN_SHARE = 3, 0.08


@dataclass(frozen=True)
class Decision:
    """Settings that one rule decided, by key, and why."""

    settings: dict[str, Any]
    reason: str


@dataclass(frozen=True)
class Steps:
    """A number of steps: the wanted one, and the decision, which may be for fewer."""

    wanted: int
    decision: Decision


def planned_sizes(native: tuple[int, int]) -> list[Decision]:
    """Sizes to try, the largest first: none larger than the pictures, all of their proportions."""
    longer = max(native)
    sides = [side for side in SIDES if side <= ENLARGED * longer] or [longer]
    return [_size(native, side) for side in sides]


def _size(native: tuple[int, int], longest: int) -> Decision:
    height, width = planned_size(native, longest)
    setting: int | str = height if height == width else f"{height}x{width}"
    return Decision({"image_size": setting}, f"the pictures are {native[0]}x{native[1]} at the median")


def planned_size(native: tuple[int, int], longest: int) -> tuple[int, int]:
    """Height and width that the layers can make: of those up to `longest` pixels, the nearest to the pictures' proportions.

    >>> planned_size((100, 100), 64), planned_size((1200, 900), 64), planned_size((60, 45), 64), planned_size((30, 28), 30)
    ((64, 64), (64, 48), (64, 48), (32, 28))
    """
    step = 2 ** upsamplings(longest)
    least, most = math.ceil(IMAGE_SIDES[0] / step), math.ceil(longest / step)
    if least >= most:
        return least * step, least * step
    shares = [length / max(native) for length in native]
    sizes = [
        tuple(step * max(least, round(share * count)) for share in shares)
        for count in range(most, max(least, math.ceil(SMALLER * most)) - 1, -1)
    ]

    def distortion(size: tuple[int, ...]) -> int:  # in steps of 5 %: within one, the larger size wins
        return round(20 * abs(math.log(size[0] * native[1] / size[1] / native[0])))

    height, width = min(sizes, key=distortion)
    return height, width


def upsamplings(side: int) -> int:
    """Transposed convolutions that double the size, for pictures whose longer side has so many pixels."""
    return max(2, math.ceil(math.log2(side / SEED_SIDE)))


def planned_holdout(dataset: Dataset) -> Decision:
    """What is unseen: as the labels say, else a random share that leaves every value learnable."""
    if "split" in dataset.holdout_roles.published:
        return Decision({"holdout": ["split"]}, "the column split of the labels")
    cells = len(np.unique(dataset.base_ids, axis=0))
    share = max(UNSEEN_SHARE, math.ceil(100 * LEAST_UNSEEN / cells) / 100)
    planned = f"fraction={share:g}"
    if cells < FEW_CELLS:
        try:
            split_dataset(dataset, (planned,), 0)
        except HoldoutError:
            return Decision(
                {"holdout": ["none"]}, "so few cells that every one is needed to learn the values"
            )
    return Decision(
        {"holdout": [planned]},
        "a random share of the cells tells how far the others can be trusted; none: learn from all",
    )


def decisions(found: Fingerprint) -> Iterator[Decision]:
    """What the pictures and the grid decide."""
    yield _generator(found)
    yield _classifier(found)
    yield _imagined(found)
    yield _batch_size(found)


def _generator(found: Fingerprint) -> Decision:
    if uses_references(found):
        return Decision(
            {"generator": {"kind": "references", "light": found.plain < DRAWN}},
            ("photographs" if found.exact else "no factor does the same to every picture")
            + ": unseen cells are drawn from the nearest seen pictures"
            + (f", in the same light on {found.plain:.0%} plain ground" if found.plain >= DRAWN else ""),
        )
    count = upsamplings(max(found.shape[:2]))
    large = count > 2
    filters = [*[96] * (count - 2), 64, 32] if large else [64, 32]
    filters = filters[-count:]
    layers = [{"filters": n, "kernel": 4, "stride": 2, "pad": 1} for n in filters]
    layers.append({"filters": found.shape[2], "kernel": 3, "stride": 1, "pad": 1})
    dark = found.ground < DARK
    settings = {
        "mean_picture": not dark,
        "operators": bool(found.exact),
        "tower_units": 128 if large else 64,
        "trunk": [512, 512],
        "seed_tensor": [0, 0, 96 if large else 64],
        "upsampling": layers,
    }
    ground = (
        f"the ground is {'black' if dark else 'not black, so it starts from the mean picture'} "
        f"(brightness along the border {found.ground:.2f})"
    )
    exact = (
        f"{' and '.join(found.exact)} {'do' if found.exact[1:] else 'does'} the same to every picture, which operators draw"
        if found.exact
        else f"{found.cells:,} cells are too many to be drawn from seen pictures"
    )
    return Decision({"generator": settings}, f"{count} upsamplings for this size; {ground}; {exact}")


def uses_references(found: Fingerprint) -> bool:
    """Whether unseen cells are drawn from seen pictures: of photographs, and where no factor is exact (docs/planning.md)."""
    small = found.cells <= MOST_REFERENCES and found.cells / found.fill <= MOST_CELLS
    return small and (found.plain < DRAWN or not found.exact)


def _classifier(found: Fingerprint) -> Decision:
    count = upsamplings(max(found.shape[:2]))
    if count == 2:
        layers: list[dict[str, Any]] = [{"filters": n, "kernel": 3} for n in (32, 64, 128)]
    else:
        layers = [{"filters": 32, "kernel": 5, "stride": 2, "pool": 1}]
        layers += [{"filters": n, "kernel": 3} for n in (64, *[128] * (count - 1))]
    return Decision({"classifier": {"convolutions": layers}}, f"{len(layers)} convolutions for this size")


def _imagined(found: Fingerprint) -> Decision:
    """Imagined cells make exact variations crisp; of photographs they make dirt (docs/planning.md)."""
    if uses_references(found):
        return Decision(
            {"imagined_share": 0.0}, "what is drawn from seen pictures is crisp without imagined cells"
        )
    if found.plain >= DRAWN:
        return Decision(
            {"imagined_share": 0.5},
            f"drawings ({found.plain:.0%} plain ground): imagined cells make them crisp",
        )
    if found.exact:
        return Decision({"imagined_share": 0.5}, f"{' and '.join(found.exact)} of imagined cells are known")
    return Decision(
        {"imagined_share": 0.0},
        f"photographs ({found.plain:.0%} plain ground): imagined cells would make their unseen ones worse",
    )


def _batch_size(found: Fingerprint) -> Decision:
    return Decision({"batch_size": 64 if found.cells >= MANY_CELLS else 32}, f"{found.cells:,} cells")


def planned_steps(found: Fingerprint, batch_size: int) -> Steps:
    """As many steps as the grid needs, or as this machine has time for."""
    quick = uses_references(found) or upsamplings(max(found.shape[:2])) == 2
    wanted = max(600 if quick else 900, 15 * found.cells // batch_size)
    affordable = round(TRAINING_SECONDS / found.seconds_per_step)
    steps = max(1, min(wanted, affordable))
    reason = f"{steps * batch_size / found.cells:.0f} times every picture"
    if steps < wanted:
        reason += f"; {wanted} would be better, but a step takes {found.seconds_per_step:.2g} s on {found.cores} cores"
    return Steps(wanted, Decision({"steps": steps}, reason))
