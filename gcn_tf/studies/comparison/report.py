"""The report of a comparison: a table by group of cells, a figure of methods x groups x metrics, and samples to look at."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from gcn_tf.files import write_atomically
from gcn_tf.metrics.intervals import Estimate
from gcn_tf.pipelines.split import GROUPS
from gcn_tf.reporting.charts import write_methods_chart
from gcn_tf.reporting.figures import write_samples_figure
from gcn_tf.reporting.glossary import GLOSSARY
from gcn_tf.reporting.report_files import write_report_files
from gcn_tf.reporting.tables import label, markdown_table, methods_table

# By group, metric and end of the interval.
StoredScores = Mapping[str, Mapping[str, Mapping[str, float | None]]]


LIKENESS = ("psnr_db", "ssim", "sharpness", "stray_ink", "copying", "two_sample_accuracy")
# Of all cells together, so that two methods cannot be compared cell by cell.
SET_METRICS = ("hand_width", "hand_slant", "kid_of_judge_features")


def write_comparison(
    report: dict[str, Any], samples: Mapping[str, np.ndarray], names: Sequence[str], out: Path
) -> Path:
    """Two figures, report.md, report.html and, last, report.json; returns the figure to look at.

    Args:
        report: what report.json holds.
        samples: uint8 (2, n, H, W, 3) real and generated pictures by method.
        names: factors in order.
    """
    write_atomically(out / "samples.png", lambda path: write_samples_figure(samples, path))
    shown = _shown_metrics(names)
    estimates = {
        method: {g: {m: Estimate.from_json(dict(e)) for m, e in by.items()} for g, by in groups.items()}
        for method, groups in report["scores"].items()
    }
    metrics, figure = [(name, label(name)) for name in shown], out / "methods.png"
    write_atomically(figure, lambda path: write_methods_chart(estimates, metrics, path))
    write_report_files(out, f"gcn-tf study: {report['experiment']}", _text(report, shown), report)
    return figure


def _shown_metrics(names: Sequence[str]) -> list[str]:
    """Likeness, copying and sets, then what both judges classify correctly: the first two factors, and all."""
    return [*LIKENESS, *SET_METRICS, *_classified(names)]


def _classified(names: Sequence[str]) -> list[str]:
    return [
        f"{name}_accuracy/{judge}"
        for name in (*names[:2], "all_factors")
        for judge in ("convolutional", "hog")
    ]


def _tables(scores: Mapping[str, StoredScores], group: str, shown: Sequence[str]) -> list[str]:
    """Likeness, then what was classified correctly, so that neither table is too wide to read."""
    by_method = {method: by_group.get(group, {}) for method, by_group in scores.items()}
    likeness = methods_table(by_method, [name for name in shown if "/" not in name])
    classified = methods_table(by_method, [name for name in shown if "/" in name])
    return [likeness, *(["Classified correctly:", classified] if classified else [])]


def _text(report: Mapping[str, Any], shown: Sequence[str]) -> str:
    config, made = report["config"], report["made_with"]
    versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    methods = [["method", "what it is", "seconds (median)"]]
    methods += [[n, m, f"{np.median(report['seconds'][n]):.0f}"] for n, m in report["methods"].items()]
    tables = []
    for group in GROUPS:
        if any(group in by_group for by_group in report["scores"].values()):
            tables += [f"## {group.capitalize()}", *_tables(report["scores"], group, shown)]
            if report["reference_minus"]:
                each = [name for name in shown if name not in SET_METRICS]
                tables += [
                    f"*{report['reference']}* minus each other method on the same cells, {group}: an interval without 0 "
                    "is a difference.",
                    *_tables(report["reference_minus"], group, each),
                ]
    unseen = any(group != "seen" for by_group in report["scores"].values() for group in by_group)
    cells = "all with the same unseen cells" if report["same_cells"] else "each has other unseen cells"
    settings = yaml.safe_dump(config, sort_keys=False).strip()
    parts = [
        f"# Study: {report['experiment']}",
        f"Dataset {config['dataset']}, seeds {', '.join(map(str, report['seeds']))} ({cells}), "
        f"{config['steps']} steps of batch {config['batch_size']} for every method that trains. "
        + (f"Unseen at once: {' and '.join(report['holdout'])} cells." if unseen else "All cells are seen."),
        "![methods](methods.png)",
        "Points: means. Bars: 95 % intervals.",
        "## Methods",
        markdown_table(methods),
        report["explanation"],
        "![samples](samples.png)",
        f"{'Unseen' if unseen else 'Seen'} cells of the first seed: real pictures, then one row per method.",
        *tables,
        "## Terms",
        GLOSSARY.strip() + " Several seeds: seeds are resampled first.",
        "## What was run",
        f"{versions}. {made['machine']['processor']}, {made['machine']['cores']} cores. "
        f"Data sha256 {made['data_sha256']}.",
        f"```\n{settings}\n```",
    ]
    return "\n\n".join(parts) + "\n"
