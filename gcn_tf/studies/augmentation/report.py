"""The report of the study of augmentation: a table per number of exemplars, a figure, samples, the ratio swept."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from gcn_tf import __version__
from gcn_tf.config.schema import to_dict
from gcn_tf.files import write_atomically
from gcn_tf.metrics.intervals import Estimate, bootstrap_mean
from gcn_tf.reporting.charts import write_accuracy_chart
from gcn_tf.reporting.figures import write_rows_figure
from gcn_tf.reporting.provenance import versions_and_machine
from gcn_tf.reporting.report_files import write_report_files
from gcn_tf.reporting.tables import markdown_table, percent
from gcn_tf.studies.augmentation.conventional import CONVENTIONAL
from gcn_tf.studies.augmentation.jobs import (
    BEST,
    TUNING_SEEDS,
    AugmentationStudy,
    ClassifierResult,
    augmentation_methods,
    blendings,
)
from gcn_tf.studies.augmentation.task import ClassificationTask

PICTURE = "accuracy.png"


SAMPLES = 20  # in a row


def write_augmentation_study(study: AugmentationStudy, task: ClassificationTask) -> Path:
    """accuracy.png, samples.png, report.md, report.html and, last, report.json; returns the figure to look at.

    Args:
        task: the first one, whose pictures are shown.
    """
    results = {exemplars: _results(study, exemplars) for exemplars in study.protocol.exemplars}
    report: dict[str, Any] = {
        "experiment": "augmentation",
        "factor": task.factor,
        "seeds": study.seeds,
        "protocol": to_dict(study.protocol),
        "config": to_dict(study.config),
        "made_with": versions_and_machine(),
        "tests": {name: len(test.label) for name, test in task.tests.items()},
        "real_pictures": {e: _real_pictures(study, task, e) for e in results},
        "results": results,
        "ratios": {e: _ratios(study, e) for e in results},
    }
    shown, figure = _samples(study, task), study.out / PICTURE
    write_atomically(study.out / "samples.png", lambda path: write_rows_figure(shown, path))
    generated = [name for name, method in augmentation_methods().items() if method.blending]
    accuracies = {
        test: {
            name: [
                (report["real_pictures"][e], Estimate.from_json(by_method[name]["accuracy"][test]))
                for e, by_method in results.items()
            ]
            for name in next(iter(results.values()))
        }
        for test in task.tests
    }
    write_atomically(figure, lambda path: write_accuracy_chart(accuracies, path, solid=generated))
    write_report_files(study.out, "gcn-tf study: augmentation", _text(report, list(task.tests)), report)
    return figure


def _real_pictures(study: AugmentationStudy, task: ClassificationTask, exemplars: int) -> int:
    return len(task.values) * study.protocol.identities * exemplars


def _results(study: AugmentationStudy, exemplars: int) -> dict[str, dict[str, Any]]:
    """By method: the setting, accuracies, and what it has more than the original and the best conventional one."""
    best, strength = study.best_conventional(exemplars)
    settings = {name: study.best_setting(exemplars, name) for name in augmentation_methods()}
    entries = {
        name: [study.read(study.job(exemplars, seed, name, setting)) for seed in study.seeds]
        for name, setting in settings.items()
    }
    made: dict[str, dict[str, Any]] = {}
    for name, of_method in entries.items():
        made[name] = {
            "setting": settings[name],
            "conventional": f"{best} {strength:g}"
            if augmentation_methods()[name].conventional == BEST
            else "",
            "is_best_conventional": name == best,
            "accuracy": _by_test(of_method, None),
            "minus_original": _by_test(of_method, entries["original"]) if name != "original" else {},
            "minus_best_conventional": _by_test(of_method, entries[best]) if name != best else {},
            "steps": [entry.steps for entry in of_method],
            "seconds": [entry.seconds for entry in of_method],
        }
    return made


def _by_test(
    entries: Sequence[ClassifierResult], others: Sequence[ClassifierResult] | None
) -> dict[str, dict[str, float | None]]:
    """Accuracy, or its difference picture by picture, by test; seeds are resampled first, then identities."""
    made = {}
    for test in entries[0].correct:
        runs = []
        for place, entry in enumerate(entries):
            value = entry.correct[test].astype(float)
            if others is not None:
                value = value - others[place].correct[test]
            runs.append((value, entry.who[test]))
        made[test] = bootstrap_mean(runs, share=others is None).to_json()
    return made


def _ratios(study: AugmentationStudy, exemplars: int) -> dict[str, dict[str, dict[str, float | None]]]:
    """Accuracy of both kinds of pictures together by generated pictures per real one, on the tuning seeds."""
    name = "original + GCN + conventional"
    return {
        f"{ratio:g}": _by_test(
            [study.read(study.job(exemplars, seed, name, ratio)) for seed in study.tuning_seeds], None
        )
        for ratio in augmentation_methods()[name].settings
    }


def _samples(study: AugmentationStudy, task: ClassificationTask) -> dict[str, np.ndarray]:
    """Real pictures above what each kind of blending made of them, of the first task, sorted by class."""
    seed, exemplars = study.seeds[0], study.protocol.exemplars[0]
    rows = {"real": (task.images[~task.validation], task.label[~task.validation])}
    for kind, blending in blendings(study.photographs).items():
        generated = study.read_generated(kind, exemplars, seed)
        rows[blending.meaning.split(",")[0]] = (generated.images, generated.labels.argmax(axis=1))
    counts = np.array([np.bincount(label, minlength=len(task.values)) for _, label in rows.values()])
    each = np.minimum(counts.min(axis=0), SAMPLES // len(task.values))  # every row has as many of a class
    shown = {}
    for name, (images, label) in rows.items():
        picked = [np.flatnonzero(label == value)[:count] for value, count in enumerate(each)]
        shown[name] = images[np.concatenate(picked)]
    return shown


def _table(results: dict[str, dict[str, Any]], tests: Sequence[str]) -> str:
    rows = [["method", "setting", *tests, f"{tests[-1]}, minus original", "minus best conventional"]]
    for name, of_method in results.items():
        setting = f"{of_method['setting']:g}" if len(augmentation_methods()[name].settings) > 1 else ""
        setting = ", ".join(filter(None, (of_method["conventional"], setting)))
        rows.append(
            [
                f"**{name}**" if of_method["is_best_conventional"] else name,
                setting or "-",
                *(percent(of_method["accuracy"][test]) for test in tests),
                *(
                    percent(of_method[what][tests[-1]], signed=True) if of_method[what] else "-"
                    for what in ("minus_original", "minus_best_conventional")
                ),
            ]
        )
    return markdown_table(rows)


def _ratio_table(ratios: dict[int, Any], real: dict[int, int], test: str) -> str:
    first = next(iter(ratios.values()))
    rows = [["real pictures", *(f"{ratio} generated per real" for ratio in first)]]
    rows += [[str(real[e]), *(percent(by[test]) for by in of.values())] for e, of in ratios.items()]
    return markdown_table(rows)


def _text(report: dict[str, Any], tests: Sequence[str]) -> str:
    protocol, made = report["protocol"], report["made_with"]
    versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    methods = [["method", "what it is", "settings tried"]]
    for name, method in augmentation_methods().items():
        tried = ", ".join(f"{s:g}" for s in method.settings) if len(method.settings) > 1 else "-"
        methods.append([name, method.meaning, tried])
    tables = []
    for exemplars, results in report["results"].items():
        tables += [
            f"## {report['real_pictures'][exemplars]} real pictures",
            f"{exemplars} per {report['factor']} and identity; accuracy in percent. In bold: the best conventional one "
            "by validation.",
            _table(results, tests),
        ]
    sizes = " and ".join(f"{count:,} of {name}" for name, count in report["tests"].items())
    parts = [
        "# Study: augmentation",
        f"How well does a classifier that learned from few real pictures tell the {report['factor']}, with and without "
        f"others made of them? Dataset {report['config']['dataset']}, {protocol['identities']} identities to learn from, "
        f"{len(report['seeds'])} seeds (each chooses other identities and pictures), tested on {sizes} (first seed). "
        "Generator and classifier learn from the same real pictures; a fifth of each class is kept from both and tells "
        "when to stop and which setting is best. Settings are chosen on the first "
        f"{TUNING_SEEDS} seeds by validation alone.",
        f"![accuracy]({PICTURE})",
        "Points: means over the seeds. Bars: 95 % intervals; seeds are resampled first, then the identities tested on.",
        "![samples](samples.png)",
        "## Methods",
        markdown_table(methods),
        f"Conventional: {', '.join(CONVENTIONAL)}.",
        *tables,
        "## Generated pictures per real one",
        f"*original + GCN + conventional*, {tests[-1]}, on the {TUNING_SEEDS} seeds on which settings are chosen.",
        _ratio_table(report["ratios"], report["real_pictures"], tests[-1]),
        "## What was run",
        f"gcn-tf {__version__}; {versions}. {made['machine']['processor']}, {made['machine']['cores']} cores.",
        f"```\n{yaml.safe_dump({'protocol': protocol, **report['config']}, sort_keys=False).strip()}\n```",
    ]
    return "\n\n".join(parts) + "\n"
