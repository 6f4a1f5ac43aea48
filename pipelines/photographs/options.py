"""Options shared by all datasets of faces, and loading of photographed ones. TensorFlow is imported only then."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from gcn_tf.config.checks import whole_number
from gcn_tf.config.data import DataConfig, DatasetOptions
from gcn_tf.errors import ConfigError, shown_text
from gcn_tf.pipelines.photographs.face_settings import KDEF_PERSONS, parse_emotions, parse_sessions

if TYPE_CHECKING:
    from gcn_tf.pipelines.dataset import Dataset
    from gcn_tf.pipelines.labelled import LabelledPictures
    from gcn_tf.pipelines.photographs.prepared_faces import FacePictures


@dataclass(frozen=True)
class FaceOptions(DatasetOptions):
    """Options of every dataset of faces."""

    possible_factors: ClassVar = ("person", "emotion", "session", "view", "rotation", "transformation")

    persons: str = "all"
    """Persons: all, authors-65 (of KDEF), a number, or ids: F01,M07."""
    emotions: str = "paper-4"
    """Emotions: paper-4 (NE,DI,HA,SU), authors-5 (NE,DI,HA,AN,SA), all-7, or codes: NE,HA."""
    sessions: str = "A,B"
    """Sessions by name, or all. With one session, the others are kept for the judges."""
    transformations: Literal[1, 4, 6, 8] = 4
    """Turns of every picture: 4 rotations; 6: also two mirrorings, as the authors used; 8: all symmetries; 1: none."""

    def check_settings(self) -> None:
        """Raise UserError for unknown emotions, or sessions given twice."""
        parse_emotions(self.emotions)
        if self.sessions != "all":
            parse_sessions(self.sessions)

    def identities(self) -> int:
        count = whole_number(self.persons)
        if count is None:
            raise ConfigError(
                f"--persons {shown_text(self.persons)}: give the number to learn from, e.g. --persons 20; the others are for tests"
            )
        return count


@dataclass(frozen=True)
class PhotographOptions(FaceOptions):
    """Options of photographed faces in the user's own copy."""

    takes_files: ClassVar = True

    @property
    def exemplar_counts(self) -> tuple[int, ...]:
        return (1,)

    @abstractmethod
    def load_pictures(self, config: DataConfig) -> "FacePictures":
        """Load the face crops, preparing them on the first call; raise UserError if that fails."""

    def load(self, config: DataConfig) -> "Dataset":
        from gcn_tf.pipelines.dataset import grid_dataset
        from gcn_tf.pipelines.photographs.grid import face_grid, findings
        from gcn_tf.pipelines.published_holdouts import face_roles
        from gcn_tf.pipelines.variations import turns

        pictures = self.load_pictures(config)
        grid, repeats = face_grid(pictures, self.persons, self.emotions, self.sessions)
        varied = turns(self.transformations)
        notes = findings(pictures)
        if self.persons == "authors-65" and (there := len(set(pictures.person))) < KDEF_PERSONS:
            notes += (
                f"authors-65 leaves out five of KDEF's {KDEF_PERSONS} persons, this dataset has {there}: all are used",
            )
        return grid_dataset(config.dataset, grid, varied, face_roles(grid[0], varied), repeats, notes)

    def labelled_pictures(self, config: DataConfig, identities: int) -> "LabelledPictures":
        from gcn_tf.pipelines.photographs.grid import labelled_faces

        everybody = config.with_options(persons="all", sessions="all", transformations=1)
        return labelled_faces(config.dataset, everybody.options.load(everybody))
