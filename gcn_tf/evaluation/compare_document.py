"""What `gcn-tf compare` writes: a page, and the same numbers for programs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gcn_tf.evaluation.differences import (
    NEITHER,
    Difference,
    Matched,
    differing_settings,
    same_judges,
    same_pictures,
)
from gcn_tf.metrics.intervals import Estimate
from gcn_tf.reporting.tables import DECIMALS, estimate_text, label, markdown_table

READING = """
Cells are matched by the values of their factors. *Difference*: the mean, over these cells, of what the run has more than the first one,
with a 95 % interval by bootstrap over base images: a resample takes the same cells of both runs, so what makes a cell hard for both
cancels. A run is called better or worse where this interval leaves out 0. It says how much the difference would move with other cells, not
with another seed: two runs that differ in their seed alone differ too. KID, FID and the share that is told from real pictures are of sets of
pictures, not of cells; they stand in the report of each run.
"""


MAIN = ("psnr_db", "ssim", "sharpness")  # and the accuracies of all factors, or of each where there are none


def compare_text(
    matched: Matched,
    names: Sequence[str],
    found: Mapping[str, Sequence[Difference]],
    missing: str,
    picture: str,
) -> str:
    """The page as Markdown.

    Args:
        names: of the runs.
        found: differences by group of cells.
        missing: what the figure lacks, or "".
        picture: file name of the figure, or "" for none.
    """
    first, *others = map(_code, names)
    caption = "The same cells of every run. Half of them are those where the PSNR differs most, the others are typical."
    settings = differing_settings(matched.runs)
    parts = [
        f"# {' and '.join(others)} beside {first}",
        *([f"![{caption}]({picture})", caption] if picture else []),
        missing,
        "\n".join(_verdicts(matched, names, found)),
        " ".join(notes(matched)),
        "## Metrics",
        *(
            part
            for group in found
            for part in (f"{_capital(group)} cells:", markdown_table(metrics_table(found[group], names)))
        ),
        "## Settings that differ",
        markdown_table(_settings_table(settings, names)) if settings else "None.",
        "## How to read the figures",
        READING.strip(),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def metrics_table(found: Sequence[Difference], names: Sequence[str]) -> list[list[str]]:
    """Rows of metrics, the head first: the values of all runs, then the difference of each to the first."""
    return [
        ["", *names, *(f"{name} - {names[0]}" for name in names[1:])],
        *(
            [
                label(one.metric),
                *(estimate_text(one.metric, value.to_json()) for value in one.values),
                *(difference_text(one.metric, difference) for difference in one.differences),
            ]
            for one in found
        ),
    ]


def difference_text(metric: str, found: Estimate) -> str:
    """ "+1.20 (+0.81 to +1.60)"."""
    decimals = max(DECIMALS.get(metric, 3), 2)
    value, low, high = (f"{number:+.{decimals}f}" for number in (found.value, found.low, found.high))
    return value if np.isnan(found.low) else f"{value} ({low} to {high})"


def _verdicts(
    matched: Matched, names: Sequence[str], found: Mapping[str, Sequence[Difference]]
) -> Iterator[str]:
    """A line per group and run, what was never seen first."""
    for group, rows in matched.groups().items():
        bases = len(np.unique(matched.base[rows]))
        head = f"- **{_capital(group)}** ({len(rows)} pictures of {bases} base images). "
        yield head + "; ".join(_verdict(found[group], number, names) for number in range(1, len(names))) + "."


def _verdict(found: Sequence[Difference], number: int, names: Sequence[str]) -> str:
    """ "`b` is better than `a` in PSNR (dB) by +1.20 (+0.81 to +1.60), worse in ..., and no clear difference ..."."""
    told: dict[str, list[str]] = {"better": [], "worse": [], "": []}
    for one in main_metrics(found):
        text = f"{label(one.metric)} {difference_text(one.metric, one.differences[number - 1])}"
        if one.metric not in NEITHER:
            told[one.outcome(number)].append(text)
    than = f"than {_code(names[0])} in"
    parts = [
        f"is {outcome} {than} {', '.join(told[outcome])}" for outcome in ("better", "worse") if told[outcome]
    ]
    parts += [f"does not clearly differ in {', '.join(told[''])}"] * bool(told[""])
    return f"{_code(names[number])} {', '.join(parts)}"


def main_metrics(found: Sequence[Difference]) -> list[Difference]:
    """Likeness, sharpness and what the judges classify correctly altogether."""
    every = any(one.metric.startswith("all_factors_") for one in found)
    return [
        one
        for one in found
        if one.metric in MAIN
        or ("_accuracy/" in one.metric and one.metric.startswith("all_factors_") == every)
    ]


def notes(matched: Matched) -> list[str]:
    """How many cells are compared, and what keeps their figures from being comparable."""
    count, (absent, elsewhere) = len(matched.base), matched.left_out
    left = [f"{absent} that are not in all runs"] * bool(absent)
    left += [f"{elsewhere} that some runs saw in training and others did not"] * bool(elsewhere)
    told = [
        f"{count} pictures are compared; "
        + (f"left out: {' and '.join(left)}." if left else "they are all that the runs have.")
    ]
    if not same_pictures(matched.runs):
        told.append(
            "The runs were made of different pictures: cells of the same values need not show the same, and their judges differ, so "
            "accuracies are left out."
        )
    elif not same_judges(matched.runs):
        told.append("The judges were trained apart: small differences of accuracies may be theirs.")
    return told


def _settings_table(settings: Mapping[str, Sequence[Any]], names: Sequence[str]) -> list[list[str]]:
    rows = [[name, *(_code(value) for value in values)] for name, values in settings.items()]
    return [["setting", *names], *rows]


def _code(value: Any) -> str:
    """A value as code in a line or a cell of a table: nothing in it is markup."""
    text = " ".join(str(value).replace("`", "'").split()).replace("|", "\\|")
    return f"`{text}`" if text else "-"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def compare_to_json(
    matched: Matched,
    names: Sequence[str],
    found: Mapping[str, Sequence[Difference]],
    shown: np.ndarray,
) -> dict[str, Any]:
    """What compare.json holds: numbers of estimates by run, group and metric, and the cells of the figure.

    Args:
        shown: int (n,), positions among the matched cells.
    """
    first = matched.runs[0]
    absent, elsewhere = matched.left_out
    return {
        "runs": {name: str(run.folder) for name, run in zip(names, matched.runs, strict=True)},
        "settings": differing_settings(matched.runs),
        "same_judges": same_judges(matched.runs),
        "pictures": {group: len(rows) for group, rows in matched.groups().items()},
        "left_out": {"not in all runs": absent, "in another group": elsewhere},
        "scores": _by_group(found, names, "values"),
        "differences": _by_group(found, names[1:], "differences"),
        "shown": [dict(zip(first.factors, first.cells[row], strict=False)) for row in matched.rows[0][shown]],
    }


def _by_group(
    found: Mapping[str, Sequence[Difference]], names: Sequence[str], what: str
) -> dict[str, dict[str, dict[str, Any]]]:
    """`values` or `differences` by run, group and metric."""
    return {
        name: {
            group: {one.metric: getattr(one, what)[number].to_json() for one in metrics}
            for group, metrics in found.items()
        }
        for number, name in enumerate(names)
    }
