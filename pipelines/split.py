"""Seen and unseen pictures: a dataset and its hold-out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gcn_tf.config.schema import RunConfig
from gcn_tf.grid.holdout import check_values_seen, holdout_rules, unseen_mask
from gcn_tf.pipelines.dataset import Dataset, load_dataset
from gcn_tf.pipelines.newcomers import join_newcomers, read_newcomers

MOST_COMPARED = 20_000  # pictures among which nearly equal ones are looked for
GROUPS = ("seen", "unseen low-level", "unseen high-level")


@dataclass(frozen=True)
class Split:
    """The pictures of a dataset, divided by a hold-out.

    Args:
        dataset: where the pixels come from.
        base: int32 (P,). Base image number of every picture.
        ids: int32 (P, M). Value ids of every picture.
        unseen: bool (P,). Held out: these never reach training.
        notes: lines for the user about the pictures and the hold-out.
    """

    dataset: Dataset
    base: np.ndarray
    ids: np.ndarray
    unseen: np.ndarray
    notes: tuple[str, ...] = ()

    def rows(self, unseen: bool) -> np.ndarray:
        """Row numbers of the seen or of the unseen pictures: int64 (n,)."""
        return np.flatnonzero(self.unseen == unseen)

    def group(self) -> np.ndarray:
        """What training saw of every picture: int (P,), a position in `GROUPS`.

        "seen"; "unseen low-level": not this picture, but its base image in other variations; "unseen high-level": no
        picture of its base image.
        """
        known = np.isin(self.base, self.base[~self.unseen])
        return np.where(self.unseen, np.where(known, 1, 2), 0)

    def groups(self) -> dict[str, np.ndarray]:
        """Row numbers of the pictures of every group, int64 (n,) each; empty groups are left out."""
        return rows_by_group(self.group())


def rows_by_group(group: np.ndarray) -> dict[str, np.ndarray]:
    """Row numbers by group, in the order of `GROUPS`: int (P,) -> int64 (n,) each; empty groups are left out."""
    return {name: np.flatnonzero(group == n) for n, name in enumerate(GROUPS) if (group == n).any()}


def split_dataset(dataset: Dataset, holdout: tuple[str, ...], seed: int) -> Split:
    """Split a dataset by `--holdout` specs; raise HoldoutError if a factor value would never be seen."""
    base, ids = dataset.pictures()
    notes = list(dataset.notes)
    rules = holdout_rules(holdout, dataset.space, seed, dataset.holdout_roles, notes.append)
    unseen = unseen_mask(ids, rules, dataset.space)
    check_values_seen(ids, unseen, dataset.space)
    notes += _leaks(dataset, base, unseen)
    return Split(dataset, base, ids, unseen, tuple(notes))


def _leaks(dataset: Dataset, base: np.ndarray, unseen: np.ndarray) -> list[str]:
    """A line about unseen pictures that are nearly the same as a seen one, where every picture is a photograph's own."""
    if dataset.variations:  # which make many pictures of one
        return []
    if len(base) > MOST_COMPARED:
        return [
            f"more than {MOST_COMPARED:,} pictures: unseen ones that are nearly the same as a seen one were not looked for"
        ]
    from gcn_tf.pipelines.folder.duplicates import near_duplicates

    found = near_duplicates(dataset.images, base[~unseen], base[unseen])
    return [
        f"{len(found)} unseen pictures are nearly the same as a seen one: their scores say little"
    ] * bool(len(found))


def load_split(config: RunConfig) -> Split:
    """Load the dataset of a run, split into seen and unseen pictures; newcomers are seen."""
    split = split_dataset(load_dataset(config), config.holdout, config.seed)
    if not config.newcomers:
        return split
    return with_newcomers(split, *read_newcomers(Path(config.newcomers), split.dataset))


def with_newcomers(split: Split, images: np.ndarray, labels: Mapping[str, Sequence[str]]) -> Split:
    """The split with further pictures, which are seen; `gcn_tf.pipelines.newcomers.join_newcomers` says what they are."""
    dataset = join_newcomers(split.dataset, images, labels)
    base, ids = dataset.pictures()
    unseen = np.concatenate([split.unseen, np.zeros(len(base) - len(split.unseen), bool)])
    return replace(split, dataset=dataset, base=base, ids=ids, unseen=unseen)


def undivided(dataset: Dataset) -> Split:
    """All pictures of a dataset, nothing held out."""
    base, ids = dataset.pictures()
    return Split(dataset, base, ids, np.zeros(len(ids), bool))


def repeated_pictures(dataset: Dataset) -> Split | None:
    """The dataset's repeats in all variations, with nothing held out; None if it has no repeats."""
    if dataset.repeats is None:
        return None
    images, base_ids = dataset.repeats
    return undivided(replace(dataset, images=images, base_ids=base_ids, repeats=None, pixels_sha256=""))
