"""`gcn-tf compare`: reports of several runs beside each other, over the cells that all of them have."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from gcn_tf.config.kept import check_kind
from gcn_tf.errors import UserError
from gcn_tf.evaluation.compare_document import (
    compare_text,
    compare_to_json,
    main_metrics,
    metrics_table,
    notes,
)
from gcn_tf.evaluation.differences import Matched, differences, match_cells
from gcn_tf.evaluation.reported import Reported, open_report
from gcn_tf.files import write_atomically
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.excerpt import excerpt
from gcn_tf.reporting.figures import write_rows_of_cells
from gcn_tf.reporting.html import to_html
from gcn_tf.runs.run_dir import Run, open_run
from gcn_tf.synthesis.draw import generate_cells

SHOWN = 16  # cells, at most
PICTURE, PAGE = "cells.png", "compare.html"
NAMED = 3  # runs in the name of a folder


@dataclass(frozen=True)
class Compared:
    """The page of a comparison, rows of the main metrics by group of cells, the head first, and what users should know of them."""

    page: Path
    tables: dict[str, list[list[str]]]
    notes: list[str]


def compare(run_dirs: Sequence[Path], out: Path | None = None) -> Compared:
    """Compare the reports of runs with that of the first, and write compare.md, compare.html, compare.json and cells.png.

    Args:
        run_dirs: folders of two runs or more, each with a report.
        out: the folder to write; by default comparisons/A-B, after the runs.

    Returns:
        The page to look at, and what it says in short.

    Raises:
        UserError: fewer than two runs or one of them twice; no report, or a stale or damaged one; no cell in common.
    """
    if len(run_dirs) < 2:
        raise UserError("compare takes two runs or more: gcn-tf compare runs/a runs/b")
    for number, run_dir in enumerate(run_dirs):
        if run_dir.resolve() in [other.resolve() for other in run_dirs[:number]]:
            raise UserError(f"{run_dir} is named twice: name runs that differ")
    out = out or Path("comparisons") / _folder_name(run_dirs)
    check_kind(out / PAGE)
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file: name a folder")
    matched = match_cells([open_report(run_dir) for run_dir in run_dirs])
    names = _names(matched.runs)
    found = differences(matched)
    shown = show_cells(matched, names, out / PICTURE)
    text = compare_text(matched, names, found, shown.missing, PICTURE if len(shown.cells) else "")
    about = compare_to_json(matched, names, found, shown.cells)
    contents = {
        "compare.md": text,
        PAGE: to_html(text, out, f"gcn-tf: {', '.join(names)}", unfolded=2),
        "compare.json": json.dumps(about, indent=1),
    }
    for name, content in contents.items():
        write_atomically(out / name, partial(Path.write_text, data=content, encoding="utf-8"))
    tables = {group: metrics_table(main_metrics(of_group), names) for group, of_group in found.items()}
    return Compared(out / PAGE, tables, notes(matched) + [shown.missing] * bool(shown.missing))


def _folder_name(run_dirs: Sequence[Path]) -> str:
    names = [run_dir.resolve().name for run_dir in run_dirs]
    more = [f"and-{len(names) - NAMED}-more"] if len(names) > NAMED else []
    return "-".join(names[:NAMED] + more)


def _names(runs: Sequence[Reported]) -> list[str]:
    """Names of the folders, or their paths where two are called alike."""
    names = [run.folder.resolve().name for run in runs]
    return names if len(set(names)) == len(names) else [str(run.folder) for run in runs]


@dataclass(frozen=True)
class ShownCells:
    """The cells of a figure: int (n,), positions among the matched ones; none where there is no figure; and what is missing."""

    cells: np.ndarray
    missing: str = ""


def show_cells(matched: Matched, names: Sequence[str], path: Path) -> ShownCells:
    """Write the figure: the same cells of all runs, the real pictures above them if they are at hand.

    Pictures of several sizes have no figure.
    """
    cells = choose_cells(matched)
    generated, real, missing = {}, None, ""
    for name, run, rows in zip(names, matched.runs, matched.rows, strict=True):
        opened = open_run(run.folder, run.checkpoint)
        generated[name] = _generated(opened, run, rows[cells])
        if run is matched.runs[0]:
            try:
                real = pixels(excerpt(opened.load_split()), rows[cells])
            except UserError as error:
                missing = f"Without real pictures: {error}."
    if len({images.shape for images in generated.values()}) > 1:
        path.unlink(missing_ok=True)
        return ShownCells(cells[:0], "No pictures side by side: those of the runs have several sizes.")
    psnr = np.stack(matched.values("psnr_db"))[:, cells]
    write_rows_of_cells(
        generated if real is None else {"real": real, **generated},
        heads=[_words(matched.runs[0], row) for row in matched.rows[0][cells]],
        feet=[f"{' / '.join(f'{value:.1f}' for value in of_cell)} dB" for of_cell in psnr.T],
        framed=matched.group[cells] > 0,
        title=f"The same cells; below them the PSNR of {' / '.join(names)}",
        path=path,
    )
    return ShownCells(cells, missing)


def choose_cells(matched: Matched, count: int = SHOWN) -> np.ndarray:
    """Positions of cells to look at: unseen ones first, half of them where the PSNR differs most, the others typical.

    Returns:
        int64 (n,), n at most `count`.
    """
    psnr = np.stack(matched.values("psnr_db"))
    spread = np.abs(psnr[1:] - psnr[0]).max(axis=0)
    unseen = np.flatnonzero(matched.group > 0)
    chosen = _of_interest(unseen, spread, matched.base, count)
    seen = np.flatnonzero(matched.group == 0)
    return np.concatenate([chosen, _of_interest(seen, spread, matched.base, count - len(chosen))])


def _of_interest(among: np.ndarray, spread: np.ndarray, base: np.ndarray, count: int) -> np.ndarray:
    """The largest spreads, each of another base image, then cells from the largest to the smallest spread of the others."""
    order = among[np.argsort(-spread[among], kind="stable")]
    _, first = np.unique(base[order], return_index=True)
    most = order[np.sort(first)[: (count + 1) // 2]]
    others = order[~np.isin(order, most)]
    places = np.linspace(0, len(others) - 1, min(len(others), count - len(most))).astype(int)
    return np.concatenate([most, others[places]]).astype(int)


def _generated(opened: Run, run: Reported, rows: np.ndarray) -> np.ndarray:
    """What a run makes of the cells of some lines: uint8 (n, H, W, C)."""
    ids = [
        [factor.index(value) for factor, value in zip(opened.space, run.cells[row], strict=False)]
        for row in rows
    ]
    return generate_cells(opened, np.array(ids, int))


def _words(run: Reported, row: int) -> str:
    """ "digit=7 writer=3" of a line."""
    return " ".join(f"{name}={value}" for name, value in zip(run.factors, run.cells[row], strict=False))
