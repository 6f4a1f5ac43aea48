"""The dataset mmi: faces from video clips, from the user's own copy. TensorFlow is imported only when it is loaded."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gcn_tf.config.data import DataConfig, Terms
from gcn_tf.pipelines.photographs.options import PhotographOptions

if TYPE_CHECKING:
    from gcn_tf.pipelines.photographs.prepared_faces import FacePictures


@dataclass(frozen=True)
class Mmi(PhotographOptions):
    """Options of the dataset mmi: sessions of the MMI Facial Expression Database."""

    grid: ClassVar = "person, emotion 2 to 7, session with several, transformation 6 (or rotation 4)"
    needs: ClassVar = "your own copy of sessions of the MMI Facial Expression Database in --manual-dir"
    terms: ClassVar = Terms(
        "for those who signed its licence agreement; not to be redistributed (https://mmifacedb.eu)",
        "other",
        "Pantic, Valstar, Rademaker and Maat 2005, Web-based Database for Facial Expression Analysis",
        people=True,
        passed_on=False,
    )

    def load_pictures(self, config: DataConfig) -> "FacePictures":
        from gcn_tf.pipelines.mmi.pictures import load_mmi

        return load_mmi(config.image_side, *config.folders)
