"""The report of a run as a document: report.md, and report.html with its pictures inside."""

import base64
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import markdown
import numpy as np
import yaml

from gcn_tf.charts import write_confusion_chart, write_curves_chart
from gcn_tf.figures import write_cells_figure, write_extremes_figure
from gcn_tf.intervals import Estimate
from gcn_tf.pipelines.batches import Split, pixels

PICTURE = "cells.png"  # the one to look at first

LABELS = {
    "psnr_db": "PSNR (dB)",
    "ssim": "SSIM",
    "normalised_euclidean_error": "normalised Euclidean error",
    "sharpness": "sharpness",
    "stray_ink": "stray ink",
    "copying": "copying",
    "kid_of_judge_features": "KID of the judge's features",
    "fid_of_judge_features": "FID of the judge's features",
}
DIGITS = {"psnr_db": 1, "stray_ink": 4, "kid_of_judge_features": 2, "fid_of_judge_features": 1}

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: 1rem 0; font-size: 0.9rem; display: block; overflow-x: auto; }
th, td { border: 1px solid #ccc; padding: 0.25rem 0.6rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
th { background: #f2f2f2; }
img { max-width: 100%; image-rendering: auto; }
pre { background: #f6f6f6; padding: 0.8rem; overflow-x: auto; font-size: 0.8rem; }
"""

GLOSSARY = """
*Cell*: one value of every factor. *Seen*: training had its picture. *Unseen low-level*: training never had it, but had
its base image in other variations (another colour, another rotation). *Unseen high-level*: no picture of its base image
was there at all (a whole digit of a writer). Seen cells tell how well the generator remembers, unseen ones what it understood.

Everything is measured on images as users get them: clipped to [0, 1] and rounded to 8 bits.

- *PSNR*, *SSIM*: likeness to the true picture, higher is better. *Normalised Euclidean error*: 0 is a perfect copy, 1 is as
  far as a random other picture.
- *Sharpness*: energy of the picture's gradient over that of the true one. 1 is as sharp as reality, an average of several
  pictures is well below; PSNR prefers such an average to a stroke drawn elsewhere.
- *Accuracy*: share of pictures in which a judge reads the wanted value.
- *Stray ink*: share of a picture's energy where the true picture has no ink within a fourteenth of the side. High accuracy
  *with* stray ink is no success: a mark in a corner can stand for a writer.
- *Copying*: share of unseen cells whose picture is nearer to some training picture than to its own true one.
- *KID*, *FID*: distance of the set of drawn pictures from the set of real ones in the features of the convolutional judge,
  not of Inception: compare them within one dataset and, FID, for sets of one size only.

In brackets: 95 % intervals. Pictures that share a base image are resampled together (bootstrap; KID and FID: jackknife);
where all cells were read right or none, the exact binomial end for that many base images.
"""


def label(metric: str) -> str:
    """`digit_accuracy/hog` as "digit, hog judge"."""
    name, _, judge = metric.partition("/")
    if judge:
        return f"{name.removesuffix('_accuracy').replace('_', ' ')} read right, {judge} judge"
    return LABELS[name]


def estimate_text(metric: str, numbers: Mapping[str, float | None]) -> str:
    return Estimate.from_json(dict(numbers)).text(DIGITS.get(metric, 3))


def score_table(scores: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Rows metric x group with intervals, the head first; a dash where a metric does not apply."""
    names = list(dict.fromkeys(name for by_name in scores.values() for name in by_name))
    ordered = sorted(names, key=_order)
    rows = [["", *scores]]
    for name in ordered:
        cells = [estimate_text(name, by[name]) if name in by else "-" for by in scores.values()]
        rows.append([label(name), *cells])
    return rows


def _order(name: str) -> int:
    """Likeness first, then accuracies with stray ink right before them, then the figures of sets."""
    first = ["psnr_db", "ssim", "normalised_euclidean_error", "sharpness", "stray_ink"]
    last = ["copying", "kid_of_judge_features", "fid_of_judge_features"]
    return first.index(name) if name in first else 20 + last.index(name) if name in last else 10


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])


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
    unseen = split.pictures(unseen=bool(split.unseen.any()))
    write_extremes_figure(split, real, drawn, unseen, psnr_db, read, folder / "extremes.png")
    curves = write_curves_chart(run_dir / "metrics.jsonl", folder / "curves.png")
    text = _text(report, curves)
    (folder / "report.md").write_text(text)
    (folder / "report.html").write_text(to_html(text, folder, f"gcn-tf: {report['run']}"))


def to_html(text: str, folder: Path, title: str) -> str:
    """Markdown as one self-contained page: the PNGs that it names are read from `folder` and put inside."""
    body = markdown.markdown(text, extensions=["tables", "fenced_code", "toc"])

    def inside(match: re.Match[str]) -> str:
        data = base64.b64encode((folder / match.group(1)).read_bytes()).decode()
        return f'src="data:image/png;base64,{data}"'

    body = re.sub(r'src="([^":]+\.png)"', inside, body)
    head = f'<meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'


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
    rows = [["read right", *factors]]
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
