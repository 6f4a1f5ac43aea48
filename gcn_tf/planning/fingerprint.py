"""What a plan is made from: the pictures, the grid and the machine, in a few numbers."""

from dataclasses import dataclass

import numpy as np

from gcn_tf.machine import available_bytes, usable_cores
from gcn_tf.metrics.pictures import ground_brightness, plain_share
from gcn_tf.model.operators import estimate_operators
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.split import Split

SAMPLE = 2_000  # pictures, spread over the grid, that are looked at


@dataclass(frozen=True)
class Fingerprint:
    """A grid of pictures in numbers.

    Args:
        native: (height, width) at the median before they were resized; None if the dataset makes them in any size.
        shape: (H, W, C) as they were loaded.
        sizes: number of values by factor name.
        cells: cells that have a picture.
        fill: share of all cells that have one.
        repeats: further pictures of the same cells.
        ground: median brightness along the border, 0 (black) to 1.
        plain: share of the pixels that have the brightness of the border: much of a drawing, little of a photograph.
        explained: share of the variance between pictures that the mean pictures of a factor's values explain, by factor
            name.
        exact: factors whose values do the same to every picture, such as turns and colours.
        cores: that this process may use.
        free_bytes: of memory; None if unknown.
        seconds_per_step: measured with the planned networks; 0 before.
    """

    native: tuple[int, int] | None
    shape: tuple[int, int, int]
    sizes: dict[str, int]
    cells: int
    fill: float
    repeats: int
    ground: float
    plain: float
    explained: dict[str, float]
    exact: tuple[str, ...]
    cores: int
    free_bytes: int | None = None
    seconds_per_step: float = 0.0

    @classmethod
    def of(cls, split: Split, native: tuple[int, int] | None = None) -> "Fingerprint":
        """The fingerprint of a dataset whose seen and unseen cells are known: unseen pictures play no part."""
        dataset, seen = split.dataset, split.rows(unseen=False)
        rows = seen[np.linspace(0, len(seen) - 1, min(SAMPLE, len(seen))).astype(int)]
        images, ids, sizes = pixels(split, rows), split.ids[rows], dataset.space.sizes
        operators = estimate_operators(images, ids, sizes)
        cells = len(np.unique(split.ids, axis=0))
        return cls(
            native=native,
            shape=dataset.image_shape,
            sizes=sizes,
            cells=cells,
            fill=cells / dataset.space.cell_count,
            repeats=len(dataset.repeats[0]) if dataset.repeats else 0,
            ground=ground_brightness(images),
            plain=plain_share(images),
            explained={name: _explained(images, ids[:, m]) for m, name in enumerate(sizes)},
            exact=tuple(name for name, found in operators.items() if found.explain),
            cores=usable_cores(),
            free_bytes=available_bytes(),
        )

    def lines(self) -> list[str]:
        """What people should know of it."""
        height, width, channels = self.shape
        size = f"{self.native[0]}x{self.native[1]}" if self.native else f"{height}x{width}"
        kind = "grey" if channels == 1 else "colour"
        repeats = f", {self.repeats:,} further pictures of the same cells" if self.repeats else ""
        shares = ", ".join(f"{name} {share:.0%}" for name, share in self.explained.items())
        exact = f"; the same in every picture: {', '.join(self.exact)}" if self.exact else ""
        memory = f", {self.free_bytes / 2**30:.1f} GiB of memory free" if self.free_bytes else ""
        return [
            f"pictures     {size} {kind}, brightness along the border {self.ground:.2f}, {self.plain:.0%} of the pixels",
            f"grid         {self.cells:,} cells, {self.fill:.0%} of all{repeats}",
            f"differences  explained by {shares}{exact}",
            f"machine      {self.cores} cores{memory}, {self.seconds_per_step:.2g} s a step",
        ]


def _explained(images: np.ndarray, ids: np.ndarray) -> float:
    """Share of the variance between pictures that lies between the mean pictures of their values, adjusted for chance.

    Args:
        images: uint8 (N, H, W, C).
        ids: int (N,), value ids of one factor.
    """
    flat = images.reshape(len(images), -1).astype(np.float32)
    flat -= flat.mean(axis=0)
    total = float((flat**2).sum())
    values, groups = np.unique(ids, return_inverse=True)
    if not total or len(values) >= len(ids):
        return 0.0
    within = sum(
        float(((part - part.mean(axis=0)) ** 2).sum())
        for part in (flat[groups == n] for n in range(len(values)))
    )
    return max(0.0, 1 - (within / (len(ids) - len(values))) / (total / (len(ids) - 1)))
