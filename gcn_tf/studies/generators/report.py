"""The report of the study of generators: a grid of pictures, the table, curves over seconds and over numbers of pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from gcn_tf.evaluation.scores import score_repeats, scores_to_json
from gcn_tf.files import read_json_object, write_atomically
from gcn_tf.metrics.intervals import Estimate
from gcn_tf.pipelines.split import GROUPS
from gcn_tf.reporting.charts import write_counts_chart, write_lines_chart
from gcn_tf.reporting.figures import write_samples_figure
from gcn_tf.reporting.glossary import GLOSSARY
from gcn_tf.reporting.provenance import made_with
from gcn_tf.reporting.report_files import write_report_files
from gcn_tf.reporting.tables import label, markdown_table, methods_table
from gcn_tf.studies.comparison.results import MethodResult, combine, compare
from gcn_tf.studies.comparison.run import REPEATS, REPEATS_MEANING
from gcn_tf.studies.generators.study import REMEDY, GeneratorsStudy, Job
from gcn_tf.studies.generators.task import Size, data_of
from gcn_tf.studies.materials import materials

PICTURE, CURVES, DATA, IDENTITIES = "grid.png", "seconds.png", "pictures.png", "identities.png"
HARDEST = GROUPS[-1]
COOPERATIVE = ("gcn", "gcn-references", "gcn-mask", "gcn-paper")
CONDITIONAL_GANS = ("cgan", "acgan", "projection")
JUDGED = ("all_factors_accuracy/convolutional", "all_factors_accuracy/hog")
LIKENESS = (
    *("psnr_db", "ssim", "sharpness", "stray_ink", "two_sample_accuracy", "copying"),
    *("hand_width", "hand_slant", "kid_of_judge_features"),
)
SHOWN = (0, 2, 4, 6)  # of the cells of each group whose pictures are kept

Results = Mapping[str, Sequence[MethodResult]]


def write_generators_study(study: GeneratorsStudy) -> Path:
    """The report of entries that are all there: three figures, report.md, report.html and, last, report.json.

    Returns:
        The grid of pictures.
    """
    config = study.config
    dataset, pictures, judges = materials(data_of(config))
    whole = {name: [study.result(Job(name, Size(), seed)) for seed in study.seeds] for name in study.names}
    samples = {name: _eight(runs[0].samples) for name, runs in whole.items()}
    write_atomically(study.out / PICTURE, lambda path: write_samples_figure(samples, path))
    meanings = {name: study.contender(name).meaning for name in study.names}
    tasks = [study.task(dataset, Job("", Size(), seed)) for seed in study.seeds]
    repeats = [score_repeats(task.split, pictures, judges, task.rows) for task in tasks]
    scored: dict[str, Sequence[MethodResult]] = dict(whole)
    if all(repeats):
        scored = {REPEATS: [MethodResult.of(found, 0.0) for found in repeats if found], **scored}
        meanings = {REPEATS: REPEATS_MEANING, **meanings}
    scores = {name: scores_to_json(combine(runs)) for name, runs in scored.items()}
    best = best_cooperative(scores)
    report: dict[str, Any] = {
        "experiment": "generators",
        "seeds": list(study.seeds),
        "settings": study.settings,
        "made_with": made_with(dataset),
        "parameters_wanted": study.parameters,
        "seen_pictures": int((~tasks[0].split.unseen).sum()),
        "methods": meanings,
        "scores": scores,
        "reference": best,
        "reference_minus": {
            name: scores_to_json(compare(whole[best], runs))
            for name, runs in whole.items()
            if best and name != best
        },
        "trainings": {name: _trainings(study, name) for name in study.names},
        "sizes": _sizes(study),
    }
    _write_curves(report, study.out / CURVES)
    for name, parts in charted(report["sizes"]).items():
        _write_data_chart(parts, study.out / name)
    write_report_files(study.out, "gcn-tf study: generators", _text(report), report)
    return study.out / PICTURE


def _eight(samples: np.ndarray) -> np.ndarray:
    """Four cells of each group: uint8 (2, n, H, W, C) -> (2, 8, H, W, C)."""
    places = [start + n for start in range(0, samples.shape[1], 8) for n in SHOWN]
    return samples[:, places]


def best_cooperative(scores: Mapping[str, Any]) -> str:
    """The GCN that both judges and SSIM find best in the hardest cells; "" if none was trained."""
    found = {name: quality(scores[name]) for name in scores if name.removesuffix(", tuned") in COOPERATIVE}
    return max(found, key=found.__getitem__, default="")


def quality(by_group: Mapping[str, Any]) -> float:
    """Mean of what both judges classify correctly, all factors, and of SSIM, in the hardest cells; -1 without figures."""
    by: Mapping[str, Any] = next((by_group[group] for group in reversed(GROUPS) if group in by_group), {})
    if not {*JUDGED, "ssim"} <= by.keys():
        return -1.0
    return float(np.mean([by[JUDGED[0]]["value"], by[JUDGED[1]]["value"]]) + by["ssim"]["value"]) / 2


def _trainings(study: GeneratorsStudy, name: str) -> dict[str, Any]:
    """Parameters, steps and seconds of a method, its collapses, its diversity and its curve."""
    facts = [study.facts(Job(name, Size(), seed)) for seed in study.seeds]
    entries = [study.result(Job(name, Size(), seed)) for seed in study.seeds]
    speed = study.speed_path(name, Size())
    timed = read_json_object(speed, REMEDY) if speed.exists() else {}
    diversity = [fact["diversity"] for fact in facts if fact["diversity"] is not None]
    return {
        "parameters": timed.get("parameters", 0),
        "steps": timed.get("steps", 0),
        "seconds_of_steps": timed.get("steps", 0) * timed.get("seconds_per_step", 0.0),
        "seconds": [entry.seconds for entry in entries],
        "collapsed": sum(fact["collapsed"] for fact in facts),
        "diversity": float(np.mean(diversity)) if diversity else None,
        "curve": np.mean([fact["curve"] for fact in facts], axis=0).tolist() if facts[0]["curve"] else [],
    }


def _sizes(study: GeneratorsStudy) -> list[dict[str, Any]]:
    """Scores of the methods, with the settings of their papers, for every amount of data."""
    found = []
    for size in study.sizes:
        dataset = materials(data_of(study.config_of(size)))[0]
        results = {
            name: [study.result(Job(name, size, seed)) for seed in study.seeds]
            for name in (study.names_of_parts if size != Size() else study.contenders)
        }
        given = study.task(dataset, Job("", size, study.seeds[0])).given
        scores = {name: scores_to_json(combine(runs)) for name, runs in results.items()}
        found.append(
            {
                "identities": size.identities,
                "share": size.share,
                "pictures": int((~given.unseen).sum()),
                "scores": scores,
                "claim": _claim(results, scores),
            }
        )
    return found


def _claim(results: Results, scores: Mapping[str, Any]) -> dict[str, Any]:
    """The best GCN and the best conditional GAN, and what the one has more in the hardest cells; {} if either is missing."""
    gcn = best_cooperative(scores)
    gans = {name: quality(scores[name]) for name in CONDITIONAL_GANS if name in scores}
    if not gcn or not gans:
        return {}
    gan = max(gans, key=gans.__getitem__)
    minus = scores_to_json(compare(results[gcn], results[gan]))
    return {"gcn": gcn, "gan": gan, "minus": minus}


def _write_curves(report: Mapping[str, Any], path: Path) -> None:
    curves = {name: found["curve"] for name, found in report["trainings"].items() if found["curve"]}
    if curves:
        write_atomically(
            path,
            lambda beside: write_lines_chart(
                curves, "seconds of training", "PSNR of unseen cells (dB)", beside
            ),
        )


def charted(sizes: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """What is drawn against the number of pictures, by file name: shares of them, and numbers of writers or persons."""
    found = {
        DATA: [size for size in sizes if not size["identities"]],
        IDENTITIES: [size for size in sizes if size["share"] == 1],
    }
    return {name: parts for name, parts in found.items() if len(parts) > 1}


def _write_data_chart(parts: Sequence[Mapping[str, Any]], path: Path) -> None:
    panels: dict[str, dict[str, list[tuple[int, Estimate]]]] = {}
    for metric in ("psnr_db", "ssim", "sharpness", *JUDGED):
        for found in sorted(parts, key=lambda found: found["pictures"]):
            for name, by_group in found["scores"].items():
                if numbers := by_group.get(HARDEST, {}).get(metric):
                    points = panels.setdefault(label(metric), {}).setdefault(name, [])
                    points.append((found["pictures"], Estimate.from_json(dict(numbers))))
    write_atomically(path, lambda beside: write_counts_chart(panels, "seen pictures", beside))


def _text(report: Mapping[str, Any]) -> str:
    made, settings, protocol = report["made_with"], report["settings"], report["settings"]["protocol"]
    versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    tables = [part for group in reversed(GROUPS) for part in _group_parts(report, group)]
    sizes = report["sizes"]
    parts = [
        "# Study: generators",
        f"Dataset {settings['dataset']}, {report['seen_pictures']:,} seen pictures, seeds {', '.join(map(str, report['seeds']))}; "
        f"{report['parameters_wanted']:,} parameters, nearly, and {protocol['budget']:g} s of training for each network.",
        f"![grid]({PICTURE})",
        "Truth on top, a method in each row. Four unseen low-level cells, then four unseen high-level ones.",
        verdict(report),
        *claims(sizes),
        "## Methods",
        markdown_table([["method", "what it is"], *map(list, report["methods"].items())]),
        *tables,
        "## Trainings",
        _trainings_table(report),
        "*Collapsed*: the loss or a weight is no number, or the pictures of different unseen cells are less than a quarter as far from each "
        "other as the real ones are. *Diversity*: 1 - SSIM of two pictures of the same cell; a dash where a cell has one picture.",
        f"![curves]({CURVES})" if any(found["curve"] for found in report["trainings"].values()) else "",
        *(["## How much data"] if len(sizes) > 1 else []),
        *(f"![{name}]({name})\n\nPoints: means. Bars: 95 % intervals." for name in charted(sizes)),
        *(_size_table(found) for found in sizes[1:]),
        "## Terms",
        GLOSSARY.strip() + " Several seeds: seeds are resampled first.",
        "## What was run",
        f"{versions}. {made['machine']['processor']}, {made['machine']['cores']} cores. Data sha256 {made['data_sha256']}.",
        f"```\n{yaml.safe_dump(dict(settings), sort_keys=False).strip()}\n```",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def verdict(report: Mapping[str, Any]) -> str:
    """Which methods are better than the best GCN, and in what, outside the interval."""
    best = report["reference"]
    if not best:
        return ""
    ahead = []
    for name, by_group in report["reference_minus"].items():
        minus = by_group.get(HARDEST, {})
        won = [label(m) for m in ("ssim", *JUDGED) if m in minus and (minus[m]["high"] or 0) < 0]
        if won and name.removesuffix(", tuned") not in COOPERATIVE:
            ahead.append(f"*{name}* ({', '.join(won)})")
    told = "; ".join(ahead) if ahead else "no other method"
    return (
        f"In {HARDEST} cells the best GCN is *{best}*, by both judges and SSIM. Better than it, outside the 95 % interval of the "
        f"difference: {told}."
    )


def claims(sizes: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence for every amount of data: what the best GCN has more than the best conditional GAN."""
    lines = []
    for found in sizes:
        claim = found["claim"]
        if not claim:
            continue
        minus = claim["minus"].get(HARDEST, {})
        told = ", ".join(
            f"{label(m)} {Estimate.from_json(dict(minus[m])).text(2)}"
            for m in ("ssim", *JUDGED)
            if m in minus
        )
        who = f", {found['identities']} identities" if found["identities"] else ""
        lines.append(
            f"- {found['pictures']:,} pictures{who}: *{claim['gcn']}* minus *{claim['gan']}*: {told}."
        )
    return (
        [
            f"What the best GCN has more than the best conditional GAN, in {HARDEST} cells:\n\n"
            + "\n".join(lines)
        ]
        if lines
        else []
    )


def _group_parts(report: Mapping[str, Any], group: str) -> list[str]:
    by_method = {name: by[group] for name, by in report["scores"].items() if group in by}
    if not by_method:
        return []
    names = [m for by in by_method.values() for m in by if m.endswith(("/convolutional", "/hog"))]
    judged = list(dict.fromkeys(names))
    return [
        f"## {group.capitalize()} cells",
        methods_table(by_method, LIKENESS),
        "Classified correctly:",
        methods_table(by_method, judged),
    ]


def _trainings_table(report: Mapping[str, Any]) -> str:
    rows = [
        [
            "method",
            "parameters",
            "steps",
            "seconds of steps",
            "seconds in all (median)",
            "collapsed",
            "diversity",
        ]
    ]
    for name, found in report["trainings"].items():
        diversity = found["diversity"]
        rows.append(
            [
                name,
                f"{found['parameters']:,}" if found["parameters"] else "-",
                f"{found['steps']:,}" if found["steps"] else "-",
                f"{found['seconds_of_steps']:.0f}" if found["steps"] else "-",
                f"{np.median(found['seconds']):.0f}",
                f"{found['collapsed']} of {len(found['seconds'])}",
                "-" if diversity is None else f"{diversity:.2f}",
            ]
        )
    return markdown_table(rows)


def _size_table(found: Mapping[str, Any]) -> str:
    who = f" of {found['identities']} identities" if found["identities"] else f", {found['share']:g} of all"
    by_method = {name: by[HARDEST] for name, by in found["scores"].items() if HARDEST in by}
    return f"{found['pictures']:,} seen pictures{who}, {HARDEST} cells:\n\n{methods_table(by_method, (*LIKENESS[:5], *JUDGED))}"
