"""Labels from the names of folders and files: `person/emotion`, `{alphabet}/{}_{drawer}.png`."""

import os
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from gcn_tf.errors import UserError, shown, shown_text
from gcn_tf.pipelines.folder.found import SUFFIXES, FoundPictures, examples
from gcn_tf.pipelines.folder.tables import Column

MOST_LEVELS = 4  # that are found without --levels
LONGEST_PATTERN = 1_000  # characters

Values = list[str] | None


@dataclass(frozen=True)
class Named:
    """Pictures with labels from their names.

    Args:
        names: list of str. Paths of the pictures relative to the folder.
        labels: dict of lists of str or None (only spaces), one per label column.
        source: for people.
        notes: pictures that do not match.
    """

    names: list[str]
    labels: dict[str, Column]
    source: str
    notes: tuple[str, ...]


def levels_found(found: FoundPictures) -> str:
    """The levels of a folder whose pictures all lie equally deep: "class", or "level1/level2" and so on.

    Raises:
        UserError: no folders to tell the labels from, or several depths.
    """
    by_depth = {name.count("/"): name for name in reversed(found.names)}  # each with its first example
    depths = sorted(by_depth)
    remedy = "add a labels.csv, or give --labels, --levels or --pattern"
    if len(depths) > 1:
        shallow, deep = (f"{shown(by_depth[depth])} ({depth})" for depth in (depths[0], depths[-1]))
        raise UserError(
            f"--dataset {shown_text(found.root)}: not all pictures lie below as many folders, {shallow} and {deep}, "
            f"so these do not tell the labels: {remedy}"
        )
    if not 1 <= depths[0] <= MOST_LEVELS:
        raise UserError(
            f"--dataset {shown_text(found.root)}: nothing tells the labels of {shown(found.names[0])} below "
            f"{depths[0]} folders: {remedy}"
        )
    return "class" if depths[0] == 1 else "/".join(f"level{n + 1}" for n in range(depths[0]))


def by_levels(found: FoundPictures, levels: str) -> Named:
    """Labels from the names of the folders between the root and the file.

    Args:
        levels: their names from the root, "person/emotion".

    Raises:
        UserError: bad levels, or no picture lies so deep.
    """
    names = [_composed(name).strip() for name in levels.strip("/").split("/")]
    _require_different(names, f"--levels {shown_text(levels)}", "person/emotion")

    def folders(path: str) -> Values:
        parts = path.split("/")[:-1]
        return parts if len(parts) == len(names) else None

    problem = f"do not lie below {len(names)} folder{'s' * (len(names) > 1)}"
    return _labelled(
        found, names, folders, f"--levels {shown_text(levels)}", problem, f"folder levels {levels}"
    )


def by_pattern(found: FoundPictures, pattern: str) -> Named:
    """Labels from the names of folders and files.

    Args:
        pattern: what the path relative to the folder looks like: `{name}` is a label, `{}` anything, both as short as
            possible and never across a slash; the rest is literal. The suffix of the files is not part of a label, and
            any picture's will do.

    Raises:
        UserError: a bad pattern, or one that no picture matches.
    """
    flag = f"--pattern {shown_text(pattern)}"
    parts = _parsed(_composed(_without_suffix(pattern)), flag)
    names = [name for part in parts for name in part.names if name]
    _require_different(names, flag, "{person}/{emotion}_{}.png")
    whole = pattern.endswith("{}") or not (pattern.endswith("}") or _without_suffix(pattern) != pattern)

    def captured(path: str) -> Values:
        texts = (path if whole else _without_suffix(path)).split("/")
        if len(texts) != len(parts):
            return None
        values: list[str] = []
        for part, text in zip(parts, texts, strict=True):
            found_values = part.match(text)
            if found_values is None:
                return None
            values += found_values
        return values

    return _labelled(found, names, captured, flag, "do not match", f"file names {pattern}")


@dataclass(frozen=True)
class _Part:
    """A folder's or file's name in a pattern: literals around placeholders, one more than these."""

    literals: list[str]
    names: list[str]

    def match(self, text: str) -> Values:
        """What the named placeholders stand for; None if the text does not match.

        Each takes as little as possible, at least one character. There is nothing to go back for: had a later place
        of a literal matched, so would the first.
        """
        if not self.names:
            return [] if text == self.literals[0] else None
        if not text.startswith(self.literals[0]) or not text.endswith(self.literals[-1]):
            return None
        start, end = len(self.literals[0]), len(text) - len(self.literals[-1])
        values = []
        for name, literal in zip(self.names[:-1], self.literals[1:-1], strict=True):
            stop = text.find(literal, start + 1, end)
            if stop < 0:
                return None
            values += [text[start:stop]] if name else []
            start = stop + len(literal)
        if start >= end:
            return None
        return values + ([text[start:end]] if self.names[-1] else [])


def _parsed(pattern: str, flag: str) -> list[_Part]:
    if len(pattern) > LONGEST_PATTERN:
        raise UserError(f"{flag} has more than {LONGEST_PATTERN:,} characters: shorten it")
    parts = []
    for text in pattern.removeprefix("./").split("/"):
        pieces = re.split(r"\{([^{}]*)\}", text)
        literals, names = pieces[::2], [name.strip() for name in pieces[1::2]]
        if any("{" in literal or "}" in literal for literal in literals):
            raise UserError(
                f"{flag} has a brace without its other half: write {{name}} for a label, {{}} to skip"
            )
        if "" in literals[1:-1]:
            raise UserError(
                f"{flag} has two placeholders side by side: put the text between them that the names have"
            )
        parts.append(_Part(literals, names))
    return parts


def _require_different(names: list[str], flag: str, example: str) -> None:
    if not names or not all(names):
        raise UserError(f"{flag} does not name the labels: write it like {example}")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UserError(f"{flag} names {shown_text(twice)} twice: give each label a name of its own")


def _labelled(
    found: FoundPictures,
    columns: list[str],
    values_of: Callable[[str], Values],
    flag: str,
    problem: str,
    source: str,
) -> Named:
    """Take the pictures for which `values_of` a path gives a value per column."""
    names, others = [], []
    labels: list[Column] = [[] for _ in columns]
    known: dict[str, str | None] = {}
    for name in found.names:
        values = values_of(_composed(name))
        if values is None:
            others.append(name)
            continue
        names.append(name)
        for column, value in zip(labels, values, strict=True):
            column.append(known.setdefault(value, value.strip() or None))
    if not names:
        raise UserError(
            f"{flag}: the pictures in {shown_text(found.root)} {problem}, such as {shown(others[0])}: "
            "describe their paths below that folder"
        )
    notes = (
        (f"{len(others):,} of {len(found.names):,} pictures {problem}: {examples(others)}",) if others else ()
    )
    return Named(names, dict(zip(columns, labels, strict=True)), source, notes)


def _without_suffix(path: str) -> str:
    stem, suffix = os.path.splitext(path)
    return stem if suffix.lower() in SUFFIXES else path


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)
