"""Charts of numbers: learning curves, what was mistaken for what, methods side by side."""

import json
import textwrap
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gcn_tf.files import LARGEST_LOG, read_small
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.metrics.confusion import MOST_CHARTED, Confusion
from gcn_tf.metrics.intervals import Estimate

matplotlib.use("Agg")


LARGEST_VALUE = 1e15  # no run has larger ones, and axes that reach much further overflow


DPI = 110


LARGEST_INCHES = 2_000 / DPI  # of a chart, either way


FONT = 8  # points of ticks and legends; what is written into a confusion matrix has 7


LINE = 13  # pixels that a line of it takes


LARGEST_PANEL = 3.6  # inches, of a confusion chart


LABELS_ROOM = 130  # pixels of a panel that its title, ticks and axis labels take


CURVES = {
    "loss": {
        "train/generator_loss": "generator loss (weighted sum per picture)",
        "train/classifier_loss": "classifier loss (weighted sum per picture)",
    },
    "PSNR, dB": {
        "seen/psnr_db": "PSNR of seen cells, dB",
        "unseen/psnr_db": "PSNR of unseen cells, dB",
    },
}  # by panel: what is logged, and its words in the legend


def write_curves_chart(metrics_file: Path, path: Path) -> bool:
    """Losses and PSNR over the steps of `metrics.jsonl`; False when the run logged nothing that can be read."""
    lines = _logged(metrics_file)
    if not lines:
        return False
    figure, axes = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
    titles = ("Losses of both networks", "Likeness to the real pictures")
    for axis, title, (quantity, curves) in zip(axes, titles, CURVES.items(), strict=True):
        for name, told in curves.items():
            points = [(line["step"], line[name]) for line in lines if _is_value(line.get(name))]
            if points:
                axis.plot(*zip(*points, strict=True), label=told)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("training step")
        axis.set_ylabel(quantity)
        axis.set_yscale("log" if quantity == "loss" else "linear")
        axis.grid(alpha=0.3)
        if axis.lines:
            axis.legend(fontsize=FONT)
    _save(figure, path)
    return True


def _short(text: str, most: int) -> str:
    """A text of at most `most` letters: the middle of a longer one is left out, as names often differ at their ends."""
    half = (most - 1) // 2
    return text if len(text) <= most else f"{text[:half]}…{text[-half:]}"


def _shared_letters(names: Sequence[str]) -> int:
    """How many letters all names begin with alike."""
    places = enumerate(zip(*names, strict=False))
    return next((n for n, letters in places if len(set(letters)) > 1), min(map(len, names)))


def _telling_names(names: Sequence[str], most: int = 12) -> list[str]:
    """Names of at most `most` letters: where one is longer, all lose what they have in common at both ends."""
    if max(map(len, names)) <= most:
        return list(names)
    shared = _shared_letters(names)
    cut = [name[shared:] for name in names]
    shared = _shared_letters([name[::-1] for name in cut])
    cut = [name[: len(name) - shared] for name in cut]
    return [_short(text, most) for text in (cut if all(cut) else names)]


def _save(figure: Figure, path: Path) -> Path:
    figure.savefig(path, dpi=DPI)
    plt.close(figure)
    return path


def _logged(metrics_file: Path) -> list[dict[str, Any]]:
    """The lines of `metrics.jsonl`, without damaged ones."""
    try:
        text = read_small(metrics_file, LARGEST_LOG).decode(errors="replace")
    except OSError:
        return []
    lines = []
    for line in text.splitlines():
        try:
            logged = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(logged, dict) and _is_value(logged.get("step")):
            lines.append(logged)
    return lines


def _is_value(value: Any) -> bool:
    return isinstance(value, (int, float)) and abs(value) <= LARGEST_VALUE


def write_confusion_chart(
    tables: Mapping[str, Mapping[str, Confusion]], space: FactorSpace, path: Path
) -> Path:
    """Wanted values by those that judges classified pictures as, a panel per judge and factor.

    Every row is coloured as shares. Of a factor with many values, those that were confused most are shown.

    Args:
        tables: by judge and factor name.
    """
    down, across, side = _panels(len(space.factors), len(tables))
    figure, axes = plt.subplots(
        down, across, figsize=(side * across, side * down), layout="constrained", squeeze=False
    )
    for axis in axes.ravel():
        axis.set_visible(False)
    for number, (judge, by_factor) in enumerate(tables.items()):
        panels = axes.reshape(len(tables), -1)[number]
        for axis, factor in zip(panels, space, strict=False):
            axis.set_visible(True)
            _confusion_panel(axis, by_factor[factor.name], factor, judge, side * DPI)
    return _save(figure, path)


def _panels(factors: int, judges: int) -> tuple[int, int, float]:
    """Rows and columns of panels, every judge's in rows of their own, and the side of one in inches: the largest."""

    def side(across: int) -> float:
        return min(LARGEST_PANEL, LARGEST_INCHES / across, LARGEST_INCHES / (-(-factors // across) * judges))

    across = max(range(factors, 0, -1), key=side)
    return -(-factors // across) * judges, across, side(across)


def _confusion_panel(axis: Axes, found: Confusion, factor: Factor, judge: str, pixels: float) -> None:
    room = pixels - LABELS_ROOM
    values = found.most_confused(max(2, min(MOST_CHARTED, int(room / LINE))))
    counts = found.table(values)
    shown = counts / np.maximum(found.wanted[values, None], 1)
    axis.imshow(shown, cmap="Blues", vmin=0, vmax=1)
    title = [f"{factor.name}, {judge} judge"]
    if len(values) < len(factor):
        title.append(f"the {len(values)} of {len(factor)} values confused most")
    axis.set_title("\n".join(textwrap.fill(line, int(pixels / 8)) for line in title), fontsize=9)
    axis.set_xlabel("classified as", fontsize=FONT)
    axis.set_ylabel("wanted", fontsize=FONT)
    names = _telling_names([factor.values[v] for v in values])
    axis.set_xticks(range(len(values)), names, fontsize=7, rotation=90)
    axis.set_yticks(range(len(values)), names, fontsize=7)
    if len(f"{counts.max():.0f}") * 7 > room / len(values):
        return  # the numbers would run into one another: the colours tell
    for (i, j), count in np.ndenumerate(counts):
        if count:
            color = "white" if shown[i, j] > 0.5 else "black"
            axis.text(j, i, f"{count:.0f}", ha="center", va="center", fontsize=7, color=color)


def write_methods_chart(
    scores: Mapping[str, Mapping[str, Mapping[str, Estimate]]],
    metrics: Sequence[tuple[str, str]],
    path: Path,
    columns: int = 4,
) -> Path:
    """A panel per metric: methods down, values across with their intervals, one colour per group of cells.

    Args:
        scores: estimates by method, group and metric.
        metrics: (name, label) of those to show.
    """
    columns = min(columns, len(metrics))
    rows = -(-len(metrics) // columns)
    height = min(0.32 * len(scores) + 1, (LARGEST_INCHES - 0.5) / rows)
    methods = list(scores)[: max(1, int((height - 0.9) * DPI / LINE))]
    groups = list(dict.fromkeys(group for method in methods for group in scores[method]))
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(min(3.8 * columns, LARGEST_INCHES), height * rows + 0.5),
        layout="constrained",
        sharey=True,
        squeeze=False,
    )
    for axis in axes.ravel()[len(metrics) :]:
        axis.set_visible(False)
    names = [_short(method, 32) for method in methods]
    for axis, (metric, title) in zip(axes.ravel(), metrics, strict=False):
        for number, group in enumerate(groups):
            estimates = {row: scores[m].get(group, {}).get(metric) for row, m in enumerate(methods)}
            _estimates(axis, {r: e for r, e in estimates.items() if e}, group, (number, len(groups)))
        axis.set_title(textwrap.fill(title, 30), fontsize=9)
        axis.set_yticks(range(len(methods)), names, fontsize=FONT)
        axis.set_ylim(len(methods) - 0.5, -0.5)
        axis.tick_params(axis="x", labelsize=FONT)
        axis.locator_params(axis="x", nbins=5)
        axis.grid(axis="x", alpha=0.3)
    omitted = f"the first {len(methods)} of {len(scores)} methods" if len(methods) < len(scores) else None
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(groups), title=omitted)
    return _save(figure, path)


def _estimates(axis: Axes, estimates: Mapping[int, Estimate], group: str, place: tuple[int, int]) -> None:
    """Points and bars of one group of cells, by row; groups stand beside one another, number `place[0]` of `place[1]`."""
    number, groups = place
    color, moved = f"C{number}", 0.22 * (number - (groups - 1) / 2)
    for row, estimate in estimates.items():
        if not np.isnan(estimate.low):
            axis.plot([estimate.low, estimate.high], [row + moved] * 2, color=color, lw=1.5)
    values = [estimate.value for estimate in estimates.values()]
    axis.plot(values, [row + moved for row in estimates], "o", color=color, ms=4, label=group)


def write_accuracy_chart(
    accuracy: Mapping[str, Mapping[str, Sequence[tuple[int, Estimate]]]],
    path: Path,
    counted: str = "real pictures to learn from",
    solid: Collection[str] = (),
) -> Path:
    """Accuracy against the number of real pictures: a panel per test, a line per method, with intervals.

    Args:
        accuracy: (real pictures, share classified correctly) by test and method.
        counted: what the number is of, below the panels.
        solid: methods with solid lines; the others' are dotted.
    """
    columns = min(2, len(accuracy))
    rows = -(-len(accuracy) // columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(6 * columns + 3, min(4.6 * rows, LARGEST_INCHES)),
        layout="constrained",
        squeeze=False,
    )
    for axis in axes.ravel()[len(accuracy) :]:
        axis.set_visible(False)
    for axis, (test, by_method) in zip(axes.ravel(), accuracy.items(), strict=False):
        _accuracy_panel(axis, by_method, counted, solid)
        axis.set_title(test, fontsize=10)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside right center", fontsize=FONT)
    return _save(figure, path)


def _accuracy_panel(
    axis: Axes,
    by_method: Mapping[str, Sequence[tuple[int, Estimate]]],
    counted: str,
    solid: Collection[str],
) -> None:
    colors = plt.get_cmap("tab10" if len(by_method) <= 10 else "tab20")
    for number, (name, points) in enumerate(by_method.items()):
        moved = 1 + 0.012 * (number - len(by_method) / 2)  # so that bars do not hide one another
        counts = [count * moved for count, _ in points]
        values = np.array([[e.value, e.low, e.high] for _, e in points]) * 100
        line, color = "-" if name in solid else ":", colors(number % colors.N)
        label = _short(name, 48)
        axis.plot(counts, values[:, 0], line, marker="o", ms=4, color=color, label=label)
        axis.vlines(counts, values[:, 1], values[:, 2], color=color, lw=1.2)
    ticks = spaced(sorted({count for count, _ in next(iter(by_method.values()))}), 12)
    axis.set_xscale("log")
    axis.set_xticks(ticks, [str(count) for count in ticks], fontsize=FONT)
    axis.minorticks_off()
    axis.set_xlabel(counted)
    axis.set_ylabel("classified correctly (%)")
    axis.grid(alpha=0.3)


def write_counts_chart(
    panels: Mapping[str, Mapping[str, Sequence[tuple[int, Estimate]]]],
    counted: str,
    path: Path,
    columns: int = 3,
) -> Path:
    """Figures against a number of pictures: a panel per metric, a line per method, with intervals.

    Args:
        panels: (number, figure) by title of the panel and method.
        counted: what the number is of, below the panels.
    """
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(4.2 * columns + 2.4, min(3.4 * rows, LARGEST_INCHES)),
        layout="constrained",
        squeeze=False,
    )
    methods = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    handles = {}
    for axis in axes.ravel()[len(panels) :]:
        axis.set_visible(False)
    for axis, (title, lines) in zip(axes.ravel(), panels.items(), strict=False):
        for number, name in enumerate(methods):
            if name in lines:
                handles[name] = _counts_line(axis, lines[name], f"C{number}", number - len(methods) / 2)
        axis.set_title(textwrap.fill(title, 36), fontsize=9)
        ticks = sorted({count for points in lines.values() for count, _ in points})
        axis.set_xscale("log")
        axis.set_xticks(spaced(ticks, 12), [str(count) for count in spaced(ticks, 12)], fontsize=FONT)
        axis.minorticks_off()
        axis.tick_params(axis="y", labelsize=FONT)
        axis.set_xlabel(counted, fontsize=FONT)
        axis.grid(alpha=0.3)
    labels = [_short(name, 40) for name in handles]
    figure.legend(list(handles.values()), labels, loc="outside right center", fontsize=FONT)
    return _save(figure, path)


def write_lines_chart(
    lines: Mapping[str, Sequence[tuple[float, float]]], across: str, up: str, path: Path
) -> Path:
    """A line per method.

    Args:
        lines: (x, y) by method.
        across, up: what the axes show.
    """
    figure, axis = plt.subplots(figsize=(9, 4.6), layout="constrained")
    styles = ("-", "--", ":")
    for number, (name, points) in enumerate(lines.items()):
        axis.plot(
            *zip(*points, strict=True), styles[number // 10 % 3], color=f"C{number}", label=_short(name, 40)
        )
    axis.set_xlabel(across, fontsize=FONT)
    axis.set_ylabel(up, fontsize=FONT)
    axis.grid(alpha=0.3)
    figure.legend(loc="outside right center", fontsize=7)
    return _save(figure, path)


def _counts_line(axis: Axes, points: Sequence[tuple[int, Estimate]], color: str, moved: float) -> Line2D:
    """A line with bars, moved aside a little so that bars of other lines do not hide them."""
    counts = [count * (1 + 0.012 * moved) for count, _ in points]
    (line,) = axis.plot(counts, [e.value for _, e in points], "-", marker="o", ms=4, color=color)
    axis.vlines(counts, [e.low for _, e in points], [e.high for _, e in points], color=color, lw=1.2)
    return line


def spaced(counts: Sequence[int], most: int) -> list[int]:
    """Those counts, from the largest down, whose labels stand apart on a logarithmic axis with room for `most` of them."""
    apart = np.log(counts[-1] / counts[0]) / most
    kept: list[int] = []
    for count in reversed(counts):
        if not kept or np.log(kept[-1] / count) >= apart:
            kept.append(count)
    return kept[::-1]
