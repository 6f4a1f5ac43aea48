"""Which persons, emotions and sessions: the flags of all datasets of faces, and their words as values."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from gcn_tf.config.checks import whole_number
from gcn_tf.config.contracts import DatasetOptions
from gcn_tf.config.schema import DataConfig
from gcn_tf.errors import ConfigError, UserError, suggest

if TYPE_CHECKING:
    from gcn_tf.pipelines.dataset import Dataset
    from gcn_tf.pipelines.labelled import LabelledPictures
    from gcn_tf.pipelines.photographs.prepared_faces import FacePictures

EMOTION_SETS = {
    "paper-4": ("NE", "DI", "HA", "SU"),  # "neutrality, aversion, happiness and surprise", Xu et al. 2019
    "authors-5": ("NE", "DI", "HA", "AN", "SA"),  # of their augmentation experiment
    "all-7": ("AF", "AN", "DI", "HA", "NE", "SA", "SU"),
}


KDEF_PERSONS = 70
AUTHORS_DROPPED = (18, 19, 25, 42, 52)  # positions among the seventy, men first


@dataclass(frozen=True)
class FaceOptions(DatasetOptions):
    """Options of every dataset of faces."""

    possible_factors: ClassVar = ("person", "emotion", "session", "view", "rotation", "transformation")

    persons: str = "all"
    """all, authors-65 (of KDEF), how many, or their ids: F01,M07."""
    emotions: str = "paper-4"
    """paper-4 (NE,DI,HA,SU), authors-5 (NE,DI,HA,AN,SA), all-7, or codes: NE,HA."""
    sessions: str = "A,B"
    """Sessions by name, or all. With one session, the others are kept for the judges."""
    transformations: Literal[1, 4, 6, 8] = 4
    """Turns of every picture: 4 rotations; 6: with two mirrorings, as the authors; 8: all there are; 1: none."""

    def check_settings(self) -> None:
        """Raise UserError for unknown emotions, or sessions given twice."""
        parse_emotions(self.emotions)
        if self.sessions != "all":
            parse_sessions(self.sessions)

    def identities(self) -> int:
        count = whole_number(self.persons)
        if count is None:
            raise ConfigError(
                f"--persons {self.persons}: say how many to learn from, e.g. --persons 20; the others are tested on"
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
        """The face crops, prepared on the first call; raises UserError when they cannot be."""

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
                f"authors-65 leaves out five of KDEF's {KDEF_PERSONS} persons, here are {there}: all are taken",
            )
        return grid_dataset(config.dataset, grid, varied, face_roles(grid[0], varied), repeats, notes)

    def labelled_pictures(self, config: DataConfig, identities: int) -> "LabelledPictures":
        from gcn_tf.pipelines.photographs.grid import labelled_faces

        everybody = config.with_options(persons="all", sessions="all", transformations=1)
        return labelled_faces(config.dataset, everybody.options.load(everybody))


def parse_emotions(setting: str) -> tuple[str, ...]:
    """`paper-4`, `authors-5`, `all-7` or codes such as `NE,HA,SU` as codes, in the order given."""
    if setting in EMOTION_SETS:
        return EMOTION_SETS[setting]
    known = EMOTION_SETS["all-7"]
    codes = setting_words(setting)
    for code in codes:
        if code not in known:
            hint = suggest(code, [*known, *EMOTION_SETS]) or ";"
            raise UserError(
                f"--emotions {setting}: {code!r} is unknown{hint} use {', '.join(EMOTION_SETS)} "
                f"or codes out of {','.join(known)}"
            )
    check_once(codes, "emotions", setting)
    return codes


def parse_sessions(setting: str) -> tuple[str, ...]:
    """`A,B` as its parts; raises UserError for none or the same twice."""
    sessions = setting_words(setting)
    check_once(sessions, "sessions", setting)
    return sessions


def choose_persons(setting: str, known: Sequence[str]) -> tuple[str, ...]:
    """Persons by `all`, `authors-65`, a number (the first so many) or ids such as `F01,M07`.

    `authors-65` leaves out five of KDEF's seventy; where there are fewer than seventy it takes all.

    Args:
        known: ids of all persons that there are, in the order of the authors' index.

    Raises:
        UserError: an unknown id, or more persons than there are.
    """
    if setting == "all":
        return tuple(known)
    if setting == "authors-65":
        dropped = AUTHORS_DROPPED if len(known) >= KDEF_PERSONS else ()
        return tuple(p for position, p in enumerate(known) if position not in dropped)
    words = setting_words(setting)
    count = whole_number(words[0]) if len(words) == 1 and "," not in setting else None
    if count is not None:
        if not 1 <= count <= len(known):
            raise UserError(f"--persons {setting}: give 1 to {len(known)}, or ids such as {known[0]}")
        return tuple(known[:count])
    for word in words:
        if word not in known:
            hint = suggest(word, list(known)) or ";"
            raise UserError(
                f"--persons {setting}: {word!r} is unknown{hint} give all, a number, or ids out of "
                f"{known[0]} ... {known[-1]}"
            )
    check_once(words, "persons", setting)
    return words


def setting_words(setting: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in setting.split(",") if word.strip())


def check_once(words: tuple[str, ...], name: str, setting: str) -> None:
    if not words or len(set(words)) < len(words):
        raise UserError(f"--{name} {setting!r}: give at least one, each once")
