"""The report of a run as a document: report.md, and report.html with its pictures inside."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.split import Split
from gcn_tf.reporting.charts import write_confusion_chart, write_curves_chart
from gcn_tf.reporting.figures import write_cells_figure, write_extremes_figure
from gcn_tf.reporting.html import to_html
from gcn_tf.reporting.tables import GLOSSARY, markdown_table, score_table

PICTURE = "cells.png"  # the one to look at first


def write_documents(
    report: dict[str, Any],
    split: Split,
    drawn: np.ndarray,
    psnr_db: np.ndarray,
    read: Mapping[str, Mapping[str, np.ndarray]],
    run_dir: Path,
) -> None:
    """Draw the figures and write report.md and report.html into the run's `report/`.

    Args:
        report: what report.json holds.
        drawn: uint8 (P, H, W, 3), one for every picture of the split.
        psnr_db: float (P,).
        read: value ids (P,) by judge and factor name.
    """
    folder = run_dir / "report"
    real = pixels(split, np.arange(len(split.ids)))
    groups = split.groups()
    write_cells_figure(split, real, drawn, folder / PICTURE)
    write_cells_figure(split, real, drawn, folder / "reconstruction.png", groups["seen"], bases=10)
    for group in list(groups)[1:]:
        write_cells_figure(
            split, real, drawn, folder / f"{group.removeprefix('unseen ')}.png", groups[group], bases=10
        )
    write_confusion_chart(report["confusion"], split.dataset.space, folder / "confusion.png")
    unseen = split.rows(unseen=bool(split.unseen.any()))
    write_extremes_figure(split, real, drawn, unseen, psnr_db, read, folder / "extremes.png")
    curves = write_curves_chart(run_dir / "metrics.jsonl", folder / "curves.png")
    text = _text(report, curves)
    (folder / "report.md").write_text(text)
    (folder / "report.html").write_text(to_html(text, folder, f"gcn-tf: {report['run']}"))


def _text(report: dict[str, Any], curves: bool) -> str:
    config = report["config"]
    counts = "; ".join(
        f"{name}: {count} pictures of {report['base_images'][name]} base images"
        for name, count in report["pictures"].items()
    )
    parts = [
        f"# Report of {report['run']}",
        f"Dataset {config['dataset']}, hold-out {', '.join(config['holdout'])}, seed {config['seed']}, "
        f"{report['steps']} steps. {counts}.",
        _figure(PICTURE, "Real pictures above drawn ones. Framed: cells that training never saw."),
        "## Scores",
        markdown_table(score_table(report["scores"])),
        GLOSSARY.strip(),
        *_real_repeats(report),
        "## The judges",
        *_judges(report),
        "## What was mistaken for what",
        _figure("confusion.png", "Rows: the wanted value. Columns: what the judge read."),
        "## Best and worst",
        _figure("extremes.png", "Cells of different base images, by PSNR, real above drawn."),
        "## Reconstruction: cells that training saw",
        _figure(
            "reconstruction.png", "Real above drawn, as in figure 5 of the paper; framed cells are unseen."
        ),
    ]
    if "unseen low-level" in report["scores"]:
        parts += [
            "## Low-level generation: a colour or rotation that was missing",
            _figure(
                "low-level.png",
                "As in figure 6 of the paper. The framed ones were taken out of the training set.",
            ),
        ]
    if "unseen high-level" in report["scores"]:
        parts += [
            "## High-level generation: a base image that was missing altogether",
            _figure(
                "high-level.png",
                "As in figure 7 of the paper. No picture of these rows was in the training set.",
            ),
        ]
    if curves:
        parts += ["## Learning curves", _figure("curves.png", "Losses and PSNR over the training steps.")]
    return "\n\n".join([*parts, *_made_with(report)]) + "\n"


def _figure(name: str, caption: str) -> str:
    return f"![{caption}]({name})\n\n{caption}"


def _real_repeats(report: dict[str, Any]) -> list[str]:
    if not report["real_repeats"]:
        return []
    return [
        "## What real pictures reach",
        "The same figures for *another real picture of the same cell* (the same hand, written again), which neither the "
        "generator nor the judges knew. An unseen high-level cell drawn as well as reality would stand here, not above.",
        markdown_table(score_table(report["real_repeats"])),
    ]


def _judges(report: dict[str, Any]) -> list[str]:
    factors = list(next(iter(report["judges"].values()))["known_accuracy"])
    rows = [["classified correctly", *factors]]
    for name, judge in report["judges"].items():
        for part, told in (("known_accuracy", "pictures it learned from"), ("held_out_accuracy", "held out")):
            rows.append([f"{name} judge, {told}", *(f"{judge[part][factor]:.3f}" for factor in factors)])
    count = next(iter(report["judges"].values()))["held_out_pictures"]
    verdict = [
        f"**The {name} judge misreads {', '.join(judge['doubted_factors'])} in pictures that it learned from: do not "
        "trust these accuracies.**"
        for name, judge in report["judges"].items()
        if judge["doubted_factors"]
    ]
    return [
        "The *convolutional* judge is a network of its own; the *hog* judge compares histograms of gradients with those of "
        f"known pictures and has nothing in common with a network. {count} real pictures were kept from both. Where a judge "
        "misreads real held-out pictures, a mistake on a drawn one says little.",
        markdown_table(rows),
        *verdict,
    ]


def _made_with(report: dict[str, Any]) -> list[str]:
    made = report["made_with"]
    versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    machine = made["machine"]
    settings = yaml.safe_dump(report["config"], sort_keys=False).strip()
    return [
        "## What was run",
        f"{versions}. {machine['processor']}, {machine['cores']} cores, {machine['system']}. "
        f"Data sha256 {made['data_sha256']}. Every picture's figures: cells.csv. All numbers: report.json.",
        f"```\n{settings}\n```",
    ]
