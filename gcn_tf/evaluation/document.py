"""The report of a run as a document: report.md, and report.html with its pictures inside."""

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from gcn_tf.evaluation.scores import Scored, confusion
from gcn_tf.evaluation.verdict import verdicts
from gcn_tf.pipelines.batches import pixels
from gcn_tf.reporting.charts import write_confusion_chart, write_curves_chart
from gcn_tf.reporting.figures import Shown, write_cells_figure, write_extremes_figure
from gcn_tf.reporting.glossary import GLOSSARY
from gcn_tf.reporting.html import to_html
from gcn_tf.reporting.tables import (
    baseline_tables,
    classifier_table,
    hand_tables,
    many_value_tables,
    markdown_table,
    score_table,
    unrecognised,
    unrecognised_text,
)

PICTURE = "cells.png"  # the one to look at first


PAIRS = 120  # of a real and a generated picture in the figures of one group of cells


def write_documents(report: dict[str, Any], scored: Scored, folder: Path, metrics_file: Path) -> None:
    """Write the figures, report.md and report.html into a folder.

    Args:
        report: what report.json holds.
        scored: all pictures of a split.
        metrics_file: what the training logged.
    """
    _write_figures(scored, folder)
    write_confusion_chart(confusion(scored), scored.split.dataset.space, folder / "confusion.png")
    curves = write_curves_chart(metrics_file, folder / "curves.png")
    text = _text(report, curves)
    (folder / "report.md").write_text(text, encoding="utf-8")
    html = to_html(text, folder, f"gcn-tf: {report['run']}", unfolded=1)
    (folder / "report.html").write_text(html, encoding="utf-8")


def _write_figures(scored: Scored, folder: Path) -> None:
    """Pictures of the cells: the unseen ones, those of every group, the best and the worst."""
    split, cells = scored.split, scored.cells
    shown = Shown(split, pixels(split, np.arange(len(split.ids))), scored.generated)
    write_cells_figure(shown, folder / PICTURE)
    for group, rows in split.groups().items():
        name = "reconstruction" if group == "seen" else group.removeprefix("unseen ")
        write_cells_figure(shown, folder / f"{name}.png", rows, PAIRS)
    write_extremes_figure(shown, cells.values["psnr_db"], cells.classified, folder / "extremes.png")


def _text(report: dict[str, Any], curves: bool) -> str:
    parts = [
        f"# Report of {report['run']}",
        _figure(PICTURE, "Real pictures above generated ones. Framed: cells that training never saw."),
        _verdicts(report),
        *([report["excerpt"]] if report.get("excerpt") else []),
        *([f"**{text}**"] if (text := unrecognised_text(report)) else []),
        "## Scores",
        markdown_table(score_table(report["scores"], unrecognised(report))),
        *_baselines(report),
        *_hands(report),
        "## How to read the figures",
        GLOSSARY.strip(),
        *_real_repeats(report),
        "## The judges",
        *_judges(report),
        *_classifier(report),
        "## What was mistaken for what",
        _figure("confusion.png", "Rows: the value that was wanted. Columns: what the judge classified as."),
        *_many_values(report),
        "## Best and worst",
        _figure("extremes.png", "Cells of different base images, by PSNR, real above generated."),
        *_groups(report),
    ]
    if curves:
        parts += ["## Learning curves", _figure("curves.png", "Losses and PSNR over the training steps.")]
    return "\n\n".join([*parts, *_made_with(report)]) + "\n"


def _figure(name: str, caption: str) -> str:
    return f"![{caption}]({name})\n\n{caption}"


def _verdicts(report: dict[str, Any]) -> str:
    """A sentence per group of cells, what was never seen first, and what the run was trained on."""
    config, found = report["config"], verdicts(report)
    lines = [
        f"- **{group[0].upper()}{group[1:]}** ({report['pictures'][group]} pictures of {report['base_images'][group]} base images). "
        f"{found[group]}"
        for group in sorted(found, key=lambda group: group == "seen")
    ]
    run = (
        f"Dataset {config['dataset']}, hold-out {', '.join(config['holdout'])}, seed {config['seed']}, "
        f"{report['steps']} steps. Differences are called better or worse where the 95 % intervals do not overlap."
    )
    return "\n".join([*lines, "", run])


def _groups(report: dict[str, Any]) -> list[str]:
    """A figure of each group of cells, as the paper has them."""
    figures = {
        "seen": (
            "## Reconstruction: cells that training saw",
            "reconstruction.png",
            "Real above generated, as in figure 5 of the paper; framed cells are unseen.",
        ),
        "unseen low-level": (
            "## Low-level generation: a variation of a base image that was missing",
            "low-level.png",
            "As in figure 6 of the paper. The framed ones were taken out of the training set.",
        ),
        "unseen high-level": (
            "## High-level generation: a base image that was missing altogether",
            "high-level.png",
            "As in figure 7 of the paper. No picture of these base images was in the training set.",
        ),
    }
    there = [figures[group] for group in figures if group in report["scores"]]
    return [part for heading, name, caption in there for part in (heading, _figure(name, caption))]


def _baselines(report: dict[str, Any]) -> list[str]:
    tables = baseline_tables(report)
    if not tables:
        return []
    parts = [
        "## Beside baselines",
        "What predictors without a network, fitted on the seen cells alone, reach in the same cells. *Mean over* a factor: the "
        "mean of the seen pictures that differ in it alone. *Additive*: every pixel by ridge regression on the factors' values; "
        "*pairwise*: on pairs of values as well. All of them are averages: PSNR prefers those, sharpness tells them from "
        "pictures. Accuracies are those of the judges in the order of their names.",
    ]
    for group, rows in tables.items():
        parts += [f"{group.capitalize()} cells:", markdown_table(rows)]
    return parts


def _hands(report: dict[str, Any]) -> list[str]:
    tables = hand_tables(report)
    if not tables:
        return []
    parts = [
        "## The hand of unseen cells",
        "*Hand correlation*: how far a figure deviates in height, width, slant and place from the mean of the seen pictures that "
        "differ in one factor alone (the letter of a drawer from the same letter of the others), in the generated pictures and in "
        "the true ones: their partial correlation given that mean. 1: what the factor changes is carried over. 0: it is not. "
        "*Usual deviation of the value*: what a prediction without a network reaches, the mean deviation of the other seen pictures "
        "with the same value (the drawer's other letters). A figure is what differs from the color of the picture's edge; "
        "where there is no plain background the numbers say little. Numbers that the factor does not change are left out.",
    ]
    for name, rows in tables.items():
        parts += [f"{name[0].upper()}{name[1:]} cells:", markdown_table(rows)]
    return parts


def _real_repeats(report: dict[str, Any]) -> list[str]:
    if not report["real_repeats"]:
        return []
    return [
        "## What real pictures reach",
        "The same figures for *another real picture of the same cell* (the same hand, written again), which neither the "
        "generator nor the judges knew. An unseen high-level cell generated as well as reality would stand here, not above.",
        markdown_table(score_table(report["real_repeats"], unrecognised(report))),
    ]


def _judges(report: dict[str, Any]) -> list[str]:
    factors = list(next(iter(report["judges"].values()))["known_accuracy"])
    pictures = {"known_accuracy": "pictures it learned from", "held_out_accuracy": "held out"}
    rows = [["classified correctly", *factors]]
    for name, judge in report["judges"].items():
        for part, which in pictures.items():
            rows.append([f"{name} judge, {which}", *(f"{judge[part][factor]:.3f}" for factor in factors)])
    count = next(iter(report["judges"].values()))["held_out_pictures"]
    verdict = [
        f"**The {name} judge misclassifies {', '.join(judge['doubted_factors'])} in pictures that it learned from: do not "
        "trust what it says of generated ones.**"
        for name, judge in report["judges"].items()
        if judge["doubted_factors"]
    ]
    return [
        "The *convolutional* judge is a network of its own; the *hog* judge compares histograms of gradients with those of "
        f"known pictures and has nothing in common with a network. {count} real pictures were kept from both. Where a judge "
        "misclassifies real held-out pictures, its mistake on a generated one says little.",
        markdown_table(rows),
        *verdict,
    ]


def _classifier(report: dict[str, Any]) -> list[str]:
    rows = classifier_table(report)
    if not rows:
        return []
    found = report["classifier"]
    return [
        "## The run's own classifier",
        f"What `classify` of the SavedModel and `augment --min-confidence` go by, on {found['pictures']} real pictures that it never learned "
        f"from ({found['of']}), beside the judges on those that were kept from them. *Calibration error*: how far its confidence is "
        "from its accuracy on average (expected calibration error, 15 bins); of few pictures it is too high. *Temperature*: what "
        "its logits are divided by.",
        markdown_table(rows),
    ]


def _many_values(report: dict[str, Any]) -> list[str]:
    """Of factors with many values: who is taken for whom most often, and the values with the worst and best pictures."""
    parts = []
    for factor, tables in many_value_tables(report).items():
        parts += [f"{factor}: {title}:\n\n{markdown_table(rows)}" for title, rows in tables.items()]
    return parts


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
