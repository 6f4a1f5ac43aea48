"""The real pictures beside generated ones: of the same cell, the nearest that training saw, and what judges say."""

from collections.abc import Mapping
from functools import cached_property
from threading import Lock

import numpy as np

from gcn_tf.evaluation.judge import Judge
from gcn_tf.evaluation.judges import dataset_judges
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.split import GROUPS
from gcn_tf.runs.run_dir import Run
from gcn_tf.synthesis.draw import without_padding

NEVER = "never photographed"
NEAREST_AMONG = 5_000  # seen pictures that are searched for the nearest one, spread over all of them
AT_ONCE = 500  # pictures that are compared at once


class RealPictures:
    """The pictures of a run.

    Raises:
        UserError: the pictures are not at hand, or not those of the run's training.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.split = run.load_split()
        self._judges_lock = Lock()
        sizes = tuple(len(factor) for factor in self.split.dataset.space)
        self.sizes = sizes
        cells = np.ravel_multi_index(self.split.ids.T, sizes)
        group = self.split.group()
        order = np.lexsort((group, cells))  # a cell with a seen picture is a seen one
        known, first = np.unique(cells[order], return_index=True)
        self.row_of = dict(zip(known.tolist(), order[first].tolist(), strict=True))
        self.group = group

    def group_of(self, ids: tuple[int, ...]) -> str:
        """What training saw of a cell: one of `GROUPS`, or `NEVER` if it has no picture."""
        row = self._row(ids)
        return NEVER if row is None else GROUPS[self.group[row]]

    def _row(self, ids: tuple[int, ...]) -> int | None:
        return self.row_of.get(int(np.ravel_multi_index(ids, self.sizes)))

    def of_cell(self, ids: tuple[int, ...]) -> np.ndarray | None:
        """The real picture of a cell, uint8 (H, W, C), or None if nobody photographed it."""
        row = self._row(ids)
        return None if row is None else self._plain(pixels(self.split, np.array([row])))[0]

    def _plain(self, images: np.ndarray) -> np.ndarray:
        return without_padding(images, self.run)

    @cached_property
    def _seen(self) -> tuple[np.ndarray, np.ndarray]:
        """Seen pictures and their row numbers: uint8 (n, H, W, C), int (n,)."""
        rows = self.split.rows(unseen=False)
        chosen = rows[np.linspace(0, len(rows) - 1, min(len(rows), NEAREST_AMONG)).astype(int)]
        return self._plain(pixels(self.split, chosen)), chosen

    def nearest(self, image: np.ndarray) -> tuple[np.ndarray, dict[str, str]]:
        """The seen picture nearest to one by Euclidean distance, uint8 (H, W, C), and the values of its cell."""
        images, rows = self._seen
        distances = [
            ((images[start : start + AT_ONCE].astype(np.float32) - image) ** 2).sum(axis=(1, 2, 3))
            for start in range(0, len(images), AT_ONCE)
        ]
        found = int(np.concatenate(distances).argmin())
        ids = self.split.ids[rows[found]]
        space = self.split.dataset.space
        return images[found], {f.name: f.values[i] for f, i in zip(space, ids, strict=True)}

    @cached_property
    def _judges(self) -> tuple[Judge, ...]:
        return dataset_judges(self.split.dataset, self.run.config.data_dir)[1]

    @property
    def judges(self) -> tuple[Judge, ...]:
        """Both judges; the first call trains them, or reads them from the cache."""
        with self._judges_lock:
            return self._judges

    def classified(self, image: np.ndarray) -> dict[str, dict[str, str]]:
        """The values that each judge classifies a picture as, by name of the judge and of the factor.

        Args:
            image: uint8 (H, W, C) with the padding of the run's own pictures.
        """
        space = self.split.dataset.space
        said: dict[str, dict[str, str]] = {}
        for judge in self.judges:
            ids: Mapping[str, np.ndarray] = judge.classify(image[None])
            said[judge.name] = {f.name: f.values[int(ids[f.name][0])] for f in space}
        return said

    @property
    def doubtful(self) -> dict[str, tuple[str, ...]]:
        """Factors that each judge does not recognise in real pictures, by its name."""
        names = self.split.dataset.space.names
        return {judge.name: tuple(n for n in names if n not in judge.recognised) for judge in self.judges}
