"""Does a generated figure have the hand of its writer? Geometry beside what is usual for the content.

The content of a cell is the value of every factor but one. A hand is what the one brings: a writer's 7 is wider than the mean 7
of the other writers, a person's stop sign higher than the usual one.
"""

from collections.abc import Sequence

import numpy as np

from gcn_tf.metrics.intervals import Estimate, bootstrap_of_means

FEWEST = 8  # base images that a correlation needs


SMALLEST_SPREAD = 0.005  # standard deviation of what a hand changes; below it all hands are the same


def content_numbers(
    known_ids: np.ndarray, wanted_ids: np.ndarray, factor: int
) -> tuple[np.ndarray, np.ndarray]:
    """Number the contents, the values of every factor but one: int (N, M), (U, M) -> int (N,), (U,).

    >>> content_numbers(np.array([[7, 0], [8, 0]]), np.array([[8, 1]]), factor=1)
    (array([0, 1]), array([1]))
    """
    return _numbers(np.delete(known_ids, factor, axis=1), np.delete(wanted_ids, factor, axis=1))


def _numbers(known: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the different rows of both: (N, m), (U, m) -> int (N,), (U,)."""
    _, place = np.unique(np.concatenate([known, wanted]), axis=0, return_inverse=True)
    of_known, of_wanted = np.split(place.ravel(), [len(known)])
    return of_known, of_wanted


def content_means(
    known: np.ndarray, known_ids: np.ndarray, wanted_ids: np.ndarray, factor: int
) -> np.ndarray:
    """What is usual for the content of cells: the mean over the known pictures that differ from them in one factor at most.

    Args:
        known: float (N, k), what was measured of the known pictures.
        known_ids, wanted_ids: int (N, M) and (U, M), value ids of the known and of the wanted cells.
        factor: position of the hand among the factors.

    Returns:
        float64 (U, k), NaN for a content that no known picture has.

    >>> ids = np.array([[7, 0], [7, 1], [8, 0]])  # digit, writer
    >>> content_means(np.array([[1.0], [3.0], [9.0]]), ids, np.array([[7, 2], [9, 2]]), factor=1).tolist()
    [[2.0], [nan]]
    """
    of_known, of_wanted = content_numbers(known_ids, wanted_ids, factor)
    return _means_by(known, of_known, of_wanted)


def usual_hand(
    known: np.ndarray, known_ids: np.ndarray, wanted_ids: np.ndarray, factor: int, within: Sequence[int] = ()
) -> np.ndarray:
    """What a hand does on average, added to what is usual for the content: the simplest prediction of a cell's geometry.

    The average is over the known pictures of the same hand, of their deviations from their own content's mean.

    Args:
        known, known_ids, wanted_ids, factor: as of `content_means`.
        within: positions of factors whose values must be the same as well: in turned pictures a writer has another slant.

    Returns:
        float64 (U, k), NaN for a content, or a hand, that no known picture has.

    >>> ids = np.array([[7, 0], [7, 1], [8, 0], [8, 1], [9, 0]])
    >>> usual_hand(np.array([[1.0], [3.0], [5.0], [7.0], [2.0]]), ids, np.array([[9, 1]]), factor=1).tolist()
    [[3.0]]
    """
    deviation = known - content_means(known, known_ids, known_ids, factor)
    others = [m for m in range(known_ids.shape[1]) if m != factor and m not in within]
    of_known, of_wanted = _numbers(
        np.delete(known_ids, others, axis=1), np.delete(wanted_ids, others, axis=1)
    )
    return content_means(known, known_ids, wanted_ids, factor) + _means_by(deviation, of_known, of_wanted)


def _means_by(values: np.ndarray, of_known: np.ndarray, of_wanted: np.ndarray) -> np.ndarray:
    """Means of the rows of the wanted number, without those that are NaN: (N, k) -> float64 (U, k), NaN where there are none."""
    valid = ~np.isnan(values)
    count = max(of_known.max(initial=0), of_wanted.max(initial=0)) + 1
    sums, counts = np.zeros((2, count, values.shape[1]))
    np.add.at(sums, of_known, np.where(valid, values, 0))
    np.add.at(counts, of_known, valid)
    means = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return np.asarray(means[of_wanted])


def hand_correlation(
    real: np.ndarray, generated: np.ndarray, content: np.ndarray, clusters: np.ndarray
) -> Estimate | None:
    """Partial correlation of the geometry of real and of generated pictures, given the mean of their content.

    1: what a hand changes in a figure is changed in the generated one. 0: the generated ones have a hand of their own, or that
    of everybody. A generated picture without a figure counts as one that has the mean of its content.

    Args:
        real, generated: float (U,), one number of the geometry of unseen cells, NaN without a figure.
        content: float (U,), its mean over the content (`content_means`), NaN where there is none.
        clusters: int (U,). Base image numbers.

    Returns:
        In [-1, 1], with a 95 % interval over base images; 0 if the generated pictures have nothing but their content's mean. None
        where it is not defined: for fewer than 8 base images, or if the content tells all of the real pictures' geometry.

    >>> rng = np.random.default_rng(0)
    >>> content, hand, noise = rng.normal(size=(3, 400))
    >>> hand_correlation(content + hand, content + 2 * hand + 2 * noise, content, np.arange(400)).text(1)
    '0.7 (0.7 to 0.8)'
    """
    return pooled_hand_correlation([(np.stack([real, generated, content], axis=1), clusters)])


def pooled_hand_correlation(runs: Sequence[tuple[np.ndarray, np.ndarray]]) -> Estimate | None:
    """`hand_correlation` of several runs together: of their deviations from each run's own means.

    Args:
        runs: one (float (U, 3), what `hand_correlation` takes as real, generated and content; int (U,) base image numbers) per run.

    Returns:
        As `hand_correlation`, with an interval over runs, too.

    >>> rng = np.random.default_rng(0)
    >>> content, hand, noise = rng.normal(size=(3, 400))
    >>> three = np.stack([content + hand, content + 2 * hand + 2 * noise, content], axis=1)
    >>> pooled_hand_correlation([(three, np.arange(400)), (three + 5, np.arange(400))]).text(1)
    '0.7 (0.7 to 0.8)'
    """
    centered, images = [], 0
    for three, clusters in runs:
        defined = ~np.isnan(three[:, [0, 2]]).any(axis=1)
        if defined.any():
            real, generated, content = three[defined].T
            generated = np.where(np.isnan(generated), content, generated)
            known = np.stack([real, generated, content], axis=1)
            centered.append((known - known.mean(axis=0), clusters[defined]))
            images += len(np.unique(clusters[defined]))
    if images < FEWEST:
        return None
    whole = np.concatenate([three for three, _ in centered])
    if _spread_given(whole[:, 0], whole[:, 2]) < SMALLEST_SPREAD:
        return None
    return bootstrap_of_means(
        _partial_correlation, [(np.hstack([three, _products(three)]), which) for three, which in centered]
    )


def _products(three: np.ndarray) -> np.ndarray:
    """aa, ab, ac, bb, bc, cc of columns a, b, c: (U, 3) -> (U, 6)."""
    return np.stack([three[:, a] * three[:, b] for a in range(3) for b in range(a, 3)], axis=1)


def _spread_given(values: np.ndarray, known: np.ndarray) -> float:
    """Standard deviation that centered values (U,) have besides a multiple of known ones."""
    slope = values @ known / max(known @ known, 1e-12)
    return float(np.std(values - slope * known))


def _partial_correlation(means: np.ndarray) -> np.ndarray:
    """Of the means of a, b, c, aa, ab, ac, bb, bc, cc, float64 (R, 9): the correlation of a and b, given c, (R,)."""
    a, b, c, aa, ab, ac, bb, bc, cc = means.T
    aa, ab, ac, bb, bc, cc = aa - a * a, ab - a * b, ac - a * c, bb - b * b, bc - b * c, cc - c * c
    known = cc > 1e-12
    by_c = np.divide(1, cc, out=np.zeros_like(cc), where=known)  # a constant content explains nothing
    shared, first, second = ab - ac * bc * by_c, aa - ac * ac * by_c, bb - bc * bc * by_c
    left = (first > 1e-9 * aa) & (second > 1e-9 * bb) & (first * second > 0)
    found = np.divide(shared, np.sqrt(np.where(left, first * second, 1)), where=left, out=np.zeros_like(a))
    return np.clip(found, -1, 1)
