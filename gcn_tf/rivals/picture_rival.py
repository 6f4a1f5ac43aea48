"""What rivals that turn a picture into another have in common: seen pictures to start from. TensorFlow is imported to build them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Self

from gcn_tf.config.checks import Range
from gcn_tf.rivals.rival import Grid, RivalConfig

if TYPE_CHECKING:
    import keras
    import numpy as np
    import tensorflow as tf

    from gcn_tf.rivals.training import Rival

MOST_PICTURES = 8192
SOURCE = "nearest_seen"
WAY = "way"  # from picture and wanted codes to picture


@dataclass(frozen=True)
class PictureRival(RivalConfig):
    """A rival whose way from picture and wanted codes to a picture starts at the seen picture that is nearest to the cell."""

    pictures: Annotated[int, Range(0, MOST_PICTURES)] = 0
    """Seen pictures that it keeps: set from the data when a training is prepared, whatever is given."""

    @property
    def keeps_pictures(self) -> bool:
        return True

    @property
    def kept_pictures(self) -> int:
        return self.pictures

    def resolved(self, bases: int, seen: int) -> Self:
        """With the number of pictures that are kept."""
        return replace(self, pictures=min(seen, MOST_PICTURES))

    def width(self, grid: Grid) -> int:
        """The width whose networks have at most `parameters`; pictures that are kept are none."""
        return replace(self, pictures=0).width(grid) if self.pictures else super().width(grid)

    def count_weights(self, factor_sizes: Mapping[str, int], image_shape: tuple[int, int, int]) -> int:
        """Parameters, and what is kept of the pictures, in fours of bytes."""
        return super().count_weights(factor_sizes, image_shape) + self.pictures * math.prod(image_shape) // 4

    def from_codes(self, grid: Grid, way: "keras.Model") -> "keras.Model":
        """The network that is asked by codes, of one that takes (picture (B, H, W, C), codes (B, K)) to a picture."""
        import keras

        from gcn_tf.rivals.blocks import joined
        from gcn_tf.rivals.seen_pictures import NearestSeen

        codes, together = joined(grid)
        source = NearestSeen(grid.sizes, grid.shape, max(self.pictures, 1), name=SOURCE)(codes)
        return keras.Model(codes, way((source, together)), name="generator")

    def learn_before_training(
        self, network: "keras.Model", images: "np.ndarray", ids: "np.ndarray", sizes: dict[str, int]
    ) -> None:
        """Keep the pictures."""
        network.get_layer(SOURCE).assign(images, ids)


def source_of(model: "Rival") -> Any:
    """The model's `NearestSeen`."""
    return model.generator.get_layer(SOURCE)


def way_of(model: "Rival") -> "keras.Model":
    """The model's network from (picture, wanted codes) to a picture."""
    return model.generator.get_layer(WAY)


def joined_codes(codes: "Mapping[str, tf.Tensor]") -> "tf.Tensor":
    """Codes by factor name, (B, K_f) each -> side by side, (B, K)."""
    import tensorflow as tf

    return tf.concat(list(codes.values()), axis=1)


def step_seed(model: "Rival", purpose: int) -> "tf.Tensor":
    """The seed of one purpose in this step, int64 (2,); below 32 they are those of a GCN's imagined cells."""
    import tensorflow as tf

    return tf.stack([tf.constant(model.seed * 64 + purpose, tf.int64), model.step.value])
