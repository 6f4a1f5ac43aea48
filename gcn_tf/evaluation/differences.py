"""What runs reach in the same cells: cells matched by their values, and differences with paired intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gcn_tf.config.kept import PLACES
from gcn_tf.errors import UserError
from gcn_tf.evaluation.reported import Reported
from gcn_tf.evaluation.scores import is_share
from gcn_tf.metrics.intervals import Estimate, bootstrap_mean, paired_difference
from gcn_tf.pipelines.split import rows_by_group

BETTER_WHEN_LOWER = ("normalised_euclidean_error", "stray_ink", "copying")
NEITHER = ("sharpness",)  # 1 is best


@dataclass(frozen=True)
class Matched:
    """Runs and the cells that all of them have in the same group.

    Args:
        runs: the first is the one that the others are compared with.
        rows: int (C,) per run, the lines of its cells.csv, in the order of the first.
        left_out: how many cells are not in all of the runs, and how many are in another group in some.
    """

    runs: tuple[Reported, ...]
    rows: tuple[np.ndarray, ...]
    left_out: tuple[int, int]

    @property
    def group(self) -> np.ndarray:
        """A position in `GROUPS` for each of the cells: int (C,)."""
        return self.runs[0].group[self.rows[0]]

    @property
    def base(self) -> np.ndarray:
        """Base image numbers of the first run: int (C,)."""
        return self.runs[0].base[self.rows[0]]

    def groups(self) -> dict[str, np.ndarray]:
        """Positions of the cells by group, int64 (n,) each, unseen ones first."""
        return dict(sorted(rows_by_group(self.group).items(), key=lambda item: item[0] == "seen"))

    def values(self, metric: str) -> list[np.ndarray]:
        """A metric in the cells, float64 (C,) per run."""
        return [run.values[metric][rows] for run, rows in zip(self.runs, self.rows, strict=True)]

    def metrics(self) -> list[str]:
        """Metrics that all runs have and that mean the same.

        Judges of other pictures are other judges. They take "all factors" for those that they recognise.
        """
        first, *others = self.runs
        other_judges = not same_pictures(self.runs)
        return [
            name
            for name in first.values
            if all(name in run.values for run in others)
            and not ("_accuracy/" in name and other_judges)
            and not (
                name.startswith("all_factors_") and len({_recognised(run, name) for run in self.runs}) > 1
            )
        ]


def _recognised(run: Reported, metric: str) -> tuple[str, ...]:
    judge = run.report["judges"].get(metric.partition("/")[2], {})
    return tuple(judge.get("unrecognised_factors", ()))


@dataclass(frozen=True)
class Difference:
    """One metric in the cells of one group.

    Args:
        values: of every run, with its own interval.
        differences: of every run but the first, to the first, with paired intervals.
    """

    metric: str
    values: tuple[Estimate, ...]
    differences: tuple[Estimate, ...]

    def outcome(self, number: int) -> str:
        """What the interval says of run `number`, from 1, beside the first: "better", "worse", or "" for neither."""
        found = self.differences[number - 1]
        if self.metric in NEITHER or np.isnan(found.low) or found.low <= 0 <= found.high:
            return ""
        return "better" if (found.value > 0) != (self.metric in BETTER_WHEN_LOWER) else "worse"


def match_cells(runs: Sequence[Reported]) -> Matched:
    """Match cells by the values of their factors.

    Raises:
        UserError: the runs have other factors, or no cell in common that is in the same group in all of them.
    """
    first, *others = runs
    for run in others:
        if set(run.factors) != set(first.factors):
            raise UserError(
                f"{first.folder} has the factors {', '.join(first.factors)}, {run.folder} has {', '.join(run.factors)}: "
                "compare runs of the same factors"
            )
    places = [_places(run, first.factors) for run in runs]
    common = [cell for cell in places[0] if all(cell in by_cell for by_cell in places[1:])]
    every = set().union(*places)
    rows = np.array([[by_cell[cell] for cell in common] for by_cell in places], int).reshape(len(runs), -1)
    groups = np.stack([run.group[of] for run, of in zip(runs, rows, strict=True)])
    same = (groups == groups[0]).all(axis=0)
    if not same.any():
        what = "no cell in common" if not common else "no cell in common that all of them saw, or none did"
        raise UserError(
            f"{' and '.join(str(run.folder) for run in runs)} have {what}: compare runs of the same dataset and --holdout"
        )
    return Matched(tuple(runs), tuple(rows[:, same]), (len(every) - len(common), int((~same).sum())))


def _places(run: Reported, factors: Sequence[str]) -> dict[tuple[str, ...], int]:
    """Lines by cell, whose values stand in the order of `factors`, with the number of its picture at the end."""
    order = [run.factors.index(name) for name in factors]
    count = len(factors)
    return {(*(cell[n] for n in order), *cell[count:]): row for row, cell in enumerate(run.cells)}


def differences(matched: Matched) -> dict[str, list[Difference]]:
    """Every metric by group of cells, unseen ones first; metrics that do not apply to a group are left out."""
    found: dict[str, list[Difference]] = {}
    for group, rows in matched.groups().items():
        found[group] = []
        for metric in matched.metrics():
            values = [of_run[rows] for of_run in matched.values(metric)]
            if not np.isnan(values).any():
                found[group].append(_difference(metric, values, matched.base[rows]))
    return found


def _difference(metric: str, values: Sequence[np.ndarray], base: np.ndarray) -> Difference:
    share = is_share(metric)
    return Difference(
        metric,
        tuple(bootstrap_mean([(of_run, base)], share) for of_run in values),
        tuple(paired_difference(values[0], of_run, base, share) for of_run in values[1:]),
    )


def differing_settings(runs: Sequence[Reported]) -> dict[str, list[Any]]:
    """Settings that are not the same in all runs, by their dotted names, with the value of each; and what they were trained on."""
    settings = [
        {
            **_flat(run.report["config"]),
            "trained steps": run.report["steps"],
            "pictures' SHA-256": str(run.report["made_with"]["data_sha256"])[:12],
            "gcn-tf": run.report["made_with"]["versions"]["gcn-tf"],
        }
        for run in runs
    ]
    names = dict.fromkeys(name for one in settings for name in one)
    table = {name: [one.get(name) for one in settings] for name in names if name not in PLACES}
    return {name: values for name, values in table.items() if any(value != values[0] for value in values)}


def _flat(settings: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested settings by their dotted names."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            found |= _flat(value, f"{before}{name}.")
        else:
            found[before + name] = value
    return found


def same_pictures(runs: Sequence[Reported]) -> bool:
    """Whether the runs have the same real pictures."""
    return len({run.report["made_with"]["data_sha256"] for run in runs}) == 1


def same_judges(runs: Sequence[Reported]) -> bool:
    """Whether the judges of all runs classify the same real pictures correctly."""
    known = [
        {
            name: (one["known_accuracy"], one["held_out_accuracy"])
            for name, one in run.report["judges"].items()
        }
        for run in runs
    ]
    return all(one == known[0] for one in known)
