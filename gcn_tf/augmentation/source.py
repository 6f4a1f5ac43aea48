"""What a set is made of: pictures by number, with codes of their factors."""

from abc import ABC, abstractmethod

import numpy as np

from gcn_tf.grid.factors import FactorSpace

CodeArrays = dict[str, np.ndarray]


class Source(ABC):
    """Pictures by number, from 0 to `count` - 1: a pure function of the number, so that any part can be made anywhere.

    A source brings its pictures, or codes alone, of which the run's generator makes them.

    Args:
        space: factors that are written of every picture.
        label: factor of the classes, "" if there is none.
    """

    space: FactorSpace
    label: str

    @property
    @abstractmethod
    def count(self) -> int: ...

    @abstractmethod
    def codes(self, numbers: np.ndarray) -> CodeArrays:
        """Codes of pictures by number: int64 (B,) in [0, count) -> float32 (B, K_f) by factor name."""

    def pictures(self, numbers: np.ndarray) -> np.ndarray | None:
        """Pictures by number, without padding: int64 (B,) in [0, count) -> uint8 (B, H, W, C); None if it has codes alone."""
        return None

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """(H, W, C) of its pictures; None if it has codes alone."""
        return None

    @property
    def soft(self) -> tuple[str, ...]:
        """Factors whose codes are weights."""
        return ()

    @property
    def classes(self) -> int:
        """How many classes the numbers run through in turn; 1 if some have more pictures than others."""
        return 1

    @property
    def values(self) -> tuple[str, ...]:
        """Values of the label that there are pictures of, in code order."""
        return self.space[self.label].values if self.label else ()

    @property
    def identity(self) -> dict[str, str | None]:
        """What, beside the settings and the run, tells its pictures from those of another source."""
        return {}

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines for the user."""
        return ()
