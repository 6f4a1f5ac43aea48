"""The report of a run, read from disk: what report.json says, and every line of cells.csv."""

import csv
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gcn_tf.errors import UserError
from gcn_tf.evaluation.report import read_report, read_stamp
from gcn_tf.grid.factors import FactorSpace
from gcn_tf.pipelines.split import GROUPS
from gcn_tf.runs.checkpoints import (
    BEST,
    DamagedCheckpoint,
    checkpoint_paths,
    checkpoint_sha256,
    newest_identity,
)
from gcn_tf.runs.run_dir import read_run_config

Cell = tuple[str, ...]  # a value of every factor, and a number where a cell has several pictures


@dataclass(frozen=True)
class Reported:
    """A run as its report describes it.

    Args:
        folder: of the run.
        checkpoint: file name of the one that the report is of.
        report: what report.json holds.
        factors: their names, in order.
        cells: of every picture.
        group: int (P,), a position in `GROUPS`.
        base: int (P,). Base image numbers.
        values: float64 (P,) by metric, NaN where one does not apply; without accuracies of factors that a judge does not recognise.
    """

    folder: Path
    checkpoint: str
    report: dict[str, Any]
    factors: tuple[str, ...]
    cells: list[Cell]
    group: np.ndarray
    base: np.ndarray
    values: dict[str, np.ndarray]


def open_report(run_dir: Path) -> Reported:
    """Read the report of a run.

    Raises:
        UserError: not a run directory; no report, a damaged one, another run's, or one of a checkpoint that the run no longer has.
    """
    read_run_config(run_dir)
    remedy = f"make the report again with gcn-tf evaluate {run_dir}"
    folder = run_dir / "report"
    if not folder.is_dir():
        raise UserError(f"{run_dir} has no report: make one with gcn-tf evaluate {run_dir}")
    stamp = read_stamp(folder)
    needed = {name: stamp.files.get(name) for name in ("report.json", "cells.csv")}
    replace(stamp, files=needed).check_files(whole=True)
    if identity := newest_identity(run_dir / "checkpoints"):
        stamp.require_run(identity, run_dir)
    names = {sha256: path.name for path, sha256 in _checkpoints(run_dir)}
    if stamp.checkpoint not in names:
        raise UserError(
            f"{folder} is of step {stamp.step}, which is neither the newest nor the best checkpoint of the run: {remedy}"
        )
    factors = FactorSpace.read(run_dir / "factors.json").names
    report = read_report(run_dir)
    with suppress(OSError, ValueError, KeyError, IndexError, csv.Error):
        columns = _read_columns(folder / "cells.csv", len(factors))
        cells = _numbered(list(zip(*(columns[name] for name in factors), strict=True)))
        group = np.array([GROUPS.index(name) for name in columns["group"]], int)
        base = np.array(columns["base_image"], int)
        values = {
            name: np.array([float(text) if text else np.nan for text in texts])
            for name, texts in list(columns.items())[len(factors) + 2 :]
            if "_read/" not in name and not name.endswith(" (not recognised)")
        }
        return Reported(run_dir, names[stamp.checkpoint], report, factors, cells, group, base, values)
    raise UserError(f"{folder / 'cells.csv'} is damaged: {remedy}")


def _checkpoints(run_dir: Path) -> Iterator[tuple[Path, str]]:
    """The newest and the best checkpoint, with what they say is their SHA-256; the newest comes last."""
    folder = run_dir / "checkpoints"
    for path in (folder / BEST, *checkpoint_paths(folder)[-1:]):
        with suppress(DamagedCheckpoint, OSError):
            yield path, checkpoint_sha256(path)


def _read_columns(path: Path, factor_count: int) -> dict[str, list[str]]:
    """Texts by column; raises ValueError unless the group follows the factors and every line has all columns."""
    with path.open(newline="", encoding="utf-8") as file:
        head, *lines = csv.reader(file)
    if head[factor_count : factor_count + 2] != ["group", "base_image"] or not lines:
        raise ValueError("not the columns of cells.csv")
    return dict(zip(head, map(list, zip(*lines, strict=True)), strict=True))


def _numbered(cells: list[Cell]) -> list[Cell]:
    """Cells with the number of their picture, from the second on: they stay apart."""
    seen: Counter[Cell] = Counter()
    found = []
    for cell in cells:
        seen[cell] += 1
        found.append((*cell, f"#{seen[cell]}") if seen[cell] > 1 else cell)
    return found
