"""The files of KDEF: finding them, parsing their names, and detecting bad ones."""

import hashlib
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path, PurePosixPath

import numpy as np

from gcn_tf.errors import UserError
from gcn_tf.files import read_small, require_regular
from gcn_tf.pipelines.photographs.crops import BadPicture, decode
from gcn_tf.pipelines.photographs.prepared_faces import folders_below, printable

HOMEPAGE = "https://kdef.se"

# In the order of the authors' index: men first.
PERSONS = tuple(f"{sex}{number:02}" for sex in "MF" for number in range(1, 36))
EMOTIONS = ("AF", "AN", "DI", "HA", "NE", "SA", "SU")
SESSIONS = ("A", "B")
VIEWS = ("FL", "HL", "S", "HR", "FR")
STRAIGHT = ("S",)
SIZE = (562, 762)  # width, height
LARGEST_FILE = 20_000_000  # bytes; an official file has about 0.1 MB
LARGEST_LIST = 20_000_000  # bytes of the file list at the end of a zip; the official zip's has 1 MB
READ_AT_ONCE = 4096  # bytes; of bzip2, zipfile may unpack 20,000 times as many at once

# Misnamed in the official release; public code that reads KDEF agrees on what they show.
OFFICIAL_MISNOMERS = {"AF31V": "AF31SAHL", "AM31H": "AM31SUHR"}
_NAME = re.compile(rf"([AB])([FM])(\d\d)({'|'.join(EMOTIONS)})({'|'.join(VIEWS)})")


def config_name(image_size: int, views: tuple[str, ...]) -> str:
    """Name of the builder's config, e.g. "straight-158", "all-views-158" or "hl-s-hr-158"."""
    names = {STRAIGHT: "straight", VIEWS: "all-views"}
    return f"{names.get(views, '-'.join(views).lower())}-{image_size}"


class KdefError(UserError):
    """KDEF cannot be loaded: missing files, or too many bad ones. The message is one line."""


@dataclass(frozen=True)
class KdefFile:
    """One picture, unpacked or in a zip.

    Args:
        name: str. The official name, e.g. "AF01NES.JPG".
        session, person, emotion, view: str. E.g. "A", "F01", "NE", "S".
        place: Path. The file; within a zip, the zip's path and the entry's.
        archive: ZipFile. The open zip. Defaults to None, an unpacked file.
        entry: str. Its full name in the zip.
    """

    name: str
    session: str
    person: str
    emotion: str
    view: str
    place: Path
    archive: zipfile.ZipFile | None = field(default=None, compare=False, repr=False)
    entry: str = ""

    @property
    def rank(self) -> tuple[int, str, int, int]:
        person, emotion, view = (
            PERSONS.index(self.person),
            EMOTIONS.index(self.emotion),
            VIEWS.index(self.view),
        )
        return person, self.session, emotion, view

    def content(self) -> bytes:
        """The whole file; a zip's entry is read into memory and never written to disk.

        Raises:
            BadPicture: too large, missing, or damaged in the zip.
        """
        try:
            if self.size() > LARGEST_FILE:
                raise BadPicture(f"unreadable: {self.size()} bytes are too many for a picture")
            return (
                _entry_content(self.archive, self.entry)
                if self.archive
                else read_small(self.place, LARGEST_FILE)
            )
        except BadPicture:
            raise
        except Exception as error:  # zipfile raises a dozen types
            raise BadPicture(f"unreadable: {' '.join(str(error).split())[:200]}") from error

    def size(self) -> int:
        return self.archive.getinfo(self.entry).file_size if self.archive else self.place.stat().st_size


@dataclass(frozen=True)
class FoundPictures:
    """The picture files of a folder.

    Args:
        pictures: the files of the chosen views, one per name: men 01 to 35, then women, by session, emotion, view.
        bad: "file: reason" for every misnamed or duplicate file.
        total: int. Number of picture files examined, including the bad ones.
    """

    pictures: tuple[KdefFile, ...]
    bad: tuple[str, ...]
    total: int


def find_files(folder: Path, views: tuple[str, ...] = VIEWS) -> FoundPictures:
    """Find KDEF's pictures below a folder: in KDEF's own tree, flat, or in zips; case does not matter.

    Zips are searched only if no unpacked picture is found, so a zip beside its unpacked files does no harm. AKDEF,
    the averaged faces, is left out. If several files have the same name, the first by path is kept, the others are bad.

    Raises:
        KdefError: not a folder, no picture of these views in it, or a zip that cannot be opened.
    """
    if not folder.is_dir():
        raise KdefError(f"--manual-dir {folder} is not a folder: unpack KDEF there ({HOMEPAGE})")
    named, bad = _sorted_out(_unpacked(folder))
    if not named:
        zipped, bad_zipped = _sorted_out(_zipped(folder))
        named, bad = zipped, bad + bad_zipped
    chosen = sorted((f for f in named if f.view in views), key=lambda file: (file.rank, str(file.place)))
    if not chosen:
        raise KdefError(
            f"--manual-dir {folder} holds no KDEF picture of view {', '.join(views)} such as "
            f"KDEF/AF01/AF01NE{views[0]}.JPG: unpack KDEF there ({HOMEPAGE})"
        )
    total = len(chosen) + len(bad)  # a misnamed file may show any view
    pictures: list[KdefFile] = []
    for file in chosen:
        if pictures and pictures[-1].name == file.name:
            bad.append(
                f"{_relative(file.place, folder)}: duplicate of {_relative(pictures[-1].place, folder)}"
            )
        else:
            pictures.append(file)
    return FoundPictures(tuple(pictures), tuple(bad), total)


def read_picture(file: KdefFile) -> np.ndarray:
    """Decode a picture: uint8 (762, 562, 3), RGB.

    Raises:
        BadPicture: unreadable, truncated or wrong-sized.
    """
    return decode(file.content(), SIZE)


def same_content(pictures: tuple[KdefFile, ...]) -> list[str]:
    """List pictures with the content of another one under another name, as "file: same content as file".

    They stay in the dataset, because it is unknown which of the names is wrong.
    """
    counts = Counter(map(_size, pictures))
    first: dict[bytes, str] = {}
    notes = []
    for file in pictures:
        if counts[_size(file)] == 1:  # a unique size means unique content
            continue
        try:
            digest = hashlib.sha256(file.content()).digest()
        except BadPicture:  # it is reported when it is decoded
            continue
        if first.setdefault(digest, file.name) != file.name:
            notes.append(f"{file.name}: same content as {first[digest]}")
    return notes


def _size(file: KdefFile) -> int:
    try:
        return file.size()
    except OSError:  # a broken link
        return -1


def _sorted_out(
    files: Iterator[tuple[Path, zipfile.ZipFile | None, str]],
) -> tuple[list[KdefFile], list[str]]:
    named, bad = [], []
    for place, archive, entry in files:
        stem = PurePosixPath(entry or place.name).stem.upper()
        match = _NAME.fullmatch(OFFICIAL_MISNOMERS.get(stem, stem))
        if match and match[2] + match[3] in PERSONS:
            session, sex, number, emotion, view = match.groups()
            name = f"{match[0]}.JPG"
            named.append(KdefFile(name, session, sex + number, emotion, view, place, archive, entry))
        else:
            bad.append(f"{printable(place.name)}: misnamed")
    return named, sorted(bad)


def _is_picture(path: PurePosixPath) -> bool:
    if path.suffix.lower() not in (".jpg", ".jpeg") or path.name.startswith("."):  # "._x.JPG" is macOS's
        return False
    return not {part.upper() for part in path.parts} & {"AKDEF", "__MACOSX"}


def _unpacked(folder: Path) -> Iterator[tuple[Path, None, str]]:
    for path in chain.from_iterable(folders_below(folder)):
        if _is_picture(PurePosixPath(path.relative_to(folder).as_posix())):
            yield path, None, ""


def _zipped(folder: Path) -> Iterator[tuple[Path, zipfile.ZipFile, str]]:
    for path in chain.from_iterable(folders_below(folder)):
        if path.suffix.lower() != ".zip":
            continue
        try:
            require_regular(path)
            archive = zipfile.ZipFile(_ZipBytes(path))
        except Exception as error:  # zipfile raises a dozen types
            reason = " ".join(str(error).split())[:200]
            raise KdefError(f"cannot open {path} ({reason}): get it again from {HOMEPAGE}") from error
        for entry in archive.namelist():
            if _is_picture(PurePosixPath(entry)):
                yield Path(f"{path}/{entry}"), archive, entry  # an entry may begin with a slash


class _ZipBytes(io.FileIO):
    """A zip whose list of files is limited: zipfile reads it at once, into 15 times as much memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > LARGEST_LIST:
            raise zipfile.BadZipFile("too many files in it")
        return super().read(size)


def _entry_content(archive: zipfile.ZipFile, entry: str) -> bytes:
    """Read as many bytes as the entry states: `ZipFile.read` would unpack everything before it cuts off the rest."""
    with archive.open(entry) as file:
        return b"".join(iter(lambda: file.read(READ_AT_ONCE), b""))


def _relative(place: Path, folder: Path) -> str:
    return printable(place.relative_to(folder).as_posix())
