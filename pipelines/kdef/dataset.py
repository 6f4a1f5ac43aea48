"""The dataset kdef: photographed persons with seven emotions, from the user's own copy. TensorFlow is imported only when it is loaded."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gcn_tf.config.data import DataConfig, Terms
from gcn_tf.pipelines.photographs.options import PhotographOptions

if TYPE_CHECKING:
    from gcn_tf.pipelines.photographs.prepared_faces import FacePictures


@dataclass(frozen=True)
class Kdef(PhotographOptions):
    """Options of the dataset kdef: the Karolinska Directed Emotional Faces."""

    grid: ClassVar = "person 70 (or 65), emotion 2 to 7, session 2, rotation 4 (or transformation 6 or 8)"
    needs: ClassVar = "your own copy of the Karolinska Directed Emotional Faces in --manual-dir"
    terms: ClassVar = Terms(
        "for researchers, for purposes that are not commercial; not to be redistributed without written consent (https://kdef.se)",
        "other",
        "Lundqvist, Flykt and Öhman 1998, The Karolinska Directed Emotional Faces",
        people=True,
        passed_on=False,
    )

    views: str = "S"
    """Views of the head: S (straight), or several of FL,HL,S,HR,FR."""

    def load_pictures(self, config: DataConfig) -> "FacePictures":
        from gcn_tf.pipelines.kdef.pictures import load_kdef

        views = tuple(view.strip() for view in self.views.split(","))
        return load_kdef(config.image_side, *config.folders, views)
