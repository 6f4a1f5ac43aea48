"""Dosovitskiy's generator alone (Dosovitskiy, Springenberg, Brox 2015, https://arxiv.org/abs/1411.5928).

The seed tensor has a side of 6 to 11, the paper's is 8; as many transposed convolutions double it as the picture needs, which is
then cropped. The rate is that of the paper's later version. Its segmentation masks are left out: pictures here have none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from gcn_tf.config.checks import Range
from gcn_tf.rivals.rival import Grid, RivalConfig

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from gcn_tf.rivals.training import Rival


@dataclass(frozen=True)
class Dosovitskiy(RivalConfig):
    """A generator of codes alone, trained by the squared error of its pixels; `latent` is not used."""

    kind: ClassVar = "dosovitskiy"
    meaning: ClassVar = "Dosovitskiy's generator: squared pixel error alone"
    searched: ClassVar[Mapping[str, tuple[float, float]]] = {"learning_rate": (1e-4, 3e-3)}

    learning_rate: Annotated[float, Range(1e-12, 10)] = 5e-4
    """Adam's learning rate."""
    beta_1: Annotated[float, Range(0, 0.999999)] = 0.9
    """Adam's decay of the gradient's mean."""

    def networks(self, grid: Grid, width: int) -> "dict[str, keras.Model]":
        from gcn_tf.rivals.deconvolution import deconvolution

        return {"generator": deconvolution(grid, width)}

    def losses(
        self, model: "Rival", codes: "Mapping[str, tf.Tensor]", real: "tf.Tensor"
    ) -> "dict[str, tf.Tensor]":
        import tensorflow as tf

        from gcn_tf.model.objective import sum_of_squares

        return {"generator": tf.reduce_mean(sum_of_squares(real, model.generator(codes, training=True)))}
