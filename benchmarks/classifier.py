"""How good and how calibrated the classifier of a run is on real pictures that it never learned from.

python benchmarks/classifier.py runs/demo

Three classifiers: the cooperating one when the generator was finished, the run's after its last phase, and the same network trained alone
for as long. On other pictures of the same cells, where the dataset has some, and else on the unseen cells; and, of glyphs, qmnist and
own pictures that --limit cut, on pictures of other writers or persons. Accuracy and expected calibration error (15 bins) by factor.
"""

import argparse
from dataclasses import replace
from typing import Any

import numpy as np

from gcn_tf.quiet import import_tensorflow

MOST = 2_000  # pictures of each kind
EVERYBODY = {"glyphs": {"writers": "70"}, "qmnist": {"writers": "124"}}  # and of own pictures, no limit
Tests = dict[str, tuple[np.ndarray, np.ndarray]]


def held_out(run: Any, split: Any) -> Tests:
    """Pictures uint8 (N, H, W, C) and value ids int (N, M), -1 where the run has no such value, by what they are."""
    from gcn_tf.pipelines.batches import pixels
    from gcn_tf.pipelines.dataset import load_dataset
    from gcn_tf.pipelines.split import repeated_pictures, undivided

    random = np.random.default_rng(0)

    def some(of: Any, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = random.permutation(rows)[:MOST]
        return pixels(of, rows), of.ids[rows]

    again = repeated_pictures(split.dataset)
    if again:
        found = {"the same cells": some(again, np.arange(len(again.ids)))}
    else:
        found = {"unseen cells": some(split, split.rows(unseen=True))}
    config = run.config
    change = EVERYBODY.get(config.dataset) or ({"limit": ()} if getattr(config.options, "limit", ()) else {})
    if not change:
        return found
    everybody = undivided(load_dataset(replace(config, options=replace(config.options, **change))))
    for m, (own, factor) in enumerate(zip(run.space, everybody.dataset.space, strict=True)):
        if len(factor) == len(own):
            continue
        new = np.array([value not in own.values for value in factor.values])
        images, ids = some(everybody, np.flatnonzero(new[everybody.ids[:, m]]))
        ids[:, m] = -1
        found[f"other {factor.name}s"] = images, ids
    return found


def rows(name: str, model: Any, tests: Tests, names: tuple[str, ...]) -> list[str]:
    """Lines of a Markdown table."""
    from scipy.special import softmax

    from gcn_tf.evaluation.run_classifier import classifier_logits
    from gcn_tf.metrics.calibration import expected_calibration_error

    made = []
    for test, (images, ids) in tests.items():
        logits, told = classifier_logits(model, images), []
        for m, factor in enumerate(names):
            if ids[:, m].min() < 0:
                told.append("-")
                continue
            share = np.mean(logits[factor].argmax(axis=1) == ids[:, m])
            error = expected_calibration_error(softmax(logits[factor], axis=1), ids[:, m])
            told.append(f"{share:.3f}, {error:.3f}")
        made.append(f"| {name} | {test} | {' | '.join(told)} |")
    return made


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run")
    given = parser.parse_args()
    import_tensorflow()
    from gcn_tf.runs.run_dir import open_run
    from gcn_tf.training.classifier_alone import train_classifier_alone

    run = open_run(given.run)
    split, config = run.load_split(), run.config
    tests, names = held_out(run, split), run.space.names
    print(f"| classifier | pictures | {' | '.join(names)} |\n|---|---|{'---|' * len(names)}")
    before = open_run(given.run, f"step-{config.main_steps:08d}.npz").model
    print(*rows("cooperating", before, tests, names), sep="\n", flush=True)
    print(*rows("run's", run.model, tests, names), sep="\n", flush=True)
    before.classifier.set_weights(run.model.classifier.get_weights())
    print(*rows("run's, temperature 1", before, tests, names), sep="\n", flush=True)
    before.classifier = train_classifier_alone(config, split, config.total_steps, config.seed)
    print(*rows("alone as long", before, tests, names), sep="\n", flush=True)


if __name__ == "__main__":
    main()
