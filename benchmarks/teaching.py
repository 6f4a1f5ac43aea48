"""Does variation that was learned on a fuller grid teach a classifier more than conventional augmentation does?

python benchmarks/teaching.py out Latin=FOLDER
python benchmarks/teaching.py out Latin=FOLDER --fuller Balinese Early_Aramaic

FOLDER has Omniglot's alphabets in it. Half of an alphabet's characters are to be learned from 1, 2, 5 and 10 pictures each, of drawers by
chance; the other half, pictures of all its 20 drawers, is the fuller grid (--fuller: these other alphabets are, drawn by others). Tested on
the learned characters by all drawers whose picture was not given. Every split has other characters and drawers. Prints a table, and saves
curves and samples. A stopped comparison goes on.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib
import numpy as np
import tensorflow as tf
from PIL import Image
from teaching_methods import (
    BATCH,
    CHUNK,
    MIXUP,
    MOST_CLASSES,
    QUERIES,
    SIDE,
    WAYS,
    Classifier,
    Letters,
    Method,
    drawn_in_hands,
    load,
    poses_of_pairs,
    varied,
)

from gcn_tf.augmentation.moves import Moves

matplotlib.use("Agg")
from matplotlib import pyplot as plt

STEPS, START_STEPS, RATE = 250, 600, 2e-3
COMPONENTS, PAIRS = 12, 60
COUNTS = (1, 2, 5, 10)

Pictures = tuple[np.ndarray, np.ndarray]  # and their labels, or characters
Key = tuple[str, str, int, int]  # alphabet, method, pictures per character, split

# Strengths, learning rate and shares were chosen on Greek and Korean letters, one and five pictures per character.
CONVENTIONAL = Method(affine=1.0, elastic=1.0)
LEARNED = Method(affine=0.5, elastic=1.0, learned=1.0, learned_start=1.0)
METHODS = {
    "no augmentation": Method(),
    "affine": Method(affine=1.5),
    "affine + elastic": CONVENTIONAL,
    "affine + elastic + MixUp": replace(CONVENTIONAL, mixup=True),
    "learned variations": Method(learned=1.0),
    "learned + conventional": LEARNED,
    "learned + conventional + drawn hands": replace(LEARNED, drawn=0.5),
    "prototypical network": replace(CONVENTIONAL, start="episodes", tuned=False),
    "prototypical network, tuned": replace(CONVENTIONAL, start="episodes"),
    "pre-trained, tuned": replace(CONVENTIONAL, start="classes"),
    "pre-trained, tuned; learned + conventional": replace(LEARNED, start="classes"),
    "pre-trained, tuned; learned + conventional + drawn hands": replace(LEARNED, start="classes", drawn=0.5),
}
COMPARED = (
    ("learned + conventional", "affine + elastic"),
    ("learned + conventional + drawn hands", "affine + elastic"),
    ("pre-trained, tuned; learned + conventional", "pre-trained, tuned"),
    ("learned + conventional", "pre-trained, tuned"),
    ("pre-trained, tuned; learned + conventional", "prototypical network, tuned"),
    ("pre-trained, tuned; learned + conventional + drawn hands", "pre-trained, tuned"),
)


class Trial:
    """One split of an alphabet: few pictures, a fuller grid, and pictures to test on."""

    def __init__(self, letters: Letters, poses: np.ndarray, of: np.ndarray, seed: int, other: bool) -> None:
        """Divide an alphabet.

        Args:
            letters: of the alphabet, then of others.
            poses, of: of `poses_of_pairs`. Those of the learned characters are not looked at.
            other: the fuller grid is the other alphabets.
        """
        rng = np.random.default_rng(seed)
        self.seed = seed
        own = np.unique(letters.ids[letters.ids[:, 1] < 20, 0])
        mixed = rng.permutation(own)
        self.learned = np.sort(mixed[: len(own) // 2])
        full = np.setdiff1d(np.unique(letters.ids[:, 0]), own) if other else np.setdiff1d(own, self.learned)
        self.fuller = letters[np.isin(letters.ids[:, 0], full)]
        self.variations = Moves.of(poses[np.isin(of, full)], COMPONENTS)
        self.asked = letters[np.isin(letters.ids[:, 0], self.learned)]
        self.drawers = np.stack([rng.permutation(20) for _ in self.learned])
        # What several methods share.
        self.starts: dict[tuple, list[np.ndarray]] = {}
        self.hands: dict[int, Pictures] = {}
        self.pools: dict[tuple, list[Pictures]] = {}

    def few(self, count: int) -> tuple[Letters, Letters]:
        """The pictures of `count` drawers of every character, and all others; characters numbered from 0."""
        place = np.searchsorted(self.learned, self.asked.ids[:, 0])
        given = np.array(
            [d in self.drawers[p, :count] for p, d in zip(place, self.asked.ids[:, 1], strict=True)]
        )
        return self.asked[given], self.asked[~given]

    def drawn(self, count: int) -> Pictures:
        """The few pictures in the hands of the fuller grid's drawers."""
        if count not in self.hands:
            few, _ = self.few(count)
            self.hands[count] = drawn_in_hands(few.images, few.ids, self.fuller.images, self.fuller.ids)
        return self.hands[count]

    def batches(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        method: Method,
        strength: float,
        extra: Pictures | None = None,
    ) -> Iterator[Pictures]:
        """Chunks of varied pictures (25, 32, 28, 28, 1) and their soft labels (25, 32, 64), without end."""
        rng = np.random.default_rng([self.seed, 1])
        size = CHUNK * BATCH
        while True:
            rows = np.concatenate([rng.permutation(len(images)) for _ in range(-(-size // len(images)))])[
                :size
            ]
            chosen, shown = images[rows], labels[rows]
            if extra:
                taken = rng.random(size) < method.drawn
                others = rng.integers(0, len(extra[0]), taken.sum())
                chosen[taken], shown = extra[0][others], shown.copy()
                shown[taken] = extra[1][others]
            made = varied(chosen, method, self.variations, strength, rng)
            target = np.eye(MOST_CLASSES, dtype=np.float32)[shown]
            if method.mixup:
                share = rng.beta(MIXUP, MIXUP, (size, 1)).astype(np.float32)
                other = rng.permutation(size)
                made = share[..., None, None] * made + (1 - share[..., None, None]) * made[other]
                target = share * target + (1 - share) * target[other]
            yield made.reshape(CHUNK, BATCH, SIDE, SIDE, 1), target.reshape(CHUNK, BATCH, -1)

    def episodes(self, method: Method) -> Iterator[np.ndarray]:
        """Chunks of episodes, (25, ways * (1 + QUERIES), 28, 28, 1): of every character one to know it by, then those asked."""
        rng = np.random.default_rng([self.seed, 2])
        characters = np.unique(self.fuller.ids[:, 0])
        rows_of = {c: np.flatnonzero(self.fuller.ids[:, 0] == c) for c in characters}
        while True:
            rows = [
                rng.permutation(rows_of[c])[: 1 + QUERIES]
                for _ in range(CHUNK)
                for c in rng.permutation(characters)[:WAYS]
            ]
            images = self.fuller.images[np.concatenate(rows)]
            made = varied(images, method, self.variations, method.learned_start, rng)
            yield made.reshape(CHUNK, -1, SIDE, SIDE, 1)

    def start(self, net: Classifier, method: Method, steps: int) -> list[np.ndarray] | None:
        """Weights of the classifier before it learns from the few pictures."""
        if method.start == "nothing":
            return None
        key = (method.start, method.affine, method.elastic, method.learned_start)
        if key not in self.starts:
            net.begin(None, self.seed)
            if method.start == "episodes":
                net.learn_episodes(self.episodes(method), steps, RATE)
            else:
                characters, labels = np.unique(self.fuller.ids[:, 0], return_inverse=True)
                plain = replace(method, mixup=False, drawn=0.0)
                batches = self.batches(self.fuller.images, labels, plain, method.learned_start)
                net.learn(batches, steps, RATE, len(characters))
            self.starts[key] = net.network.get_weights()
        return self.starts[key]

    def correct(self, net: Classifier, method: Method, count: int, start_steps: int) -> np.ndarray:
        """Which test pictures are classified correctly, bool (N,)."""
        few, asked = self.few(count)
        labels = np.searchsorted(self.learned, few.ids[:, 0])
        extra = None
        if method.drawn:
            made, shown = self.drawn(count)
            extra = made, np.searchsorted(self.learned, shown)
        net.begin(self.start(net, method, start_steps), self.seed)
        if method.start != "nothing":
            net.take_means(few.images, labels)
            if not method.tuned and (method.learned or method.drawn or method.affine):
                made, shown = next(self.batches(few.images, labels, method, method.learned, extra))
                net.take_means(made.reshape(-1, SIDE, SIDE, 1), shown.argmax(axis=2).ravel())
        if method.tuned:
            rate = RATE if method.start == "nothing" else method.rate
            key = (count, replace(method, start="", learned_start=0.0, rate=0.0))
            if key not in self.pools:
                batches = self.batches(few.images, labels, method, method.learned, extra)
                self.pools[key] = [next(batches) for _ in range(STEPS // CHUNK)]
            net.learn(iter(self.pools[key]), STEPS, rate, len(self.learned))
        found = net.classify(asked.images, len(self.learned))
        return found == np.searchsorted(self.learned, asked.ids[:, 0])


@dataclass(frozen=True)
class Runs:
    """What was classified correctly, a line of JSON per run, so that a stopped comparison goes on."""

    path: Path

    def all(self) -> dict[Key, np.ndarray]:
        if not self.path.exists():
            return {}
        lines = [json.loads(line) for line in self.path.read_text().splitlines()]
        return {tuple(line[0]): np.array(list(line[1])) == "1" for line in lines}

    def add(self, key: Key, correct: np.ndarray) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps([key, "".join("01"[int(one)] for one in correct)]) + "\n")


def interval(drawn: list[np.ndarray]) -> str:
    """Mean with a 95 % bootstrap interval, splits first, then pictures, in percent: one array per split."""
    rng = np.random.default_rng(0)
    means = []
    for _ in range(1000):
        splits = [drawn[n] for n in rng.integers(0, len(drawn), len(drawn))]
        means.append(np.mean([one[rng.integers(0, len(one), len(one))].mean() for one in splits]))
    low, high = np.percentile(means, (2.5, 97.5))
    signed = "+" if min(one.min() for one in drawn) < 0 else ""
    middle = np.mean([one.mean() for one in drawn])
    return f"{100 * middle:{signed}.1f} ({100 * low:{signed}.1f} to {100 * high:{signed}.1f})"


def table(found: dict[Key, np.ndarray], name: str, counts: list[int], splits: int, methods: list[str]) -> str:
    """Markdown: classified correctly (%), a row per method, then differences between the pairs of `COMPARED`, picture by picture."""

    def cells(method: str, count: int, minus: str | None = None) -> str:
        drawn = [found[name, method, count, split].astype(float) for split in range(splits)]
        if minus:
            other = [found[name, minus, count, split] for split in range(splits)]
            drawn = [one - two for one, two in zip(drawn, other, strict=True)]
        return interval(drawn)

    head = f"| {name}, pictures per character | " + " | ".join(map(str, counts)) + " |"
    lines = [head, "|---" * (len(counts) + 1) + "|"]
    for method in methods:
        lines.append(f"| {method} | " + " | ".join(cells(method, count) for count in counts) + " |")
    for method, minus in (pair for pair in COMPARED if set(pair) <= set(methods)):
        differences = (cells(method, count, minus) for count in counts)
        lines.append(f"| *{method}*, minus *{minus}* | " + " | ".join(differences) + " |")
    return "\n".join(lines)


def chart(
    found: dict[Key, np.ndarray],
    name: str,
    counts: list[int],
    splits: int,
    methods: list[str],
    path: Path,
) -> None:
    figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for method in methods:
        settings = METHODS[method]
        means = [100 * np.mean([found[name, method, k, s].mean() for s in range(splits)]) for k in counts]
        ours = settings.learned or settings.drawn or settings.learned_start
        axis.plot(counts, means, "o-" if ours else "s:", label=method, linewidth=2 if ours else 1)
    axis.set(xscale="log", xlabel="pictures per character", ylabel="classified correctly (%)", title=name)
    axis.set_xticks(counts, [str(count) for count in counts], minor=False)
    axis.minorticks_off()
    axis.grid(alpha=0.3)
    axis.legend(fontsize=7)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def show(trial: Trial, path: Path) -> None:
    """Rows: characters. A given picture, others of the character, then learned and conventional variations of it."""
    rng = np.random.default_rng(0)
    few, asked = trial.few(1)
    rows = []
    for n in range(min(8, len(few.images))):
        given, character = few.images[n], few.ids[n, 0]
        real = rng.permutation(asked.images[asked.ids[:, 0] == character])[:6]
        copies = np.repeat(given[None], 6, axis=0)
        learned = varied(copies, Method(), trial.variations, 1.0, rng)
        elastic = varied(copies, CONVENTIONAL, None, 0.0, rng)
        gap = np.full((SIDE, 4, 1), 0.5)
        row = [given, gap, *real, gap, *learned, gap, *elastic]
        rows.append(np.pad(np.concatenate(row, axis=1), ((0, 2), (0, 0), (0, 0))))
    sheet = (255 * np.concatenate(rows)[..., 0]).astype(np.uint8)
    Image.fromarray(sheet).resize((sheet.shape[1] * 2, sheet.shape[0] * 2), Image.Resampling.NEAREST).save(
        path
    )


def run(folder: Path, name: str, options: argparse.Namespace, runs: Runs) -> Trial:
    """All runs of an alphabet that are not there yet; the first split, to look at."""
    letters = load(folder, [name, *options.fuller])
    poses, of = poses_of_pairs(letters.images, letters.ids[:, 0], PAIRS, 0)
    net, found = Classifier(), runs.all()
    for split in range(options.splits):
        trial = Trial(letters, poses, of, split, bool(options.fuller))
        for count in options.counts:
            trial.pools.clear()
            for method in options.methods:
                if (name, method, count, split) not in found:
                    start = time.perf_counter()
                    correct = trial.correct(net, METHODS[method], count, options.start_steps)
                    runs.add((name, method, count, split), correct)
                    seconds = time.perf_counter() - start
                    print(
                        f"{name} {split} {count} {method}: {100 * correct.mean():.1f} ({seconds:.0f} s)",
                        flush=True,
                    )
    return Trial(letters, poses, of, 0, bool(options.fuller))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("data", nargs="+", metavar="ALPHABET=FOLDER")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--counts", type=int, nargs="+", default=list(COUNTS), help="pictures per character")
    parser.add_argument("--fuller", nargs="*", default=[], help="other alphabets as the fuller grid")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS), metavar="NAME")
    parser.add_argument("--start-steps", type=int, default=START_STEPS, help="steps of the pre-training")
    parser.add_argument("--threads", type=int, default=0, help="0: all")
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    runs = Runs(options.out / "runs.jsonl")
    for name, _, folder in (word.partition("=") for word in options.data):
        trial = run(Path(folder), name, options, runs)
        found = runs.all()
        print(table(found, name, options.counts, options.splits, options.methods))
        chart(found, name, options.counts, options.splits, options.methods, options.out / f"{name}.png")
        show(trial, options.out / f"{name}-variations.png")


if __name__ == "__main__":
    main()
