"""Figures of a search: parallel coordinates, and which settings mattered."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np

from gcn_tf.tuning.space import Choices, Space, varied
from gcn_tf.tuning.trials import Trial

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.colors import Normalize


def write_parallel_coordinates(trials: Sequence[Trial], space: Space, best: str, path: Path) -> Path:
    """One vertical axis per setting and one for the score, one line per trial that was scored; shorter trials in grey."""
    scored = sorted((t for t in trials if t.score is not None), key=lambda t: t.score or 0.0)
    names = varied(space)
    steps = sorted({t.steps for t in scored})
    names += ["steps"] if steps[1:] else []
    scores = np.array([t.score for t in scored])
    shade = plt.get_cmap("viridis")
    longest = np.array([t.score for t in scored if t.steps == steps[-1]])
    norm = Normalize(float(longest.min()), float(longest.max()))
    figure, axis = plt.subplots(figsize=(1.15 * (len(names) + 2), 6), layout="constrained")
    rng = np.random.default_rng(0)
    for trial in scored:
        points = [(i, _height(trial, name, space, steps, rng)) for i, name in enumerate(names)]
        low, high = scores.min(), scores.max()
        points.append((len(names), (float(trial.score or 0) - low) / max(high - low, 1e-12)))
        there = [point for point in points if point[1] is not None]
        axis.plot(
            *zip(*there, strict=True),
            color=shade(norm(trial.score or 0.0)) if trial.steps == steps[-1] else "0.8",
            lw=3.0 if trial.name == best else 1.5 if trial.steps == steps[-1] else 0.7,
            zorder=4 if trial.name == best else 3 if trial.steps == steps[-1] else 2,
        )
    for i, name in enumerate(names):
        axis.axvline(i, color="0.6", lw=0.8, zorder=1)
        for height, text in _ticks(name, space, steps):
            axis.text(i + 0.04, height, text, fontsize=7, va="center", zorder=5, bbox=_PLATE)
    axis.axvline(len(names), color="0.6", lw=0.8)
    for height, value in ((0, scores.min()), (1, scores.max())):
        axis.text(len(names) + 0.04, height, f"{value:.3f}", fontsize=7, va="center", bbox=_PLATE)
    axis.set_xticks(range(len(names) + 1), [*names, "score"], rotation=35, ha="right", fontsize=8)
    axis.set_xlim(-0.2, len(names) + 0.6)
    axis.set_yticks([])
    axis.spines[:].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


_PLATE = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.7}


def _height(
    trial: Trial, name: str, space: Space, steps: Sequence[int], rng: np.random.Generator
) -> float | None:
    """Place on a setting's axis from 0 to 1, choices a little apart so that lines do not cover each other; None: not varied."""
    if name == "steps":
        return steps.index(trial.steps) / (len(steps) - 1)
    if name not in trial.values:
        return None
    entry, value = space[name], trial.values[name]
    if isinstance(entry, Choices):
        return entry.values.index(value) / (len(entry.values) - 1) + float(rng.uniform(-0.012, 0.012))
    low, high = np.log([entry.low, entry.high]) if entry.log else (entry.low, entry.high)
    place = np.log(value) if entry.log else value
    return float((place - low) / (high - low))


def _ticks(name: str, space: Space, steps: Sequence[int]) -> list[tuple[float, str]]:
    if name == "steps":
        return [(i / (len(steps) - 1), str(n)) for i, n in enumerate(steps)]
    entry = space[name]
    if isinstance(entry, Choices):
        last = len(entry.values) - 1
        return [(i / last, f"{v:g}" if isinstance(v, float) else str(v)) for i, v in enumerate(entry.values)]
    middle = np.sqrt(entry.low * entry.high) if entry.log else (entry.low + entry.high) / 2
    return [(0.0, f"{entry.low:.3g}"), (0.5, f"{middle:.2g}"), (1.0, f"{entry.high:.3g}")]


def write_importance_chart(importances: Mapping[str, tuple[float, float]], path: Path) -> Path:
    """A bar per setting, the most important on top."""
    figure, axis = plt.subplots(figsize=(8, 0.32 * len(importances) + 1), layout="constrained")
    names = list(importances)
    means, deviations = np.array(list(importances.values())).T
    axis.barh(names, means, xerr=deviations, color="C0", ecolor="0.4")
    axis.invert_yaxis()
    axis.axvline(0, color="0.4", lw=0.8)
    axis.set_xlabel("loss of explained variance when shuffled (more: matters more)")
    axis.grid(axis="x", alpha=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path
