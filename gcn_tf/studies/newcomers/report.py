"""The report of the study of newcomers: a table for every number of given pictures, a chart over these numbers, and samples to look at."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from gcn_tf.config.data import DataConfig
from gcn_tf.evaluation.judge import JudgePictures
from gcn_tf.evaluation.judges import Judges
from gcn_tf.evaluation.scores import Scored, Scores, score_repeats, scores_to_json
from gcn_tf.files import write_atomically
from gcn_tf.metrics.intervals import Estimate, bootstrap_of_means
from gcn_tf.pipelines.batches import pixels
from gcn_tf.reporting.charts import write_counts_chart
from gcn_tf.reporting.figures import write_rows_figure
from gcn_tf.reporting.glossary import GLOSSARY
from gcn_tf.reporting.provenance import made_with
from gcn_tf.reporting.report_files import write_report_files
from gcn_tf.reporting.tables import label, markdown_table, methods_table
from gcn_tf.reporting.tiles import PAPER
from gcn_tf.studies.comparison.results import TOLD, MethodResult, combine, compare
from gcn_tf.studies.comparison.run import REPEATS, REPEATS_MEANING
from gcn_tf.studies.materials import materials
from gcn_tf.studies.newcomers.methods import CEILING, FLOOR, REFERENCE
from gcn_tf.studies.newcomers.study import NewcomersStudy
from gcn_tf.studies.newcomers.task import Task

PICTURE = "counts.png"
GROUP = "unseen high-level"  # of all pictures of newcomers that were not given
SHOWN_NEWCOMERS, SHOWN_CELLS = 3, 8
SMALLEST_GAP = {"psnr_db": 0.1}  # between both ends of a way; of accuracies .01
LIKENESS = ("psnr_db", "ssim", "sharpness", TOLD, "copying", "hand_width", "hand_slant")
EXPLANATION = (
    "The known values' pictures are seen, all of them; each newcomer gives a few, and all its other cells are drawn and compared with the "
    "truth. Both judges know the whole dataset, newcomers included. *Seconds* are those of all newcomers of a seed together; what is "
    "learned before any newcomer comes has a table of its own."
)


def shown_places(task: Task) -> dict[int, np.ndarray]:
    """Of some newcomers, some pictures among those that are drawn: positions in `task.rows` by value id, int (n,) each."""
    variations = len(task.rows) // len(task.wanted)
    who = task.dataset.base_ids[task.wanted, task.place]
    return {
        value: np.flatnonzero(who == value)[:SHOWN_CELLS] * variations
        for value in task.values[:SHOWN_NEWCOMERS]
    }


def write_newcomers_study(study: NewcomersStudy) -> Path:
    """The report of entries that are all there: a chart, samples for every count, report.md, report.html and, last, report.json.

    Returns:
        The chart.
    """
    dataset, pictures, judges = materials(study.config.part(DataConfig))
    results = study.results()
    tasks = {count: study.task(dataset, count, study.seeds[0]) for count in results}
    for count, task in tasks.items():
        _write_samples(task, results[count], study.out / _samples_file(count))
    first, factor = next(iter(tasks.values())), study.protocol.factor
    bases = dataset.space.names[: dataset.base_ids.shape[1]]
    scores = {
        count: {name: combine(runs) for name, runs in (_repeats(study, count) | by).items()}
        for count, by in results.items()
    }
    values = dataset.space[factor].values
    report: dict[str, Any] = {
        "experiment": "newcomers",
        "factor": factor,
        "content": [name for name in bases if name != factor],
        "seeds": list(study.seeds),
        "newcomers": [values[i] for i in first.values],
        "settings": study.settings,
        "made_with": made_with(dataset),
        "methods": {
            **({REPEATS: REPEATS_MEANING} if any(REPEATS in by for by in scores.values()) else {}),
            **{name: method.meaning for name, method in study.methods.items()},
        },
        "judges": _judges(pictures, judges),
        "shared_seconds": {
            name: [study.read_shared(name, seed)[0] for seed in study.seeds] for name in study.shared()
        },
        "counts": {
            count: {
                "scores": {name: _json(found) for name, found in scores[count].items()},
                "reference_minus": {
                    name: _json(compare(by[REFERENCE], by[name]))
                    for name in by
                    if REFERENCE in by and name != REFERENCE
                },
                "way": {name: way.to_json() for name, way in _ways(by, factor).items()},
                "seconds": {name: [entry.seconds for entry in runs] for name, runs in by.items()},
            }
            for count, by in results.items()
        },
    }
    _write_chart(scores, report, study.out)
    write_report_files(study.out, "gcn-tf study: newcomers", _text(report), report)
    return study.out / PICTURE


def _repeats(study: NewcomersStudy, count: int) -> dict[str, list[MethodResult]]:
    """What real pictures of the wanted cells reach that the judges do not know, if the dataset has others; no entry otherwise."""
    dataset, pictures, judges = materials(study.config.part(DataConfig))
    tasks = [study.task(dataset, count, seed) for seed in study.seeds]
    found = [(task, score_repeats(task.split, pictures, judges, task.rows)) for task in tasks]
    results = [result_of(task, scored, 0.0) for task, scored in found if scored]
    return {REPEATS: results} if len(results) == len(tasks) else {}


def result_of(task: Task, scored: Scored, seconds: float) -> MethodResult:
    """What is kept of scored pictures of newcomers. All pictures of a newcomer are resampled together: they rise and fall together."""
    result = MethodResult.of(scored, seconds, task.dataset.space.names[task.place])
    return replace(result, base=scored.ids[:, task.place])


def _json(scores: Scores) -> dict[str, dict[str, float | None]]:
    return scores_to_json(scores).get(GROUP, {})


def _samples_file(count: int) -> str:
    return f"samples-{count}.png"


def _judges(pictures: JudgePictures, judges: Judges) -> dict[str, Any]:
    return {
        judge.name: {
            "known_accuracy": judge.known_accuracy,
            "held_out_accuracy": judge.held_out_accuracy,
            "held_out_pictures": len(pictures.held_out[0]),
            "unrecognised_factors": [n for n in pictures.space.names if n not in judge.recognised],
        }
        for judge in judges
    }


def _ways(by_method: Mapping[str, list[MethodResult]], factor: str) -> dict[str, Estimate]:
    """How much of the way from the floor to the ceiling the reference goes, by metric, where the ceiling is higher."""
    found: dict[str, Estimate] = {}
    if not {REFERENCE, FLOOR, CEILING} <= by_method.keys():
        return found
    for metric in ("psnr_db", *_accuracies([factor])):
        three = [
            np.stack([entry.values[metric] for entry in entries], axis=1)
            for entries in zip(*(by_method[name] for name in (REFERENCE, FLOOR, CEILING)), strict=True)
        ]
        gap = SMALLEST_GAP.get(metric, 0.01)

        def share(means: np.ndarray, gap: float = gap) -> np.ndarray:
            reference, floor, ceiling = means.T
            apart = np.where(ceiling - floor > gap, ceiling - floor, np.nan)
            return np.asarray((reference - floor) / apart)

        clusters = [entry.base for entry in by_method[REFERENCE]]
        way = bootstrap_of_means(share, list(zip(three, clusters, strict=True)))
        if np.isfinite(way.value):
            found[metric] = way
    return found


def _accuracies(factors: Sequence[str]) -> list[str]:
    return [f"{name}_accuracy/{judge}" for name in factors for judge in ("convolutional", "hog")]


def _write_samples(task: Task, by_method: Mapping[str, list[MethodResult]], path: Path) -> None:
    """For every newcomer that is shown the given pictures left, beside real ones, then a row per method."""
    dataset, split = task.dataset, task.split
    who = dataset.base_ids[:, task.place]
    names = dataset.space[dataset.space.names[task.place]].values
    variations = len(split.ids) // len(dataset.images)
    rows: dict[str, np.ndarray] = {}
    start, shown = 0, shown_places(task)
    across = max(len(places) for places in shown.values())
    for value, places in shown.items():
        given = pixels(split, task.given[who[task.given] == value] * variations)
        blank = np.full_like(given, PAPER)
        part = slice(start, start + len(places))
        start += len(places)
        missing = np.full((across - len(places), *given.shape[1:]), PAPER, np.uint8)
        real = next(iter(by_method.values()))[0].samples[0, part]
        rows[f"{names[value]}: given, real"] = np.concatenate([given, real, missing])
        for name, entries in by_method.items():
            rows[f"{names[value]}: {name}"] = np.concatenate([blank, entries[0].samples[1, part], missing])
    write_atomically(path, lambda path: write_rows_figure(rows, path))


def _write_chart(scores: Mapping[int, Mapping[str, Scores]], report: Mapping[str, Any], out: Path) -> None:
    classified = _accuracies([report["factor"], *report["content"][:1]])
    shown = ["psnr_db", "ssim", "sharpness", TOLD, *classified]
    methods = list(dict.fromkeys(name for by in scores.values() for name in by))
    panels = {
        label(metric): {
            name: points
            for name in methods
            if (
                points := [
                    (count, by[name][GROUP][metric])
                    for count, by in scores.items()
                    if metric in by.get(name, {}).get(GROUP, {})
                ]
            )
        }
        for metric in shown
    }
    panels = {title: lines for title, lines in panels.items() if lines}
    write_atomically(
        out / PICTURE, lambda path: write_counts_chart(panels, "pictures of each newcomer", path)
    )


def _count_parts(report: Mapping[str, Any], count: int, found: Mapping[str, Any]) -> list[str]:
    accuracies = _accuracies([report["factor"], *report["content"][:2]])
    seconds = [["method", "seconds, all newcomers (median)"]]
    seconds += [[name, f"{np.median(values):.1f}"] for name, values in found["seconds"].items()]
    minus = f"*{REFERENCE}* minus each other method on the same cells: an interval without 0 is a difference."
    parts = [
        f"## {count} picture{'s' * (count > 1)} of each newcomer",
        _way_text(found),
        methods_table(found["scores"], LIKENESS),
        "Classified correctly:",
        methods_table(found["scores"], accuracies),
        minus if found["reference_minus"] else "",
        methods_table(found["reference_minus"], LIKENESS),
        methods_table(found["reference_minus"], accuracies),
        markdown_table(seconds),
        f"![samples]({_samples_file(count)})",
        "Newcomers of the first seed: the given pictures left of real ones, then one row per method.",
    ]
    return [part for part in parts if part]


def _way_text(found: Mapping[str, Any]) -> str:
    if not {REFERENCE, CEILING} <= found["seconds"].keys():
        return ""
    ways = ", ".join(f"{label(metric)} {_percent(way)}" for metric, way in found["way"].items())
    took, whole = (float(np.median(found["seconds"][name])) for name in (REFERENCE, CEILING))
    return (
        f"The way from *{FLOOR}* to *{CEILING}* that *{REFERENCE}* goes: {ways or 'not defined, the ceiling is no higher'}; "
        f"in {took / max(whole, 1e-9):.1%} of its seconds."
    )


def _percent(way: Mapping[str, float | None]) -> str:
    one = Estimate.from_json(dict(way))
    return Estimate(100 * one.value, 100 * one.low, 100 * one.high).text(0) + " %"


def _text(report: Mapping[str, Any]) -> str:
    made, settings = report["made_with"], report["settings"]
    versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    before = [["learned before any newcomer comes", "seconds (median)"]]
    before += [[name, f"{np.median(values):.0f}"] for name, values in report["shared_seconds"].items()]
    counts = [
        part for count, found in report["counts"].items() for part in _count_parts(report, count, found)
    ]
    parts = [
        "# Study: newcomers",
        f"Dataset {settings['dataset']}, {settings['protocol']['newcomers']} values of {report['factor']} are newcomers, others for each of the "
        f"seeds {', '.join(map(str, report['seeds']))}; of the first seed {', '.join(report['newcomers'])}. "
        f"{settings['steps']} steps of batch {settings['batch_size']} for the run.",
        f"![counts]({PICTURE})",
        "Points: means. Bars: 95 % intervals.",
        "## Methods",
        markdown_table([["method", "what it is"], *map(list, report["methods"].items())]),
        markdown_table(before),
        EXPLANATION,
        *counts,
        "## Judges",
        _judges_text(report),
        "## Terms",
        GLOSSARY.strip()
        + " Here all pictures of a newcomer are resampled together; several seeds: seeds are resampled first.",
        "## What was run",
        f"{versions}. {made['machine']['processor']}, {made['machine']['cores']} cores. Data sha256 {made['data_sha256']}.",
        f"```\n{yaml.safe_dump(dict(settings), sort_keys=False).strip()}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _judges_text(report: Mapping[str, Any]) -> str:
    """What each judge classifies correctly in real pictures that were kept from it."""
    factors = [report["factor"], *report["content"]]
    rows = [["of real pictures kept from the judge, classified correctly", *factors]]
    for name, judge in report["judges"].items():
        doubted = judge["unrecognised_factors"]
        rows.append(
            [name, *(f"{judge['held_out_accuracy'][f]:.2f}{' (too few)' * (f in doubted)}" for f in factors)]
        )
    return markdown_table(rows)
