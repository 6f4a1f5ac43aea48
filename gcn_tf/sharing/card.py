"""The model card of a bundle: README.md with the metadata that the Hugging Face Hub reads."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gcn_tf import __version__
from gcn_tf.config.schema import RunConfig
from gcn_tf.evaluation.document import PICTURE
from gcn_tf.evaluation.verdict import verdicts
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.reporting.tables import (
    label_without,
    markdown_table,
    score_table,
    unrecognised,
    unrecognised_text,
)
from gcn_tf.sharing.statement import LICENCE_FILE, NOT_STATED, Statement, hub_licence

TASK = "unconditional-image-generation"  # the Hub's nearest: no words go in
PAPER = "https://arxiv.org/abs/1705.02887"
METRICS = {
    "psnr_db": "psnr",
    "ssim": "ssim",
    "all_factors_accuracy": "accuracy",
}  # with their types on the Hub
MOST_VALUES = 20  # of a factor that a card names


@dataclass(frozen=True)
class Bundle:
    """What a card is about.

    Args:
        name: of the bundle.
        folder: with everything in it but the card.
        step: of the training that the weights are of.
        report: what report.json holds; None if there is no report.
        stored: lines about what is stored of the pictures.
    """

    name: str
    folder: Path
    config: RunConfig
    space: FactorSpace
    step: int
    statement: Statement
    report: Mapping[str, Any] | None
    stored: Sequence[str]


def card_text(bundle: Bundle) -> str:
    """The card: metadata between two lines of dashes, then Markdown."""
    metadata = yaml.safe_dump(card_metadata(bundle), sort_keys=False, allow_unicode=True, width=1000)
    parts = [f"---\n{metadata}---", f"# {bundle.name}", *_sections(bundle)]
    return "\n\n".join(parts) + "\n"


def card_metadata(bundle: Bundle) -> dict[str, Any]:
    """What the Hub reads: licence, tags, task, and every metric with its interval."""
    kind = bundle.config.generator.kind
    found = {
        **hub_licence(bundle.statement, bundle.config.options.terms),
        "library_name": "tensorflow",
        "pipeline_tag": TASK,
        "tags": ["gcn-tf", "tensorflow", "keras", "image-generation", "data-augmentation", kind],
    }
    if not bundle.report:
        return found
    groups = bundle.report["scores"].items()
    results = [_result(bundle, group, scores) for group, scores in groups]
    types = dict.fromkeys(metric["type"] for result in results for metric in result["metrics"])
    return {**found, "metrics": list(types), "model-index": [{"name": bundle.name, "results": results}]}


def _result(bundle: Bundle, group: str, scores: Mapping[str, Any]) -> dict[str, Any]:
    """The metrics of one group of cells, as a result of a model index."""
    assert bundle.report
    dataset, without = bundle.config.dataset, unrecognised(bundle.report)
    return {
        "task": {"type": TASK, "name": "Generation of the cells of a grid"},
        "dataset": {"type": dataset, "name": f"{bundle.config.file_name}, {group} cells", "split": group},
        "metrics": [_metric(n, label_without(n, without), value) for n, value in _chosen(scores)],
    }


def _chosen(scores: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, float | None]]]:
    for name, value in scores.items():
        if name.partition("/")[0] in METRICS and value["value"] is not None:
            yield name, value


def _metric(metric: str, named: str, estimate: Mapping[str, float | None]) -> dict[str, Any]:
    """A metric as the Hub reads it.

    Args:
        named: for people, such as "PSNR (dB)".
    """
    low, high = estimate["low"], estimate["high"]
    found = {"type": METRICS[metric.partition("/")[0]], "value": _rounded(estimate["value"])}
    if low is None or high is None or math.isnan(low):
        return {**found, "name": f"{named}, too few base images for an interval"}
    interval = {"low": _rounded(low), "high": _rounded(high)}
    text = f"{named}, 95 % interval {interval['low']:g} to {interval['high']:g}"
    return {**found, "name": text, "args": {"interval": 0.95, **interval}}


def _rounded(value: float | None) -> float:
    return float(f"{value or 0.0:.4g}")


def _sections(bundle: Bundle) -> Iterator[str]:
    config, space = bundle.config, bundle.space
    height, width, channels = config.image_shape
    yield (
        f"A generator of pictures on a grid of {len(space.names)} factors: name a value of every factor, and it draws the "
        f"cell, {height}x{width} pixels, {'grey' if channels == 1 else 'colour'}. Made with gcn-tf {__version__}, a library of "
        f"[Generative Cooperative Nets]({PAPER})."
    )
    yield "\n".join(_factor_line(factor) for factor in space)
    if (bundle.folder / "report" / PICTURE).exists():
        caption = "Real pictures above generated ones. Framed: cells that training never saw."
        yield f"![{caption}](report/{PICTURE})\n\n{caption}"
    yield "## Use it"
    yield (
        "With TensorFlow alone, as [example.py](example.py) shows:\n\n"
        "```\npip install tensorflow\npython example.py\n```"
    )
    words = " ".join(f"{factor.name}={_quoted(factor.values[0])}" for factor in space)
    yield (
        "With gcn-tf, the folder is a run like any other, and its checksums are compared before anything is made with it:\n\n"
        f"```\ngcn-tf generate FOLDER {words}\n```"
    )
    yield "## What it is for"
    yield from _intended_use(bundle)
    yield "## How good its pictures are"
    yield from _scores(bundle)
    yield "## What it learned from"
    yield from _data(bundle)
    yield "## People"
    yield from _people(bundle)
    yield "## What is in this folder"
    yield from _contents(bundle)


def _quoted(value: str) -> str:
    return value if value.replace("-", "").replace("_", "").isalnum() else "'" + value.replace("'", "?") + "'"


def _factor_line(factor: Factor) -> str:
    shown = ", ".join(_code(value) for value in factor.values[:MOST_VALUES])
    more = f" and {len(factor) - MOST_VALUES} more" if len(factor) > MOST_VALUES else ""
    return f"- **{factor.name}**, {len(factor)} values: {shown}{more}"


def _code(text: str) -> str:
    return "`" + text.replace("`", "'") + "`"


def _intended_use(bundle: Bundle) -> Iterator[str]:
    yield (
        "To draw cells of this grid that nobody photographed, drew or wrote, blends between values, and pictures for training "
        "classifiers of these factors. What is generated is no evidence of anything: it is what the factors let expect."
    )
    yield "It knows nothing beyond its grid: other values, sizes and kinds of pictures need a training of their own."
    if bundle.statement.people != "no":
        yield (
            "It is not for pictures that pass as photographs of a person, for recognising anybody, or for judging what people feel or "
            "are."
        )


def _scores(bundle: Bundle) -> Iterator[str]:
    report = bundle.report
    if not report:
        yield (
            "It was not scored: there is no report. `gcn-tf evaluate FOLDER` makes one where the pictures are at hand."
        )
        return
    found = verdicts(report)
    unseen_first = sorted(found, key=lambda group: group == "seen")
    yield "\n".join(f"- **{_capital(group)} cells.** {found[group]}" for group in unseen_first)
    if text := unrecognised_text(report):
        yield f"**{text}**"
    yield markdown_table(score_table(report["scores"], unrecognised(report)))
    yield (
        "With 95 % intervals over base images. The judges are classifiers of their own, which never trained the generator. What each "
        "row means, baselines and more: [report/report.md](report/report.md)."
    )


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _data(bundle: Bundle) -> Iterator[str]:
    config, report, terms = bundle.config, bundle.report, bundle.config.options.terms
    lines = [f"- Dataset: `{config.dataset}`. Hold-out: {', '.join(config.holdout)}, seed {config.seed}."]
    if report:
        counts = ", ".join(f"{count} {group}" for group, count in report["pictures"].items())
        lines.append(f"- Cells: {counts}. SHA-256 of the data: `{report['made_with']['data_sha256']}`.")
    lines.append(
        f"- Licence: {bundle.statement.licence}. The model is handed on under that of its pictures: [{LICENCE_FILE}]({LICENCE_FILE})."
        if bundle.statement.licence
        else f"- Licence: {NOT_STATED}. Ask whoever shared this before you use it or hand it on."
    )
    lines += [f"- Made by: {terms.citation}."] if terms.citation else []
    lines.append(
        f"- Trained for {bundle.step} of {config.total_steps} steps, generator `{config.generator.kind}`."
    )
    yield "\n".join(lines)


def _people(bundle: Bundle) -> Iterator[str]:
    stated = bundle.statement
    consent = stated.consent or f"{NOT_STATED}. Ask whoever shared this before you use it or hand it on"
    yield {
        "no": "The pictures show no real people.",
        "yes": f"The pictures show people. Their consent: {consent.rstrip('.')}.",
        "": f"Whether the pictures show people was {NOT_STATED}. If they do, their consent: {consent.rstrip('.')}.",
    }[stated.people]
    yield "What is stored of the pictures:\n\n" + "\n".join(f"- {line}" for line in bundle.stored)


def _contents(bundle: Bundle) -> Iterator[str]:
    known = {
        "model": "`model/`: the SavedModel, for TensorFlow without gcn-tf",
        "checkpoints": "`checkpoints/`, `config.yaml`, `factors.json`, `metrics.jsonl`: the run, for gcn-tf",
        "plan.yaml": "`plan.yaml`: its settings, each with the reason",
        "report": "`report/`: how good its pictures are",
        "newcomers": "`newcomers/`: pictures of values that were added after training",
        "example.py": "`example.py`: pictures with TensorFlow alone",
        LICENCE_FILE: f"`{LICENCE_FILE}`: the licence of the pictures",
    }
    lines = [f"- {text}" for name, text in known.items() if (bundle.folder / name).exists()]
    lines.append("- `SHA256SUMS`, `bundle.json`: `sha256sum -c SHA256SUMS` says whether all of it arrived")
    yield "\n".join(lines)
