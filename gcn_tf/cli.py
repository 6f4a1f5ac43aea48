"""The program `gcn-tf`: finds and runs the command, and turns errors into one line and an exit code."""

import importlib
import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import ModuleType

from gcn_tf import __version__, doors
from gcn_tf.errors import UserError, shown, suggest
from gcn_tf.interrupts import ExitAtOnce, exit_code, terminate
from gcn_tf.streams import secure_streams


def _command(name: str) -> ModuleType:
    if name not in doors.COMMANDS:
        hint = suggest(name, list(doors.COMMANDS)) or ";"
        raise UserError(f"unknown command {name!r}{hint} known: {', '.join(doors.COMMANDS)}")
    return importlib.import_module(doors.COMMANDS[name])


def _help() -> str:
    first_lines = {name: _command(name).HELP.splitlines()[0] for name in doors.COMMANDS}
    return "\n".join(
        [
            f"gcn-tf {__version__}: learn a grid of image factors from few pictures, generate the missing ones.",
            "",
            "usage: gcn-tf COMMAND [options]",
            "",
            *(f"  {name:10} {line}" for name, line in first_lines.items()),
            "",
            "  gcn-tf COMMAND --help explains a command. To begin:",
            "",
            "  gcn-tf train --dataset glyphs --run-dir runs/demo",
        ]
    )


def _require_unicode(words: Sequence[str]) -> None:
    """Raise UserError for a word that no report and no TensorBoard could show: bytes outside the system's encoding."""
    for word in words:
        if not word.isascii() and any("\ud800" <= letter <= "\udfff" for letter in word):
            raise UserError(
                f"{shown(word)} cannot be decoded as {sys.getfilesystemencoding()}: choose another name, "
                "or set PYTHONUTF8=1 if it is UTF-8"
            )


def main(words: Sequence[str] | None = None) -> None:
    """Run a command line: exit code 0, 2 on bad input with one line on stderr, 130 after Ctrl-C, 143 after SIGTERM."""
    words = list(sys.argv[1:] if words is None else words)
    debug = "--debug" in words
    if words[:1] == ["--debug"]:
        words = [*words[1:], "--debug"] if words[1:] else []
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, terminate)
    try:
        _require_unicode(words)
        if not words or words[0] in ("-h", "--help"):
            print(_help())
        elif words[0] in ("-V", "--version"):
            print(__version__)
        else:
            command = _command(words[0])
            command.run(command.parse(words[1:]))
        sys.stdout.flush()
    except UserError as error:
        if debug:
            raise
        print(f"gcn-tf: {' '.join(str(error).split())}", file=sys.stderr)
        raise (ExitAtOnce if error.at_once else SystemExit)(2) from None
    except OSError as error:
        if debug or not error.strerror:
            raise
        place = f"{error.filename}: " if error.filename else ""
        print(
            f"gcn-tf: {place}{error.strerror}; make it readable and writable, or name another place",
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    except (ImportError, MemoryError) as error:
        if debug:
            raise
        reason = " ".join(str(error).split())[:200] or "out of memory"
        print(f"gcn-tf: {reason}; install what is missing, or give more memory", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt as stop:
        print("gcn-tf: stopped", file=sys.stderr)
        raise SystemExit(exit_code(stop)) from None


def run() -> None:
    """Run the program `gcn-tf`.

    After Ctrl-C or SIGTERM, with its state saved, the process exits at once: TensorFlow's threads have kept it alive for
    up to a minute. So it does when another worker of a training is lost. Whether somebody reads what it prints changes nothing.
    """
    secure_streams()
    try:
        main()
    except SystemExit as stop:
        if stop.code in (130, 143) or isinstance(stop, ExitAtOnce):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(int(stop.code or 0))
        raise


if __name__ == "__main__":
    run()
