"""How many pictures of each class augmentation asked for and kept, for people and for augmentation.json."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gcn_tf.errors import UserError
from gcn_tf.files import read_json_object

EVEN = 0.9  # a class whose kept share is below this part of the best one's is named
LISTED = 12  # classes of different counts that fit into a line
LESS_STRICT = "lower --min-confidence or --min-distance, and name another --out"


@dataclass(frozen=True)
class Counts:
    """Pictures by value of the label, int (K,): asked for, past the filter, and kept after balancing."""

    wanted: np.ndarray
    passed: np.ndarray
    kept: np.ndarray

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.wanted + other.wanted, self.passed + other.passed, self.kept + other.kept)

    @property
    def shares(self) -> np.ndarray:
        """Kept over wanted by value, float (K,); 1 where nothing was wanted."""
        return np.where(self.wanted > 0, self.kept / np.maximum(self.wanted, 1), 1.0)

    def to_json(self) -> str:
        return json.dumps({name: values.tolist() for name, values in vars(self).items()})

    @classmethod
    def read(cls, path: Path, values: int) -> "Counts":
        """Read what `to_json` gave of so many values; raises UserError naming the file when it is damaged."""
        remedy = "give the same command again"
        stored = read_json_object(path, remedy)
        try:
            counts = [np.array(stored[name]) for name in ("wanted", "passed", "kept")]
        except (KeyError, ValueError):
            counts = []
        if not counts or any(c.dtype != np.int64 or c.shape != (values,) or c.min() < 0 for c in counts):
            raise UserError(f"{path} is damaged (no counts of {values} values): {remedy}")
        return cls(*counts)


def report_lines(
    label: str, names: Sequence[str], counts: Counts, filtered: bool, balance: bool
) -> list[str]:
    """How many pictures of each class there are, for people.

    A line without filter and balance, which lose nothing; else a table of what they kept, and what to do when the
    filter made the classes uneven.

    Args:
        label: factor of the classes, "" if there is none.
        names: its values, in the order of `counts`; those of which nothing was wanted are left out.
        filtered: whether pictures had to pass a filter.
    """
    if filtered or balance:
        return [*_table(label, names, counts), *_uneven(label, names, counts, balance)]
    there = {name: int(kept) for name, kept in zip(names, counts.kept, strict=True) if kept}
    if not label or not there:
        return []
    least, most = min(there.values()), max(there.values())
    if least == most:
        return [f"{label}: {most} of each of {len(there)} values"]
    if len(there) > LISTED:
        return [f"{label}: {least} to {most} of each of {len(there)} values"]
    return [f"{label}: " + ", ".join(f"{kept} of {name}" for name, kept in there.items())]


def _table(label: str, names: Sequence[str], counts: Counts) -> list[str]:
    rows = [[label, "wanted", "past the filter", "kept", "share"]]
    for name, *numbers, share in zip(
        names, counts.wanted, counts.passed, counts.kept, counts.shares, strict=True
    ):
        if numbers[0]:
            rows.append([name, *map(str, numbers), f"{share:.1%}"])
    wanted, passed, kept = (int(n.sum()) for n in (counts.wanted, counts.passed, counts.kept))
    rows.append(["all", *map(str, (wanted, passed, kept)), f"{kept / max(wanted, 1):.1%}"])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([f"{row[0]:{widths[0]}}", *(f"{c:>{w}}" for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]


def _uneven(label: str, names: Sequence[str], counts: Counts, balance: bool) -> list[str]:
    shares = counts.shares[counts.wanted > 0]
    names = [name for name, wanted in zip(names, counts.wanted, strict=True) if wanted]
    low = [n for n, share in zip(names, shares, strict=True) if share < EVEN * shares.max()]
    if balance or not low:
        return []
    uneven = f"uneven: the filter kept {shares.min():.0%} to {shares.max():.0%} of a class, least of {label} {', '.join(low)}"
    if not shares.min():
        return [f"{uneven}; for pictures of every class {LESS_STRICT}"]
    return [f"{uneven}; --balance (and another --out) cuts all classes to the same number"]


def check_kept(label: str, names: Sequence[str], counts: Counts, balance: bool) -> None:
    """Raise UserError when nothing is left, or with `balance` nothing because of one class."""
    if not counts.passed.sum():
        raise UserError(f"no picture passed the filter: {LESS_STRICT}")
    if balance and not counts.kept.sum():
        lost = [n for n, w, p in zip(names, counts.wanted, counts.passed, strict=True) if w and not p]
        why = (
            f"no picture of {label} {', '.join(lost)} passed the filter"
            if lost
            else "no part has all classes"
        )
        raise UserError(f"--balance leaves nothing: {why}; {LESS_STRICT}, or leave --balance out")


def report_text(
    plan: Mapping[str, Any], names: Sequence[str], counts: Counts, files: Mapping[str, Any]
) -> str:
    """What augmentation.json holds: the plan, the counts in all and by class, and what the set is described by.

    Args:
        files: sizes and SHA-256 of the files that describe the set.
    """
    by_class = {
        name: {"wanted": int(w), "passed": int(p), "kept": int(k), "share": round(float(share), 4)}
        for name, w, p, k, share in zip(
            names, counts.wanted, counts.passed, counts.kept, counts.shares, strict=True
        )
        if w
    }
    total = {name: int(values.sum()) for name, values in vars(counts).items()}
    report = {"plan": plan, "pictures": total, "classes": by_class, "files": files}
    return json.dumps(report, indent=1)
