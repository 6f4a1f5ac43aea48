"""What every method of the study of generators is asked: some of the seen pictures are given, unseen cells are wanted."""

from dataclasses import dataclass, replace

import numpy as np

from gcn_tf.config.data import DataConfig
from gcn_tf.config.schema import RunConfig
from gcn_tf.errors import ConfigError
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.pipelines.split import Split, split_dataset

HOLDOUT = ("low-level", "high-level")  # both at once: one training tells of both
MOST_SEEN = 256  # seen cells that are scored beside the unseen ones


@dataclass(frozen=True)
class Size:
    """How much there is to learn from.

    Args:
        identities: int. Writers or persons; 0: as many as the dataset's options say.
        share: float in (0, 1]. Of the seen pictures.
    """

    identities: int = 0
    share: float = 1.0

    @property
    def name(self) -> str:
        """For files: "all-1", "30-0.25"."""
        return f"{self.identities or 'all'}-{self.share:g}"


@dataclass(frozen=True)
class Task:
    """Cells of one seed.

    Args:
        split: of all pictures, with which generated ones are scored.
        given: what is learned from: fewer seen pictures, the same unseen cells.
        rows: int (R,). Rows of `split` that are drawn and scored: all unseen ones, and some of the given seen ones.
    """

    split: Split
    given: Split
    rows: np.ndarray

    @property
    def ids(self) -> np.ndarray:
        """Value ids of the cells that are drawn: int (R, M)."""
        return self.split.ids[self.rows]


def make_task(dataset: Dataset, holdout: tuple[str, ...], seed: int, share: float = 1.0) -> Task:
    """Hide the cells of a seed, and give a random share of the others, which has every value of every factor."""
    split = split_dataset(dataset, holdout, seed)
    seen, unseen = split.rows(unseen=False), split.rows(unseen=True)
    order = np.random.default_rng([seed, 0x5A]).permutation(seen)
    wanted = max(1, round(share * len(seen)))
    needed = _one_of_each_value(split.ids[order])
    first = order[needed]
    rest = order[~np.isin(order, first)]
    kept = np.sort(np.concatenate([first, rest[: max(0, wanted - len(first))]]))
    rows = np.sort(np.concatenate([kept, unseen]))
    given = replace(split, base=split.base[rows], ids=split.ids[rows], unseen=split.unseen[rows])
    shown = kept[np.linspace(0, len(kept) - 1, min(MOST_SEEN, len(kept))).astype(int)]
    return Task(split, given, np.sort(np.concatenate([shown, unseen])))


def _one_of_each_value(ids: np.ndarray) -> np.ndarray:
    """Numbers of the rows, int (N, M), that first have a value of some factor: int (n,)."""
    firsts = [np.unique(ids[:, m], return_index=True)[1] for m in range(ids.shape[1])]
    return np.unique(np.concatenate(firsts))


def with_identities(config: RunConfig, dataset: Dataset, count: int) -> RunConfig:
    """The settings with so many writers or persons; raises ConfigError where the dataset has no such option."""
    if not count:
        return config
    for option in ("writers", "persons"):
        if hasattr(config.options, option):
            return config.with_options(**{option: str(count)})
    if hasattr(config.options, "limit"):
        limits = [
            word for word in config.options.limit if not word.startswith(f"{dataset.holdout_roles.identity}=")
        ]
        return config.with_options(limit=(*limits, f"{dataset.holdout_roles.identity}={count}"))
    raise ConfigError(f"--identities {count}: the dataset {config.dataset} has no option for their number")


def data_of(config: RunConfig) -> DataConfig:
    found: DataConfig = config.part(DataConfig)
    return found
