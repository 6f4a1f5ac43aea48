"""Parsing of --persons, --emotions and --sessions."""

from collections.abc import Sequence

from gcn_tf.config.checks import whole_number
from gcn_tf.errors import UserError, shown, shown_text, suggest

EMOTION_SETS = {
    "paper-4": ("NE", "DI", "HA", "SU"),  # "neutrality, aversion, happiness and surprise", Xu et al. 2019
    "authors-5": ("NE", "DI", "HA", "AN", "SA"),  # of their augmentation experiment
    "all-7": ("AF", "AN", "DI", "HA", "NE", "SA", "SU"),
}

KDEF_PERSONS = 70
AUTHORS_DROPPED = (18, 19, 25, 42, 52)  # positions among the seventy, men first


def parse_emotions(setting: str) -> tuple[str, ...]:
    """Parse `paper-4`, `authors-5`, `all-7` or codes such as `NE,HA,SU` into codes, in the order given.

    Raises:
        UserError: an unknown code, or one given twice.
    """
    if setting in EMOTION_SETS:
        return EMOTION_SETS[setting]
    known = EMOTION_SETS["all-7"]
    codes = setting_words(setting)
    for code in codes:
        if code not in known:
            hint = suggest(code, [*known, *EMOTION_SETS]) or ";"
            raise UserError(
                f"--emotions {shown_text(setting)}: {shown(code)} is unknown{hint} use {', '.join(EMOTION_SETS)} "
                f"or codes from {','.join(known)}"
            )
    check_once(codes, "emotions", setting)
    return codes


def parse_sessions(setting: str) -> tuple[str, ...]:
    """Split `A,B` into sessions; raise UserError if there is none, or one is given twice."""
    sessions = setting_words(setting)
    check_once(sessions, "sessions", setting)
    return sessions


def choose_persons(setting: str, known: Sequence[str]) -> tuple[str, ...]:
    """Choose persons by `all`, `authors-65`, a number (that many, from the first) or ids such as `F01,M07`.

    `authors-65` leaves out five of KDEF's seventy; if there are fewer than seventy, it takes all.

    Args:
        known: ids of all persons, in the order of the authors' index.

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
            raise UserError(
                f"--persons {shown_text(setting)}: give 1 to {len(known)}, or ids such as {known[0]}"
            )
        return tuple(known[:count])
    for word in words:
        if word not in known:
            hint = suggest(word, list(known)) or ";"
            raise UserError(
                f"--persons {shown_text(setting)}: {shown(word)} is unknown{hint} give all, a number, or ids from "
                f"{known[0]} ... {known[-1]}"
            )
    check_once(words, "persons", setting)
    return words


def setting_words(setting: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in setting.split(",") if word.strip())


def check_once(words: tuple[str, ...], name: str, setting: str) -> None:
    if not words or len(set(words)) < len(words):
        raise UserError(f"--{name} {shown(setting)}: give at least one, each once")
