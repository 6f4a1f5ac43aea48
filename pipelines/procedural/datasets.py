"""The procedural datasets glyphs and faces. TensorFlow is imported only when one is loaded."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from gcn_tf.config.checks import Range, whole_number
from gcn_tf.config.data import DataConfig, DatasetOptions, Terms
from gcn_tf.errors import ConfigError, shown_text
from gcn_tf.pipelines.photographs.face_settings import parse_emotions, parse_sessions
from gcn_tf.pipelines.photographs.options import FaceOptions
from gcn_tf.pipelines.writers import MOST_IDENTITIES, parse_writer_count

if TYPE_CHECKING:
    from gcn_tf.pipelines.dataset import Dataset
    from gcn_tf.pipelines.labelled import LabelledPictures

GLYPH_REPEATS = 4  # further sessions in which the writers write every digit again
GLYPH_SESSIONS = 14  # of a classification task
OTHER_WRITERS = 60  # further writers, on whom a classifier is tested
FACE_REPEATS = 2  # further takes in which the persons show every emotion again
OTHER_PERSONS = 30  # further persons, on whom a classifier is tested
TERMS = Terms("Apache 2.0, as gcn-tf, whose formulas make the pictures", "apache-2.0", people=False)
DataSeed = Annotated[int, Range(0, 2**31 - 1)]


@dataclass(frozen=True)
class Glyphs(DatasetOptions):
    """Options of the dataset glyphs: procedural digits of procedural writers."""

    grid: ClassVar = "digit 10, writer N, color 3, rotation 4"
    needs: ClassVar = "nothing: procedural digits, of any number of writers"
    terms: ClassVar = TERMS
    possible_factors: ClassVar = ("digit", "writer", "color", "rotation", "transformation")

    writers: str = "10"
    """Number of writers."""
    transformations: Literal[1, 4, 6, 8] = 4
    """Turns of every picture: 4 rotations; 6: also two mirrorings, as the authors used; 8: all symmetries; 1: none."""
    data_seed: DataSeed = 0
    """Seed of the writers; another seed gives other writers."""

    def check_settings(self) -> None:
        """Raise ConfigError unless --writers is a number."""
        self.identities()

    def identities(self) -> int:
        return parse_writer_count(
            self.writers, "procedural writers have no ids, give their number, e.g. --writers 10"
        )

    @property
    def exemplar_counts(self) -> tuple[int, ...]:
        return (1, 2, 5, 10)

    def load(self, config: DataConfig) -> "Dataset":
        import numpy as np

        from gcn_tf.grid.factors import Factor, FactorSpace
        from gcn_tf.pipelines.dataset import grid_dataset
        from gcn_tf.pipelines.procedural.glyphs import draw_glyphs
        from gcn_tf.pipelines.published_holdouts import digit_roles
        from gcn_tf.pipelines.variations import ink_variations

        writers, side = self.identities(), config.image_side
        base = FactorSpace(
            (
                Factor("digit", tuple(str(d) for d in range(10))),
                Factor("writer", tuple(str(w) for w in range(writers))),
            )
        )
        sessions = [draw_glyphs(writers, side, self.data_seed, n) for n in range(1 + GLYPH_REPEATS)]
        images, *again = (pictures.swapaxes(0, 1).reshape(-1, side, side) for pictures in sessions)
        repeats = (np.concatenate(again), np.tile(base.cells(), (GLYPH_REPEATS, 1)))
        varied = ink_variations(self.transformations)
        return grid_dataset(
            "glyphs", (base, images, base.cells()), varied, digit_roles("writer", varied), repeats
        )

    def labelled_pictures(self, config: DataConfig, identities: int) -> "LabelledPictures":
        import numpy as np

        from gcn_tf.pipelines.labelled import labelled_digits
        from gcn_tf.pipelines.procedural.glyphs import draw_glyphs

        writers, side = identities + OTHER_WRITERS, config.image_side
        sessions = [draw_glyphs(writers, side, self.data_seed, n) for n in range(GLYPH_SESSIONS)]
        pictures = np.stack(sessions)
        _, who, label = np.indices(pictures.shape[:3]).reshape(3, -1)
        return labelled_digits(pictures.reshape(-1, side, side), label, who)


@dataclass(frozen=True)
class Faces(FaceOptions):
    """Options of the dataset faces: procedural persons with seven emotions."""

    grid: ClassVar = "person N, emotion 2 to 7, session 2, rotation 4 (or transformation 6 or 8)"
    needs: ClassVar = "nothing: procedural faces, of any number of persons, at any size"
    terms: ClassVar = TERMS

    persons: str = "20"
    """Number of persons."""
    data_seed: DataSeed = 0
    """Seed of the persons; another seed gives other persons."""

    def check_settings(self) -> None:
        """Raise ConfigError unless --persons is a number, and for unknown emotions or sessions."""
        if not 1 <= (whole_number(self.persons) or 0) <= MOST_IDENTITIES:
            raise ConfigError(
                f"--persons {shown_text(self.persons)}: procedural persons have no ids, give their number, e.g. --persons 20"
            )

    @property
    def exemplar_counts(self) -> tuple[int, ...]:
        return (1, 1 + FACE_REPEATS)

    def load(self, config: DataConfig) -> "Dataset":
        import numpy as np

        from gcn_tf.grid.factors import Factor, FactorSpace
        from gcn_tf.pipelines.dataset import grid_dataset
        from gcn_tf.pipelines.procedural.faces.pictures import draw_faces
        from gcn_tf.pipelines.published_holdouts import face_roles
        from gcn_tf.pipelines.variations import turns

        count, emotions = int(self.persons), parse_emotions(self.emotions)
        sessions = parse_sessions(self.sessions)
        base = FactorSpace(
            (
                Factor("person", tuple(str(p) for p in range(count))),
                Factor("emotion", emotions),
                *([Factor("session", sessions)] if len(sessions) > 1 else []),
            )
        )
        takes = [
            draw_faces(count, emotions, len(sessions), config.image_side, self.data_seed, take)
            for take in range(1 + FACE_REPEATS)
        ]
        images, *again = (pictures.reshape(-1, *pictures.shape[3:]) for pictures in takes)
        repeats = (np.concatenate(again), np.tile(base.cells(), (FACE_REPEATS, 1)))
        varied = turns(self.transformations)
        roles = face_roles(base, varied)
        return grid_dataset("faces", (base, images, base.cells()), varied, roles, repeats)

    def labelled_pictures(self, config: DataConfig, identities: int) -> "LabelledPictures":
        from gcn_tf.pipelines.photographs.grid import labelled_faces

        everybody = config.with_options(persons=str(identities + OTHER_PERSONS), transformations=1)
        return labelled_faces(config.dataset, everybody.options.load(everybody))
