"""The picture files of a folder: links followed once, hidden and other files left alone."""

import os
from dataclasses import dataclass
from pathlib import Path

from gcn_tf.errors import UserError, shown, shown_text
from gcn_tf.pipelines.folder.tables import MOST_ROWS

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
IGNORED_FOLDER = "__MACOSX"  # what macOS adds to a zip; hidden files and folders are ignored too


@dataclass(frozen=True)
class FoundPictures:
    """The pictures below a folder.

    Args:
        root: str. The folder, absolute.
        names: list of str, sorted. Paths relative to the folder, with "/".
        notes: what was left out.
    """

    root: str
    names: list[str]
    notes: tuple[str, ...]


def find_pictures(folder: Path) -> FoundPictures:
    """Find the files with a picture's suffix, in any case, at any depth.

    A folder that can be reached by several ways comes once: by its own path rather than by a link.

    Raises:
        UserError: not a folder, or too many pictures in it.
    """
    root = os.path.abspath(folder)
    if not os.path.isdir(root):
        remedy = "name a folder of pictures; unpack an archive first"
        raise UserError(f"--dataset {shown_text(str(folder))} is not a folder: {remedy}")
    names: list[str] = []
    unreadable: list[str] = []
    seen: set[tuple[int, int]] = set()
    waiting, linked = [""], list[str]()  # relative, each with a slash at its end
    while waiting or linked:
        if not waiting:
            linked.sort(reverse=True)
            waiting.append(linked.pop())
        place = waiting.pop()
        try:
            status = os.stat(os.path.join(root, place))
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(os.path.join(root, place)) as entries:
                for entry in entries:
                    _sort_in(entry, place, names, waiting, linked)
        except OSError:
            unreadable.append(place)
        if len(names) > MOST_ROWS:
            raise UserError(
                f"--dataset {shown_text(str(folder))} holds more than {MOST_ROWS:,} pictures: name a folder with fewer"
            )
    unnamed = sorted(name for name in names if not _is_text(name))
    notes = [
        *_note(unreadable, "folder", "cannot be read"),
        *_note(unnamed, "picture", "left out, the name is not UTF-8"),
    ]
    return FoundPictures(root, sorted(set(names).difference(unnamed)), tuple(notes))


def _sort_in(
    entry: os.DirEntry[str], place: str, names: list[str], waiting: list[str], linked: list[str]
) -> None:
    """Put a file among the names, a folder among those to visit; ignore what is neither, or hidden."""
    name = entry.name
    if name.startswith(".") or name == IGNORED_FOLDER:
        return
    try:
        if entry.is_dir():
            (linked if entry.is_symlink() else waiting).append(f"{place}{name}/")
        elif name.lower().endswith(SUFFIXES) and entry.is_file():
            names.append(place + name)
    except OSError:  # a link to itself
        return


def _is_text(name: str) -> bool:
    try:
        return name.isascii() or bool(name.encode())
    except UnicodeEncodeError:
        return False


def _note(names: list[str], noun: str, problem: str) -> list[str]:
    if not names:
        return []
    return [f"{len(names):,} {noun}{'s' * (len(names) > 1)} {problem}: {examples(sorted(names))}"]


def examples(names: list[str]) -> str:
    """The first five names for a message, and how many more there are."""
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return ", ".join(shown(name) for name in names[:5]) + more
