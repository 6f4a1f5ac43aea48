"""Does cooperation help a classifier that has few pictures? The GCN's classifier beside the same network trained alone.

python benchmarks/starvation.py FOLDER --counts 1 2 5 10 100 --seeds 2 --steps 300

FOLDER: of QMNIST's files. --counts: pictures per digit, each by another writer. Four classifiers of every count and seed: the
cooperating one when the generator is finished; the same network trained alone, with the same steps, batches, jitter and rates; the cooperating
one after its last phase; and the network trained alone for as long. Tested on other pictures of the same writers, and on pictures of other writers. A JSON line
each, then a table.
"""

import argparse
import json
from dataclasses import replace

import numpy as np

from gcn_tf.config.data import DataConfig
from gcn_tf.config.files import resolve
from gcn_tf.config.schema import RunConfig
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.pipelines.labelled import LabelledPictures
from gcn_tf.pipelines.split import Split
from gcn_tf.quiet import import_tensorflow

OTHERS = 24  # writers of every digit whom nothing learns from, beside those who did not write every digit
MOST_TESTED = 2_000
CLASSIFIERS = ("cooperating", "alone", "cooperating, then alone", "alone as long")
Tests = dict[str, tuple[np.ndarray, np.ndarray]]


def starved(pictures: LabelledPictures, count: int, seed: int) -> tuple[Split, Tests]:
    """One picture of every digit by each of `count` writers, and pictures and digits to be tested on."""
    rng = np.random.default_rng(seed)
    written = np.zeros((pictures.who.max() + 1, len(pictures.values)), int)
    np.add.at(written, (pictures.who, pictures.label), 1)
    able = rng.permutation(np.flatnonzero((written > 0).all(axis=1)))
    if count > len(able) - OTHERS:
        raise SystemExit(f"--counts {count}: only {len(able) - OTHERS} writers can be learned from")
    chosen = able[OTHERS : OTHERS + count]
    order = rng.permutation(len(pictures.label))
    rows = np.array(
        [
            next(row for row in order if (pictures.who[row], pictures.label[row]) == (who, digit))
            for digit in range(len(pictures.values))
            for who in chosen
        ]
    )
    ids = np.indices((len(pictures.values), count)).reshape(2, -1).T.astype(np.int32)
    space = FactorSpace(
        (Factor("digit", pictures.values), Factor("writer", tuple(str(who) for who in chosen)))
    )
    dataset = Dataset("starved", space, pictures.images[rows], ids, ())
    split = Split(dataset, np.arange(len(ids), dtype=np.int32), ids, np.zeros(len(ids), bool))
    known = np.setdiff1d(order[np.isin(pictures.who[order], chosen)], rows)
    others = order[~np.isin(pictures.who[order], able[OTHERS:])]
    return split, {
        name: (pictures.images[of[:MOST_TESTED]], pictures.label[of[:MOST_TESTED]])
        for name, of in {"same writers": known, "other writers": others}.items()
    }


def measure(config: RunConfig, split: Split, tests: Tests, seed: int) -> dict[str, dict[str, float]]:
    """Share of digits classified correctly by classifier and test."""
    from gcn_tf.pipelines.batches import training_batches
    from gcn_tf.training.classifier_alone import train_classifier_alone
    from gcn_tf.training.fit import learn_before_training
    from gcn_tf.training.prepare import prepare

    prepared = prepare(replace(config, seed=seed), split)
    config, model = prepared.config, prepared.build()
    learn_before_training(model, prepared)

    def train(start: int, stop: int) -> None:
        batches = training_batches(split, config.batch_size, seed, start, stop)
        model.fit(batches, steps_per_epoch=stop - start, verbose=0, shuffle=False)

    found = {}
    train(0, config.main_steps)
    found["cooperating"] = accuracies(model.classifier, tests)
    model.begin_last_phase()
    train(config.main_steps, config.total_steps)
    found["cooperating, then alone"] = accuracies(model.classifier, tests)
    alone = train_classifier_alone(config, split, config.steps, seed, rate=config.learning_rate)
    found["alone"] = accuracies(alone, tests)
    longer = train_classifier_alone(config, split, config.total_steps, seed)
    found["alone as long"] = accuracies(longer, tests)
    return found


def accuracies(network, tests: Tests) -> dict[str, float]:
    """Share of digits classified correctly by test."""
    return {
        name: float(
            np.mean(
                network.predict(images.astype(np.float32) / 255, batch_size=500, verbose=0)["digit"][
                    :, :10
                ].argmax(axis=1)
                == digits
            )
        )
        for name, (images, digits) in tests.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", help="of QMNIST's files")
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 2, 5, 10, 100])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=RunConfig.steps)
    parser.add_argument("--classifier-share", type=float, default=RunConfig.classifier_share)
    given = parser.parse_args()
    import_tensorflow()
    data = DataConfig.of("qmnist", manual_dir=given.folder)
    pictures = data.options.labelled_pictures(data, 1)
    config = replace(resolve("qmnist"), holdout=("none",), steps=given.steps)
    config = replace(config, classifier_share=given.classifier_share)
    for count in given.counts:
        rows = []
        for seed in range(given.seeds):
            split, tests = starved(pictures, count, seed)
            rows.append(measure(config, split, tests, seed))
            print(json.dumps({"count": count, "seed": seed, **rows[-1]}), flush=True)
        for test in ("same writers", "other writers"):
            means = [np.mean([row[name][test] for row in rows]) for name in CLASSIFIERS]
            print(f"| {count} | {test} | {' | '.join(f'{mean:.3f}' for mean in means)} |", flush=True)


if __name__ == "__main__":
    main()
