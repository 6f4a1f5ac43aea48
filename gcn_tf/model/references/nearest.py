"""Which seen picture is nearest to a cell: measured between the values of every factor, so that unseen cells have one, too."""

import numpy as np

PRIOR_PAIRS = 2  # of the mean distance of a factor's values, added to those that were seen
LIGHT = 0.25  # weight of differences in light, which are corrected, beside those in form
LARGE_PARTS = 8  # pixels; what is averaged over so many is light
CELLS_AT_ONCE = 1024


def value_distances(pictures: np.ndarray, ids: np.ndarray, sizes: dict[str, int]) -> list[np.ndarray]:
    """How much changing one value into another changes a picture, on average over pairs that differ in nothing else.

    Args:
        pictures: float32 (N, H, W, C) of different cells.
        ids: int (N, M), the cells' value ids in the order of `sizes`.

    Returns:
        float64 (K_f, K_f) by factor: mean squared differences of form, and a little of light; 0 on the diagonal.
    """
    light = large_parts(pictures)
    height, width = pictures.shape[1:3]
    form = pictures - enlarged(light, height, width)
    apart = _squared_distances(form) + LIGHT * _squared_distances(light)
    differs = [ids[:, m, None] != ids[None, :, m] for m in range(ids.shape[1])]
    count = np.sum(differs, axis=0, dtype=np.int8)
    usual = float(apart[count > 0].mean()) if (count > 0).any() else 0.0
    found = []
    for m, size in enumerate(sizes.values()):
        a, b = np.nonzero((count == 1) & differs[m])
        total, pairs = np.zeros((size, size)), np.zeros((size, size))
        np.add.at(total, (ids[a, m], ids[b, m]), apart[a, b])
        np.add.at(pairs, (ids[a, m], ids[b, m]), 1)
        mean = total.sum() / pairs.sum() if pairs.sum() else usual
        distance = (total + PRIOR_PAIRS * mean) / (pairs + PRIOR_PAIRS)
        np.fill_diagonal(distance, 0)
        found.append(distance)
    return found


def _squared_distances(pictures: np.ndarray) -> np.ndarray:
    """Mean squared difference per pixel and channel of every pair: float32 (N, H, W, C) -> (N, N)."""
    flat = pictures.reshape(len(pictures), -1)
    products = flat @ flat.T
    squares = np.diag(products)
    return np.asarray(np.maximum(squares[:, None] + squares - 2 * products, 0) / flat.shape[1])


def nearest_pictures(
    distances: list[np.ndarray], cells: np.ndarray, ids: np.ndarray, count: int
) -> np.ndarray:
    """The nearest pictures of every cell, none of the cell itself, the nearest first.

    Args:
        distances: of `value_distances`.
        cells: int (P, M), the wanted cells.
        ids: int (N, M), cells of the pictures.
        count: how many; fewer where there are not as many pictures.

    Returns:
        int32 (P, count), numbers of pictures. Where there are no others, a picture is repeated.
    """
    found = np.empty((len(cells), count), np.int32)
    for start in range(0, len(cells), CELLS_AT_ONCE):
        part = cells[start : start + CELLS_AT_ONCE]
        cost = np.sum(
            [distance[part[:, m, None], ids[None, :, m]] for m, distance in enumerate(distances)], axis=0
        )
        own = (part[:, None] == ids[None]).all(axis=2)
        order = np.argsort(np.where(own, np.inf, cost), axis=1, kind="stable")[:, :count]
        found[start : start + CELLS_AT_ONCE] = np.pad(order, ((0, 0), (0, count - order.shape[1])), "edge")
    return found


def large_parts(pictures: np.ndarray) -> np.ndarray:
    """Means over squares of LARGE_PARTS pixels: float32 (N, H, W, C) -> (N, ceil(H / 8), ceil(W / 8), C)."""
    height, width = pictures.shape[1:3]
    rows, columns = (np.arange(0, side, LARGE_PARTS) for side in (height, width))
    total = np.add.reduceat(np.add.reduceat(pictures, rows, axis=1), columns, axis=2)
    tall, wide = (np.diff([*starts, side]) for starts, side in ((rows, height), (columns, width)))
    return np.asarray(total / (tall[:, None] * wide)[..., None], np.float32)


def enlarged(parts: np.ndarray, height: int, width: int) -> np.ndarray:
    """`large_parts` at the pictures' size, between their centres by straight lines: (N, h, w, C) -> (N, H, W, C)."""
    down, across = (enlarging(side) for side in (height, width))
    return np.einsum("Hh,nhwc,Ww->nHWc", down, parts, across, optimize=True)


def enlarging(side: int) -> np.ndarray:
    """Matrix that enlarges `large_parts` along a side: float32 (side, ceil(side / 8)), rows of sum 1."""
    starts = np.arange(0, side, LARGE_PARTS)
    centres = (starts + np.minimum(starts + LARGE_PARTS, side) - 1) / 2
    columns = np.eye(len(starts))
    return np.stack([np.interp(np.arange(side), centres, column) for column in columns], axis=1).astype(
        np.float32
    )
