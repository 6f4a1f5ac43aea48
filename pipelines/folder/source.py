"""Where labelled pictures come from, files or records: their labels, and how those that are wanted are decoded."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from gcn_tf.pipelines.folder.cache import states
from gcn_tf.pipelines.folder.decoded import Decoded
from gcn_tf.pipelines.folder.fitting import Form
from gcn_tf.pipelines.folder.labels import Labels
from gcn_tf.pipelines.folder.pictures import Inspected, inspect, read_pictures


@dataclass(frozen=True)
class Source(ABC):
    """Labelled pictures.

    Args:
        labels: a row for every picture.
    """

    labels: Labels

    @abstractmethod
    def decoded(self, rows: Sequence[int], form: Form) -> Decoded:
        """Decode the pictures of some rows; `form.channels` of 0 means grey if every one of them is."""

    @abstractmethod
    def sizes(self, rows: Sequence[int]) -> np.ndarray:
        """Height and width of the pictures of some rows, turned upright: int64 (N, 2), zeros for what cannot be read."""


@dataclass(frozen=True)
class Files(Source):
    """Picture files.

    Args:
        cache: folder that keeps what is decoded.
        photographs: whether the same file in two cells is a mistake.
    """

    cache: Path
    photographs: bool = True
    _chosen: dict[tuple[int, ...], "_Chosen"] = field(default_factory=dict, compare=False)

    def _files(self, rows: Sequence[int]) -> "_Chosen":
        key = tuple(rows)
        if key not in self._chosen:
            self._chosen[key] = _Chosen([self.labels.files[row] for row in rows], self.cache)
        return self._chosen[key]

    def decoded(self, rows: Sequence[int], form: Form) -> Decoded:
        chosen = self._files(rows)
        channels = form.channels or (1 if chosen.inspected.grey else 3)
        decoded = read_pictures(
            chosen.files, form.size, channels, form.fit, form.background, self.cache, found=chosen.states
        )
        return decoded if self.photographs else replace(decoded, sha256=())

    def sizes(self, rows: Sequence[int]) -> np.ndarray:
        return self._files(rows).inspected.sizes


@dataclass(frozen=True)
class _Chosen:
    """The files of some rows, each looked at once: looking at all takes time."""

    files: list[str]
    cache: Path

    @cached_property
    def states(self) -> bytes:
        return states(self.files)

    @cached_property
    def inspected(self) -> Inspected:
        return inspect(self.files, self.cache, found=self.states)
