"""From pictures of faces to the base images of a grid: one per person, emotion and session."""

from collections.abc import Sequence

import numpy as np

from gcn_tf.config import whole_number
from gcn_tf.errors import UserError, suggest
from gcn_tf.factors import Factor, FactorSpace
from gcn_tf.pipelines.face_pictures import FacePictures

EMOTION_SETS = {
    "paper-4": ("NE", "DI", "HA", "SU"),  # "neutrality, aversion, happiness and surprise", Xu et al. 2019
    "authors-5": ("NE", "DI", "HA", "AN", "SA"),  # of their augmentation experiment
    "all-7": ("AF", "AN", "DI", "HA", "NE", "SA", "SU"),
}
AUTHORS_DROPPED = (18, 19, 25, 42, 52)  # positions among the seventy, men first

Grid = tuple[FactorSpace, np.ndarray, np.ndarray]
Repeats = tuple[np.ndarray, np.ndarray]


def parse_emotions(setting: str) -> tuple[str, ...]:
    """`paper-4`, `authors-5`, `all-7` or codes such as `NE,HA,SU` as codes, in the order given."""
    if setting in EMOTION_SETS:
        return EMOTION_SETS[setting]
    known = EMOTION_SETS["all-7"]
    codes = _words(setting)
    for code in codes:
        if code not in known:
            hint = suggest(code, [*known, *EMOTION_SETS]) or ";"
            raise UserError(
                f"--emotions {setting}: {code!r} is unknown{hint} use {', '.join(EMOTION_SETS)} "
                f"or codes out of {','.join(known)}"
            )
    _check_once(codes, "emotions", setting)
    return codes


def parse_sessions(setting: str) -> tuple[str, ...]:
    """`A,B` as its parts; raises UserError for none or the same twice."""
    sessions = _words(setting)
    _check_once(sessions, "sessions", setting)
    return sessions


def choose_persons(setting: str, known: Sequence[str]) -> tuple[str, ...]:
    """Persons by `all`, `authors-65`, a number (the first so many) or ids such as `F01,M07`.

    Args:
        known: ids of all persons that there are, in the order of the authors' index.

    Raises:
        UserError: an unknown id, or more persons than there are.
    """
    if setting == "all":
        return tuple(known)
    if setting == "authors-65":
        if len(known) < 70:
            raise UserError(
                f"--persons authors-65 drops five of KDEF's 70 persons, here are {len(known)}: use all"
            )
        return tuple(p for position, p in enumerate(known) if position not in AUTHORS_DROPPED)
    words = _words(setting)
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
    _check_once(words, "persons", setting)
    return words


def face_grid(
    pictures: FacePictures, persons: str, emotions: str, sessions: str
) -> tuple[Grid, Repeats | None]:
    """Factors person and emotion; session and view when there are several.

    A cell without a picture stays empty; of two pictures of a cell the first counts.

    Args:
        persons: as in `choose_persons`.
        emotions: as in `parse_emotions`.
        sessions: the sessions wanted, by name, e.g. "A,B", or "all". With a single one, the pictures of the others
            are repeats: real pictures of the same cells that no generator learns from.

    Returns:
        The factor space, images uint8 (N, S, S, 3) and ids int32 (N, M), in the order of the cells; and the repeats,
        images and ids of the same form, where there are any.

    Raises:
        UserError: an unknown value, or one that has no picture at all.
    """
    there = sorted(set(pictures.session))
    wanted = tuple(there) if sessions == "all" else parse_sessions(sessions)
    for session in wanted:
        if session not in there:
            raise UserError(
                f"--sessions {sessions}: no picture of session {session!r}, there are {', '.join(there)}"
            )
    views = [view for view in ("FL", "HL", "S", "HR", "FR") if view in set(pictures.view)]
    factors = [
        Factor("person", choose_persons(persons, _in_order(pictures.person))),
        Factor("emotion", parse_emotions(emotions)),
        *([Factor("session", wanted)] if len(wanted) > 1 else []),
        *([Factor("view", tuple(views))] if len(views) > 1 else []),
    ]
    space = FactorSpace(tuple(factors))
    own = np.isin(pictures.session, wanted)
    images, ids = _cells(pictures, own, space)
    _, first = np.unique(ids, axis=0, return_index=True)  # sorted by cell, the first picture of each
    for m, factor in enumerate(space):
        lost = sorted(set(range(len(factor))) - set(ids[:, m].tolist()))
        if lost:
            raise UserError(
                f"no picture with {factor.name} {factor.values[lost[0]]} among those chosen: leave it out"
            )
    others = None
    if len(wanted) == 1 and not own.all():
        others = _cells(pictures, ~own, space)
    return (space, images[first], ids[first]), others


def _cells(pictures: FacePictures, chosen: np.ndarray, space: FactorSpace) -> tuple[np.ndarray, np.ndarray]:
    """The chosen pictures, bool (N,), that lie in the space, and their ids int32 (n, M)."""
    columns, inside = [], chosen.copy()
    for factor in space:
        number = {value: i for i, value in enumerate(factor.values)}
        column = np.array([number.get(value, -1) for value in getattr(pictures, factor.name)], np.int32)
        inside &= column >= 0
        columns.append(column)
    ids = np.stack(columns, axis=1)
    return pictures.images[inside], ids[inside]


def _in_order(persons: np.ndarray) -> list[str]:
    """Ids in the authors' order where they are KDEF's: men, then women, each by number."""
    return sorted(set(persons.tolist()), key=lambda p: (p[:1] == "F", p))


def _words(setting: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in setting.split(",") if word.strip())


def _check_once(words: tuple[str, ...], name: str, setting: str) -> None:
    if not words or len(set(words)) < len(words):
        raise UserError(f"--{name} {setting!r}: give at least one, each once")
