"""Whether generated pictures of unseen cells have the geometry that each factor brings: writers their hand, gestures their place."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gcn_tf.metrics.geometry import GEOMETRY, figure_geometry
from gcn_tf.metrics.hand import content_means, hand_correlation, usual_hand
from gcn_tf.metrics.intervals import Estimate
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.split import Split, rows_by_group

# By group of unseen cells, factor and number of the geometry.
HandScores = dict[str, dict[str, dict[str, Estimate]]]


@dataclass(frozen=True)
class Hands:
    """The geometry of the real pictures of a split, to compare generated ones with.

    The factors of variations (color, rotation) are no hands: what they change is a formula.

    Args:
        split: what training saw, and what it did not.
        rows: int (U,), the unseen pictures.
        real: float64 (U, 5), their geometry.
        content: float64 (U, 5) by factor name, what is usual for everything but this factor (`content_means`).
        usual: float64 (U, 5) by factor name, with what the factor's value does on average added (`usual_hand`).
    """

    split: Split
    rows: np.ndarray
    real: np.ndarray
    content: Mapping[str, np.ndarray]
    usual: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, split: Split) -> "Hands":
        """Measure the real pictures of a split."""
        seen, unseen = split.rows(unseen=False), split.rows(unseen=True)
        known, wanted = split.ids[seen], split.ids[unseen]
        geometry = (
            figure_geometry(pixels(split, seen)) if len(unseen) else np.empty((len(seen), len(GEOMETRY)))
        )
        varied = [variation.factor.name for variation in split.dataset.variations]
        place = {name: m for m, name in enumerate(split.dataset.space.names)}
        within, hands = [place[name] for name in varied], [name for name in place if name not in varied]
        return cls(
            split,
            unseen,
            figure_geometry(pixels(split, unseen)),
            {name: content_means(geometry, known, wanted, place[name]) for name in hands},
            {name: usual_hand(geometry, known, wanted, place[name], within) for name in hands},
        )

    def correlations(self, pictures: np.ndarray, rows: np.ndarray) -> HandScores:
        """Hand correlations of pictures, where they are defined.

        Args:
            pictures: uint8 (P, H, W, C).
            rows: int (P,). The picture of the split that each of them should be; seen ones play no part.
        """
        chosen = np.flatnonzero(np.isin(rows, self.rows))
        generated = figure_geometry(pictures[chosen])
        return self._correlations(dict.fromkeys(self.content, generated), rows[chosen])

    def compared(self, pictures: np.ndarray, rows: np.ndarray, factor: str) -> np.ndarray:
        """What the hand correlation of a factor is made of, picture by picture, so that several splits can be taken together.

        Args:
            pictures, rows: as of `correlations`.
            factor: one of `content`.

        Returns:
            float64 (P, 5, 3): each number of the real picture, of the generated one, and what is usual for the content; NaN of seen
            pictures.
        """
        chosen = np.flatnonzero(np.isin(rows, self.rows))
        place = np.searchsorted(self.rows, rows[chosen])
        found = np.full((len(rows), len(GEOMETRY), 3), np.nan)
        generated = figure_geometry(pictures[chosen])
        found[chosen] = np.stack([self.real[place], generated, self.content[factor][place]], axis=-1)
        return found

    def of_usual_hand(self) -> HandScores:
        """What the average hand reaches: the mean deviation of the seen pictures with the same value of the factor."""
        return self._correlations(self.usual, self.rows)

    def _correlations(self, generated: Mapping[str, np.ndarray], rows: np.ndarray) -> HandScores:
        """Of the geometry that pictures should have by factor name, (P, 5), for unseen pictures of the split, (P,)."""
        place = np.searchsorted(self.rows, rows)
        base = self.split.base[rows]
        scores: HandScores = {}
        for group, those in rows_by_group(self.split.group()[rows]).items():
            for factor, content in self.content.items():
                found = {
                    number: hand_correlation(
                        self.real[place[those], n],
                        generated[factor][those, n],
                        content[place[those], n],
                        base[those],
                    )
                    for n, number in enumerate(GEOMETRY)
                }
                if defined := {number: estimate for number, estimate in found.items() if estimate}:
                    scores.setdefault(group, {})[factor] = defined
        return scores


def hands_to_json(scores: HandScores) -> dict[str, dict[str, dict[str, dict[str, float | None]]]]:
    return {
        group: {factor: {number: e.to_json() for number, e in by.items()} for factor, by in by_factor.items()}
        for group, by_factor in scores.items()
    }
