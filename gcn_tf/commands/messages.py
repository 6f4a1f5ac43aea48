"""Turn the parser's boxed messages into one line: the flag, the value and the remedy."""

import ast
import importlib
import re
from collections.abc import Callable, Sequence

from gcn_tf import doors
from gcn_tf.config.files import datasets_with
from gcn_tf.errors import shown, shown_text


def one_line(box: str, command: str, words: Sequence[str]) -> str:
    """Reduce a message in a box that the parser printed to one line.

    Args:
        command: "train".
        words: the words of the command line.
    """
    text = " ".join(box.translate(dict.fromkeys(map(ord, "╭╮╰╯│─"), " ")).split())
    text = text.split(" For full helptext")[0].split(" Argument helptext")[0]
    ending = f"; gcn-tf {command} --help lists the options" if command else ""
    for pattern, message in _MESSAGES:
        if found := re.search(pattern, text):
            return f"{message(found, command, words)}{ending}"
    return f"{text}{ending}"


Found = re.Match[str]
Message = Callable[[Found, str, Sequence[str]], str]


def _unknown(found: Found, command: str, words: Sequence[str]) -> str:
    first = found[1].split(", ")[0].split(" ")[0]
    flag = first.partition("=")[0]
    if not flag.startswith("-"):
        return f"{shown(first).strip(chr(39))} is not understood: flags start with --"
    if owners := datasets_with(flag.removeprefix("--").replace("-", "_")):
        return f"{flag} belongs to the datasets {', '.join(owners)}: add --dataset {owners[0]}"
    if others := [name for name in doors.COMMANDS if name != command and flag in flags_of(name)]:
        return f"{flag} belongs to gcn-tf {' and '.join(others)}, not to gcn-tf {command}"
    meant = re.search(r"Perhaps you meant: (--[\w-]+)", found.string)
    return f"unknown option {flag}" + (f", did you mean {meant[1]}?" if meant else "")


def flags_of(command: str) -> set[str]:
    """The command's own flags, `{"--trials", ...}`."""
    module = importlib.import_module(doors.COMMANDS[command])
    names = {name for kind in module.OWN_FLAGS for name in kind.__dataclass_fields__}
    return {f"--{name.strip('_').replace('_', '-')}" for name in names}


def _given(flag: str, words: Sequence[str]) -> str:
    """A flag with the value that follows it."""
    for place, word in enumerate(words):
        if word == flag and place + 1 < len(words):
            return f"{flag} {shown_text(words[place + 1])}"
        if word.startswith(f"{flag}="):
            return f"{flag} {shown_text(word.partition('=')[2])}"
    return flag


def _choice(found: Found, command: str, words: Sequence[str]) -> str:
    choices = ", ".join(map(str, ast.literal_eval(found[3])))
    given = found[2] if found[2].startswith("--") else found[2].rpartition(".")[2].lower()
    return f"{given} {shown_text(found[1])}: use one of {choices}"


def _value(kind: str) -> Message:
    return lambda found, command, words: f"{_given(found[1], words)}: {kind}"


def _missing(found: Found, command: str, words: Sequence[str]) -> str:
    return f"{found[1]} needs a value"


def _required(found: Found, command: str, words: Sequence[str]) -> str:
    names = re.findall(r"--[\w-]+", found[1]) or re.findall(r"\b[A-Z][A-Z-]+\b", found[1])
    return f"required: {', '.join(dict.fromkeys(names)) or found[1]}"


_MESSAGES: tuple[tuple[str, Message], ...] = (
    (r"Error parsing (--[\w-]+): .*(?:int\(\)|integer)", _value("give a whole number")),
    (r"Error parsing (--[\w-]+): .*float", _value("give a number")),
    (
        r"Error parsing (--[\w-]+): .*key-value",
        _value("give pairs of a name and a number, such as writer 20"),
    ),
    (r"Error parsing (--[\w-]+): (.*)", _value("this value is not understood")),
    (r"invalid choice '(.*?)' for argument '(.*?)'\. Expected one of (\(.*?\))", _choice),
    (r"Missing value for argument '(.*?)'", _missing),
    (r"Unrecognized options: (.*)", _unknown),
    (r"[Rr]equired (.*)", _required),
)
