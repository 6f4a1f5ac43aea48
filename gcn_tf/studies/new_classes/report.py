"""The report of the study of new classes: a verdict, a chart, samples, and tables over the numbers of pictures that are given."""

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from gcn_tf import __version__
from gcn_tf.files import write_atomically
from gcn_tf.metrics.intervals import Estimate, bootstrap_mean
from gcn_tf.reporting.charts import write_accuracy_chart
from gcn_tf.reporting.figures import write_rows_figure
from gcn_tf.reporting.provenance import versions_and_machine
from gcn_tf.reporting.report_files import write_report_files
from gcn_tf.reporting.tables import markdown_table, percent
from gcn_tf.reporting.tiles import PAPER
from gcn_tf.studies.new_classes.study import TUNING_SEEDS, NewClassesStudy
from gcn_tf.studies.new_classes.variation import Strength, Variation

PICTURE = "accuracy.png"
SAMPLES = "samples.png"
SHOWN_CLASSES, SHOWN_COPIES = 6, 6
CONVENTIONAL, RIVAL, OURS = "best conventional", "best without learned moves", "best with learned moves"
SAME_START = {
    "learned + conventional": "affine + elastic",
    "prototypes, learned + conventional": "prototypes",
    "prototypes, tuned, learned + conventional": "prototypes, tuned",
    "pre-trained, learned + conventional": "pre-trained",
    "pre-trained + turned, learned + conventional": "pre-trained + turned",
}


def write_new_classes_study(study: NewClassesStudy) -> Path:
    """accuracy.png, samples.png, report.md, report.html and, last, report.json; returns the figure to look at."""
    counts = study.protocol.counts
    chosen = {count: _chosen(study, count) for count in counts}
    accuracy = {
        name: {count: _estimate(study, name, None, count) for count in counts} for name in study.methods
    }
    pairs = [
        *(
            (f"{OURS}, minus {rival}", {count: (by[OURS], by[rival]) for count, by in chosen.items()})
            for rival in (RIVAL, CONVENTIONAL)
            if {OURS, rival} <= chosen[counts[0]].keys()
        ),
        *(
            (f"{name}, minus {other}", dict.fromkeys(counts, (name, other)))
            for name, other in SAME_START.items()
            if {name, other} <= study.methods.keys()
        ),
    ]
    differences = {
        title: {count: _estimate(study, *of[count], count) for count in counts} for title, of in pairs
    }
    tasks = [study.task(seed, "test") for seed in study.seeds]
    report: dict[str, Any] = {
        "experiment": "augmentation of new classes",
        "factor": study.protocol.factor,
        "classified": study.protocol.classified or study.protocol.factor,
        "pictures_of_each": study.protocol.class_text,
        "seeds": list(study.seeds),
        "settings": study.settings,
        "made_with": versions_and_machine(),
        "new": [len(task.new) for task in tasks],
        "fuller": [len(task.others) for task in tasks],
        "taught": [len(task.taught) for task in tasks],
        "asked": [sum(len(task.asked(values)) for values in task.taught) for task in tasks],
        "methods": {name: method.meaning for name, method in study.methods.items()},
        "chosen": chosen,
        "settings_chosen": {
            name: {count: _text_of(method.settings[study.best_setting(name, count)]) for count in counts}
            for name, method in study.methods.items()
        },
        "accuracy": _json(accuracy),
        "differences": _json(differences),
    }
    lines = {name: [(count, by[count]) for count in counts] for name, by in accuracy.items()}
    solid = [name for name, method in study.methods.items() if method.learns_moves]
    title = f"pictures of each {study.protocol.class_text}"
    chart = {f"new {study.protocol.factor}s" if study.protocol.classified else "new classes": lines}
    write_atomically(study.out / PICTURE, lambda path: write_accuracy_chart(chart, path, title, solid))
    shown = _samples(study)
    write_atomically(study.out / SAMPLES, lambda path: write_rows_figure(shown, path))
    write_report_files(study.out, "gcn-tf study: augmentation", _text(report), report)
    return study.out / PICTURE


def _chosen(study: NewClassesStudy, count: int) -> dict[str, str]:
    """The methods that validation chooses: the best conventional one, the best of all without learned moves, and with them, if there are any."""
    without = [name for name, method in study.methods.items() if not method.learns_moves]
    conventional = [name for name in without if study.methods[name].start == "nothing"]
    ours = [name for name, method in study.methods.items() if method.learns_moves]
    groups = {CONVENTIONAL: conventional, RIVAL: without, OURS: ours}
    return {title: study.best_method(names, count) for title, names in groups.items() if names}


def _estimate(study: NewClassesStudy, name: str, minus: str | None, count: int) -> Estimate:
    """Share classified correctly, or its difference picture by picture; seeds are resampled first, then hands."""
    found = [correct.astype(float) for correct in study.results(name, count)]
    if minus:
        others = study.results(minus, count)
        found = [one - other for one, other in zip(found, others, strict=True)]
    runs = [(values, study.clusters(seed)) for values, seed in zip(found, study.seeds, strict=True)]
    return bootstrap_mean(runs, share=not minus)


def _json(estimates: dict[str, dict[int, Estimate]]) -> dict[str, Any]:
    return {
        title: {count: estimate.to_json() for count, estimate in by.items()}
        for title, by in estimates.items()
    }


def _text_of(strength: Strength) -> str:
    """`"affine 0.5, learned 1"`."""
    return ", ".join(f"{name} {value:g}" for name, value in vars(strength).items() if value) or "-"


def _samples(study: NewClassesStudy) -> dict[str, np.ndarray]:
    """Of some new classes of the first seed a given picture, then a row each of real, moved and conventionally augmented ones."""
    seed = study.seeds[0]
    task, moves = study.task(seed, "test"), study.moves(seed, "test")
    values, rng = task.taught[0], np.random.default_rng(0)
    given, asked = task.given(1, values), task.asked(values)
    of_asked, classified = task.ids[asked, task.label], study.protocol.classified or task.name
    rows: dict[str, np.ndarray] = {}
    for row in given[:SHOWN_CLASSES]:
        value = study.dataset.space[classified].values[task.ids[row, task.label]]
        picture = task.images[row][None]
        real = task.images[rng.permutation(asked[of_asked == task.ids[row, task.label]])]
        copies = np.repeat(picture, SHOWN_COPIES, axis=0)
        blank = np.full_like(copies, PAPER)
        rows[f"{value}: given, real"] = np.concatenate([picture, real[:SHOWN_COPIES], blank])[
            : 1 + SHOWN_COPIES
        ]
        for name, strength in (
            ("learned moves", Strength(learned=1.0)),
            ("affine, elastic", Strength(1.0, 1.0)),
        ):
            made = Variation(strength, moves, "", rng).varied(copies.astype(np.float32) / 255)
            made = np.concatenate([blank[:1], np.rint(made * 255).astype(np.uint8)])
            rows[f"{value}: {name}"] = made
    return rows


def _verdict(report: dict[str, Any]) -> str:
    """One sentence for each number of pictures, if there are methods on both sides."""
    lines = []
    for count, found in report["differences"].get(f"{OURS}, minus {RIVAL}", {}).items():
        estimate, chosen = Estimate.from_json(found), report["chosen"][count]
        verdict = "more" if estimate.low > 0 else "less" if estimate.high < 0 else "nothing that can be shown"
        points = percent(found, signed=True)
        lines.append(
            f"- {count} picture{'s' * (count > 1)} of each: learned moves teach **{verdict}** on top of the best method without them: "
            f"{points} points (*{chosen[OURS]}* minus *{chosen[RIVAL]}*, both chosen by validation)."
        )
    return "\n".join(lines)


def _table(title: str, by_name: dict[str, Any], signed: bool) -> str:
    counts = list(next(iter(by_name.values())))
    rows = [[title, *map(str, counts)]]
    rows += [[name, *(percent(by[count], signed) for count in counts)] for name, by in by_name.items()]
    return markdown_table(rows)


def _differences(report: dict[str, Any]) -> list[str]:
    if not report["differences"]:
        return []
    return [
        "## Differences (points)",
        "Picture by picture; an interval without 0 is a difference.",
        _table(f"pictures of each {report['pictures_of_each']}", report["differences"], signed=True),
    ]


def _text(report: dict[str, Any]) -> str:
    protocol, made = report["settings"]["protocol"], report["made_with"]
    factor, each = report["factor"], report["pictures_of_each"]
    versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    counts = protocol["counts"]
    settings = [["setting chosen", *map(str, counts)]]
    settings += [[name, *(by[count] for count in counts)] for name, by in report["settings_chosen"].items()]
    if protocol["classified"]:
        title, what = (
            f"for a new {factor}",
            (
                f"Half of the values of *{factor}* are new: a classifier of each one's *{report['classified']}* learns from few pictures of that {factor}, "
                "beside a fuller grid, all pictures of the other half."
            ),
        )
    else:
        title, what = (
            "of new classes",
            (
                f"Half of the values of *{factor}* are new: a classifier learns them from few pictures each, beside a fuller grid, all pictures of the "
                "other half."
                + (
                    f" The few are by {protocol['givers']}, and all others are tested on."
                    if "givers" in protocol
                    else ""
                )
            ),
        )
    parts = [
        f"# Study: augmentation {title}",
        f"{what} Dataset {report['settings']['dataset']}, {len(report['seeds'])} seeds, each with other new values; first seed: "
        f"{report['new'][0]} new values, {report['fuller'][0]} pictures in the fuller grid, {report['taught'][0]} "
        f"classifier{'s' * (report['taught'][0] > 1)}, tested on {report['asked'][0]} pictures.",
        _verdict(report),
        f"![accuracy]({PICTURE})",
        f"Classified correctly against pictures given of each {each}, means over the seeds; solid: with learned moves. Bars: 95 % intervals; "
        "seeds are resampled first, then whoever made or shows the pictures.",
        f"![samples]({SAMPLES})",
        "Of the first seed: a given picture and real ones that were not; then the given one varied.",
        "## Classified correctly (%)",
        _table(f"pictures of each {each}", report["accuracy"], signed=False),
        *_differences(report),
        "## Methods",
        f"All classifiers have the same layers and learn from the few pictures for {protocol['steps']} steps of 32; those that start on the fuller "
        f"grid learn from it for {protocol['start_steps']} steps before. Every method but *original* has three settings, of which validation chooses: "
        f"the fuller grids of the first {TUNING_SEEDS} seeds are divided once more, and no picture of a new value is looked at. (New values of one "
        "seed may be in the fuller grid of another.)",
        markdown_table([["method", "what it is"], *map(list, report["methods"].items())]),
        markdown_table(settings),
        "## What was run",
        f"gcn-tf {__version__}; {versions}. {made['machine']['processor']}, {made['machine']['cores']} cores.",
        f"```\n{yaml.safe_dump(report['settings'], sort_keys=False).strip()}\n```",
    ]
    return "\n\n".join(parts) + "\n"
