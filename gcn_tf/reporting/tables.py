"""Scores as text and tables, with the names and decimals that readers see."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gcn_tf.metrics.geometry import GEOMETRY
from gcn_tf.metrics.intervals import Estimate

LABELS = {
    "psnr_db": "PSNR (dB)",
    "ssim": "SSIM",
    "normalised_euclidean_error": "normalised Euclidean error",
    "sharpness": "sharpness",
    "stray_ink": "stray ink",
    "copying": "copying",
    "two_sample_accuracy": "told from real pictures",
    "kid_of_judge_features": "KID of the judge's features",
    "fid_of_judge_features": "FID of the judge's features",
    **{f"hand_{number}": f"hand: {number}" for number in GEOMETRY},
}


DECIMALS = {
    **{f"hand_{number}": 2 for number in GEOMETRY},
    "psnr_db": 1,
    "stray_ink": 4,
    "kid_of_judge_features": 2,
    "fid_of_judge_features": 1,
}


HAND_ROWS = {  # of the tables of hand correlations, by their names in report.json
    "generated": "this run",
    "usual_hand": "usual deviation of the value",
    "real_repeats": "another real picture",
}


def label(metric: str) -> str:
    """`digit_accuracy/hog` as "digit classified correctly, hog judge"."""
    name, _, judge = metric.partition("/")
    if judge:
        return f"{name.removesuffix('_accuracy').replace('_', ' ')} classified correctly, {judge} judge"
    return LABELS[name]


def estimate_text(metric: str, numbers: Mapping[str, float | None], decimals: int = 3) -> str:
    """A figure with its interval; `decimals` where the metric has no number of its own."""
    return Estimate.from_json(dict(numbers)).text(DECIMALS.get(metric, decimals))


def percent(numbers: Mapping[str, float | None], signed: bool = False) -> str:
    """A share with its interval in percent, or a difference of two in points.

    >>> percent({"value": 0.951, "low": 0.946, "high": 0.956})
    '95.1 (94.6 to 95.6)'
    """
    sign = "+" if signed else ""
    value, low, high = (numbers[end] for end in ("value", "low", "high"))
    text = f"{100 * (value or 0):{sign}.1f}"
    if low is None or high is None:
        return text
    return f"{text} ({100 * low:{sign}.1f} to {100 * high:{sign}.1f})"


def methods_table(scores: Mapping[str, Mapping[str, Any]], metrics: Sequence[str], decimals: int = 2) -> str:
    """Methods down, metrics across, with intervals, as Markdown; "" if no method has any of the metrics.

    Args:
        scores: numbers of an estimate by method and metric. Metrics that no method has are left out, a dash stands where one is missing.
    """
    shown = [metric for metric in metrics if any(metric in by for by in scores.values())]
    rows = [["method", *(label(name).replace(" classified correctly", "") for name in shown)]]
    for method, by in scores.items():
        rows.append([method, *(estimate_text(m, by[m], decimals) if m in by else "-" for m in shown)])
    return markdown_table(rows) if shown else ""


def classifier_table(report: Mapping[str, Any]) -> list[list[str]]:
    """The run's classifier on held-out real pictures, factor by factor, beside the judges; empty if it was not measured.

    Args:
        report: what report.json holds.
    """
    found = report.get("classifier")
    if not found:
        return []
    judges = report["judges"]
    header = ["factor", "run's classifier", "calibration error", "temperature"]
    return [
        [*header, *(f"{name} judge" for name in judges)],
        *(
            [
                factor,
                f"{share:.3f}",
                f"{found['calibration_error'][factor]:.3f}",
                f"{found['temperature'][factor]:.2f}",
                *(f"{judge['held_out_accuracy'][factor]:.3f}" for judge in judges.values()),
            ]
            for factor, share in found["accuracy"].items()
        ),
    ]


def unrecognised(report: Mapping[str, Any]) -> list[str]:
    """Accuracies that say nothing, since the judge does not recognise the factor in real pictures: "person_accuracy/hog".

    Args:
        report: what report.json holds. In reports of earlier versions all factors are recognised.
    """
    return [
        f"{factor}_accuracy/{name}"
        for name, judge in report.get("judges", {}).items()
        for factor in judge.get("unrecognised_factors", [])
    ]


def unrecognised_text(report: Mapping[str, Any]) -> str:
    """`unrecognised` as a sentence, or an empty string."""
    told = []
    for name in unrecognised(report):
        factor, _, judge = name.partition("_accuracy/")
        share = report["judges"][judge]["held_out_accuracy"][factor]
        told.append(f"{factor} by the {judge} judge ({share:.2f})")
    if not told:
        return ""
    return (
        f"Not recognised even in real pictures that were kept from the judges (share classified correctly), so left out "
        f"of the tables: {', '.join(told)}."
    )


def score_table(scores: Mapping[str, Mapping[str, Any]], without: Collection[str] = ()) -> list[list[str]]:
    """Rows metric x group with intervals, the head first; a dash where a metric does not apply.

    Args:
        without: accuracies that are left out, and that are not among "all factors".
    """
    names = [n for n in dict.fromkeys(n for by_name in scores.values() for n in by_name) if n not in without]
    ordered = sorted(names, key=_order)
    rows = [["", *scores]]
    for name in ordered:
        cells = [estimate_text(name, by[name]) if name in by else "-" for by in scores.values()]
        rows.append([label_without(name, without), *cells])
    return rows


def label_without(metric: str, without: Collection[str]) -> str:
    """`label`, and which factors "all factors" leave out: "all factors but person classified correctly, hog judge"."""
    name, _, judge = metric.partition("/")
    lacking = [other.partition("_accuracy/")[0] for other in without if other.endswith(f"_accuracy/{judge}")]
    if name != "all_factors_accuracy" or not lacking:
        return label(metric)
    return label(metric).replace("all factors", f"all factors but {', '.join(lacking)}", 1)


def baseline_tables(report: Mapping[str, Any]) -> dict[str, list[list[str]]]:
    """Rows of a run and of the baselines beside it by group of unseen cells, the head first; values without intervals.

    Args:
        report: what report.json holds. Reports of earlier versions have no baselines.
    """
    baselines: Mapping[str, Any] = report.get("baselines", {})
    columns = _baseline_columns(report) if baselines else {}
    tables = {}
    for group, scores in report["scores"].items():
        rows = {
            _baseline_label(name, baseline, group): baseline["scores"][group]
            for name, baseline in baselines.items()
            if group in baseline["scores"]
        }
        if rows:
            tables[group] = [
                ["", *columns],
                *(
                    [name, *(" / ".join(_value(figures, n) for n in names) for names in columns.values())]
                    for name, figures in {"this run": scores, **rows}.items()
                ),
            ]
    return tables


def _baseline_columns(report: Mapping[str, Any]) -> dict[str, list[str]]:
    """Metrics by head: likeness, then accuracies of both judges; an empty name where a judge does not recognise a factor."""
    judges, without = list(report["judges"]), unrecognised(report)
    factors = list(next(iter(report["judges"].values()))["known_accuracy"])
    columns = {label(name): [name] for name in ("psnr_db", "ssim", "sharpness")}
    if any("two_sample_accuracy" in figures for figures in report["scores"].values()):
        columns[label("two_sample_accuracy")] = ["two_sample_accuracy"]
    for name in (*factors, "all_factors"):
        metrics = [f"{name}_accuracy/{judge}" for judge in judges]
        known = ["" if metric in without else metric for metric in metrics]
        if any(known):
            columns[f"{name.replace('_', ' ')}, {' / '.join(judges)}"] = known
    return columns


def _baseline_label(name: str, baseline: Mapping[str, Any], group: str) -> str:
    """Of cells that a baseline cannot predict the mean of all seen pictures is taken, and the label says how many."""
    missing = baseline["undefined_cells"][group]
    return f"{name} ({missing} cells: mean of all)" if missing else name


def _value(figures: Mapping[str, Mapping[str, float]], metric: str) -> str:
    decimals = min(DECIMALS.get(metric, 2), 2)
    return f"{figures[metric]['value']:.{decimals}f}" if metric in figures else "-"


def hand_tables(report: Mapping[str, Any]) -> dict[str, list[list[str]]]:
    """Hand correlations by "FACTOR, GROUP": rows of what the pictures are, the head first; those of baselines without intervals.

    Args:
        report: what report.json holds. Reports of earlier versions have none.
    """
    found: Mapping[str, Any] = report.get("hand_correlation", {})
    ways = {label: found[name] for name, label in HAND_ROWS.items() if name in found}
    ways |= {name: one.get("hand_correlation", {}) for name, one in report.get("baselines", {}).items()}
    tables = {}
    for group, by_factor in found.get("generated", {}).items():
        for factor, numbers in by_factor.items():
            rows = {name: by_group.get(group, {}).get(factor, {}) for name, by_group in ways.items()}
            tables[f"{factor}, {group}"] = [
                ["hand correlation", *numbers],
                *(
                    [name, *(_hand_text(has.get(n), name in HAND_ROWS.values()) for n in numbers)]
                    for name, has in rows.items()
                    if has
                ),
            ]
    return tables


def _hand_text(numbers: Mapping[str, float | None] | None, interval: bool) -> str:
    if not numbers:
        return "-"
    return Estimate.from_json(dict(numbers)).text(2) if interval else f"{numbers['value']:.2f}"


def many_value_tables(report: Mapping[str, Any]) -> dict[str, dict[str, list[list[str]]]]:
    """Rows of factors with many values, by factor and title, the head first: most frequent mistakes, worst and best values.

    Args:
        report: what report.json holds. Reports of earlier versions have none.
    """
    tables: dict[str, dict[str, list[list[str]]]] = {}
    without = unrecognised(report)
    for factor, found in report.get("many_values", {}).items():
        judges = [judge for judge in found["mistakes"] if f"{factor}_accuracy/{judge}" not in without]
        mistakes = [
            [_cell(wanted), _cell(classified), str(count), judge]
            for judge in judges
            for wanted, classified, count in found["mistakes"][judge]
        ]
        values = [
            [
                _cell(one["value"]),
                str(one["pictures"]),
                f"{one['psnr_db']:.1f}",
                *(str(one["correct"][judge]) for judge in judges),
            ]
            for one in (*found["worst"], *found["best"])
        ]
        head = ["value", "pictures", label("psnr_db"), *(f"classified correctly, {j} judge" for j in judges)]
        title = f"the worst and the best of {found['values']:,} values by PSNR"
        tables[factor] = {title: [head, *values]}
        if mistakes:
            head = ["wanted", "classified as", "pictures", "judge"]
            tables[factor]["most frequent mistakes"] = [head, *mistakes]
    return tables


def _cell(text: str) -> str:
    """A value as text in a cell of a Markdown table."""
    return text.replace("|", "\\|")


def _order(name: str) -> int:
    """Likeness first, then accuracies with stray ink right before them, then the figures of sets."""
    first = ["psnr_db", "ssim", "normalised_euclidean_error", "sharpness", "stray_ink"]
    last = ["copying", "two_sample_accuracy", "kid_of_judge_features", "fid_of_judge_features"]
    return first.index(name) if name in first else 20 + last.index(name) if name in last else 10


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])
