"""What a search found: `best.yaml`, a table of trials, and which choices mattered."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance

from gcn_tf.config.kept import PLACES
from gcn_tf.config.schema import to_dict
from gcn_tf.files import write_atomically
from gcn_tf.reporting.provenance import versions_and_machine
from gcn_tf.reporting.report_files import write_report_files
from gcn_tf.reporting.tables import markdown_table
from gcn_tf.tuning.charts import write_importance_chart, write_parallel_coordinates
from gcn_tf.tuning.config import Search
from gcn_tf.tuning.space import Choices, Space, current, trial_config, varied
from gcn_tf.tuning.trials import STEPS, Trial, best_trial, figures_of, trials_of

TREES = 500


IMPORTANCE_FROM = 10  # scored trials; fewer tell nothing
EXPLAINED_ENOUGH = 0.3  # of the variance; below, the order of settings is chance


SHOWN_TRIALS = 40


def write_best(search: Search, trials: Sequence[Trial]) -> Path | None:
    """`best.yaml`: everything that `gcn-tf train --config` needs for a full training with the best trial's settings."""
    best = best_trial(trials)
    if best is None:
        return None
    settings = to_dict(trial_config(search.config, best.values))
    text = yaml.safe_dump(
        {k: v for k, v in settings.items() if k not in PLACES}, sort_keys=False, allow_unicode=True
    )
    said = (
        f"# Trial {best.name} of {len(trials)} ({search.strategy}): score {best.score:.4f} on validation cells,\n"
        f"# {best.metrics['accuracy']:.3f} of all factors classified correctly, {best.metrics['psnr_db']:.2f} dB.\n"
        "# gcn-tf train --config best.yaml\n"
    )
    path = search.out / "best.yaml"
    write_atomically(path, lambda path: path.write_text(said + text, encoding="utf-8"))
    return path


def importances(trials: Sequence[Trial], space: Space) -> tuple[dict[str, tuple[float, float]], float] | None:
    """How much worse a random forest predicts the score when one setting is shuffled, and what it explains at all.

    Breiman 2001; Hutter et al. 2014 for hyperparameters. A setting that does not matter for a trial has its own value.

    Returns:
        {setting: (mean, standard deviation) of the loss of R^2}, "steps" among them where trials differ in length, most
        important first; and R^2 on trials that a tree has not seen. None with too few trials.
    """
    scored = [t for t in trials if t.score is not None]
    names = varied(space)
    names += [STEPS] if len({t.steps for t in scored}) > 1 else []
    if len(scored) < IMPORTANCE_FROM:
        return None
    columns = np.array([[_number(t, name, space) for name in names] for t in scored])
    target = np.array([t.score for t in scored])
    forest = RandomForestRegressor(TREES, oob_score=True, min_samples_leaf=2, random_state=0, n_jobs=1)
    forest.fit(columns, target)
    found = permutation_importance(forest, columns, target, n_repeats=30, random_state=0)
    order = np.argsort(-found.importances_mean)
    by_name = {names[i]: (float(found.importances_mean[i]), float(found.importances_std[i])) for i in order}
    return by_name, float(forest.oob_score_)


def _number(trial: Trial, name: str, space: Space) -> float:
    """A setting as a number: logarithms of log ranges, positions of choices, -1 where it does not matter."""
    if name == STEPS:
        return float(trial.steps)
    if name not in trial.values:
        return -1.0
    entry, value = space[name], trial.values[name]
    if isinstance(entry, Choices):
        return float(entry.values.index(value))
    return float(np.log(value)) if entry.log else float(value)


def write_report(search: Search, space: Space, oracle: Any) -> Path:
    """best.yaml, trials.csv, two figures, report.md, report.html and, last, report.json; returns report.html."""
    out, trials = search.out, trials_of(oracle, space)
    write_best(search, trials)
    best = best_trial(trials)
    _write_csv(trials, space, out / "trials.csv")
    found = importances(trials, space)
    report = {
        "strategy": search.strategy,
        "settings": search.settings(),
        "trials": [{**vars(t), "score": t.score} for t in trials],
        "best": best.name if best else None,
        "importance": found[0] if found else None,
        "explained": found[1] if found else None,
        **versions_and_machine(),
    }
    figures = _choices_figure(trials, space, best, out) + (_importance_figure(*found, out) if found else [])
    text = "\n\n".join(_text(search, space, trials, best, figures)) + "\n"
    return write_report_files(out, "gcn-tf tune", text, report)


def _choices_figure(trials: Sequence[Trial], space: Space, best: Trial | None, out: Path) -> list[str]:
    """Draw parallel coordinates; returns their section, nothing for a single trial."""
    if sum(t.score is not None for t in trials) < 2:
        return []
    thick = best.name if best else ""
    write_atomically(
        out / "parallel.png", lambda path: write_parallel_coordinates(trials, space, thick, path)
    )
    return [
        "## Choices and scores",
        "![parallel coordinates](parallel.png)",
        "One line per trial of full length, coloured by its score, the best one thick; shorter trials in grey. A line that "
        "leaves an axis out did not depend on that setting.",
    ]


def _importance_figure(found: dict[str, tuple[float, float]], explained: float, out: Path) -> list[str]:
    """Draw which settings mattered; returns their section."""
    choices = {name: v for name, v in found.items() if name != STEPS}
    write_atomically(out / "importance.png", lambda path: write_importance_chart(choices, path))
    length = (
        f"The length of a trial, which is no choice, is left out; shuffling it loses {found[STEPS][0]:.2f}. "
        if STEPS in found
        else ""
    )
    verdict = (
        ": the order is believable."
        if explained > EXPLAINED_ENOUGH
        else ": too little to believe the order, run more trials."
    )
    return [
        "## Which choices mattered",
        "![importance](importance.png)",
        "How much less of the score's variance a random forest explains when one setting is shuffled among the trials "
        f"(bars: standard deviation over shuffles). {length}The forest explains {max(explained, 0):.0%} of the variance "
        f"of trials it has not seen{verdict}",
    ]


def _text(
    search: Search, space: Space, trials: Sequence[Trial], best: Trial | None, figures: Sequence[str]
) -> list[str]:
    config = search.config
    counts = {s: sum(t.status == s for t in trials) for s in ("COMPLETED", "FAILED")}
    parts = [
        f"# Search: {config.dataset}, {search.strategy}",
        f"{counts['COMPLETED']} trials completed, {counts['FAILED']} failed, of {search.trials}. A full training has "
        f"{config.steps} steps. Scored on the validation hold-out {' '.join(search.validation)}; no trial learned from, "
        f"or was scored on, a cell of the test hold-out {' '.join(config.holdout)}.",
        f"*score* = mean over low-level and high-level validation cells of (share of factors that two judges classified correctly + "
        f"{search.psnr_weight:g} x PSNR in dB, at most 35 of a picture). Sharpness (1 is as sharp as reality) and stray ink are not part of it: look at "
        "them, and at the pictures in TensorBoard, before you take a winner.",
    ]
    if best:
        parts += ["## Best", _best_table(search, space, best, trials[0])]
        parts += [
            "`gcn-tf train --config best.yaml` trains with them on all seen cells, validation ones among them."
        ]
    return [*parts, *figures, "## Trials", _trial_table(trials, space)]


def _best_table(search: Search, space: Space, best: Trial, start: Trial) -> str:
    """The settings of the best trial beside those that the search began with."""
    rows = [["setting", "began with", f"best (trial {best.name})"]]
    for metric, told in figures_of([start, best]).items():
        rows.append([told, *(_figure(t.metrics.get(metric)) for t in (start, best))])
    for key in space:
        now = best.values.get(key, "-")
        rows.append([key, _figure(start.values.get(key, current(search.config, key))), _figure(now)])
    return markdown_table(rows)


def _trial_table(trials: Sequence[Trial], space: Space) -> str:
    settings = varied(space)
    ranked = sorted(trials, key=lambda t: (t.score is None, -(t.score or 0.0)))
    shown = figures_of(trials)
    rows = [["trial", *shown.values(), "steps", "seconds", *settings]]
    for t in ranked[:SHOWN_TRIALS]:
        figures = [_figure(t.metrics.get(name)) for name in (*shown, STEPS, "seconds")]
        if t.score is None:
            figures[0] = f"{t.status.lower()}: {t.message}"
        rows.append([t.name, *figures, *(_figure(t.values.get(key, "-")) for key in settings)])
    more = (
        f"\n\nThe first {SHOWN_TRIALS} of {len(trials)}; all are in trials.csv."
        if ranked[SHOWN_TRIALS:]
        else ""
    )
    return markdown_table(rows) + more


def _figure(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, (int, float)) else str(value)


def _write_csv(trials: Sequence[Trial], space: Space, path: Path) -> None:
    metrics = list(dict.fromkeys(name for t in trials for name in t.metrics))
    rows: list[list[Any]] = [["trial", "status", *metrics, *space, "message"]]
    for t in trials:
        figures = [t.metrics.get(name, "") for name in metrics]
        rows.append([t.name, t.status, *figures, *(t.values.get(k, "") for k in space), t.message])
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    write_atomically(path, lambda path: path.write_bytes(text.getvalue().encode()))
