"""A part of a large split that can be looked at as a whole: all pictures of some values of its largest factor."""

from dataclasses import replace

import numpy as np

from gcn_tf.pipelines.split import Split

MOST_PICTURES = 10_000
LEAST_VALUES = 4  # of the largest factor, before pictures are left out one by one
SEED = 1


def excerpt(split: Split, most: int = MOST_PICTURES) -> Split:
    """At most so many pictures of a split, the same ones each time; the split itself if it has no more.

    What compares cells needs a grid without gaps, so all pictures of a few values of the largest factor are taken, of a few
    writers or persons, and no sample of all pictures. Base images come with all their variations, so what training saw of a
    cell stays what it is.

    Args:
        most: pictures, and as many repeats.

    Example:

    >>> from gcn_tf.config.files import resolve
    >>> from gcn_tf.pipelines.split import load_split
    >>> split = load_split(resolve(dataset="glyphs"))
    >>> part = excerpt(split, most=600)
    >>> len(part.ids), len(np.unique(part.ids[:, 0])), len(np.unique(part.ids[:, 1]))
    (600, 5, 10)
    """
    if len(split.ids) <= most:
        return split
    dataset = split.dataset
    of_one = len(split.ids) // len(dataset.images)  # its variations
    chosen = chosen_bases(dataset.base_ids, max(1, most // of_one))
    rows = np.flatnonzero(np.isin(split.base, chosen))
    repeats = dataset.repeats
    if repeats is not None:
        kept = np.flatnonzero(_of_the_same_values(repeats[1], dataset.base_ids[chosen]))[:most]
        repeats = (repeats[0][kept], repeats[1][kept]) if len(kept) else None
    part = replace(
        dataset,
        images=dataset.images[chosen],
        base_ids=dataset.base_ids[chosen],
        repeats=repeats,
        pixels_sha256="",
    )
    base = np.searchsorted(chosen, split.base[rows]).astype(np.int32)
    return replace(split, dataset=part, base=base, ids=split.ids[rows], unseen=split.unseen[rows])


def chosen_bases(base_ids: np.ndarray, most: int) -> np.ndarray:
    """Numbers of at most so many base images: int (N, M) ids -> int64 (n,), in order."""
    rng = np.random.default_rng(SEED)
    column = base_ids[:, int(base_ids.max(axis=0).argmax())]
    counts = np.bincount(column)
    order = rng.permutation(np.flatnonzero(counts))
    fitting = int(np.searchsorted(np.cumsum(counts[order]), most, side="right"))
    taken = np.zeros(len(counts), bool)
    taken[order[: max(fitting, LEAST_VALUES)]] = True
    found = np.flatnonzero(taken[column])
    return found if len(found) <= most else np.sort(rng.choice(found, most, replace=False))


def _of_the_same_values(ids: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Whether every value of a row is one of the known rows': bool (N,)."""
    return np.all([np.isin(ids[:, m], known[:, m]) for m in range(ids.shape[1])], axis=0)


def sampled(rows: np.ndarray, most: int, seed: int) -> np.ndarray:
    """At most so many of the row numbers, in order; all of them if there are no more.

    >>> sampled(np.arange(3), 5, seed=0)
    array([0, 1, 2])
    """
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng([seed, SEED]).choice(rows, most, replace=False))


def said(part: Split, whole: Split) -> str:
    """One sentence on what an excerpt is; "" where it is the whole."""
    if part is whole:
        return ""
    counts = [
        f"{len(np.unique(part.ids[:, m])):,} of {len(factor):,} values of {factor.name}"
        for m, factor in enumerate(whole.dataset.space)
        if len(np.unique(part.ids[:, m])) < len(factor)
    ]
    values = f", those of {' and '.join(counts)}" if counts else ""
    return f"{len(part.ids):,} of {len(whole.ids):,} pictures are looked at{values}."
