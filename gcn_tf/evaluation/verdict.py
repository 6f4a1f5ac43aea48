"""What a report says of each group of cells, as one plain sentence."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gcn_tf.metrics.intervals import Estimate

BLURRED = 0.7  # sharpness below which a baseline's picture is called blurred, where the run's is sharper

BETTER, WORSE = "better in", "worse in"
UNDECIDED = "no clear difference in"
UNKNOWN = "undecided (too few base images for an interval) in"


@dataclass(frozen=True)
class Comparison:
    """A metric, the higher the better, beside a reference's in the same cells.

    Args:
        metric: as report.json names it.
        own, other: of the run and of the reference.
        reference: a baseline's name; "" for another real picture.
        blurred: whether the reference is an average that PSNR prefers to a sharper picture: said where it is not beaten.
    """

    metric: str
    own: Estimate
    other: Estimate
    reference: str
    blurred: bool

    @property
    def outcome(self) -> str:
        """Better or worse where the intervals say so: they do not overlap."""
        if np.isnan([self.own.low, self.other.low]).any():
            return UNKNOWN
        if self.own.low > self.other.high:
            return BETTER
        return WORSE if self.own.high < self.other.low else UNDECIDED

    def text(self) -> str:
        """ "PSNR (17.5 dB against 16.4 dB, additive, blurred)"."""
        blurred = ["blurred"] * (self.blurred and self.outcome != BETTER)
        other = ", ".join(filter(None, [_value(self.metric, self.other), self.reference, *blurred]))
        return f"{_name(self.metric)} ({_value(self.metric, self.own)} against {other})"


def verdicts(report: Mapping[str, Any]) -> dict[str, str]:
    """One sentence for every group of cells: what is classified correctly, and what beats the run or is beaten by it.

    A metric is called better or worse where its interval and the reference's do not overlap; else there is no clear difference. For each metric the best baseline is
    the one with the highest value.

    Args:
        report: what report.json holds. Baselines, other real pictures and unseen cells may be missing.

    >>> def scores(low, high):
    ...     return {"psnr_db": {"value": (low + high) / 2, "low": low, "high": high}}
    >>> group = "unseen low-level"
    >>> baselines = {"additive": {"scores": {group: scores(15, 17)}}}
    >>> verdicts({"scores": {group: scores(20, 22)}, "baselines": baselines})[group]
    'Compared with the best baseline: better in everything; no other real picture to compare with.'
    """
    return {group: _sentence(report, group) for group in report["scores"]}


def _sentence(report: Mapping[str, Any], group: str) -> str:
    own = report["scores"][group]
    metrics = [name for name in ("psnr_db", "ssim", *_accuracies(own)) if name in own]
    unseen = group != "seen"
    parts = [_classified(report, own)]
    beside_baselines = list(_with_best(metrics, own, _baselines(report, group)))
    repeats = report.get("real_repeats", {}).get(group)
    beside_real = list(_with_best(metrics, own, {"": repeats} if repeats else {}))
    if not beside_baselines and not beside_real:
        parts += [", ".join(f"{_name(n)} {_value(n, own[n])}" for n in metrics if n in ("psnr_db", "ssim"))]
    parts += [_against("the best baseline", beside_baselines) or unseen * "no baseline to compare with"]
    parts += [
        _against("another real picture", beside_real) or unseen * "no other real picture to compare with"
    ]
    text = "; ".join(part for part in parts if part)
    return f"{text[:1].upper()}{text[1:]}."


def _accuracies(scores: Mapping[str, Any]) -> list[str]:
    return [name for name in scores if name.startswith("all_factors_accuracy/")]


def _classified(report: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    """ "classified correctly in all factors: 97 % (convolutional judge), 94 % (hog judge, writer left out)"."""
    told = []
    judges: Mapping[str, Any] = report.get("judges", {})
    for name in judges:
        metric, lacking = f"all_factors_accuracy/{name}", judges[name].get("unrecognised_factors", [])
        without = f", {' and '.join(lacking)} left out" if lacking else ""
        if metric in own:
            told.append(f"{_value(metric, own[metric])} ({name} judge{without})")
        else:
            told.append(f"unknown ({name} judge, which recognises no factor)")
    return f"classified correctly in all factors: {', '.join(told)}" if told else ""


def _baselines(report: Mapping[str, Any], group: str) -> dict[str, Mapping[str, Any]]:
    """Scores of the baselines that are defined for some cell of a group."""
    found = report.get("baselines", {}).items()
    return {name: one["scores"][group] for name, one in found if group in one["scores"]}


def _with_best(
    metrics: Sequence[str], own: Mapping[str, Any], references: Mapping[str, Mapping[str, Any]]
) -> Iterator[Comparison]:
    """Every metric beside the reference that is best at it."""
    for metric in metrics:
        values = {name: scores[metric] for name, scores in references.items() if metric in scores}
        if values:
            best = max(values, key=lambda name: values[name]["value"])
            estimates = _estimate(own[metric]), _estimate(values[best])
            yield Comparison(metric, *estimates, best, _is_blurred(references[best], own))


def _is_blurred(scores: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    """Whether pictures are far less sharp than reality, and less than the run's."""
    theirs, ours = (one.get("sharpness", {"value": 1.0})["value"] for one in (scores, own))
    return bool(theirs < min(BLURRED, ours))


def _against(reference: str, comparisons: Sequence[Comparison]) -> str:
    """ "compared with the best baseline: better in PSNR and SSIM, worse in ..."; "" if there are none.

    Figures stand beside what is worse or undecided for want of an interval; those of the rest are in the tables.
    """
    told = []
    for outcome in (BETTER, WORSE, UNDECIDED, UNKNOWN):
        of_outcome = [one for one in comparisons if one.outcome == outcome]
        if not of_outcome:
            continue
        if outcome in (WORSE, UNKNOWN):
            what = _listed([one.text() for one in of_outcome])
        elif len(of_outcome) == len(comparisons):
            what = "anything" if outcome == UNDECIDED else "everything"
        else:
            what = _listed(_names([one.metric for one in of_outcome], comparisons))
        told.append(f"{outcome} {what}")
    return f"compared with {reference}: {', '.join(told)}" if told else ""


def _names(metrics: Sequence[str], comparisons: Sequence[Comparison]) -> list[str]:
    """Metrics in words; the accuracies of all judges as one."""
    accuracies = [one.metric for one in comparisons if "accuracy" in one.metric]
    if len(accuracies) > 1 and set(accuracies) <= set(metrics):
        return [*(_name(name) for name in metrics if name not in accuracies), "the accuracies of both judges"]
    return [_name(name) for name in metrics]


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _name(metric: str) -> str:
    """ "PSNR", "accuracy of the hog judge"."""
    name, _, judge = metric.partition("/")
    return f"accuracy of the {judge} judge" if judge else name.removesuffix("_db").upper()


def _value(metric: str, numbers: Mapping[str, float | None] | Estimate) -> str:
    value = _estimate(numbers).value
    if metric == "psnr_db":
        return f"{value:.1f} dB"
    return _percent(value) if "accuracy" in metric else f"{value:.3f}"


def _percent(share: float) -> str:
    """ "97 %"; what is neither none nor all is not rounded to it."""
    if 0 < share < 1:
        return "under 1 %" if share < 0.01 else "over 99 %" if share > 0.99 else f"{100 * share:.0f} %"
    return f"{100 * share:.0f} %"


def _estimate(numbers: Mapping[str, float | None] | Estimate) -> Estimate:
    return numbers if isinstance(numbers, Estimate) else Estimate.from_json(dict(numbers))
