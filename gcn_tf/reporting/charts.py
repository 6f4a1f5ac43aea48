"""Charts of numbers: learning curves, what was mistaken for what, methods side by side."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib import pyplot as plt

from gcn_tf.files import read_small
from gcn_tf.grid.factors import FactorSpace
from gcn_tf.metrics.intervals import Estimate

matplotlib.use("Agg")


LARGEST_LOG = 100_000_000  # bytes


LARGEST_VALUE = 1e15  # no run has larger ones, and axes that reach much further overflow


def write_curves_chart(metrics_file: Path, path: Path) -> bool:
    """Losses and PSNR over the steps of `metrics.jsonl`; False when the run logged nothing that can be read."""
    lines = _logged(metrics_file)
    if not lines:
        return False
    panels = {
        "losses (weighted sum per picture)": ("train/generator_loss", "train/classifier_loss"),
        "PSNR (dB)": ("seen/psnr_db", "unseen/psnr_db"),
    }
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
    for axis, (title, names) in zip(axes, panels.items(), strict=True):
        for name in names:
            points = [(line["step"], line[name]) for line in lines if _is_value(line.get(name))]
            if points:
                axis.plot(*zip(*points, strict=True), label=name)
        axis.set(title=title, xlabel="step", yscale="log" if "loss" in title else "linear")
        axis.grid(alpha=0.3)
        if axis.lines:
            axis.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return True


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
    tables: Mapping[str, Mapping[str, list[list[int]]]], space: FactorSpace, path: Path
) -> Path:
    """Wanted values by read ones, one panel per judge and factor: counts (K, K), each row coloured as shares."""
    figure, axes = plt.subplots(
        len(tables),
        len(space.factors),
        figsize=(3.2 * len(space.factors), 3.2 * len(tables)),
        layout="constrained",
        squeeze=False,
    )
    for row, (judge, by_factor) in enumerate(tables.items()):
        for axis, factor in zip(axes[row], space, strict=True):
            table = np.array(by_factor[factor.name], float)
            axis.imshow(table / np.maximum(table.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
            axis.set_title(f"{factor.name}, {judge} judge", fontsize=9)
            axis.set_xlabel("read", fontsize=8)
            axis.set_ylabel("wanted", fontsize=8)
            if len(factor) <= 20:
                axis.set_xticks(range(len(factor)), factor.values, fontsize=7, rotation=90)
                axis.set_yticks(range(len(factor)), factor.values, fontsize=7)
                for (i, j), count in np.ndenumerate(table):
                    if count:
                        share = count / table[i].sum()
                        color = "white" if share > 0.5 else "black"
                        axis.text(j, i, f"{count:.0f}", ha="center", va="center", fontsize=6, color=color)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


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
    groups = list(dict.fromkeys(group for by_group in scores.values() for group in by_group))
    rows = -(-len(metrics) // columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(3.4 * columns, (0.32 * len(scores) + 1) * rows),
        layout="constrained",
        sharey=True,
    )
    for axis in axes.ravel()[len(metrics) :]:
        axis.set_visible(False)
    for axis, (metric, title) in zip(axes.ravel(), metrics, strict=False):
        for number, group in enumerate(groups):
            drawn = [
                (row + 0.22 * (number - 1), by_group[group][metric])
                for row, by_group in enumerate(scores.values())
                if metric in by_group.get(group, {})
            ]
            for place, estimate in drawn:
                if not np.isnan(estimate.low):
                    axis.plot([estimate.low, estimate.high], [place, place], color=f"C{number}", lw=1.5)
            axis.plot(
                [estimate.value for _, estimate in drawn],
                [place for place, _ in drawn],
                "o",
                color=f"C{number}",
                ms=4,
                label=group,
            )
        axis.set_title(title, fontsize=9)
        axis.set_yticks(range(len(scores)), list(scores), fontsize=8)
        axis.set_ylim(len(scores) - 0.5, -0.5)
        axis.tick_params(axis="x", labelsize=8)
        axis.grid(axis="x", alpha=0.3)
    figure.legend(*axes.ravel()[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(groups))
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def write_accuracy_chart(
    accuracy: Mapping[str, Mapping[str, Sequence[tuple[int, Estimate]]]], path: Path
) -> Path:
    """Accuracy against the number of real pictures: a panel per test, a line per method, with intervals.

    Args:
        accuracy: (real pictures, share classified correctly) by test and method.
    """
    figure, axes = plt.subplots(
        1, len(accuracy), figsize=(6 * len(accuracy), 5), layout="constrained", squeeze=False
    )
    for axis, (test, by_method) in zip(axes[0], accuracy.items(), strict=True):
        for number, (name, points) in enumerate(by_method.items()):
            moved = 1 + 0.012 * (number - len(by_method) / 2)  # so that bars do not hide one another
            counts = [count * moved for count, _ in points]
            values = np.array([[e.value, e.low, e.high] for _, e in points]) * 100
            line = "-" if "GCN" in name else ":"
            axis.plot(counts, values[:, 0], line, marker="o", ms=4, color=f"C{number}", label=name)
            axis.vlines(counts, values[:, 1], values[:, 2], color=f"C{number}", lw=1.2)
        ticks = [count for count, _ in next(iter(by_method.values()))]
        axis.set_xscale("log")
        axis.set_xticks(ticks, [str(count) for count in ticks])
        axis.minorticks_off()
        axis.set(title=test, xlabel="real pictures to learn from", ylabel="classified correctly (%)")
        axis.grid(alpha=0.3)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside right center", fontsize=9)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path
