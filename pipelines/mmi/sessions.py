"""The sessions of the MMI database: finding them and parsing their XML.

The layout is known from public code that reads it (the README lists it): a folder per session,
`Sessions/<number>/`, holds `session.xml`, a clip `S001-001.avi` or its frames, `S001-001.xml` with the emotion
and, for some clips, `S001-001-oao_aucs.xml` with onset, apex and offset of every action unit.
"""

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from gcn_tf.errors import UserError
from gcn_tf.files import read_small
from gcn_tf.pipelines.photographs.prepared_faces import folders_below, printable

HOMEPAGE = "https://mmifacedb.eu"
NEUTRAL = "NE"
EMOTIONS = ("AF", "AN", "DI", "HA", NEUTRAL, "SA", "SU")  # the names that KDEF uses
VIEWS = ("S",)

# Values of the metatag: a code, or possibly the word that it stands for.
_VALUES = {
    "AN": "1 anger",
    "DI": "2 disgust",
    "AF": "3 fear",
    "HA": "4 happiness",
    "SA": "5 sadness",
    "SU": "6 surprise",
}

EMOTION_OF_VALUE = {value: emotion for emotion, values in _VALUES.items() for value in values.split()}
PROFILE_VIEW = "1"  # in session.xml: 0 is frontal, 1 profile, 2 both side by side
APEX, MARKS = "2", ("0", "1", "2", "3")  # a marker's type: neutral, onset, apex, offset
VIDEOS = (".avi", ".mp4", ".mov", ".mpg", ".mpeg", ".wmv")
STILLS = (".jpg", ".jpeg", ".png")
LARGEST_XML = 1_000_000  # bytes; entities can make it a hundred times as long, where the parser stops
_CLIP = re.compile(r"(S\d+)-\d+", re.IGNORECASE)
_FRAME = re.compile("[0-9]{1,9}")


def config_name(image_size: int) -> str:
    """Name of the builder's config, e.g. "posed-158"."""
    return f"posed-{image_size}"


class MmiError(UserError):
    """MMI cannot be loaded: missing files, or too many bad ones. The message is one line."""


class BadSession(Exception):
    """A session that cannot be used; the message is the reason in a few words."""


@dataclass(frozen=True)
class Clip:
    """A video, or its frames, of one person posing one basic emotion.

    Args:
        name: str. Session number and clip, e.g. "1841/S035-004".
        person: str. E.g. "S035".
        emotion: str. One of EMOTIONS other than neutral.
        files: the video, or every frame in order.
        apex: int. The annotated frame, from 0. Defaults to None, not annotated.
    """

    name: str
    person: str
    emotion: str
    files: tuple[Path, ...]
    apex: int | None = None

    @property
    def is_video(self) -> bool:
        return self.files[0].suffix.lower() in VIDEOS


@dataclass(frozen=True)
class FoundClips:
    """The clips of a folder.

    Args:
        clips: in the order of persons and sessions.
        bad: "session: reason" for sessions that show an emotion but cannot be used.
        notes: number of sessions left out because they show no basic emotion or only a profile.
    """

    clips: tuple[Clip, ...]
    bad: tuple[str, ...]
    notes: tuple[str, ...]


def find_clips(folder: Path) -> FoundClips:
    """Find the sessions below a folder that pose a basic emotion and show the face from the front.

    Raises:
        MmiError: not a folder, or no such session in it.
    """
    if not folder.is_dir():
        raise MmiError(
            f"--manual-dir {folder} is not a folder: unpack the sessions of MMI there ({HOMEPAGE})"
        )
    clips, bad, left_out = [], [], Counter[str]()
    for session, paths in _session_folders(folder):
        try:
            clip = _read_session(session, paths)
        except BadSession as reason:
            bad.append(printable(f"{session.name}: {reason}"))
            continue
        if isinstance(clip, str):
            left_out[clip] += 1
        else:
            clips.append(clip)
    if not clips:
        why = f" ({'; '.join(bad[:5])})" if bad else ""
        raise MmiError(
            f"--manual-dir {folder} holds no MMI session of a basic emotion{why}: unpack Sessions/1/session.xml "
            f"and so on there ({HOMEPAGE})"
        )
    clips.sort(key=lambda clip: (clip.person, _natural(clip.name)))
    notes = tuple(f"sessions left out for {why}: {count}" for why, count in sorted(left_out.items()))
    return FoundClips(tuple(clips), tuple(bad), notes)


def apex_frame(annotation: ElementTree.Element) -> int | None:
    """The annotated apex, from 0: the middle of the longest period with the most action units at their apex."""
    changes: Counter[int] = Counter()
    for unit in _elements(annotation, "ActionUnit"):
        marks = sorted(
            (int(mark.get("Frame", "")), mark.get("Type", ""))
            for mark in _elements(unit, "Marker")
            if _FRAME.fullmatch(mark.get("Frame", "")) and mark.get("Type") in MARKS
        )
        for (frame, kind), (following, _) in zip(marks, marks[1:] + marks[-1:], strict=True):
            if kind == APEX:
                changes[frame] += 1
                changes[max(following, frame + 1)] -= 1
    best, height = (0, 0, 0), 0  # (units at their apex, length, first frame)
    frames = sorted(changes)
    for frame, following in pairwise(frames):
        height += changes[frame]
        best = max(best, (height, following - frame, -frame))
    units, length, first = best
    return -first + (length - 1) // 2 - 1 if units else None  # the database counts frames from 1


def _session_folders(folder: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Folders that hold XML, each with its files by number."""
    for paths in folders_below(folder):
        visible = [path for path in paths if not path.name.startswith(".")]  # "._x.xml" is macOS's
        if any(path.suffix.lower() == ".xml" for path in visible):
            yield visible[0].parent, sorted(visible, key=lambda path: _natural(path.name))


def _read_session(session: Path, paths: list[Path]) -> Clip | str:
    """The clip of a session, or why it is left out."""
    documents = {path: _parse(path) for path in paths if path.suffix.lower() == ".xml"}
    annotations = [document for path, document in documents.items() if "oao" in path.stem.lower()]
    emotion = _emotion(list(documents.values()))
    if not emotion:
        return "no basic emotion"
    views = [t.get("view") for document in documents.values() for t in _elements(document, "track")]
    if views and all(view == PROFILE_VIEW for view in views):
        return "profile view"
    files = [path for path in paths if path.suffix.lower() in VIDEOS][:1]
    files = files or [path for path in paths if path.suffix.lower() in STILLS]
    if not files:
        raise BadSession("no video and no frames")
    stems = [path.stem for path in (files[0], *documents)]
    named = next(filter(None, map(_CLIP.match, stems)), None)
    if not named:
        raise BadSession(f"misnamed: {files[0].name} names no person as S001-001 does")
    apex = next((a for a in map(apex_frame, annotations) if a is not None), None)
    return Clip(
        f"{printable(session.name)}/{named[0].upper()}", named[1].upper(), emotion, tuple(files), apex
    )


def _emotion(documents: list[ElementTree.Element]) -> str | None:
    for document in documents:
        for tag in _elements(document, "Metatag"):
            if tag.get("Name", "").lower() == "emotion":
                return EMOTION_OF_VALUE.get(tag.get("Value", "").strip().lower())
    return None


def _elements(root: ElementTree.Element, tag: str) -> Iterator[ElementTree.Element]:
    """Elements of a name, in any case and namespace."""
    return (e for e in root.iter() if str(e.tag).rpartition("}")[2].lower() == tag.lower())


def _parse(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(read_small(path, LARGEST_XML))
    except (OSError, ElementTree.ParseError, ValueError, LookupError) as error:
        raise BadSession(f"unreadable: {path.name} ({error})") from error


def _natural(text: str) -> list[tuple[int, str]]:
    """A key that sorts "2" before "10"."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", text)]
