"""What a search maximises, on cells that are neither learned from nor kept for the test."""

from collections.abc import Sequence

import numpy as np

from gcn_tf.evaluation.judges import Judges
from gcn_tf.evaluation.scores import CellScores, score_cells
from gcn_tf.grid.holdout import HoldoutError, check_values_seen, holdout_rules, unseen_mask
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.pipelines.split import Split, rows_by_group
from gcn_tf.tuning.config import PSNR_WEIGHT

VALIDATION_SEED = 1_000_003  # added to the seed, so that protocols sample other cells for validation
ENOUGH_DB = 35.0  # pixels are then 4.5 of 255 off, root mean square
METRICS = ("accuracy", "psnr_db", "sharpness", "stray_ink")


def validation_split(dataset: Dataset, test: Sequence[str], validation: Sequence[str], seed: int) -> Split:
    """The pictures without the test hold-out, parted into what a trial learns from and its validation hold-out.

    Args:
        test, validation: hold-out specs, as `--holdout` takes them; a cell of both is a test cell.
        seed: of the test hold-out, as `train` takes it.

    Returns:
        A split that has no picture of a test cell; `unseen` are the validation cells.

    Raises:
        HoldoutError: no validation cell is left beside the test cells, or a value would never be seen.
    """
    base, ids = dataset.pictures()
    roles = dataset.holdout_roles
    tested = unseen_mask(ids, holdout_rules(test, dataset.space, seed, roles), dataset.space)
    rules = holdout_rules(validation, dataset.space, seed + VALIDATION_SEED, roles)
    validated = unseen_mask(ids, rules, dataset.space)[~tested]
    if not validated.any():
        raise HoldoutError(
            f"--validation {' '.join(validation)} has no cell beside the test hold-out {' '.join(test)}: "
            "name another, e.g. --validation fraction=0.1"
        )
    check_values_seen(ids[~tested], validated, dataset.space)
    return Split(dataset, base[~tested], ids[~tested], validated)


def rules_of(split: Split) -> tuple[str, ...]:
    """The unseen cells of a split as hold-out specs, one each."""
    space = split.dataset.space
    return tuple(
        " ".join(f"{factor.name}={factor.values[i]}" for factor, i in zip(space, cell, strict=True))
        for cell in split.ids[split.unseen].tolist()
    )


def score(cells: CellScores, group: np.ndarray, names: Sequence[str], psnr_weight: float) -> dict[str, float]:
    """The figure that a search maximises, and what it is made of.

    score = mean over g of ( mean over j, f of accuracy(g, j, f) + psnr_weight * mean over x of min(PSNR(x), 35) )

    with the groups g of validation cells (low-level, high-level), both judges j, all factors f, and the pictures x of a
    group with their PSNR in dB: every group weighs the same, however many cells it has, and what is closer to the true
    picture than an eye can see is as good as any closer.

    Args:
        group: int (P,). Positions in `GROUPS`, of the pictures that were scored.
        names: factors.

    Returns:
        "score", "accuracy" and "psnr_db", and by group "accuracy/GROUP" and "psnr_db/GROUP"; "sharpness" and "stray_ink"
        likewise, which the score leaves out and a reader should not: blur and blots can raise it.
    """
    accuracies = {f"{name}_accuracy" for name in names}
    correct = np.mean([v for name, v in cells.values.items() if name.partition("/")[0] in accuracies], axis=0)
    parts = {}
    for name, rows in rows_by_group(group).items():
        parts[f"accuracy/{name}"] = float(correct[rows].mean())
        for metric in METRICS[1:]:
            parts[f"{metric}/{name}"] = float(cells.values[metric][rows].mean())
    means = {
        metric: float(np.mean([value for name, value in parts.items() if name.startswith(f"{metric}/")]))
        for metric in METRICS
    }
    likeness = np.minimum(cells.values["psnr_db"], ENOUGH_DB)
    enough = np.mean([likeness[rows].mean() for rows in rows_by_group(group).values()])
    return {"score": means["accuracy"] + psnr_weight * float(enough), **means, **parts}


def score_validation(
    split: Split, generated: np.ndarray, judges: Judges, psnr_weight: float = PSNR_WEIGHT
) -> dict[str, float]:
    """`score` of generated validation cells.

    Args:
        generated: uint8 (V, H, W, 3), one for every unseen picture of the split, in order.
    """
    scored = score_cells(split, generated, judges, split.rows(unseen=True))
    return score(scored.cells, scored.group, split.dataset.space.names, psnr_weight)
