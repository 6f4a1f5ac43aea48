"""From pictures of faces to the base images of a grid: one per person, emotion and session."""

import numpy as np

from gcn_tf.errors import UserError
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.pipelines.labelled import LabelledPictures
from gcn_tf.pipelines.photographs.face_settings import choose_persons, parse_emotions, parse_sessions
from gcn_tf.pipelines.photographs.prepared_faces import FacePictures

Grid = tuple[FactorSpace, np.ndarray, np.ndarray]
Repeats = tuple[np.ndarray, np.ndarray]


def face_grid(
    pictures: FacePictures, persons: str, emotions: str, sessions: str
) -> tuple[Grid, Repeats | None]:
    """Build a grid with the factors person and emotion, and session and view if there are several.

    A cell without a picture stays empty; a cell with several keeps the first.

    Args:
        persons: as in `choose_persons`.
        emotions: as in `parse_emotions`.
        sessions: names of sessions, e.g. "A,B", or "all". With a single session, the pictures of the others become
            repeats: real pictures of the same cells, from which generators never learn.

    Returns:
        The factor space, images uint8 (N, S, S, 3) and ids int32 (N, M), in the order of the cells; and the repeats,
        images and ids of the same form, or None.

    Raises:
        UserError: an unknown value, or a value without any picture.
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
    """Sorted ids; KDEF's in the authors' order: men, then women, each by number."""
    return sorted(set(persons.tolist()), key=lambda p: (p[:1] == "F", p))


def findings(pictures: FacePictures) -> tuple[str, ...]:
    """Findings of the preparation, a line per kind with the number of files and the first few names."""
    kinds = {
        "pictures without a face found, cropped at the median place of the others": pictures.no_face,
        "bad files left out": pictures.bad,
        "files with a remark": pictures.notes,
    }
    return tuple(
        f"{len(files)} {kind}: {', '.join(files[:5])}{' ...' if files[5:] else ''}"
        for kind, files in kinds.items()
        if files
    )


def labelled_faces(name: str, dataset: Dataset) -> LabelledPictures:
    """Emotions to classify: the first session is for training, the others are for tests, as in the paper.

    Raises:
        UserError: the dataset has a single session.
    """
    if "session" not in dataset.space.names:
        raise UserError(f"--dataset {name} has a single session: nothing is left to test on")
    images, ids = dataset.images, dataset.base_ids
    if dataset.repeats:
        images, ids = (np.concatenate(pair) for pair in zip((images, ids), dataset.repeats, strict=True))
    person, emotion, session = (
        ids[:, dataset.space.names.index(factor)] for factor in ("person", "emotion", "session")
    )
    values = dataset.space["emotion"].values
    return LabelledPictures("emotion", values, "person", images, emotion, person, session > 0, True)
