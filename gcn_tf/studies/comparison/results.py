"""What a method gave with one seed, as a file, and what several seeds say together."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gcn_tf.errors import UserError
from gcn_tf.evaluation.hands import Hands
from gcn_tf.evaluation.scores import Scored, Scores, is_share
from gcn_tf.metrics.geometry import GEOMETRY
from gcn_tf.metrics.hand import pooled_hand_correlation
from gcn_tf.metrics.intervals import Estimate, bootstrap_mean
from gcn_tf.metrics.sets import kid
from gcn_tf.metrics.two_sample import told_from_real
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.split import GROUPS, rows_by_group
from gcn_tf.studies.entries import read_entry, write_entry

SAMPLES = 8  # cells of every unseen group whose pictures are kept
TOLD = "two_sample_accuracy"  # of a sample of every unseen group


@dataclass(frozen=True)
class MethodResult:
    """What one method gave with one seed.

    Args:
        seconds: float. Wall time of training and drawing.
        values: float (P,) by metric, NaN where one does not apply.
        kid: KID of the convolutional judge's features by group.
        group: int (P,), position in `GROUPS`; base: int (P,), numbers of the base images, or of other pictures that are
            resampled together.
        samples: uint8 (2, n, H, W, 3), real and generated pictures of some cells.
        hand: float (P, 5, 3), the geometry that the hand correlation of one factor is made of (`Hands.compared`).
    """

    seconds: float
    values: dict[str, np.ndarray]
    kid: dict[str, float]
    group: np.ndarray
    base: np.ndarray
    samples: np.ndarray
    hand: np.ndarray

    @classmethod
    def of(cls, scored: Scored, seconds: float, factor: str = "") -> "MethodResult":
        """What is kept of the scores.

        Args:
            factor: whose hand is looked for; by default the identity of the dataset.
        """
        generated, real = scored.cells.features
        distances = {
            name: kid(real[rows], generated[rows])
            for name, rows in rows_by_group(scored.group).items()
            if len(rows) > 1
        }
        values = {**scored.cells.values, TOLD: _told(scored)}
        hand = _hand(scored, factor or scored.split.dataset.holdout_roles.identity)
        return cls(seconds, values, distances, scored.group, scored.base, _samples(scored), hand)

    def without_figures(self) -> "MethodResult":
        """The same for a training that diverged: nothing of it applies."""
        nothing = {n: np.full(len(v), np.nan) for n, v in self.values.items()}
        return replace(self, values=nothing, kid={}, hand=np.full_like(self.hand, np.nan))

    def write(self, path: Path, origin: dict[str, Any], **more: np.ndarray) -> None:
        """Write the entry, what it is of, and more arrays by name; one that exists is whole."""
        arrays: dict[str, Any] = {
            "seconds": np.array(self.seconds),
            "kid": np.array(json.dumps(self.kid)),
            "group": self.group,
            "base": self.base,
            "samples": self.samples,
            "hand": self.hand.astype(np.float32),
            **{f"value/{name}": values.astype(np.float32) for name, values in self.values.items()},
            **more,
        }
        write_entry(path, origin, arrays)

    @classmethod
    def read(cls, path: Path, origin: dict[str, Any]) -> "MethodResult":
        """The entry of a file; raises UserError when it is damaged or of something else."""
        with read_entry(path, origin) as file:
            seconds, distances = float(file["seconds"]), json.loads(str(file["kid"]))
            values = {n.removeprefix("value/"): file[n] for n in file.files if n.startswith("value/")}
            lacking = [name for name in ("hand", f"value/{TOLD}") if name not in file.files]
            if lacking:
                raise UserError(
                    f"{path} was scored by an older version: delete it, the trained runs are kept"
                )
            arrays = (file[name] for name in ("group", "base", "samples", "hand"))
            return cls(seconds, values, distances, *arrays)


def _told(scored: Scored) -> np.ndarray:
    """For every cell the share of its two pictures that are told correctly to be real or generated; NaN where none was tested."""
    told = np.full(len(scored.rows), np.nan)
    for group, rows in rows_by_group(scored.group).items():
        if group != "seen":
            real = pixels(scored.split, scored.rows[rows])
            found = told_from_real(real, scored.generated[rows], scored.base[rows])
            told[rows] = np.nan if found is None else found
    return told


def _hand(scored: Scored, factor: str) -> np.ndarray:
    hands = Hands.of(scored.split)
    if factor not in hands.content:
        return np.full((len(scored.rows), len(GEOMETRY), 3), np.nan)
    return hands.compared(scored.generated, scored.rows, factor)


def _samples(scored: Scored) -> np.ndarray:
    """Real and generated pictures of some cells: uint8 (2, n, H, W, 3), of seen ones where there are no others."""
    groups = rows_by_group(scored.group)
    chosen = [rows for name, rows in groups.items() if name != "seen"] or list(groups.values())
    rows = np.concatenate([rows[np.linspace(0, len(rows) - 1, SAMPLES).astype(int)] for rows in chosen])
    return np.stack([pixels(scored.split, scored.rows[rows]), scored.generated[rows]])


def entry_path(out: Path, method: str, seed: int) -> Path:
    """The file of a method's entry with one seed."""
    return out / "entries" / f"{method.replace(' + ', '+').replace(' ', '-')}-seed{seed}.npz"


def combine(entries: Sequence[MethodResult], same_cells: bool = False) -> Scores:
    """Figures of one method over its seeds, by group and metric; KID's interval is over seeds alone."""
    scores = _means(entries, is_share, same_cells)
    for group, by_metric in scores.items():
        by_metric |= _hands(entries, GROUPS.index(group))
        distances = [(np.array([e.kid[group]]), np.zeros(1, int)) for e in entries if group in e.kid]
        if distances:
            by_metric["kid_of_judge_features"] = bootstrap_mean(distances)
    return scores


def _hands(entries: Sequence[MethodResult], group: int) -> dict[str, Estimate]:
    """Hand correlations of one group, by "hand_width" and so on, where they are defined."""
    found = {}
    for n, number in enumerate(GEOMETRY):
        runs = [(entry.hand[entry.group == group, n], entry.base[entry.group == group]) for entry in entries]
        if estimate := pooled_hand_correlation(runs):
            found[f"hand_{number}"] = estimate
    return found


def compare(
    entries: Sequence[MethodResult], others: Sequence[MethodResult], same_cells: bool = False
) -> Scores:
    """What one method has more than another on the same cells and seeds, by group and metric.

    Differences are taken cell by cell, so what makes a cell hard for both drops out of the interval.
    """
    differences = [
        replace(one, values={name: one.values[name] - other.values[name] for name in one.values})
        for one, other in zip(entries, others, strict=True)
    ]
    return _means(differences, lambda metric: False, same_cells)


def _means(entries: Sequence[MethodResult], share: Callable[[str], bool], same_cells: bool) -> Scores:
    """Means over cells and seeds by group and metric, of the metrics that apply to the whole group."""
    scores: Scores = {}
    for number, group in enumerate(GROUPS):
        having = [(entry, entry.group == number) for entry in entries if (entry.group == number).any()]
        if having:
            scores[group] = {
                name: bootstrap_mean(runs, share(name), same_cells=same_cells)
                for name in entries[0].values
                if (runs := [_applying(entry, rows, name) for entry, rows in having])
                and not any(np.isnan(values).any() or not len(values) for values, _ in runs)
            }
    return scores


def _applying(entry: MethodResult, rows: np.ndarray, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Values of the cells of a group with their base images; of the two-sample test those of the cells that it sampled."""
    values, base = entry.values[metric][rows], entry.base[rows]
    tested = ~np.isnan(values) if metric == TOLD else slice(None)
    return values[tested], base[tested]
